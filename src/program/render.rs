//! Renders prompts: an instruction, demonstrations and the fields of an example become a chat.

use super::candidate::{Demonstration, ModuleText};
use super::language;
use super::layout::{Cue, Examples, Fields, REASONING, Turn};
use super::module::Module;
use super::parse;
use super::placeholder::{filled, placeholders};
use crate::engine::{Grammar, Message, Role, Shape};

/// A rendered prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// The chat.
    pub messages: Vec<Message>,
    /// The byte offset at which prompts with the same module text begin to differ, in the form of
    /// [`Request::breakpoints`](crate::engine::Request::breakpoints).
    pub breakpoints: Vec<usize>,
}

/// Renders the prompt of one call of `module` with `text`. `inputs` are the names and values of the module's inputs, in order.
#[must_use]
pub fn prompt(module: &Module, text: &ModuleText, inputs: &[(String, String)]) -> Prompt {
    let layout = module.layout_of(text);
    let mut chat = Chat::default();
    let instruction = instruction(module, text);
    let before_placeholder = first_placeholder(module, text);
    let (mut head, below) = match layout.instruction {
        _ if before_placeholder.is_some() => (Vec::new(), String::new()),
        Turn::User | Turn::System => (vec![instruction], String::new()),
        Turn::Below => (Vec::new(), instruction),
    };
    if layout.examples == Examples::Text {
        head.extend(text.demonstrations.iter().map(|shown| {
            let space = if ends_with_label(module, text) { " " } else { "\n" };
            question(module, text, &shown.inputs, "") + space + &demonstrated_answer(module, text, shown)
        }));
    }
    let head = head.join("\n\n");
    match layout.instruction {
        _ if head.is_empty() && before_placeholder.is_some() => {}
        Turn::System => chat.push(Role::System, &head),
        Turn::Below if head.is_empty() => {}
        Turn::User | Turn::Below => chat.next_user_prefix = head + "\n\n",
    }
    if layout.examples == Examples::Turns {
        for demonstration in &text.demonstrations {
            chat.push_user(&question(module, text, &demonstration.inputs, ""));
            chat.push(Role::Assistant, &demonstrated_answer(module, text, demonstration));
        }
    }
    let mut shared = chat.length();
    let last_question = question(module, text, inputs, &below);
    // Every question begins with the name of the first field, or with the instruction up to its first placeholder.
    if let Some(length) = before_placeholder {
        shared += length;
    } else if let Some((name, _)) = inputs.first().filter(|(name, _)| last_question.starts_with(&format!("{name}:"))) {
        shared += name.len() + 1;
    }
    chat.push_user(&last_question);
    let start = answer_start(module, text);
    if !start.is_empty() {
        chat.push(Role::Assistant, &start);
    }
    Prompt { messages: chat.messages, breakpoints: vec![shared] }
}

/// Returns the text that the assistant's turn begins with. Empty if the layout leaves the beginning to the model.
#[must_use]
pub fn answer_start(module: &Module, text: &ModuleText) -> String {
    match (module.layout_of(text).answer, module.outputs.first()) {
        (Cue::Begun, _) if text.reasoning => format!("{REASONING}:"),
        (Cue::Begun, Some(first)) => format!("{first}:"),
        _ => String::new(),
    }
}

/// Returns the grammar of a module's answer. None if the task file declares no shape for any of its outputs.
#[must_use]
pub fn grammar(module: &Module, text: &ModuleText) -> Option<Grammar> {
    if module.shapes.is_empty() {
        return None;
    }
    let shape = |name: &String| module.shapes.get(name).unwrap_or(&Shape::Text);
    if let ([only], false) = (module.outputs.as_slice(), text.reasoning) {
        return Some(Grammar::value(shape(only)));
    }
    let fields: Vec<(&str, &Shape)> = module.outputs.iter().map(|name| (name.as_str(), shape(name))).collect();
    Some(Grammar::lines(&fields, !answer_start(module, text).is_empty(), text.reasoning.then_some(REASONING)))
}

/// A chat under construction.
#[derive(Default)]
struct Chat {
    messages: Vec<Message>,
    /// Text that is put in front of the next user turn.
    next_user_prefix: String,
}

impl Chat {
    fn push(&mut self, role: Role, content: &str) {
        self.messages.push(Message { role, content: content.to_owned() });
    }

    fn push_user(&mut self, content: &str) {
        let prefix = std::mem::take(&mut self.next_user_prefix);
        self.messages.push(Message::user(prefix + content));
    }

    /// Returns the length of all contents in bytes, with the prefix of the next user turn.
    fn length(&self) -> usize {
        self.messages.iter().map(|message| message.content.len()).sum::<usize>() + self.next_user_prefix.len()
    }
}

