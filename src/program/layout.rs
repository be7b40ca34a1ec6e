//! How an instruction, worked examples and the fields of an example become a chat.
//!
//! What stands where is the plan's to say, until a run finds that another layout serves its model better; the
//! defaults were measured (see ARCHITECTURE.md, "Layout").

use serde::{Deserialize, Serialize};

use super::{Demonstration, Module, ModuleText, language, parse};
use crate::engine::{Grammar, Message, Role, Shape};

/// What stands where in the chat of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Layout {
    /// Whose turn the instruction stands in.
    pub instruction: Turn,
    /// Whether fields stand behind their names.
    pub fields: Fields,
    /// How the answer is led to.
    pub answer: Cue,
    /// How worked examples are shown.
    pub examples: Examples,
}

/// Whose turn the instruction stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// At the top of the user's.
    User,
    /// The system's.
    System,
    /// At the end of the user's last, below the fields: of long ones a small model forgets what stood above them.
    Below,
}

/// Whether fields stand behind their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fields {
    /// `name: value`, a line each.
    Labelled,
    /// The value alone; with several fields they are labelled all the same.
    Bare,
}

/// How the answer is led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cue {
    /// The output's name is the last line of the user's turn; with several outputs, nothing is.
    Label,
    /// The assistant's turn begins with the first output's name.
    Begun,
    /// Nothing.
    None,
}

/// How worked examples are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Examples {
    /// As earlier turns of the chat.
    Turns,
    /// As text below the instruction.
    Text,
}

impl Default for Layout {
    fn default() -> Self {
        Self { instruction: Turn::User, fields: Fields::Labelled, answer: Cue::Begun, examples: Examples::Turns }
    }
}

/// A rendered prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// The chat.
    pub messages: Vec<Message>,
    /// Where prompts with the same text begin to differ, as
    /// [`Request::breakpoints`](crate::engine::Request::breakpoints) has it.
    pub breakpoints: Vec<usize>,
}

/// Renders one call of `module`: its text, then its inputs in order.
#[must_use]
pub fn render(module: &Module, text: &ModuleText, inputs: &[(String, String)]) -> Prompt {
    let layout = layout_of(module, text);
    let mut chat = Chat::default();
    let mut told = text.instruction.trim_end().to_owned();
    if text.reasoning || module.outputs.len() > 1 {
        told.push_str("\n\n");
        told.push_str(&answer_format(module, text));
    }
    let (mut head, below) = match layout.instruction {
        Turn::User | Turn::System => (vec![told], String::new()),
        Turn::Below => (Vec::new(), told),
    };
    if layout.examples == Examples::Text {
        head.extend(text.demonstrations.iter().map(|shown| {
            let space = if cued(module, text) { " " } else { "\n" };
            question(module, text, &shown.inputs, "") + space + &answer(module, text, shown)
        }));
    }
    let head = head.join("\n\n");
    match layout.instruction {
        Turn::System => chat.say(Role::System, &head),
        Turn::Below if head.is_empty() => {}
        Turn::User | Turn::Below => chat.open = head + "\n\n",
    }
    if layout.examples == Examples::Turns {
        for demonstration in &text.demonstrations {
            chat.ask(&question(module, text, &demonstration.inputs, ""));
            chat.say(Role::Assistant, &answer(module, text, demonstration));
        }
    }
    let mut shared = chat.length();
    let asked = question(module, text, inputs, &below);
    // The name of the first field stands at the head of every question.
    if let Some((name, _)) = inputs.first().filter(|(name, _)| asked.starts_with(&format!("{name}:"))) {
        shared += name.len() + 1;
    }
    chat.ask(&asked);
    let begun = begun(module, text);
    if !begun.is_empty() {
        chat.say(Role::Assistant, &begun);
    }
    Prompt { messages: chat.messages, breakpoints: vec![shared] }
}

/// The layout of a text: its own, else the module's.
#[must_use]
pub fn layout_of(module: &Module, text: &ModuleText) -> Layout {
    text.layout.unwrap_or(module.layout)
}

/// What the assistant's turn begins with; empty where the layout leaves that to the model.
#[must_use]
pub fn begun(module: &Module, text: &ModuleText) -> String {
    match (layout_of(module, text).answer, module.outputs.first()) {
        (Cue::Begun, _) if text.reasoning => format!("{REASONING}:"),
        (Cue::Begun, Some(first)) => format!("{first}:"),
        _ => String::new(),
    }
}

/// The grammar of the answer, where the task file says what an output must be.
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
    Some(Grammar::lines(&fields, !begun(module, text).is_empty(), text.reasoning.then_some(REASONING)))
}

/// The label that reasoning stands behind.
pub const REASONING: &str = "reasoning";

/// Messages, and what stands at the top of the next turn of the user.
#[derive(Default)]
struct Chat {
    messages: Vec<Message>,
    open: String,
}

impl Chat {
    fn say(&mut self, role: Role, content: &str) {
        self.messages.push(Message { role, content: content.to_owned() });
    }

    fn ask(&mut self, question: &str) {
        let open = std::mem::take(&mut self.open);
        self.messages.push(Message::user(open + question));
    }

    fn length(&self) -> usize {
        self.messages.iter().map(|message| message.content.len()).sum::<usize>() + self.open.len()
    }
}

/// The fields, what stands below them, and the line that leads to the answer.
fn question(module: &Module, text: &ModuleText, inputs: &[(String, String)], below: &str) -> String {
    let bare = layout_of(module, text).fields == Fields::Bare && inputs.len() == 1;
    let field = |(name, value): &(String, String)| match bare {
        true => value.trim().to_owned(),
        false => format!("{name}: {}", value.trim()),
    };
    let mut question = inputs.iter().map(field).collect::<Vec<_>>().join("\n");
    if !below.is_empty() {
        question.push_str("\n\n");
        question.push_str(below);
    }
    if cued(module, text) {
        question.push_str(&format!("\n{}:", module.outputs[0]));
    }
    question
}

