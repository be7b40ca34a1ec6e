//! Renders the chat template of a model file, as Hugging Face's `apply_chat_template` does.

mod filters;

use std::sync::LazyLock;

use minijinja::value::Value;
use minijinja::{Environment, ErrorKind, context};
use regex::{Captures, Regex};

use super::jinja;
use super::reasoning::Tags;
use super::request::{Message, Role};

/// The date that templates get. The real date would make a run unrepeatable.
const TODAY: jiff::civil::DateTime = jiff::civil::date(2026, 1, 2).at(3, 4, 5, 0);

/// The most steps of a rendering. A template that takes more is refused as endless.
const FUEL: u64 = 1_000_000;

/// The most bytes of a rendered chat. No context holds nearly as many.
const MAX_RENDERED_BYTES: usize = 64 << 20;

/// The reasons why a chat cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The template cannot be parsed.
    #[error(
        "the model's chat template cannot be read: {0}; take another file of this model, or repair its `tokenizer.chat_template`"
    )]
    Syntax(String),
    /// The template raises an exception or fails for this chat.
    #[error("the model's chat template refuses the chat: {0}")]
    Render(String),
}

/// The mark in front of a recipient's name, with which a prompt of Functionary 3 may end.
const RECIPIENT_MARK: &str = ">>>";

/// The chat template of a model file.
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// The text of the token for the beginning of text.
    bos: String,
    /// The text of the token for the end of text.
    eos: String,
    /// The tags of reasoning that occur in the template.
    tags: Option<Tags>,
    /// The text in front of an answer to the user, in a family whose answers name their recipient; empty otherwise.
    recipient: &'static str,
    /// The two values of `thinking_mode`: with reasoning, and without.
    thinking_modes: [&'static str; 2],
}

/// A chat as the text of a prompt, up to where the model continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedChat {
    /// The text of the prompt. If the model is to reason first, it ends after the tag that opens the reasoning.
    pub text: String,
    /// The tag that opens the reasoning in `text`. It is empty if the model is not to reason.
    pub open_tag: &'static str,
    /// The beginning of the answer that must follow the reasoning. It is empty if there is none, or if `text` contains it.
    pub answer_start: String,
}