/// Returns the instruction with the form of the answer, if it needs one.
fn instruction(module: &Module, text: &ModuleText) -> String {
    let mut instruction = text.instruction.trim_end().to_owned();
    if text.reasoning || module.outputs.len() > 1 {
        instruction.push_str("\n\n");
        instruction.push_str(&answer_format(module, text));
    }
    instruction
}

/// Returns the offset in bytes of the first placeholder that is filled. None if there is none, or the layout fills none.
fn first_placeholder(module: &Module, text: &ModuleText) -> Option<usize> {
    let is_filled = module.layout_of(text).placeholders;
    let found = if is_filled { placeholders(&text.instruction, &module.inputs) } else { Vec::new() };
    found.into_iter().find(|placeholder| placeholder.is_field).map(|placeholder| placeholder.range.start)
}

/// Returns a user turn: the fields, then `below` if it is not empty, then the label of the answer if the layout asks for it.
fn question(module: &Module, text: &ModuleText, inputs: &[(String, String)], below: &str) -> String {
    let is_bare = module.layout_of(text).fields == Fields::Bare && inputs.len() == 1;
    let field = |(name, value): &(String, String)| match is_bare {
        true => value.trim().to_owned(),
        false => format!("{name}: {}", value.trim()),
    };
    let mut question = match first_placeholder(module, text) {
        None => inputs.iter().map(field).collect::<Vec<_>>().join("\n"),
        Some(_) => {
            let mentioned = placeholders(&text.instruction, &module.inputs);
            let others = inputs.iter().filter(|(name, _)| !mentioned.iter().any(|placeholder| placeholder.name == *name));
            let others = others.map(field).collect::<Vec<_>>().join("\n");
            let instruction = filled(&instruction(module, text), inputs);
            if others.is_empty() { instruction } else { format!("{instruction}\n\n{others}") }
        }
    };
    if !below.is_empty() {
        question.push_str("\n\n");
        question.push_str(below);
    }
    if ends_with_label(module, text) {
        question.push_str(&format!("\n{}:", module.outputs[0]));
    }
    question
}

/// Whether a user turn ends with the output's name.
fn ends_with_label(module: &Module, text: &ModuleText) -> bool {
    module.layout_of(text).answer == Cue::Label && module.outputs.len() == 1 && !text.reasoning
}

/// Returns a demonstration's answer as the assistant's turn shows it.
fn demonstrated_answer(module: &Module, text: &ModuleText, demonstration: &Demonstration) -> String {
    whole_answer(module, text, &demonstration.answer)
}

