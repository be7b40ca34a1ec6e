//! What an operator reads: the text to be changed and everything that is known about it.

use crate::data::Example;
use crate::engine::Completion;
use crate::evaluate::Scored;
use crate::optimize::reflection::contrast::Contrast;
use crate::optimize::reflection::instruction::{check_language, replace_instruction};
use crate::optimize::reflection::profile::OutputProfile;
use crate::optimize::reflection::read_answer::{check_general, read_sentence, read_text};
use crate::optimize::reflection::training_data::values_of;
use crate::optimize::reflection::unusable::Unusable;
use crate::program::{Demonstration, Layout, Module, ModuleText};

/// The input of an operator: a module's text, and what a search knows about it.
#[derive(Clone, Copy)]
pub struct OperatorInput<'a> {
    /// The module whose text is changed.
    pub module: &'a Module,
    /// Its index in the program.
    pub module_index: usize,
    /// The parent's text.
    pub text: &'a ModuleText,
    /// The profiles of the module's outputs, as far as the training data gives them.
    pub profile: &'a [OutputProfile],
    /// The parent's rollouts on the minibatch.
    pub rollouts: &'a [&'a Scored],
    /// The examples of the minibatch, in the order of [`Self::rollouts`].
    pub minibatch: &'a [&'a Example],
    /// All training examples.
    pub train: &'a [Example],
    /// The fields that the program reads from an example.
    pub reads: &'a [String],
    /// Calls of this module with right answers: answers of the task model, or labels. They come from any candidate whose text
    /// for this module has the same setting of reasoning as [`Self::text`].
    pub correct_calls: &'a [Demonstration],
    /// The candidate's rollouts on training examples so far, with those of the minibatch, if the search keeps them.
    pub seen: &'a [(&'a Example, &'a Scored)],
    /// The training examples that another candidate did better, if the search keeps them.
    pub contrasts: &'a [Contrast],
    /// What earlier rejected children added to this text, the latest last.
    pub rejected: &'a [String],
    /// The user's sentences.
    pub hints: &'a [String],
    /// For each diagnosed failure, a sentence of a reflector: a rule that would have avoided it.
    pub diagnoses: &'a [String],
    /// The most tokens of a reflector's prompt.
    pub prompt_room: usize,
    /// The most tokens of a reflector's answer if it writes a whole instruction.
    pub answer_tokens: u32,
    /// The most tokens of the instruction and the demonstrations together, as the task model counts them.
    pub max_text_tokens: usize,
    /// Returns the worked solution of an example, if the metric knows it.
    pub solution: &'a dyn Fn(&Example) -> Option<String>,
    /// Counts the tokens of a text with the reflector's tokenizer.
    pub count_reflector_tokens: &'a dyn Fn(&str) -> usize,
    /// Counts the tokens of a text with the tokenizer of the module's model.
    pub count_task_tokens: &'a dyn Fn(&str) -> usize,
}

impl OperatorInput<'_> {
    /// Returns the input values in the rollouts.
    fn rollout_inputs(&self) -> Vec<&str> {
        let inputs = self.rollouts.iter().flat_map(|scored| &scored.rollout.steps).flat_map(|step| &step.inputs);
        inputs.map(|(_, value)| value.as_str()).collect()
    }

    /// Calls `read` with what an instruction must not quote: all that the program reads from a training example, whatever the reflector
    /// was shown of them, and the inputs of modules in the rollouts. The rule is that of all optimizers.
    fn without_quotes<T>(&self, read: impl FnOnce(&[&str]) -> T) -> T {
        let values = values_of(self.train, self.reads);
        let mut inputs: Vec<&str> = values.iter().map(String::as_str).collect();
        inputs.extend(self.rollout_inputs());
        read(&inputs)
    }

    /// Returns the text in a reflector's answer, as [`read_text`] does.
    ///
    /// # Errors
    /// [`Unusable`]
    pub(super) fn read_text<'c>(&self, completion: &'c Completion) -> Result<&'c str, Unusable> {
        self.without_quotes(|inputs| read_text(completion, inputs))
    }

    /// Returns the sentence in a reflector's answer, as [`read_sentence`] does.
    ///
    /// # Errors
    /// [`Unusable`]
    pub(super) fn read_sentence<'c>(&self, completion: &'c Completion) -> Result<&'c str, Unusable> {
        self.without_quotes(|inputs| read_sentence(completion, inputs))
    }

    /// Whether the module has an output for which the training data has no right values.
    pub(super) fn has_open_output(&self) -> bool {
        self.module.outputs.iter().any(|name| self.profile.iter().all(|output| output.name != *name))
    }

    /// Returns a reflector's words if they are in the language of the instruction, as far as it can be recognised, and, for a
    /// module with an open output, if they are not about a single example.
    pub(super) fn check_words<'t>(&self, words: &'t str) -> Result<&'t str, Unusable> {
        let words = check_language(words, self.text)?;
        if self.has_open_output() { check_general(words, &self.rollout_inputs(), &self.text.instruction) } else { Ok(words) }
    }

    /// Returns the instruction with more lines at its end.
    pub(super) fn instruction_with_lines(&self, lines: &[String]) -> String {
        format!("{}\n{}", self.text.instruction.trim_end(), lines.join("\n"))
    }

    /// Returns the text with another instruction, which must differ from the present one and keep within the limit.
    pub(super) fn with_instruction(&self, instruction: &str) -> Result<ModuleText, Unusable> {
        let text = replace_instruction(self.module, self.text, instruction)?;
        if self.count_text(&text) > self.max_text_tokens { Err(Unusable::TooLong) } else { Ok(text) }
    }

    /// Returns a text with another layout. The module's own layout is stored as None, so that equal texts compare equal.
    pub(super) fn with_layout(&self, text: ModuleText, layout: Layout) -> ModuleText {
        ModuleText { layout: Some(layout).filter(|layout| *layout != self.module.layout), ..text }
    }

    /// Counts the tokens of a text with its demonstrations.
    pub(super) fn count_text(&self, text: &ModuleText) -> usize {
        text.tokens(self.count_task_tokens)
    }

    /// Counts the tokens of one demonstration.
    pub(super) fn count_demonstration(&self, demonstration: &Demonstration) -> usize {
        demonstration.tokens(self.count_task_tokens)
    }
}