impl ChatTemplate {
    /// Parses a template. `bos` and `eos` are the texts of the tokens for beginning and end of text.
    ///
    /// # Errors
    /// [`TemplateError::Syntax`] if it is not a Jinja template.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        let mut syntax = minijinja::syntax::SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true);
        environment.set_syntax(syntax.build().map_err(|e| TemplateError::Syntax(with_causes(&e)))?);
        environment.set_fuel(Some(FUEL));
        jinja::add_methods(&mut environment);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.add_function("raise_exception", |message: String| -> Result<Value, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", |format: String| -> Result<String, minijinja::Error> {
            jiff::fmt::strtime::format(&format, TODAY)
                .map_err(|e| minijinja::Error::new(ErrorKind::InvalidOperation, e.to_string()))
        });
        filters::add(&mut environment);
        // Jinja2 reads all line breaks of a template as `\n`.
        let source = source.replace("\r\n", "\n").replace('\r', "\n");
        environment
            .add_template_owned("chat", jinja::as_minijinja(&without_generation(&source)))
            .map_err(|e| TemplateError::Syntax(with_causes(&e)))?;
        Ok(Self {
            environment,
            bos: bos.to_owned(),
            eos: eos.to_owned(),
            tags: Tags::from_template(&source),
            // Functionary 3 writes each answer and each call of a function behind the name of who gets it.
            recipient: if source.contains(">>>all") { ">>>all\n" } else { "" },
            // MiniMax-M3 has the first two, DeepSeek-V4 the others.
            thinking_modes: if ["'enabled'", "\"enabled\""].iter().any(|word| source.contains(word)) {
                ["enabled", "disabled"]
            } else {
                ["thinking", "chat"]
            },
        })
    }

    /// Renders the prompt for `messages`, up to where the answer begins.
    ///
    /// `thinking` is passed to the template as `enable_thinking`, `thinking` and `thinking_mode`, because families differ in the name. If the
    /// template refuses or drops a system message, it becomes the beginning of the user's first turn. If the last message is of
    /// the assistant, the prompt ends with it, as the beginning of the answer.
    ///
    /// # Errors
    /// [`TemplateError::Render`] if the template refuses the chat, also without a system message.
    pub fn render(&self, messages: &[Message], thinking: Option<bool>) -> Result<String, TemplateError> {
        let (chat, answer_start) = split_answer_start(messages);
        let system = chat.iter().find(|m| m.role == Role::System);
        let mut text = match (self.render_as_is(chat, thinking), system) {
            (Ok(text), Some(system)) if !text.contains(system.content.trim()) && self.drops_system(chat, thinking, &text) => {
                self.render_as_is(&fold_system(chat), thinking)?
            }
            (Ok(text), _) => text,
            (Err(_), Some(_)) => self.render_as_is(&fold_system(chat), thinking)?,
            (Err(error), None) => return Err(error),
        };
        text.push_str(answer_start);
        Ok(text)
    }

    /// Whether a chat that is rendered as `text` is rendered so whatever its system messages say. A template that leaves out a
    /// command of its own, as SmolLM3's does with `/system_override`, does not drop the rest.
    fn drops_system(&self, chat: &[Message], thinking: Option<bool>, text: &str) -> bool {
        let mut other = chat.to_vec();
        other.iter_mut().filter(|message| message.role == Role::System).for_each(|message| message.content.push('x'));
        self.render_as_is(&other, thinking).is_ok_and(|other| other == text)
    }

    /// Returns the tags with which the model marks its reasoning. None if its template contains none that are known.
    #[must_use]
    pub fn tags(&self) -> Option<Tags> {
        self.tags
    }

    /// Renders the prompt for an answer with reasoning before it, or without. Without, reasoning that the template opens is
    /// closed in the prompt.
    ///
    /// # Errors
    /// [`TemplateError::Render`] if the template refuses the chat.
    pub fn render_for_answer(&self, messages: &[Message], thinking: bool) -> Result<RenderedChat, TemplateError> {
        let (chat, answer_start) = split_answer_start(messages);
        let mut text = self.render(chat, Some(thinking && self.tags.is_some()))?;
        match self.tags {
            Some(tags) if thinking => {
                text.push_str(&tags.opening(&text));
                Ok(RenderedChat { text, open_tag: tags.open, answer_start: answer_start.to_owned() })
            }
            tags => {
                text.push_str(&tags.map(|tags| tags.skipping(&text)).unwrap_or_default());
                text.push_str(
                    self.recipient
                        .strip_prefix(RECIPIENT_MARK)
                        .filter(|_| text.ends_with(RECIPIENT_MARK))
                        .unwrap_or(self.recipient),
                );
                text.push_str(answer_start);
                Ok(RenderedChat { text, open_tag: "", answer_start: String::new() })
            }
        }
    }

    /// Renders the prompt for `messages` without any change to them: a system message is not moved, and a last message of the
    /// assistant is an ordinary turn.
    ///
    /// # Errors
    /// [`TemplateError::Render`] if the template refuses the chat.
    pub fn render_as_is(&self, messages: &[Message], thinking: Option<bool>) -> Result<String, TemplateError> {
        let fail = |e: &minijinja::Error| TemplateError::Render(with_causes(e));
        let template = self.environment.get_template("chat").map_err(|e| fail(&e))?;
        let chat = Value::from(minijinja::value::Serde(messages));
        let base = context! {
            messages => chat, bos_token => self.bos.as_str(), eos_token => self.eos.as_str(), add_generation_prompt => true,
            tools => (), documents => (),
        };
        let values = match thinking {
            Some(on) => {
                let [with, without] = self.thinking_modes;
                let mode = if on { with } else { without };
                context! { enable_thinking => on, thinking => on, thinking_mode => mode, ..base }
            }
            None => base,
        };
        let mut text = BoundedOutput(Vec::new());
        template.render_captured_to(values, &mut text).map_err(|e| fail(&e))?;
        Ok(String::from_utf8_lossy(&text.0).into_owned())
    }
}