/// Returns the answer that a model should write: the value of the only output, or one line `name: value` for the reasoning and
/// for each output.
#[must_use]
pub fn worked_answer(reasoning: Option<&str>, outputs: &[(String, String)]) -> String {
    if let ([(_, only)], None) = (outputs, reasoning) {
        return only.clone();
    }
    let reasoning = reasoning.map(|words| (REASONING.to_owned(), words.trim().to_owned()));
    let lines = reasoning.iter().chain(outputs).map(|(name, value)| format!("{name}: {value}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns a model's answer together with the start that the layout gave it. An answer that repeats the start is returned as it
/// is.
#[must_use]
pub fn whole_answer(module: &Module, text: &ModuleText, answer: &str) -> String {
    let start = answer_start(module, text);
    if start.is_empty() || parse::begins_with_a_label(&module.outputs, answer) {
        return answer.to_owned();
    }
    let space = if answer.starts_with(char::is_whitespace) { "" } else { " " };
    format!("{start}{space}{answer}")
}

/// Returns an answer from where the chat ends: without the start that the layout gives it.
#[must_use]
pub fn continuation(module: &Module, text: &ModuleText, answer: &str) -> String {
    let whole = whole_answer(module, text, answer);
    whole.strip_prefix(&answer_start(module, text)).unwrap_or(&whole).to_owned()
}

/// Returns the sentences that ask for reasoning and for several outputs in the form that [`super::parse`] reads. If the
/// instruction is in another language than English, only the form is returned, without English sentences.
fn answer_format(module: &Module, text: &ModuleText) -> String {
    let reasoning = text.reasoning.then_some(REASONING);
    let lines: Vec<String> =
        reasoning.into_iter().chain(module.outputs.iter().map(String::as_str)).map(|name| format!("{name}: …")).collect();
    if !language::is_english(&text.instruction) {
        return lines.join("\n");
    }
    let how = if text.reasoning { "Reason step by step first. " } else { "" };
    format!("{how}Answer with one line for each field, in this form:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::layout::Layout;
    use crate::program::tests_support;

    fn module(outputs: &[&str], layout: Layout) -> Module {
        Module { layout, ..tests_support::module("m", &["text"], outputs) }
    }

    /// Renders a prompt. Returns each turn as one line, and the breakpoint.
    fn rendered(module: &Module, demonstrations: &[(&str, &str)]) -> (Vec<String>, usize) {
        let demonstration = |(input, answer): &(&str, &str)| Demonstration {
            id: String::new(),
            inputs: vec![("text".into(), (*input).into())],
            answer: (*answer).into(),
        };
        let demonstrations = demonstrations.iter().map(demonstration).collect();
        let text = ModuleText { demonstrations, ..ModuleText::new("Label it.") };
        let prompt = prompt(module, &text, &[("text".into(), "so {{ it }} is".into())]);
        let turn = |message: &Message| format!("{:?} {}", message.role, message.content);
        (prompt.messages.iter().map(turn).collect(), prompt.breakpoints[0])
    }

    #[test]
    fn the_answer_starts_with_the_name_of_the_output() {
        let (turns, shared) = rendered(&module(&["label"], Layout::default()), &[]);
        assert_eq!(turns, ["User Label it.\n\ntext: so {{ it }} is", "Assistant label:"]);
        assert_eq!(shared, "Label it.\n\ntext:".len());
    }

    #[test]
    fn a_module_that_reasons_is_told_the_form_and_its_answer_is_started() {
        let module = module(&["label"], Layout::default());
        let text = ModuleText { reasoning: true, ..ModuleText::new("Label it.") };
        let messages = prompt(&module, &text, &[("text".into(), "x".into())]).messages;
        assert_eq!(
            messages[0].content,
            "Label it.\n\nReason step by step first. Answer with one line for each field, in this form:\n\
             reasoning: …\nlabel: …\n\ntext: x"
        );
        assert_eq!(messages[1].content, "reasoning:");
    }

    #[test]
    fn several_outputs_are_asked_for_line_by_line() {
        let (turns, _) = rendered(&module(&["a", "b"], Layout::default()), &[]);
        assert_eq!(
            turns,
            [
                "User Label it.\n\nAnswer with one line for each field, in this form:\na: …\nb: …\n\ntext: so {{ it }} is",
                "Assistant a:"
            ]
        );
    }

    #[test]
    fn a_prompt_in_another_language_gets_no_english_words() {
        let instruction = "Lies die Nachricht eines Kunden und schreibe, welche Abteilung sich darum kümmern soll.";
        let prompt =
            prompt(&module(&["a", "b"], Layout::default()), &ModuleText::new(instruction), &[("text".into(), "x".into())]);
        assert_eq!(prompt.messages[0].content, format!("{instruction}\n\na: …\nb: …\n\ntext: x"));
    }

    #[test]
    fn demonstrations_are_earlier_turns() {
        let layout = Layout { answer: Cue::Label, ..Layout::default() };
        let (turns, shared) = rendered(&module(&["label"], layout), &[("one", "x"), ("two", "y")]);
        let wanted = ["User Label it.\n\ntext: one\nlabel:", "Assistant x", "User text: two\nlabel:", "Assistant y"];
        assert_eq!(turns[..4], wanted);
        assert_eq!(turns[4], "User text: so {{ it }} is\nlabel:");
        assert_eq!(shared, wanted.iter().map(|turn| turn.split_once(' ').unwrap().1.len()).sum::<usize>() + "text:".len());
    }

    #[test]
    fn the_label_of_a_demonstration_is_written_once() {
        let demonstration = |answer: &str| Demonstration { id: String::new(), inputs: Vec::new(), answer: answer.into() };
        let shown = |answer: &str| {
            let text = ModuleText { demonstrations: vec![demonstration(answer)], ..ModuleText::new("Label it.") };
            prompt(&module(&["a", "b"], Layout::default()), &text, &[]).messages[1].content.clone()
        };
        assert_eq!(shown("a: x\nb: y"), "a: x\nb: y");
        // An answer of the task model, which continues the start that the layout gave it.
        assert_eq!(shown("x\nb: y"), "a: x\nb: y");
    }

    #[test]
    fn a_text_can_have_a_layout_of_its_own() {
        let own = Layout { instruction: Turn::System, answer: Cue::Label, ..Layout::default() };
        let text = ModuleText { layout: Some(own), ..ModuleText::new("Label it.") };
        let prompt = prompt(&module(&["label"], Layout::default()), &text, &[("text".into(), "x".into())]);
        let turns: Vec<&str> = prompt.messages.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(turns, ["Label it.", "text: x\nlabel:"]);
    }

    #[test]
    fn an_answer_has_a_grammar_if_an_output_is_more_than_text() {
        let mut module = module(&["a", "b"], Layout::default());
        let text = ModuleText::new("Label it.");
        assert_eq!(grammar(&module, &text), None);
        module.shapes.insert("b".into(), Shape::Flag);
        let lines = Grammar::lines(&[("a", &Shape::Text), ("b", &Shape::Flag)], true, None);
        assert_eq!(grammar(&module, &text), Some(lines));
        module.outputs = vec!["b".into()];
        assert_eq!(grammar(&module, &text), Some(Grammar::value(&Shape::Flag)));
        let reasoning = ModuleText { reasoning: true, ..text };
        assert_eq!(grammar(&module, &reasoning), Some(Grammar::lines(&[("b", &Shape::Flag)], true, Some(REASONING))));
    }

    #[test]
    fn placeholders_are_filled_where_the_layout_says_so() {
        let layout = Layout { placeholders: true, ..Layout::default() };
        let mut module = module(&["label"], layout);
        module.inputs.push("from".into());
        let shown = Demonstration {
            id: String::new(),
            inputs: vec![("text".into(), "one".into()), ("from".into(), "Al".into())],
            answer: "x".into(),
        };
        let inputs = [("text".to_owned(), "{from}".to_owned()), ("from".to_owned(), "Bea".to_owned())];
        let turns = |module: &Module, instruction: &str, demonstrations: &[Demonstration]| {
            let text = ModuleText { demonstrations: demonstrations.to_vec(), ..ModuleText::new(instruction) };
            let Prompt { messages, breakpoints } = prompt(module, &text, &inputs);
            (messages.into_iter().map(|message| message.content).collect::<Vec<_>>(), breakpoints[0])
        };
        let (chat, shared) = turns(&module, "Sort {{ text }}.", std::slice::from_ref(&shown));
        assert_eq!(chat, ["Sort one.\n\nfrom: Al", "label: x", "Sort {from}.\n\nfrom: Bea", "label:"]);
        assert_eq!(shared, "Sort one.\n\nfrom: Al".len() + "label: x".len() + "Sort ".len());
        assert_eq!(turns(&module, "From $from: {text}", &[]).0, ["From Bea: {from}", "label:"]);
        let plain = turns(&module, "Sort it.", &[]).0;
        assert_eq!(plain, ["Sort it.\n\ntext: {from}\nfrom: Bea", "label:"], "an instruction without placeholders");
        module.layout = Layout { instruction: Turn::System, examples: Examples::Text, ..layout };
        let (chat, _) = turns(&module, "Sort {text}.", std::slice::from_ref(&shown));
        assert_eq!(chat, ["Sort one.\n\nfrom: Al\nlabel: x", "Sort {from}.\n\nfrom: Bea", "label:"]);
        module.layout = Layout::default();
        assert_eq!(turns(&module, "Sort {text}.", &[]).0[0], "Sort {text}.\n\ntext: {from}\nfrom: Bea");
    }

    #[test]
    fn every_part_of_the_layout_can_be_changed() {
        let layout = Layout { instruction: Turn::System, fields: Fields::Bare, examples: Examples::Text, ..Layout::default() };
        let (turns, _) = rendered(&module(&["label"], layout), &[("one", "x")]);
        assert_eq!(turns, ["System Label it.\n\none\nlabel: x", "User so {{ it }} is", "Assistant label:"]);
        let layout = Layout { answer: Cue::Label, examples: Examples::Text, ..Layout::default() };
        let (turns, _) = rendered(&module(&["label"], layout), &[("one", "x")]);
        assert_eq!(turns, ["User Label it.\n\ntext: one\nlabel: x\n\ntext: so {{ it }} is\nlabel:"]);
        let layout = Layout { instruction: Turn::Below, ..layout };
        let (turns, shared) = rendered(&module(&["label"], layout), &[("one", "x")]);
        assert_eq!(turns, ["User text: one\nlabel: x\n\ntext: so {{ it }} is\n\nLabel it.\nlabel:"]);
        assert_eq!(shared, "text: one\nlabel: x\n\ntext:".len());
        let layout = Layout { instruction: Turn::Below, ..Layout::default() };
        let (turns, _) = rendered(&module(&["a", "b"], layout), &[("one", "x\nb: y")]);
        let form = "Answer with one line for each field, in this form:\na: …\nb: …";
        let wanted = [
            "User text: one",
            "Assistant a: x\nb: y",
            &format!("User text: so {{{{ it }}}} is\n\nLabel it.\n\n{form}"),
            "Assistant a:",
        ];
        assert_eq!(turns, wanted);
    }
}
