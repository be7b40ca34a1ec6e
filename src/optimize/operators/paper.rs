//! The operator `paper`: the reflection of the Python package `gepa` 0.1.4 (`strategies/instruction_proposal.py`), with its
//! prompt and its rules for reading the answer, whose quirks are kept.

use rand::Rng;

use super::input::OperatorInput;
use super::text_operator::{Begun, Questions, TextOperator, single_answer};
use crate::engine::{Completion, Ended};
use crate::evaluate::Scored;
use crate::optimize::reflection::instruction::replace_instruction;
use crate::optimize::reflection::packing;
use crate::optimize::reflection::unusable::Unusable;
use crate::program::ModuleText;

/// The prompt before the present instruction.
const BEFORE: &str = "I provided an assistant with the following instructions to perform a task for me:\n```\n";
/// The prompt between the instruction and the rollouts.
const BETWEEN: &str = "\n```\n\nThe following are examples of different task inputs provided to the assistant along with the \
    assistant's response for each of them, and some feedback on how the assistant's response could be better:\n```\n";
/// The prompt behind the rollouts.
const AFTER: &str = "\n```\n\nYour task is to write a new instruction for the assistant.\n\nRead the inputs carefully and \
    identify the input format and infer detailed task description about the task I wish to solve with the assistant.\n\n\
    Read all the assistant responses and the corresponding feedback. Identify all niche and domain specific factual \
    information about the task and include it in the instruction, as a lot of it may not be available to the assistant in \
    the future. The assistant may have utilized a generalizable strategy to solve the task, if so, include that in the \
    instruction as well.\n\nProvide the new instructions within ``` blocks.";

/// Writes the whole instruction anew, as the Python package does.
pub(super) struct Paper;

impl TextOperator for Paper {
    fn asks_reflector(&self) -> bool {
        true
    }

    fn may_retry(&self) -> bool {
        false
    }

    /// All rollouts must fit the reflector's context: the package never leaves one out.
    fn begin(&self, input: &OperatorInput<'_>, _random: &mut dyn Rng) -> Result<Begun, Unusable> {
        let sample = |(index, scored): (usize, &&Scored)| {
            let step = scored.rollout.most_informative_step(&input.module.name)?;
            let inputs: String = step.inputs.iter().map(|(name, value)| format!("### {name}\n{}\n\n", value.trim())).collect();
            let feedback = packing::feedback(&input.module.name, scored);
            let answer = step.answer.trim();
            Some(format!(
                "# Example {}\n## Inputs\n{inputs}## Generated Outputs\n{answer}\n\n## Feedback\n{feedback}\n\n",
                index + 1
            ))
        };
        let samples: Vec<String> = input.rollouts.iter().enumerate().filter_map(sample).collect();
        let prompt = [BEFORE, &input.text.instruction, BETWEEN, &samples.join("\n\n"), AFTER].concat();
        if (input.count_reflector_tokens)(&prompt) + packing::TEMPLATE_TOKENS > input.prompt_room {
            return Err(Unusable::NoRoom);
        }
        let questions = Questions { examples: samples.len(), ..Questions::single(prompt, input.answer_tokens) };
        Ok(Begun::Ask(questions, read_answers))
    }
}

fn read_answers(input: &OperatorInput<'_>, answers: &[Completion]) -> Result<ModuleText, Unusable> {
    let completion = single_answer(answers)?;
    if matches!(completion.ended, Ended::Refused(_)) {
        return Err(Unusable::Refused);
    }
    match extract(&completion.text) {
        "" => Err(Unusable::Empty),
        instruction => replace_instruction(input.module, input.text, instruction),
    }
}

/// Returns the text between the first fence and the last, without the first word if it ends its line: it counts as a language tag.
fn extract(answer: &str) -> &str {
    const FENCE: &str = "```";
    let start = answer.find(FENCE).map_or(2, |at| at + FENCE.len());
    let end = answer.rfind(FENCE).unwrap_or(0);
    if start >= end {
        let stripped = answer.trim();
        if let Some(rest) = answer.strip_prefix(FENCE) {
            return without_tag(rest, true).trim();
        }
        return stripped.strip_suffix(FENCE).unwrap_or(stripped).trim();
    }
    without_tag(&answer[start..end], false).trim()
}

/// Returns the content without its first word if that ends its line, or, with `even_alone`, in any case.
fn without_tag(content: &str, even_alone: bool) -> &str {
    let tag = content.find(char::is_whitespace).unwrap_or(content.len());
    match content[tag..].strip_prefix('\n') {
        Some(rest) => rest,
        None if even_alone => &content[tag..],
        None => content,
    }
}

#[cfg(test)]
mod tests {
    use super::extract;

    #[test]
    fn answers_are_read_as_the_package_reads_them() {
        for (answer, read) in [
            ("Sure:\n```\nDo it.\n```\nDone.", "Do it."),
            ("```text\nDo it.\n```", "Do it."),
            ("```Do\nit.\n```", "it."),
            ("```\na\n```\nor\n```\nb\n```", "a\n```\nor\n```\nb"),
            ("Do it.", "Do it."),
            ("```\nDo it.", "Do it."),
            ("Do it.\n```", "Do it."),
        ] {
            assert_eq!(extract(answer), read, "{answer}");
        }
    }
}
