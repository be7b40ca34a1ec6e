//! What the reflectors are asked: for mutation prompts, and for task prompts by each of the mutation operators.

use rand::seq::{IndexedRandom, SliceRandom};

use super::fixed_prompts::THINKING_STYLES;
use super::mutation::Mutation;
use super::population::{Birth, Population};
use crate::optimize::methods::single_prompt::{Iteration, task_sentence};
use crate::optimize::reflection::packing::{self, PackedPrompt};
use crate::optimize::reflection::read_answer::read_text;
use crate::optimize::reflection::reflectors::Reflection;
use crate::optimize::reflection::training_data;
use crate::optimize::reflection::unusable::Attempt;
use crate::optimize::session::Halt;
use crate::program::{Demonstration, PoolIndex};

/// The most tokens of a mutation prompt.
const MAX_MUTATION_TOKENS: u32 = 128;

/// The most task prompts of a list that is to be continued.
const MAX_LISTED: usize = 10;

/// The most correct calls from which a task prompt is induced.
const MAX_INDUCTION_CALLS: usize = 3;

/// Returns the prompt that asks for a task prompt by a mutation prompt.
pub(super) fn mutation_request(mutation_prompt: &str, task: &str) -> PackedPrompt {
    PackedPrompt::without_examples(format!(
        "{mutation_prompt}\n\nThe instruction:\n```\n{task}\n```\n\nWrite the new instruction and nothing else, between two lines of ```.\n"
    ))
}

/// Asks for new mutation prompts for the births whose mutation changes them. Where the answer is unusable, the old one stays.
pub(super) fn change_mutation_prompts(iteration: &mut Iteration<'_, '_>, births: &mut [Birth]) -> Result<(), Halt> {
    let mut random = iteration.random("style");
    let module = iteration.module();
    let (mut questions, mut indices) = (Vec::new(), Vec::new());
    for (index, birth) in births.iter().enumerate().filter(|(_, birth)| birth.mutation.changes_mutation_prompt()) {
        let style = THINKING_STYLES.choose(&mut random).copied().unwrap_or(THINKING_STYLES[0]);
        let prompt = match birth.mutation {
            Mutation::ZeroOrderHyper => format!(
                "An instruction for this task is to be improved: {}\n{style}\nWrite one sentence that tells a writer how to \
                 change the instruction. Write nothing else.\n",
                task_sentence(module)
            ),
            _ => format!(
                "This tells a writer how to change an instruction:\n\n{}\n\nSum it up and make it better. Write one or two \
                 sentences that tell the writer how to change an instruction, and nothing else.\n",
                birth.unit.mutation_prompt
            ),
        };
        questions.push(Reflection {
            attempt: Attempt {
                proposal: index + 1,
                module_index: iteration.module_index,
                operator: birth.mutation.step().into(),
            },
            parent: PoolIndex(iteration.best_member()),
            prompt: Ok(PackedPrompt::without_examples(prompt)),
            max_tokens: MAX_MUTATION_TOKENS,
            temperature: iteration.temperature(),
        });
        indices.push(index);
    }
    let inputs = training_data::quotable(iteration.session());
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let texts = iteration
        .ask_reflector("hypermutation", &questions, &|_, _, completion| read_text(completion, &inputs).map(str::to_owned))?;
    for (index, text) in indices.into_iter().zip(texts) {
        if let Some(text) = text {
            births[index].unit.mutation_prompt = text;
        }
    }
    Ok(())
}

/// Returns the prompt that asks for the task prompt of a birth. `correct_calls` are calls that the unit got right.
pub(super) fn task_prompt_request(
    population: &Population,
    iteration: &Iteration<'_, '_>,
    birth: &Birth,
    correct_calls: &[Demonstration],
) -> PackedPrompt {
    match birth.mutation {
        Mutation::ZeroOrder => PackedPrompt::without_examples(format!(
            "An assistant has this task: {}\nThink of ten hints for it. Then write an instruction for the assistant that holds the \
             best of them. Write the instruction and nothing else, between two lines of ```.\n",
            task_sentence(iteration.module())
        )),
        Mutation::Lamarckian if !correct_calls.is_empty() => {
            let count_tokens = |text: &str| iteration.count_tokens(text);
            let head = "Somebody gave an assistant an instruction, and it worked out these right answers by it:\n\n";
            let tail = "What was the instruction? Write it and nothing else, between two lines of ```.\n";
            let pairs = correct_calls.iter().take(MAX_INDUCTION_CALLS).map(packing::pair_text);
            let room = iteration.prompt_room();
            packing::pack(&count_tokens, room, head, pairs, tail)
        }
        Mutation::Distribution | Mutation::RankedDistribution | Mutation::Lineage => {
            list_request(population, iteration, birth.mutation)
        }
        // A Lamarckian mutation without correct calls is a first-order one.
        Mutation::FirstOrder | Mutation::ZeroOrderHyper | Mutation::FirstOrderHyper | Mutation::Lamarckian => {
            mutation_request(&birth.unit.mutation_prompt, &birth.unit.task.instruction)
        }
    }
}

/// Returns the prompt that asks to continue a list of task prompts.
fn list_request(population: &Population, iteration: &Iteration<'_, '_>, mutation: Mutation) -> PackedPrompt {
    let mut random = iteration.random("list");
    let instruction = |index: &usize| population.units[*index].task.instruction.as_str();
    let (texts, order): (Vec<&str>, _) = match mutation {
        Mutation::Lineage => (population.elites.iter().map(|text| text.instruction.as_str()).collect(), "the later the better"),
        Mutation::RankedDistribution => (population.ranking(iteration).iter().rev().map(instruction).collect(), "the best last"),
        _ => {
            let mut indices: Vec<usize> = (0..population.units.len()).collect();
            indices.shuffle(&mut random);
            (indices.iter().map(instruction).collect(), "in no order")
        }
    };
    // The last texts of the list, as many as fit; of equal texts, the last one.
    let mut distinct: Vec<&str> = Vec::new();
    texts.into_iter().rev().for_each(|text| {
        if !distinct.contains(&text) {
            distinct.push(text)
        }
    });
    let last: Vec<String> = distinct.iter().take(MAX_LISTED).map(|text| format!("```\n{text}\n```\n\n")).collect();
    let count = iteration.count_fitting(&last);
    let entries: String = last[..count].iter().rev().zip(1..).map(|(text, n)| format!("{n}.\n{text}")).collect();
    let next = count + 1;
    PackedPrompt::without_examples(format!(
        "A list of instructions for the same assistant, {order}:\n\n{entries}Write number {next} of the list, which differs from \
         all of them. Write the instruction and nothing else, between two lines of ```.\n"
    ))
}
