use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::data::{Example, ExampleIndex};
use crate::engine::{Completion, Ended, Grammar, Usage};
use crate::evaluate::{Scored, Verdict};
use crate::metric::Judgement;
use crate::optimize::randomness::stream;
use crate::optimize::reflection::contrast::Contrast;
use crate::optimize::reflection::demonstrations::{correct_call, corrected_call};
use crate::optimize::reflection::packing::TEMPLATE_TOKENS;
use crate::optimize::reflection::profile::{ValueKind, profile_module};
use crate::optimize::reflection::unusable::Unusable;
use crate::program::tests_support::module;
use crate::program::{Candidate, Demonstration, Layout, Module, ModuleText, Rollout, Step};

const LONG_INPUT: &str = "my parcel has not come for three weeks and nobody answers";

/// What an [`OperatorInput`] borrows.
struct Held {
    module: Module,
    text: ModuleText,
    train: Vec<Example>,
    rollouts: Vec<Scored>,
    correct_calls: Vec<Demonstration>,
    hints: Vec<String>,
    seen: Vec<(usize, Scored)>,
    contrasts: Vec<Contrast>,
    rejected: Vec<String>,
    diagnoses: Vec<String>,
    prompt_room: usize,
    max_text_tokens: usize,
}

fn held(instruction: &str) -> Held {
    let module = module("m", &["text"], &["label"]);
    let row = |n: usize| {
        let label = ["late", "lost", "paid"][n % 3];
        let row = json!({ "text": format!("row {n}"), "label": label });
        Example { id: format!("t{n}"), fields: row.as_object().unwrap().clone() }
    };
    let scored = |input: &str, score| {
        let step = Step {
            module: "m".into(),
            inputs: vec![("text".into(), input.into())],
            answer: "late".into(),
            ended: Ended::Stop,
            outputs: BTreeMap::new(),
            problem: None,
            usage: Usage::default(),
            ..Step::default()
        };
        let verdict = Verdict::Judged(Judgement::new(score, "Wrong: say `lost`."));
        Scored { rollout: Rollout { steps: vec![step], failure: None }, verdict }
    };
    Held {
        module,
        text: ModuleText::new(instruction),
        train: (0..12).map(row).collect(),
        rollouts: vec![scored("row 0", 1.0), scored(LONG_INPUT, 0.0)],
        correct_calls: Vec::new(),
        hints: Vec::new(),
        seen: Vec::new(),
        contrasts: Vec::new(),
        rejected: Vec::new(),
        diagnoses: Vec::new(),
        prompt_room: 10_000,
        max_text_tokens: 1000,
    }
}

