//! How an instruction and the fields of an example become a chat.
//!
//! Everything stands in the user's turn: small models follow an instruction there more often than
//! in the system's (see ARCHITECTURE.md, "Layout"). Fields are labelled by their names, and the
//! answer's own labels come last, where a small model looks.

use super::Module;
use crate::engine::Message;

/// A rendered prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// The chat.
    pub messages: Vec<Message>,
    /// Where prompts with the same instruction begin to differ, as
    /// [`Request::breakpoints`](crate::engine::Request::breakpoints) has it.
    pub breakpoints: Vec<usize>,
}

/// Renders one call of `module`: its instruction, then its inputs in order.
#[must_use]
pub fn render(module: &Module, instruction: &str, inputs: &[(String, String)]) -> Prompt {
    let mut text = String::new();
    text.push_str(instruction.trim_end());
    text.push_str("\n\n");
    if let [first, rest @ ..] = module.outputs.as_slice()
        && !rest.is_empty()
    {
        text.push_str(&answer_format(first, rest));
    }
    let shared = text.len();
    for (name, value) in inputs {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value.trim());
        text.push('\n');
    }
    if let [only] = module.outputs.as_slice() {
        text.push_str(only);
        text.push(':');
    }
    Prompt { messages: vec![Message::user(text.trim_end())], breakpoints: vec![shared] }
}

/// Tells how several outputs are to be written, so that [`super::parse`] can read them.
fn answer_format(first: &str, rest: &[String]) -> String {
    let mut text = String::from("Answer with one line for each field, in this form:\n");
    for name in std::iter::once(first).chain(rest.iter().map(String::as_str)) {
        text.push_str(name);
        text.push_str(": …\n");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ModelId;

    fn module(outputs: &[&str]) -> Module {
        Module {
            name: "m".into(),
            inputs: vec!["text".into()],
            outputs: outputs.iter().map(|&o| o.to_owned()).collect(),
            max_tokens: 8,
            temperature: 0.0,
            model: ModelId(0),
        }
    }

    #[test]
    fn one_output_ends_with_its_label() {
        let prompt = render(&module(&["label"]), "Label it.", &[("text".into(), "so it is".into())]);
        assert_eq!(prompt.messages[0].content, "Label it.\n\ntext: so it is\nlabel:");
        assert_eq!(prompt.breakpoints, [11]);
    }

    #[test]
    fn several_outputs_are_asked_for_line_by_line() {
        let prompt = render(&module(&["a", "b"]), "Do.", &[("text".into(), "{{ x }}".into())]);
        assert_eq!(
            prompt.messages[0].content,
            "Do.\n\nAnswer with one line for each field, in this form:\na: …\nb: …\n\ntext: {{ x }}"
        );
    }
}
