//! The reflection of the Python package `gepa` 0.1.4 (`strategies/instruction_proposal.py`): its prompt, and
//! its rules for reading the answer, with their faults.

use super::{Questions, Work};
use crate::engine::{Completion, Ended};
use crate::optimize::reflection::answer::Unusable;
use crate::optimize::reflection::packing;
use crate::optimize::reflection::writing;
use crate::program::ModuleText;

const BEFORE: &str = "I provided an assistant with the following instructions to perform a task for me:\n```\n";
const BETWEEN: &str = "\n```\n\nThe following are examples of different task inputs provided to the assistant along with the \
    assistant's response for each of them, and some feedback on how the assistant's response could be better:\n```\n";
const AFTER: &str = "\n```\n\nYour task is to write a new instruction for the assistant.\n\nRead the inputs carefully and \
    identify the input format and infer detailed task description about the task I wish to solve with the assistant.\n\n\
    Read all the assistant responses and the corresponding feedback. Identify all niche and domain specific factual \
    information about the task and include it in the instruction, as a lot of it may not be available to the assistant in \
    the future. The assistant may have utilized a generalizable strategy to solve the task, if so, include that in the \
    instruction as well.\n\nProvide the new instructions within ``` blocks.";

pub(super) fn ask(work: &Work<'_>) -> Result<Questions, Unusable> {
    let sample = |(index, scored): (usize, &&crate::evaluate::Scored)| {
        let step = scored.rollout.telling(&work.module.name)?;
        let inputs: String = step.inputs.iter().map(|(name, value)| format!("### {name}\n{}\n\n", value.trim())).collect();
        let feedback = packing::feedback(&work.module.name, scored);
        let answer = step.answer.trim();
        Some(format!("# Example {}\n## Inputs\n{inputs}## Generated Outputs\n{answer}\n\n## Feedback\n{feedback}\n\n", index + 1))
    };
    let samples: Vec<String> = work.rollouts.iter().enumerate().filter_map(sample).collect();
    let prompt = [BEFORE, &work.text.instruction, BETWEEN, &samples.join("\n\n"), AFTER].concat();
    if (work.count)(&prompt) + packing::TEMPLATE_ROOM > work.room {
        return Err(Unusable::NoRoom);
    }
    Ok(Questions { examples: samples.len(), ..Questions::one(prompt, work.answer_tokens) })
}

pub(super) fn finish(work: &Work<'_>, completion: &Completion) -> Result<ModuleText, Unusable> {
    if matches!(completion.ended, Ended::Refused(_)) {
        return Err(Unusable::Refused);
    }
    let instruction = extract(&completion.text);
    match instruction.trim() {
        "" => Err(Unusable::Empty),
        new => writing::with_instruction(work.module, work.text, new),
    }
}

/// From the first fence to the last, whatever is between them; a first word without a space goes as a
/// language tag.
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