/// Whether the question ends with the output's name.
fn cued(module: &Module, text: &ModuleText) -> bool {
    layout_of(module, text).answer == Cue::Label && module.outputs.len() == 1 && !text.reasoning
}

/// A worked example's answer, as the assistant would write it.
fn answer(module: &Module, text: &ModuleText, demonstration: &Demonstration) -> String {
    whole_answer(module, text, &demonstration.answer)
}

/// What the assistant is to write: the only output, or its reasoning and a line for each output with its name.
#[must_use]
pub fn worked_answer(reasoning: Option<&str>, outputs: &[(String, String)]) -> String {
    if let ([(_, only)], None) = (outputs, reasoning) {
        return only.clone();
    }
    let reasoning = reasoning.map(|words| (REASONING.to_owned(), words.trim().to_owned()));
    let lines = reasoning.iter().chain(outputs).map(|(name, value)| format!("{name}: {value}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// A model's answer with what the layout has begun: it goes on from there, or begins once more.
#[must_use]
pub fn whole_answer(module: &Module, text: &ModuleText, answer: &str) -> String {
    let begun = begun(module, text);
    if begun.is_empty() || parse::begins_with_a_label(&module.outputs, answer) {
        return answer.to_owned();
    }
    let space = if answer.starts_with(char::is_whitespace) { "" } else { " " };
    format!("{begun}{space}{answer}")
}

/// Tells how reasoning and several outputs are to be written, so that [`super::parse`] can read them; without words where
/// the instruction is in another language.
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
    use crate::program::tests_support;

    fn module(outputs: &[&str], layout: Layout) -> Module {
        Module { layout, ..tests_support::module("m", &["text"], outputs) }
    }

    /// Turns in a line each, and where they begin to differ.
    fn rendered(module: &Module, demonstrations: &[(&str, &str)]) -> (Vec<String>, usize) {
        let demonstration = |(input, answer): &(&str, &str)| Demonstration {
            id: String::new(),
            inputs: vec![("text".into(), (*input).into())],
            answer: (*answer).into(),
        };
        let demonstrations = demonstrations.iter().map(demonstration).collect();
        let text = ModuleText { demonstrations, ..ModuleText::new("Label it.") };
        let prompt = render(module, &text, &[("text".into(), "so {{ it }} is".into())]);
        let turn = |message: &Message| format!("{:?} {}", message.role, message.content);
        (prompt.messages.iter().map(turn).collect(), prompt.breakpoints[0])
    }

    #[test]
    fn the_answer_is_begun_with_the_output_s_name() {
        let (turns, shared) = rendered(&module(&["label"], Layout::default()), &[]);
        assert_eq!(turns, ["User Label it.\n\ntext: so {{ it }} is", "Assistant label:"]);
        assert_eq!(shared, "Label it.\n\ntext:".len());
    }

    #[test]
    fn who_reasons_is_told_how_and_begun_so() {
        let module = module(&["label"], Layout::default());
        let text = ModuleText { reasoning: true, ..ModuleText::new("Label it.") };
        let messages = render(&module, &text, &[("text".into(), "x".into())]).messages;
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
            render(&module(&["a", "b"], Layout::default()), &ModuleText::new(instruction), &[("text".into(), "x".into())]);
        assert_eq!(prompt.messages[0].content, format!("{instruction}\n\na: …\nb: …\n\ntext: x"));
    }

    #[test]
    fn worked_examples_are_earlier_turns() {
        let layout = Layout { answer: Cue::Label, ..Layout::default() };
        let (turns, shared) = rendered(&module(&["label"], layout), &[("one", "x"), ("two", "y")]);
        let wanted = ["User Label it.\n\ntext: one\nlabel:", "Assistant x", "User text: two\nlabel:", "Assistant y"];
        assert_eq!(turns[..4], wanted);
        assert_eq!(turns[4], "User text: so {{ it }} is\nlabel:");
        assert_eq!(shared, wanted.iter().map(|turn| turn.split_once(' ').unwrap().1.len()).sum::<usize>() + "text:".len());
    }

    #[test]
    fn the_label_of_a_worked_answer_is_written_once() {
        let demonstration = |answer: &str| Demonstration { id: String::new(), inputs: Vec::new(), answer: answer.into() };
        let shown = |answer: &str| {
            let text = ModuleText { demonstrations: vec![demonstration(answer)], ..ModuleText::new("Label it.") };
            render(&module(&["a", "b"], Layout::default()), &text, &[]).messages[1].content.clone()
        };
        assert_eq!(shown("a: x\nb: y"), "a: x\nb: y");
        // The student's own words, which go on from what was begun for it.
        assert_eq!(shown("x\nb: y"), "a: x\nb: y");
    }

    #[test]
    fn a_text_can_have_a_layout_of_its_own() {
        let own = Layout { instruction: Turn::System, answer: Cue::Label, ..Layout::default() };
        let text = ModuleText { layout: Some(own), ..ModuleText::new("Label it.") };
        let prompt = render(&module(&["label"], Layout::default()), &text, &[("text".into(), "x".into())]);
        let turns: Vec<&str> = prompt.messages.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(turns, ["Label it.", "text: x\nlabel:"]);
    }

    #[test]
    fn an_answer_has_a_grammar_where_an_output_is_more_than_text() {
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
    fn every_part_can_stand_elsewhere() {
        let layout = Layout { instruction: Turn::System, fields: Fields::Bare, answer: Cue::Begun, examples: Examples::Text };
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