/// Replaces `{% generation %}` blocks by scopes without a variable of their own. They mark the assistant's text for training, and minijinja
/// does not know them.
fn without_generation(source: &str) -> String {
    static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}").ok());
    let plain = |tag: &Captures<'_>| {
        let word = if tag.get(2).is_some() { "endwith" } else { "with" };
        format!("{{%{} {word} {}%}}", &tag[1], &tag[3])
    };
    TAG.as_ref().map_or_else(|| source.to_owned(), |pattern| pattern.replace_all(source, plain).into_owned())
}

/// Splits a chat into the messages and the beginning of the answer, which is a last message of the assistant. It is empty if the
/// last message is another's.
fn split_answer_start(messages: &[Message]) -> (&[Message], &str) {
    match messages.split_last() {
        Some((last, rest)) if last.role == Role::Assistant => (rest, last.content.as_str()),
        _ => (messages, ""),
    }
}

/// The output of a template. Writing more than [`MAX_RENDERED_BYTES`] is an error.
struct BoundedOutput(Vec<u8>);

impl std::io::Write for BoundedOutput {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_RENDERED_BYTES {
            return Err(std::io::Error::other(format!("it writes more than {} MB", MAX_RENDERED_BYTES >> 20)));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Moves the text of system messages to the beginning of the next turn of the user.
fn fold_system(messages: &[Message]) -> Vec<Message> {
    let mut standing = String::new();
    let mut folded: Vec<Message> = Vec::with_capacity(messages.len());
    for message in messages {
        match message.role {
            Role::System => {
                standing.push_str(&message.content);
                standing.push_str("\n\n");
            }
            Role::User if !standing.is_empty() => {
                folded.push(Message::user(std::mem::take(&mut standing) + &message.content));
            }
            _ => folded.push(message.clone()),
        }
    }
    if !standing.is_empty() {
        folded.push(Message::user(standing.trim_end()));
    }
    folded
}

/// Joins an error and its causes to one line.
fn with_causes(error: &minijinja::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CHATML: &str = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}<|assistant|>";

    #[test]
    fn content_is_never_a_template() {
        let template = ChatTemplate::new(CHATML, "", "").unwrap();
        let text = template.render(&[Message::user("{{ bos_token }} <b>")], None).unwrap();
        assert_eq!(text, "<|user|>{{ bos_token }} <b>\n<|assistant|>");
    }

    #[test]
    fn a_refused_system_role_is_folded_into_the_user_turn() {
        let source = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}".to_owned() + CHATML;
        let template = ChatTemplate::new(&source, "", "").unwrap();
        let text = template.render(&[Message::system("Be brief."), Message::user("Why?")], None).unwrap();
        assert_eq!(text, "<|user|>Be brief.\n\nWhy?\n<|assistant|>");
    }

    #[test]
    fn a_silently_dropped_system_role_is_folded_too() {
        let source = "{% for m in messages if m.role != 'system' %}<|{{ m.role }}|>{{ m.content }}{% endfor %}";
        let template = ChatTemplate::new(source, "", "").unwrap();
        let text = template.render(&[Message::system("Be brief."), Message::user("Why?")], None).unwrap();
        assert_eq!(text, "<|user|>Be brief.\n\nWhy?");
    }

    #[test]
    fn a_last_message_of_the_assistant_ends_the_prompt() {
        let template = ChatTemplate::new(CHATML, "", "").unwrap();
        let answer_start = Message { role: Role::Assistant, content: "label:".into() };
        let text = template.render(&[Message::user("Why?"), answer_start], None).unwrap();
        assert_eq!(text, "<|user|>Why?\n<|assistant|>label:");
    }

