use super::*;
use crate::engine::{Ended, Usage};
use crate::evaluate::Verdict;
use crate::metric::Judgement;
use crate::optimize::randomness::stream;
use crate::optimize::reflection::packing;
use crate::optimize::reflection::profile;
use crate::program::layout::Turn;
use crate::program::tests_support::module;
use crate::program::{Layout, Rollout, Step};
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const LONG_INPUT: &str = "my parcel has not come for three weeks and nobody answers";

/// What a [`Work`] borrows.
struct Held {
    module: Module,
    text: ModuleText,
    train: Vec<Example>,
    rollouts: Vec<Scored>,
    right: Vec<Demonstration>,
    place: Place,
    rejected: Vec<String>,
    diagnoses: Vec<String>,
    room: usize,
    most_tokens: usize,
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
        right: Vec::new(),
        place: Place::default(),
        rejected: Vec::new(),
        diagnoses: Vec::new(),
        room: 10_000,
        most_tokens: 1000,
    }
}

impl Held {
    fn with<R>(&self, act: impl FnOnce(&Work<'_>) -> R) -> R {
        let profile = profile::of(&self.module, &self.train);
        let rollouts: Vec<&Scored> = self.rollouts.iter().collect();
        let minibatch: Vec<&Example> = self.train.iter().take(2).collect();
        act(&Work {
            module: &self.module,
            text: &self.text,
            place: &self.place,
            profile: &profile,
            rollouts: &rollouts,
            minibatch: &minibatch,
            train: &self.train,
            right: &self.right,
            rejected: &self.rejected,
            diagnoses: &self.diagnoses,
            room: self.room,
            answer_tokens: 100,
            most_tokens: self.most_tokens,
            solution: &|example: &Example| example.text("solution"),
            count: &|text: &str| text.split_whitespace().count(),
            measure: &|text: &str| text.split_whitespace().count(),
        })
    }

    fn apply(&self, operator: Operator, seed: u64) -> ModuleText {
        let begun = self.with(|work| {
            assert!(operator.applies(work));
            operator.begin(work, &mut stream(seed, "test", 0))
        });
        match begun.unwrap() {
            Begun::Text(text) => text,
            Begun::Ask(questions) => panic!("{questions:?}"),
        }
    }

    fn ask(&self, operator: Operator) -> Questions {
        match self.with(|work| operator.begin(work, &mut stream(0, "test", 0))).unwrap() {
            Begun::Ask(questions) => questions,
            Begun::Text(text) => panic!("{text:?}"),
        }
    }

    fn finish(&self, operator: Operator, answers: &[&str]) -> Result<ModuleText, Unusable> {
        let completion =
            |text: &&str| Completion { text: (*text).into(), reasoning: None, ended: Ended::Stop, usage: Usage::default() };
        self.with(|work| operator.finish(work, &answers.iter().map(completion).collect::<Vec<_>>()))
    }

    fn instruction(&self, operator: Operator, answers: &[&str]) -> Result<String, Unusable> {
        self.finish(operator, answers).map(|text| text.instruction)
    }
}

#[test]
fn the_format_is_added_once() {
    let held = held("Label it.");
    let text = held.apply(Operator::Format, 0);
    assert_eq!(text.instruction, "Label it.\nThe `label` is one of: late, lost, paid.");
    let again = Held { text, ..self::held("") };
    assert!(!again.with(|work| Operator::Format.applies(work)));
    let in_other_words = self::held("Label it as late, lost or paid.");
    assert!(!in_other_words.with(|work| Operator::Format.applies(work)));
    let in_part = self::held("Label what is late, lost or unpaid.");
    assert!(in_part.with(|work| Operator::Format.applies(work)));
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
    // Each takes 16 tokens, of the three quarters that words leave.
    for (most_tokens, fits) in [(48, 2), (68, 3), (1000, 10)] {
        let text = Held { most_tokens, ..held("Label it.") }.apply(Operator::Examples, 0);
        assert_eq!(text.demonstrations.len(), fits);
        assert!(fits > 3 || text.demonstrations[0].answer != text.demonstrations[1].answer, "a value twice");
    }
    let none = Held { most_tokens: 4, ..self::held("Label it.") };
    assert!(!none.with(|work| Operator::Examples.applies(work)));
}

#[test]
fn who_reasons_is_shown_reasoning() {
    let mut held = held("Label it.");
    held.module.max_tokens = 100;
    held.text = held.apply(Operator::Examples, 0);
    let text = held.apply(Operator::Reason, 0);
    assert!(text.reasoning && text.demonstrations.is_empty());
    // What the student itself wrote, where it was right.
    held.text = text;
    held.right = right(&held);
    let shown = held.apply(Operator::Examples, 0).demonstrations;
    assert_eq!(shown.iter().map(|d| (d.id.as_str(), d.answer.as_str())).collect::<Vec<_>>(), [("t0", "reasoning: late")]);
    assert!(!held.apply(Operator::Reason, 0).reasoning);
}

/// What was right of the rollouts.
fn right(held: &Held) -> Vec<Demonstration> {
    let program = crate::program::Program::of_modules(vec![held.module.clone()]);
    let mut right = crate::optimize::methods::gepa::right::Right::default();
    let answers: Vec<_> = held.rollouts.iter().cloned().map(|scored| Some(std::sync::Arc::new(scored))).collect();
    right.learn(
        &program,
        &[profile::of(&held.module, &held.train)],
        &crate::program::Candidate(vec![held.text.clone()]),
        held.train.iter(),
        &answers,
    );
    right.of(0, held.text.reasoning).to_vec()
}

#[test]
fn who_writes_what_no_data_names_is_shown_what_was_right() {
    let mut held = held("Ask for it.");
    held.train.iter_mut().for_each(|example| drop(example.fields.remove("label")));
    assert!(!held.with(|work| Operator::Examples.applies(work)));
    held.right = right(&held);
    let shown = held.apply(Operator::Examples, 0).demonstrations;
    assert_eq!(shown.iter().map(|d| (d.id.as_str(), d.answer.as_str())).collect::<Vec<_>>(), [("t0", "late")]);
}

#[test]
fn who_reasons_is_shown_worked_solutions_where_there_are_any() {
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
fn a_sentence_is_left_out_but_not_the_first_nor_one_to_keep() {
    let mut held = held("Label it. Be brief.\n- Always answer.\n- Never guess.");
    held.module.keep = vec!["Never guess.".into()];
    let left: BTreeSet<String> = (0..20).map(|seed| held.apply(Operator::Drop, seed).instruction).collect();
    let wanted = ["Label it.\n- Always answer.\n- Never guess.", "Label it. Be brief.\n- Never guess."];
    assert_eq!(left, wanted.map(String::from).into());
    assert!(!self::held("Label it.").with(|work| Operator::Drop.applies(work)));
    let form = self::held("Label it.\nAnswer in this form:\n{\"a\": \"in short. Or long\"}");
    assert!(!form.with(|work| Operator::Drop.applies(work)), "half of a form says nothing");
}

#[test]
fn a_prompt_stays_in_its_language() {
    let held = held("Lies die Nachricht und schreibe dahinter, was mit dem Paket geschehen ist.");
    let text = held.apply(Operator::Format, 0).instruction;
    assert!(text.ends_with("geschehen ist.\n`label`: late | lost | paid"), "{text}");
    let answer = |text: &str| {
        let completion = Completion { text: text.into(), reasoning: None, ended: Ended::Stop, usage: Usage::default() };
        held.with(|work| Operator::Rewrite.finish(work, &[completion])).map(|text| text.instruction)
    };
    let english = "Read the message carefully and write what has happened to the parcel of the customer.";
    assert_eq!(answer(english), Err(Unusable::OtherLanguage));
    assert!(answer("Lies die Nachricht genau. Schreibe nur, ob das Paket verloren, bezahlt oder verspätet ist.").is_ok());
}

#[test]
fn values_are_described_in_the_place_of_their_list() {
    let mut held = held("Label it.");
    held.text = held.apply(Operator::Format, 0);
    let questions = held.ask(Operator::Describe);
    assert_eq!(questions.chats.len(), 3);
    assert!(questions.chats[1][0].content.contains("filed under `lost`"));
    let described = held.instruction(Operator::Describe, &["late: comes after its day", "`lost`: never came", "money came"]);
    let wanted = "Label it.\nThe `label` is one of:\n- late: comes after its day\n- lost: never came\n- paid: money came";
    assert_eq!(described.as_deref(), Ok(wanted));
    // Once more: the new words take the place of the old ones; a value without words stays on the list.
    held.text.instruction = wanted.into();
    let again = held.instruction(Operator::Describe, &["too slow", "", "has money"]);
    assert_eq!(again.as_deref(), Ok("Label it.\nThe `label` is one of:\n- late: too slow\n- lost\n- paid: has money"));
    assert_eq!(held.instruction(Operator::Describe, &["", "", "has money"]), Err(Unusable::Empty));
}

#[test]
fn each_failure_teaches_a_rule() {
    let mut held = held("Label it.");
    let questions = held.with(diagnoses);
    assert_eq!(questions.chats.len(), 1, "one rollout failed");
    assert!(questions.chats[0][0].content.contains(LONG_INPUT));
    let completion = |text: &str| {
        let usage = Usage::default();
        Completion { text: text.into(), reasoning: None, ended: Ended::Stop, usage }
    };
    let read = |text: &str| held.with(|work| diagnosis(work, &completion(text)));
    assert_eq!(read("- Say `lost` after two weeks.\nSo it is.").as_deref(), Some("Say `lost` after two weeks."));
    assert_eq!(read(LONG_INPUT), None, "a quotation is no rule");
    held.diagnoses = vec!["Say `lost` after two weeks.".into(), "Label it.".into(), "Say `lost` after two weeks.".into()];
    assert_eq!(held.apply(Operator::Rule, 0).instruction, "Label it.\n- Say `lost` after two weeks.");
    held.diagnoses.clear();
    assert_eq!(held.with(|work| Operator::Rule.begin(work, &mut stream(0, "test", 0))), Err(Unusable::Empty));
}

#[test]
fn a_reflector_reads_diagnoses_and_what_did_not_help() {
    let mut held = held("Label it.");
    held.diagnoses = vec!["Name the labels.".into()];
    held.rejected = (0..9).map(|n| format!("Attempt {n}.")).collect();
    let prompt = &held.ask(Operator::Rewrite).chats[0][0].content;
    assert!(prompt.find(LONG_INPUT) < prompt.find("row 0"), "failures come first");
    assert!(prompt.contains("- Name the labels.\n") && prompt.contains("- Attempt 8.\n") && !prompt.contains("Attempt 4"));
    assert!(prompt.contains("The `label` is one of: late, lost, paid."));
}

#[test]
fn a_rewrite_keeps_what_must_stay_and_has_its_length() {
    let mut held = held("Label it. Never guess.");
    held.module.keep = vec!["Never guess.".into()];
    assert_eq!(held.instruction(Operator::Rewrite, &["```\nSay the label.\n```"]).unwrap(), "Never guess.\nSay the label.");
    assert_eq!(held.instruction(Operator::Rewrite, &["Label it. Never guess."]), Err(Unusable::Unchanged));
    held.most_tokens = 5;
    assert_eq!(held.instruction(Operator::Rewrite, &["Say the label and no more."]), Err(Unusable::TooLong));
}

#[test]
fn what_is_shortened_is_shorter() {
    let held = held("Label it, please, with care.");
    assert_eq!(held.instruction(Operator::Shorten, &["Label it."]).unwrap(), "Label it.");
    assert_eq!(held.instruction(Operator::Shorten, &["Label it with the greatest care."]), Err(Unusable::TooLong));
}

#[test]
fn a_placeholder_in_an_instruction_stays_as_it_is() {
    let held = held("Use <side_info> and {{ x }}.");
    for operator in [Operator::Rewrite, Operator::Paper] {
        assert!(held.ask(operator).chats[0][0].content.contains("\nUse <side_info> and {{ x }}.\n"));
    }
}

#[test]
fn the_paper_asks_as_the_package_does() {
    let prompt = &held("Label it.").ask(Operator::Paper).chats[0][0].content;
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
    fn a_question_keeps_within_its_room(room in 0..400_usize, count in 0..6_usize) {
        let mut held = held("Label it.");
        held.room = room;
        let one = held.rollouts.remove(1);
        held.rollouts = vec![one; count];
        for operator in [Operator::Rewrite, Operator::Paper] {
            match held.with(|work| operator.begin(work, &mut stream(0, "test", 0))) {
                Ok(Begun::Ask(questions)) => {
                    let words = questions.chats[0][0].content.split_whitespace().count();
                    prop_assert!(words + packing::TEMPLATE_ROOM <= room);
                    prop_assert_eq!(questions.examples + questions.left_out, count);
                }
                other => prop_assert_eq!(other, Err(Unusable::NoRoom)),
            }
        }
    }
}

#[test]
fn the_layout_is_moved_part_by_part_and_back() {
    let bare = held("Label it.");
    assert!(!bare.with(|work| Operator::Layout.applies(work)));
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
    assert!(again.contains(&None), "the plan's own layout has no other name");
}

/// The module of [`held`] without labels, with the outputs that others read and search for.
fn open(instruction: &str, read: &[&str], searched: &[&str]) -> Held {
    let mut held = held(instruction);
    held.train.iter_mut().for_each(|example| drop(example.fields.remove("label")));
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    held.place = Place { read: owned(read), searched: owned(searched), ..Place::default() };
    held
}

#[test]
fn advice_suits_what_the_output_is_for() {
    for (held, word, lines) in [
        (open("Write it.", &["label"], &["label"]), "search query", 2),
        (open("Write it.", &["label"], &[]), "word for word", 3),
        (open("Write it.", &[], &[]), "requirement", 3),
    ] {
        let texts: Vec<String> = (0..20).map(|seed| held.apply(Operator::Advice, seed).instruction).collect();
        assert!(texts.iter().all(|text| text.starts_with("Write it.\n") && text.lines().count() == lines), "{texts:?}");
        assert!(texts.iter().any(|text| text.contains(word)), "{word}: {texts:?}");
        let alike = texts.iter().all(|text| *text == texts[0]);
        assert_eq!(alike, word == "search query", "{texts:?}");
    }
}

#[test]
fn who_reads_what_was_found_gathers_facts_in_place_of_an_instruction_that_says_nothing() {
    let gathers =
        "Say in full sentences what `made` and `passages` tell about everything that `text` names. Do not answer `text`.";
    let held = |instruction: &str| {
        let mut held = open(instruction, &["label"], &[]);
        held.module.inputs = ["text", "made", "passages"].map(str::to_owned).to_vec();
        (held.place.made, held.place.found) = (vec!["made".into()], vec!["passages".into()]);
        held
    };
    let texts = |held: &Held| (0..20).map(|seed| held.apply(Operator::Advice, seed).instruction).collect::<BTreeSet<String>>();
    let bare = held("Given the fields `text`, `passages`, produce the fields `label`.");
    assert_eq!(texts(&bare), BTreeSet::from([gathers.to_owned()]));
    let layout = bare.apply(Operator::Advice, 0).layout.unwrap();
    assert_eq!(layout, Layout { instruction: Turn::Below, ..Layout::default() }, "near the answer, below what was found");
    let mut alongside = held("Given the fields `text`, `passages`, produce the fields `label`.");
    alongside.place.alongside = vec!["made".into()];
    let found = "Say in full sentences what `passages` tell about everything that `text` and `made` name. Do not answer `text`.";
    assert_eq!(texts(&alongside), BTreeSet::from([found.to_owned()]), "who reads both needs the first only once");
    let mut last = held("Given the fields `text`, `passages`, produce the fields `label`.");
    last.place.is_last_but_one = true;
    let answers = gathers.replace("Do not answer", "Then answer");
    assert_eq!(texts(&last), BTreeSet::from([answers]), "who sees what was found knows more than who reads of it");
    let said = held("Write what the passages say of the text.");
    assert!(texts(&said).contains(&format!("{}\n{gathers}", said.text.instruction)), "{:?}", texts(&said));
    let mut kept = held("Given the fields `text`, `passages`, produce the fields `label`.");
    kept.module.keep = vec![kept.text.instruction.clone()];
    assert!(texts(&kept).iter().all(|text| text.starts_with(&kept.text.instruction)), "{:?}", texts(&kept));
    let mut again = held(gathers);
    assert!(texts(&again).iter().all(|text| text.matches(gathers).count() == 1));
    for told in ["Say in full sentences what `made` and `passages` tell.", "Say in full sentences what `passages` tell."] {
        again.module.inputs.remove(0);
        again.text = ModuleText::new("Write `label`.");
        assert_eq!(texts(&again), BTreeSet::from([told.to_owned()]));
    }
}

#[test]
fn advice_is_given_once_in_its_language_and_not_where_the_data_has_values() {
    assert!(!held("Write it.").with(|work| Operator::Advice.applies(work)), "the labels are a set");
    let mut held = open("Write it.", &["label"], &[]);
    for _ in 0..2 {
        held.text = held.apply(Operator::Advice, 0);
    }
    assert!(!held.with(|work| Operator::Advice.applies(work)), "{}", held.text.instruction);
    let german = open("Lies die Nachricht eines Kunden und schreibe, welche Abteilung sich darum kümmern soll.", &["label"], &[]);
    assert!(!german.with(|work| Operator::Advice.applies(work)));
    let mut short = open("Write it.", &["label"], &[]);
    short.most_tokens = 4;
    assert!(!short.with(|work| Operator::Advice.applies(work)), "no room");
}

#[test]
fn what_earlier_modules_wrote_is_doubted_where_something_stands_against_it() {
    let mut held = open("Write it.", &["label"], &[]);
    held.module.inputs = ["text", "made", "text_2"].map(str::to_owned).to_vec();
    held.place.made = vec!["made".into()];
    let doubts = |held: &Held| (0..20).any(|seed| held.apply(Operator::Advice, seed).instruction.contains("`made` can be wrong"));
    assert!(doubts(&held));
    held.module.inputs.truncate(2);
    assert!(!doubts(&held));
}

#[test]
fn reflectors_of_open_outputs_are_asked_for_what_serves_every_subject() {
    let (open, labelled) = (open("Write it.", &[], &[]), held("Label it."));
    for (held, has, lacks) in
        [(&open, "all other subjects", "spelled exactly"), (&labelled, "spelled exactly", "all other subjects")]
    {
        let prompt = held.ask(Operator::Rewrite).chats[0][0].content.clone();
        assert!(prompt.contains(has) && !prompt.contains(lacks), "{prompt}");
    }
    let rule = |held: &Held| held.with(diagnoses).chats[0][0].content.clone();
    assert!(rule(&open).contains("no names, dates or numbers") && !rule(&labelled).contains("no names, dates or numbers"));
    let mut about = open;
    about.rollouts[1].rollout.steps[0].inputs = vec![("text".into(), "In MacArthur Road stood a barrier.".into())];
    assert_eq!(about.instruction(Operator::Rewrite, &["Say what stood in MacArthur Road."]), Err(Unusable::AboutAnExample));
}

#[test]
fn a_place_tells_what_comes_next() {
    let place = |last: &[&str], index: usize| {
        let modules = vec![
            module("first", &["question"], &["summary_1"]),
            module("second", &["question", "summary_1"], &["summary_2"]),
            module("answer", last, &["answer"]),
        ];
        Place::of(&Program::of_modules(modules), index)
    };
    let both = ["question", "summary_1", "summary_2"];
    assert_eq!(place(&both, 1).alongside, ["summary_1"], "who reads the second reads the first as well");
    assert!(place(&["question", "summary_2"], 1).alongside.is_empty());
    assert!(place(&both, 2).alongside.is_empty(), "nobody reads the answer");
    assert_eq!([0, 1, 2].map(|index| place(&both, index).is_last_but_one), [false, true, false]);
}