impl Held {
    fn with<R>(&self, act: impl FnOnce(&OperatorInput<'_>) -> R) -> R {
        let profile = profile_module(&self.module, &self.train);
        let rollouts: Vec<&Scored> = self.rollouts.iter().collect();
        let minibatch: Vec<&Example> = self.train.iter().take(2).collect();
        let seen: Vec<(&Example, &Scored)> = self.seen.iter().map(|(row, scored)| (&self.train[*row], scored)).collect();
        act(&OperatorInput {
            module: &self.module,
            module_index: 0,
            text: &self.text,
            hints: &self.hints,
            profile: &profile,
            rollouts: &rollouts,
            minibatch: &minibatch,
            train: &self.train,
            reads: &self.module.inputs,
            correct_calls: &self.correct_calls,
            seen: &seen,
            contrasts: &self.contrasts,
            rejected: &self.rejected,
            diagnoses: &self.diagnoses,
            prompt_room: self.prompt_room,
            answer_tokens: 100,
            max_text_tokens: self.max_text_tokens,
            solution: &|example: &Example| example.text("solution"),
            count_reflector_tokens: &|text: &str| text.split_whitespace().count(),
            count_task_tokens: &|text: &str| text.split_whitespace().count(),
        })
    }

    fn applies(&self, operator: Operator) -> bool {
        self.with(|input| operator.implementation().applies(input))
    }

    fn begin(&self, operator: Operator, seed: u64) -> Result<Begun, Unusable> {
        self.with(|input| operator.implementation().begin(input, &mut stream(seed, "test", 0)))
    }

    fn apply(&self, operator: Operator, seed: u64) -> ModuleText {
        assert!(self.applies(operator));
        match self.begin(operator, seed).unwrap() {
            Begun::Text(text) => text,
            Begun::Ask(questions, _) => panic!("{questions:?}"),
        }
    }

    fn ask(&self, operator: Operator) -> (Questions, ReadAnswers) {
        match self.begin(operator, 0).unwrap() {
            Begun::Ask(questions, read_answers) => (questions, read_answers),
            Begun::Text(text) => panic!("{text:?}"),
        }
    }

    fn questions(&self, operator: Operator) -> Questions {
        self.ask(operator).0
    }

    fn finish(&self, operator: Operator, answers: &[&str]) -> Result<ModuleText, Unusable> {
        let answers: Vec<Completion> = answers.iter().map(|text| completion(text)).collect();
        let (_, read_answers) = self.ask(operator);
        self.with(|input| read_answers(input, &answers))
    }

    fn instruction(&self, operator: Operator, answers: &[&str]) -> Result<String, Unusable> {
        self.finish(operator, answers).map(|text| text.instruction)
    }
}

fn completion(text: &str) -> Completion {
    Completion { text: text.into(), reasoning: None, ended: Ended::Stop, usage: Usage::default(), served: None }
}

#[test]
fn format_lines_are_added_once() {
    let held = held("Label it.");
    let text = held.apply(Operator::Format, 0);
    assert_eq!(text.instruction, "Label it.\nThe `label` is one of: late, lost, paid.");
    let again = Held { text, ..self::held("") };
    assert!(!again.applies(Operator::Format));
    let in_other_words = self::held("Label it as late, lost or paid.");
    assert!(!in_other_words.applies(Operator::Format));
    let in_part = self::held("Label what is late, lost or unpaid.");
    assert!(in_part.applies(Operator::Format));
}

#[test]
fn worked_examples_come_from_every_value_and_never_from_the_minibatch() {
    let held = held("Label it.");
    for seed in 0..20 {
        let text = held.apply(Operator::Examples, seed);
        let answers: BTreeSet<&str> = text.demonstrations.iter().map(|d| d.answer.as_str()).collect();
        assert_eq!(answers, ["late", "lost", "paid"].into());
        let ids: BTreeSet<&str> = text.demonstrations.iter().map(|d| d.id.as_str()).collect();
        assert_eq!(ids.len(), text.demonstrations.len(), "one twice");
        assert!(!ids.contains("t0") && !ids.contains("t1"), "{ids:?}");
    }
}

#[test]
fn some_worked_examples_stay_when_others_are_drawn() {
    let first = held("Label it.").apply(Operator::Examples, 1);
    let shared = |seed| {
        let again = Held { text: first.clone(), ..held("") }.apply(Operator::Examples, seed);
        assert_ne!(again, first);
        again.demonstrations.iter().filter(|d| first.demonstrations.contains(d)).count()
    };
    assert!((2..12).any(|seed| shared(seed) >= first.demonstrations.len() / 2));
}

#[test]
fn worked_examples_keep_within_their_room() {
    // Each takes 16 tokens of three quarters of the limit.
    for (max_text_tokens, fits) in [(48, 2), (68, 3), (1000, 10)] {
        let text = Held { max_text_tokens, ..held("Label it.") }.apply(Operator::Examples, 0);
        assert_eq!(text.demonstrations.len(), fits);
        assert!(fits > 3 || text.demonstrations[0].answer != text.demonstrations[1].answer, "a value twice");
    }
    let none = Held { max_text_tokens: 4, ..self::held("Label it.") };
    assert!(!none.applies(Operator::Examples));
}

#[test]
fn a_text_with_reasoning_has_demonstrations_with_reasoning() {
    let mut held = held("Label it.");
    held.module.max_tokens = 100;
    held.text = held.apply(Operator::Examples, 0);
    let text = held.apply(Operator::Reason, 0);
    assert!(text.reasoning && text.demonstrations.is_empty());
    // The task model's answer, since it was right.
    held.text = text;
    held.correct_calls = correct_calls(&held);
    let shown = held.apply(Operator::Examples, 0).demonstrations;
    assert_eq!(shown.iter().map(|d| (d.id.as_str(), d.answer.as_str())).collect::<Vec<_>>(), [("t0", "reasoning: late")]);
    assert!(!held.apply(Operator::Reason, 0).reasoning);
}

/// Returns the calls of the rollouts that were right, or are corrected.
fn correct_calls(held: &Held) -> Vec<Demonstration> {
    let profile = profile_module(&held.module, &held.train);
    let is_set = |name: &str| profile.iter().any(|output| output.name == name && matches!(output.kind, ValueKind::Set(_)));
    let call = |(example, scored)| {
        correct_call(&held.module, &held.text, example, scored)
            .or_else(|| corrected_call(&held.module, &held.text, example, scored, &is_set))
    };
    held.train.iter().zip(&held.rollouts).filter_map(call).collect()
}

#[test]
fn a_module_without_labels_is_shown_correct_calls() {
    let mut held = held("Ask for it.");
    held.train.iter_mut().for_each(|example| drop(example.fields.remove("label")));
    assert!(!held.applies(Operator::Examples));
    held.correct_calls = correct_calls(&held);
    let shown = held.apply(Operator::Examples, 0).demonstrations;
    assert_eq!(shown.iter().map(|d| (d.id.as_str(), d.answer.as_str())).collect::<Vec<_>>(), [("t0", "late")]);
}

#[test]
fn a_text_with_reasoning_shows_worked_solutions_if_there_are_any() {
    let mut held = held("Label it.");
    held.module.max_tokens = 100;
    for example in &mut held.train {
        example.fields.insert("solution".into(), "It says so.".into());
    }
    let text = held.apply(Operator::Reason, 0);
    assert!(text.reasoning && text.instruction.starts_with("Label it.\nThe `label` is one of"));
    assert!(!text.demonstrations.is_empty());
    for shown in text.demonstrations {
        let label = held.train.iter().find(|e| e.id == shown.id).and_then(|e| e.text("label")).unwrap();
        assert_eq!(shown.answer, format!("reasoning: It says so.\nlabel: {label}"));
    }
    held.module.layout.answer = crate::program::layout::Cue::Label;
    assert!(held.apply(Operator::Reason, 0).demonstrations[0].answer.starts_with("reasoning: It says so.\nlabel: "));
}

#[test]
fn drop_removes_neither_the_first_sentence_nor_one_to_keep() {
    let mut held = held("Label it. Be brief.\n- Always answer.\n- Never guess.");
    held.module.keep = vec!["Never guess.".into()];
    let left: BTreeSet<String> = (0..20).map(|seed| held.apply(Operator::Drop, seed).instruction).collect();
    let wanted = ["Label it.\n- Always answer.\n- Never guess.", "Label it. Be brief.\n- Never guess."];
    assert_eq!(left, wanted.map(String::from).into());
    assert!(!self::held("Label it.").applies(Operator::Drop));
    let form = self::held("Label it.\nAnswer in this form:\n{\"a\": \"in short. Or long\"}");
    assert!(!form.applies(Operator::Drop), "a part of a form is useless");
}

#[test]
fn a_new_instruction_has_the_language_of_the_old_one() {
    let held = held("Lies die Nachricht und schreibe dahinter, was mit dem Paket geschehen ist.");
    let text = held.apply(Operator::Format, 0).instruction;
    assert!(text.ends_with("geschehen ist.\n`label`: late | lost | paid"), "{text}");
    let answer = |text: &str| held.instruction(Operator::Rewrite, &[text]);
    let english = "Read the message carefully and write what has happened to the parcel of the customer.";
    assert_eq!(answer(english), Err(Unusable::OtherLanguage));
    assert!(answer("Lies die Nachricht genau. Schreibe nur, ob das Paket verloren, bezahlt oder verspätet ist.").is_ok());
}

#[test]
fn values_are_described_in_the_place_of_their_list() {
    let mut held = held("Label it.");
    held.text = held.apply(Operator::Format, 0);
    let questions = held.questions(Operator::Describe);
    assert_eq!(questions.chats.len(), 3);
    assert!(questions.chats[1][0].content.contains("filed under `lost`"));
    let described = held.instruction(Operator::Describe, &["late: comes after its day", "`lost`: never came", "money came"]);
    let wanted = "Label it.\nThe `label` is one of:\n- late: comes after its day\n- lost: never came\n- paid: money came";
    assert_eq!(described.as_deref(), Ok(wanted));
    // New descriptions replace the old ones; a value without a description stays on the list.
    held.text.instruction = wanted.into();
    let again = held.instruction(Operator::Describe, &["too slow", "", "has money"]);
    assert_eq!(again.as_deref(), Ok("Label it.\nThe `label` is one of:\n- late: too slow\n- lost\n- paid: has money"));
    assert_eq!(held.instruction(Operator::Describe, &["", "", "has money"]), Err(Unusable::Empty));
}

#[test]
fn each_failure_is_diagnosed_and_gives_a_rule() {
    let mut held = held("Label it.");
    let questions = held.with(diagnosis::questions);
    assert_eq!(questions.chats.len(), 1, "one rollout failed");
    assert!(questions.chats[0][0].content.contains(LONG_INPUT));
    let read = |text: &str| held.with(|input| diagnosis::read(input, &completion(text)));
    assert_eq!(read("- Say `lost` after two weeks.\nSo it is.").as_deref(), Some("Say `lost` after two weeks."));
    assert_eq!(read(LONG_INPUT), None, "a quotation of the input is no rule");
    held.diagnoses = vec!["Say `lost` after two weeks.".into(), "Label it.".into(), "Say `lost` after two weeks.".into()];
    assert_eq!(held.apply(Operator::Rule, 0).instruction, "Label it.\n- Say `lost` after two weeks.");
    held.diagnoses.clear();
    assert_eq!(held.begin(Operator::Rule, 0).err(), Some(Unusable::Empty));
}

#[test]
fn a_reflector_reads_diagnoses_and_what_did_not_help() {
    let mut held = held("Label it.");
    held.diagnoses = vec!["Name the labels.".into()];
    held.rejected = (0..9).map(|n| format!("Attempt {n}.")).collect();
    let prompt = &held.questions(Operator::Rewrite).chats[0][0].content;
    assert!(prompt.find(LONG_INPUT) < prompt.find("row 0"), "failures come first");
    assert!(prompt.contains("- Name the labels.\n") && prompt.contains("- Attempt 8.\n") && !prompt.contains("Attempt 4"));
    assert!(prompt.contains("The `label` is one of: late, lost, paid."));
}

#[test]
fn no_training_row_may_be_quoted_whether_the_prompt_showed_it_or_not() {
    let hidden = "the row that no rollout of the minibatch has";
    let mut held = held("Sort it.");
    assert!(held.finish(Operator::Rewrite, &[hidden]).is_ok());
    held.train[11].fields.insert("text".into(), hidden.into());
    assert_eq!(held.finish(Operator::Rewrite, &[&format!("Write late for: {hidden}.")]), Err(Unusable::QuotesAnExample));
}

#[test]
fn a_rewrite_keeps_required_sentences_and_the_token_limit() {
    let mut held = held("Label it. Never guess.");
    held.module.keep = vec!["Never guess.".into()];
    assert_eq!(held.instruction(Operator::Rewrite, &["```\nSay the label.\n```"]).unwrap(), "Never guess.\nSay the label.");
    assert_eq!(held.instruction(Operator::Rewrite, &["Label it. Never guess."]), Err(Unusable::Unchanged));
    held.max_text_tokens = 5;
    assert_eq!(held.instruction(Operator::Rewrite, &["Say the label and no more."]), Err(Unusable::TooLong));
}

#[test]
fn a_shortened_instruction_must_be_shorter() {
    let held = held("Label it, please, with care.");
    assert_eq!(held.instruction(Operator::Shorten, &["Label it."]).unwrap(), "Label it.");
    assert_eq!(held.instruction(Operator::Shorten, &["Label it with the greatest care."]), Err(Unusable::TooLong));
}

#[test]
fn a_placeholder_in_an_instruction_stays_as_it_is() {
    let held = held("Use <side_info> and {{ x }}.");
    for operator in [Operator::Rewrite, Operator::Paper] {
        assert!(held.questions(operator).chats[0][0].content.contains("\nUse <side_info> and {{ x }}.\n"));
    }
}

#[test]
fn the_paper_s_prompt_is_that_of_the_package() {
    let prompt = &held("Label it.").questions(Operator::Paper).chats[0][0].content;
    assert!(
        prompt.starts_with(
            "I provided an assistant with the following instructions to perform a task for me:\n```\nLabel it.\n```\n"
        )
    );
    let first = "# Example 1\n## Inputs\n### text\nrow 0\n\n## Generated Outputs\nlate\n\n## Feedback\nWrong: say `lost`.\n\n";
    assert!(prompt.contains(first), "{prompt}");
    assert!(prompt.ends_with("Provide the new instructions within ``` blocks."));
}

proptest! {
    #[test]
    fn a_prompt_keeps_within_the_reflector_s_context(room in 0..400_usize, count in 0..6_usize) {
        let mut held = held("Label it.");
        held.prompt_room = room;
        let one = held.rollouts.remove(1);
        held.rollouts = vec![one; count];
        for operator in [Operator::Rewrite, Operator::Paper] {
            match held.begin(operator, 0) {
                Ok(Begun::Ask(questions, _)) => {
                    let words = questions.chats[0][0].content.split_whitespace().count();
                    prop_assert!(words + TEMPLATE_TOKENS <= room);
                    prop_assert_eq!(questions.examples + questions.left_out, count);
                }
                other => prop_assert_eq!(other.err(), Some(Unusable::NoRoom)),
            }
        }
    }
}

#[test]
fn layout_changes_one_part_at_a_time_and_can_return_to_the_module_s_layout() {
    let bare = held("Label it.");
    assert!(!bare.applies(Operator::Layout));
    let text = bare.apply(Operator::Examples, 0);
    let held = Held { text, ..held("") };
    let moved: BTreeSet<ModuleText> = (0..20).map(|seed| held.apply(Operator::Layout, seed)).collect();
    let layouts: Vec<_> = moved.iter().map(|text| text.layout.unwrap()).collect();
    assert_eq!(layouts.len(), 3, "{layouts:?}");
    let parts = |a: Layout, b: Layout| {
        [a.instruction != b.instruction, a.examples != b.examples, a.answer != b.answer]
            .iter()
            .filter(|differs| **differs)
            .count()
    };
    assert!(layouts.iter().all(|layout| parts(*layout, held.module.layout) == 1));
    let once = Held { text: moved.first().unwrap().clone(), ..held };
    let again: BTreeSet<Option<Layout>> = (0..20).map(|seed| once.apply(Operator::Layout, seed).layout).collect();
    assert!(again.contains(&None), "the module's own layout is stored as None");
}

/// Like [`held`] without labels in the data.
fn open(instruction: &str) -> Held {
    let mut held = held(instruction);
    held.train.iter_mut().for_each(|example| drop(example.fields.remove("label")));
    held
}

#[test]
fn instructions_for_open_outputs_must_serve_every_subject() {
    let (open, labelled) = (open("Write it."), held("Label it."));
    for (held, has, lacks) in
        [(&open, "all other subjects", "spelled exactly"), (&labelled, "spelled exactly", "all other subjects")]
    {
        let prompt = held.questions(Operator::Rewrite).chats[0][0].content.clone();
        assert!(prompt.contains(has) && !prompt.contains(lacks), "{prompt}");
    }
    let rule = |held: &Held| held.with(diagnosis::questions).chats[0][0].content.clone();
    assert!(rule(&open).contains("no names, dates or numbers") && !rule(&labelled).contains("no names, dates or numbers"));
    let mut about = open;
    about.rollouts[1].rollout.steps[0].inputs = vec![("text".into(), "In MacArthur Road stood a barrier.".into())];
    assert_eq!(about.instruction(Operator::Rewrite, &["Say what stood in MacArthur Road."]), Err(Unusable::AboutAnExample));
}

#[test]
fn a_hint_is_added_once_and_only_where_it_fits() {
    let mut held = held("Label it.");
    assert!(!held.applies(Operator::Hint), "the user gave none");
    held.hints = vec!["Be brief.".into(), "Label it.".into(), "word ".repeat(2000).trim().to_owned()];
    held.text = held.apply(Operator::Hint, 0);
    assert_eq!(held.text.instruction, "Label it.\nBe brief.");
    assert!(!held.applies(Operator::Hint));
}

#[test]
fn nearest_stores_all_worked_examples_and_halves_or_doubles_their_number() {
    let mut held = held("Label it.");
    let text = held.apply(Operator::Nearest, 0);
    assert_eq!((text.demonstrations.len(), text.nearest), (12, Some(4)), "the minibatch is among them");
    assert_eq!(text, held.apply(Operator::Nearest, 1));
    held.text = text;
    let numbers: BTreeSet<Option<usize>> = (0..20).map(|seed| held.apply(Operator::Nearest, seed).nearest).collect();
    assert_eq!(numbers, BTreeSet::from([Some(2), Some(8)]));
    held.text.nearest = Some(8);
    let numbers: BTreeSet<Option<usize>> = (0..20).map(|seed| held.apply(Operator::Nearest, seed).nearest).collect();
    assert_eq!(numbers, BTreeSet::from([Some(4)]), "16 of 12 are no choice");
    let fixed = held.apply(Operator::Examples, 0);
    assert_eq!((fixed.nearest, fixed.demonstrations.len()), (None, 10), "a fixed set leaves the minibatch out");
}

#[test]
fn nearest_keeps_within_the_limit_whichever_examples_are_chosen() {
    let mut held = held("Label it.");
    let one = held.apply(Operator::Nearest, 0).demonstrations[0].tokens(&|text| text.split_whitespace().count());
    held.max_text_tokens = 30 + 3 * one;
    let text = held.apply(Operator::Nearest, 0);
    let tokens = text.tokens(&|text| text.split_whitespace().count());
    assert!(text.nearest.is_some_and(|shown| (2..=3).contains(&shown)) && tokens <= held.max_text_tokens, "{tokens} {text:?}");
    held.max_text_tokens = 20;
    assert!(!held.applies(Operator::Nearest));
}

fn answered(label: &str, score: f64) -> Scored {
    let mut scored = held("").rollouts.remove(1);
    scored.rollout.steps[0].outputs = BTreeMap::from([("label".to_owned(), label.to_owned())]);
    scored.rollout.steps[0].answer = label.into();
    scored.verdict = Verdict::Judged(Judgement::new(score, ""));
    scored
}

/// A module that writes `lost` twice where `late` is right, once `paid` where `lost` is right, and once an unknown value.
fn confused() -> Held {
    let rows = [(0, "lost"), (3, "lost"), (1, "paid"), (4, "unknown"), (2, "paid")];
    Held { seen: rows.map(|(row, label)| (row, answered(label, 0.0))).to_vec(), ..held("Label it.\nBe brief.\nNever ask.") }
}

#[test]
fn an_edit_reads_which_values_are_confused_with_rows_of_both() {
    let prompts: BTreeSet<String> = (0..20)
        .map(|seed| match confused().begin(Operator::Edit, seed).unwrap() {
            Begun::Ask(questions, _) => questions.chats[0][0].content.clone(),
            Begun::Text(text) => panic!("{text:?}"),
        })
        .collect();
    assert_eq!(prompts.len(), 2, "one for each confusion: {prompts:?}");
    let prompt = prompts.iter().find(|prompt| prompt.contains("`lost` where `late`")).unwrap();
    assert!(prompt.contains("`late` is right for these:\n- row 0\n- row 3\n- row 6\n"), "{prompt}");
    assert!(prompt.contains("`lost` is right for these:\n- row 1\n- row 4\n- row 7\n"), "{prompt}");
    assert!(prompt.contains("1. Be brief.\n2. Never ask.\n") && !prompt.contains("1. Label it."), "{prompt}");
}

#[test]
fn an_edit_reads_what_another_candidate_did_better_and_how_its_instruction_differs() {
    let mut held = held("Label it.");
    held.contrasts = vec![Contrast {
        example: ExampleIndex(0),
        lost: Arc::new(answered("a wrong answer", 0.0)),
        won: Arc::new(answered("late", 1.0)),
        winner: Arc::new(Candidate::new(["Label it.\nNo answer means late."])),
    }];
    let questions = held.questions(Operator::Edit);
    let prompt = &questions.chats[0][0].content;
    assert!(prompt.contains("a wrong answer") && prompt.contains("that also says: No answer means late."), "{prompt}");
    assert!(prompt.contains("There the assistant wrote:\nlate\n") && !prompt.contains("`delete`"), "{prompt}");
    assert_eq!(questions.grammar, Some(Grammar::command(&[], &["add:".into()], 200)));
}

#[test]
fn an_edit_adds_replaces_or_deletes_one_sentence() {
    let edited = |answer: &str| {
        let held = confused();
        let read_answers = held.ask(Operator::Edit).1;
        let answer = Completion { ended: Ended::Grammar, ..completion(answer) };
        held.with(|input| read_answers(input, &[answer])).map(|text| text.instruction)
    };
    assert_eq!(edited("add: Say late.").as_deref(), Ok("Label it.\nBe brief.\nNever ask.\nSay late."));
    assert_eq!(edited("replace 1: Say late.").as_deref(), Ok("Label it.\nSay late.\nNever ask."));
    assert_eq!(edited("delete 2").as_deref(), Ok("Label it.\nBe brief."));
    assert_eq!(edited("add: Be brief."), Err(Unusable::Unchanged));
    assert_eq!(edited("replace 1: Be brief."), Err(Unusable::Unchanged));
    assert_eq!(edited(&format!("add: {LONG_INPUT}")), Err(Unusable::QuotesAnExample));
    for answer in ["", "delete 3", "delete 0", "replace x: a", "rewrite: a", "Be brief"] {
        assert_eq!(edited(answer), Err(Unusable::NotAPrompt), "{answer}");
    }
    assert_eq!(edited("add: "), Err(Unusable::Empty));
}