    /// The templates are shortened to what a chat without tools meets.
    #[test]
    fn an_answer_begins_where_the_family_writes_it() {
        let begun = |source: &str| {
            let answer = Message { role: Role::Assistant, content: "label:".into() };
            let template = ChatTemplate::new(source, "", "").unwrap();
            template.render_for_answer(&[Message::user("Why?"), answer], false).unwrap().text
        };
        for (source, wanted) in [
            (
                "{% set start = 'Here are my reasoning steps:\n' %}{% if false %}{{ '\n[BEGIN FINAL RESPONSE]\n' }}{% endif %}\
                 {{ '<|begin_assistant|>\n' + start }}",
                "<|begin_assistant|>\nHere are my reasoning steps:\n\n[BEGIN FINAL RESPONSE]\nlabel:",
            ),
            (
                "{% if false %}<|START_THINKING|><|START_RESPONSE|>{% endif %}<|CHATBOT_TOKEN|>",
                "<|CHATBOT_TOKEN|><|START_RESPONSE|>label:",
            ),
            (
                "{% if false %}<|START_TEXT|>{% endif %}<|START_THINKING|>{% if not enable_thinking %}<|END_THINKING|>{% endif %}",
                "<|START_THINKING|><|END_THINKING|><|START_TEXT|>label:",
            ),
            (
                "{% if false %}{{ '<|start|>assistant to=self<|message|>' }}{% endif %}{{ '<|start|>assistant' }}",
                "<|start|>assistant to=user<|message|>label:",
            ),
            ("{% if false %}{{ '>>>all\n' }}{% endif %}assistant:{{ '>>>' }}", "assistant:>>>all\nlabel:"),
            ("{% if false %}{{ '>>>all\n' }}{% endif %}assistant:", "assistant:>>>all\nlabel:"),
            (
                "{{ 'A:' }}{% if thinking_mode == 'enabled' %}{{ '<mm:think>' }}{% elif thinking_mode == 'disabled' %}\
                 {{ '</mm:think>' }}{% endif %}",
                "A:</mm:think>label:",
            ),
            (
                "{% set mode = thinking_mode|default('chat') %}A:{% if mode == 'thinking' %}<think>{% else %}</think>{% endif %}",
                "A:</think>label:",
            ),
        ] {
            assert_eq!(begun(source), wanted, "{source}");
        }
    }

    #[test]
    fn generation_blocks_change_nothing() {
        let source = "{% for m in messages %}\n{%- generation -%}\n {{ m.content }} \n{%- endgeneration %}|{% endfor %}";
        let template = ChatTemplate::new(source, "", "").unwrap();
        assert_eq!(template.render(&[Message::user("hi"), Message::user("you")], None).unwrap(), "hi|you|");
    }

    #[test]
    fn a_variable_of_a_generation_block_is_not_seen_behind_it() {
        let source = "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}";
        assert_eq!(ChatTemplate::new(source, "", "").unwrap().render(&[Message::user("hi")], None).unwrap(), "21");
    }

    #[test]
    fn line_breaks_tools_and_documents_are_as_in_transformers() {
        let source = "{% if tools is defined and tools is none and not documents %}\r\nyes\r\n{% endif %}\r";
        assert_eq!(ChatTemplate::new(source, "", "").unwrap().render(&[Message::user("hi")], None).unwrap(), "yes\n");
        let source = "{% if tools is not none %}{{ raise_exception('tools') }}{% endif %}ok";
        assert_eq!(ChatTemplate::new(source, "", "").unwrap().render(&[Message::user("hi")], None).unwrap(), "ok");
    }

    #[test]
    fn a_system_message_that_the_template_shortens_is_not_moved() {
        let source = "{% for m in messages %}<|{{ m.role }}|>{{ m.content.replace('/system_override', '').strip() }}{% endfor %}";
        let template = ChatTemplate::new(source, "", "").unwrap();
        let text = template.render(&[Message::system("Be /system_override brief."), Message::user("Why?")], None).unwrap();
        assert_eq!(text, "<|system|>Be  brief.<|user|>Why?");
    }

