//! The question how likely a candidate makes the right answer to a training example.

use crate::data::Example;
use crate::engine::ScoreRequest;
use crate::optimize::reflection::demonstrations::labelled_demonstration;
use crate::program::{Candidate, Program, render};

/// Returns the request that scores the right answer to an example after the prompt of a candidate.
///
/// None if there is no such answer: the program has several modules or steps, the candidate reasons before it answers, or the
/// example lacks the label of an output.
#[must_use]
pub fn score_request(program: &Program, candidate: &Candidate, example: &Example) -> Option<ScoreRequest> {
    let ([module], [text], true) = (program.modules.as_slice(), candidate.0.as_slice(), program.tools.is_empty()) else {
        return None;
    };
    let right = labelled_demonstration(module, text, example, &|_| None)?;
    let text = text.for_call(example, &program.reads, &right.inputs);
    let prompt = render::prompt(module, &text, &right.inputs);
    Some(ScoreRequest {
        model: module.model,
        messages: prompt.messages,
        breakpoints: prompt.breakpoints,
        continuations: vec![render::continuation(module, &text, &right.answer)],
        first_token_only: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::ModuleText;
    use crate::program::tests_support::module;

    fn request(program: &Program, text: ModuleText, label: &str) -> Option<ScoreRequest> {
        let fields = serde_json::json!({ "text": "x", "label": label }).as_object().cloned().unwrap_or_default();
        score_request(program, &Candidate(vec![text]), &Example { id: "1".into(), fields })
    }

    #[test]
    fn the_right_answer_goes_on_where_the_prompt_ends() {
        let one = Program::from_modules(vec![module("m", &["text"], &["label"])]);
        let asked = request(&one, ModuleText::new("Label it."), "late").unwrap();
        assert_eq!((asked.messages.last().unwrap().content.as_str(), asked.continuations), ("label:", vec![" late".to_owned()]));
        assert_eq!(request(&one, ModuleText { reasoning: true, ..ModuleText::new("Label it.") }, "late"), None);
        let two = Program::from_modules(vec![module("m", &["text"], &["label"]), module("n", &["label"], &["other"])]);
        assert_eq!(request(&two, ModuleText::new("Label it."), "late"), None);
    }
}