    #[test]
    fn a_template_that_writes_without_end_is_an_error() {
        let source = "{% for a in range(9999) %}{% for b in range(9) %}{{ messages[0].content }}{% endfor %}{% endfor %}";
        let template = ChatTemplate::new(source, "", "").unwrap();
        let error = template.render(&[Message::user("hi".repeat(5000))], None).unwrap_err().to_string();
        assert!(error.contains("it writes more than 64 MB"), "{error}");
    }

    #[test]
    fn large_numbers_in_a_template_are_errors() {
        for source in ["{{ 'x' * 1000000000000 }}", "{% for i in range(1000000000) %}x{% endfor %}", "{{ [1] * 1000000000000 }}"]
        {
            let template = ChatTemplate::new(source, "", "").unwrap();
            assert!(template.render(&[Message::user("hi")], None).is_err(), "{source}");
        }
    }

    #[test]
    fn a_template_that_calls_itself_is_an_error() {
        let source = "{% macro again(n) %}{{ again(n + 1) }}{% endmacro %}{{ again(0) }}";
        assert!(ChatTemplate::new(source, "", "").unwrap().render(&[Message::user("hi")], None).is_err());
        let deep = format!("{}x{}", "{% if true %}".repeat(2000), "{% endif %}".repeat(2000));
        let deep = ChatTemplate::new(&deep, "", "").map(|template| template.render(&[Message::user("hi")], None).is_ok());
        assert!(matches!(deep, Err(_) | Ok(true)));
    }

    proptest! {
        /// Any sequence of pieces of templates is rendered or is an error; it never panics.
        #[test]
        fn any_template_is_rendered_or_refused(
            pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12),
            noise in "\\PC{0,8}",
            chat in prop::collection::vec(("[a-z{}% ]{0,12}", 0..3_usize), 0..4),
            thinking in any::<Option<bool>>(),
        ) {
            let role = |n: usize| [Role::System, Role::User, Role::Assistant][n];
            let messages: Vec<Message> = chat.into_iter().map(|(content, n)| Message { role: role(n), content }).collect();
            let source = pieces.concat() + &noise;
            if let Ok(template) = ChatTemplate::new(&source, "<s>", "</s>") {
                let _ = template.render(&messages, thinking);
            }
        }
    }

    /// Pieces of real templates, and pieces that break a template.
    const PIECES: &[&str] = &[
        "{% for m in messages %}",
        "{% endfor %}",
        "{{ m.role }}",
        "{{ m['content'] | trim }}",
        "{{ m.content }}",
        "{% if m.role == 'system' %}",
        "{% elif loop.last %}",
        "{% else %}",
        "{% endif %}",
        "{{ raise_exception('no') }}",
        "{{ bos_token }}",
        "{% set ns = namespace(x='') %}",
        "{% set ns.x = ns.x ~ m.content %}",
        "{{ messages | tojson(indent=2) }}",
        "{{ strftime_now('%Y-%m-%d') }}",
        "{{ strftime_now('%Q') }}",
        "{% macro f(x) %}",
        "{{ f(x) }}",
        "{% endmacro %}",
        "{{ messages[-1].content.split('</think>')[-1].lstrip('\n') }}",
        "{{ messages[1:] }}",
        "{{ 1 / 0 }}",
        "{{ 'x' * 99999 }}",
        "{% for i in range(100000) %}",
        "{%- ",
        " -%}",
        "{{ ",
        " }}",
        "{# ",
        " #}",
        "{% generation %}",
        "{% break %}",
        "{{ m.a.b.c }}",
    ];

    #[test]
    fn an_endless_template_is_an_error() {
        let source =
            "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}";
        let template = ChatTemplate::new(source, "", "").unwrap();
        assert!(matches!(template.render(&[Message::user("hi")], None), Err(TemplateError::Render(_))));
    }
}
