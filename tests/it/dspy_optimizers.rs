//! The optimizers that follow the Python package `dspy`: each number of their tables, with it and without it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::optimizers::{Search, chat, good, item, reflectors, search, shown, task_answer, world};
use crate::support::{EXAMPLES, Task};
use gepard::config::{BootstrapRsPlan, Effort, Method, Miprov2Plan, SimbaPlan, Strength};
use gepard::engine::{Ended, Request, Role};
use gepard::event::{Decision, Event, StopReason};
use gepard::optimize::methods::bootstrap_rs::BootstrapRs;
use gepard::optimize::methods::miprov2::Miprov2;
use gepard::optimize::methods::simba::Simba;

/// A task model that is right on a quarter of the items if it is shown labelled examples, on all items if it is shown an answer in its
/// own form, and on none otherwise. Reflectors write `text`.
fn taught_by_itself(request: &Request, text: &str) -> (String, Ended) {
    let prompt = &request.messages.last().unwrap().content;
    let own = request.messages.iter().any(|m| m.role == Role::Assistant && m.content.starts_with("label: "));
    let labelled = request.messages.len() > 1;
    let quality = if own { 4 } else { usize::from(labelled) };
    match item(prompt) {
        Some(n) if prompt.ends_with("label:") => (format!("label: {}", task_answer(n, quality)), Ended::Stop),
        _ => (text.to_owned(), Ended::Stop),
    }
}

/// Runs `bootstrap-rs`, in which no reflector may be asked.
fn bootstrap_rs(numbers: &BootstrapRsPlan, answer: impl FnMut(&Request) -> (String, Ended) + 'static) -> Search {
    let task = Task::new();
    let plan = task.plan(&["optimize.budget=1000"]);
    search(&plan, &task.path("run"), &mut BootstrapRs::new(plan.seed_candidate(), numbers.clone()), answer).unwrap()
}

#[test]
fn the_teacher_of_bootstrap_rs_is_given_labelled_examples() {
    let small = BootstrapRsPlan::of(Strength::Small);
    let best = |labelled: usize| bootstrap_rs(&BootstrapRsPlan { labelled, ..small.clone() }, |r| taught_by_itself(r, "")).best();
    assert_eq!((best(8), best(0)), (1.0, 0.0));
}

#[test]
fn a_call_of_the_teacher_needs_the_least_score() {
    // Nothing is ever right, but an answer in the model's own form helps.
    let answer = |request: &Request| {
        let own = request.messages.iter().any(|m| m.role == Role::Assistant && m.content.starts_with("label: "));
        let prompt = &request.messages.last().unwrap().content;
        match item(prompt) {
            Some(n) if prompt.ends_with("label:") => (format!("label: {}", task_answer(n, if own { 4 } else { 0 })), Ended::Stop),
            _ => ("Sort it.".to_owned(), Ended::Stop),
        }
    };
    let small = BootstrapRsPlan::of(Strength::Small);
    assert_eq!(bootstrap_rs(&BootstrapRsPlan { threshold: Some(0.0), ..small.clone() }, answer).best(), 1.0);
    assert_eq!(bootstrap_rs(&small, answer).best(), 0.0);
    let miprov2 = |threshold: Option<f64>| miprov2(&Miprov2Plan { threshold, ..reference() }, &[], answer).0.best();
    assert_eq!((miprov2(Some(0.0)), miprov2(None)), (1.0, 0.0));
}

#[test]
fn a_set_of_bootstrap_rs_has_as_many_calls_of_the_teacher_as_its_table_says() {
    // The teacher is right on three of twelve examples.
    let calls = |bootstrapped: usize| {
        let numbers = BootstrapRsPlan { sets: 0, labelled: 0, bootstrapped, ..BootstrapRsPlan::of(Strength::Reference) };
        let found = bootstrap_rs(&numbers, world(|_| 1, |prompt, _| panic!("{prompt}")));
        found.pool.members.iter().map(|member| member.candidate.0[0].demonstrations.len()).max().unwrap()
    };
    assert_eq!((calls(1), calls(2)), (1, 2));
}

#[test]
fn bootstrap_rs_validates_as_many_sets_as_its_table_says() {
    let run = |sets: usize, bootstrapped: usize| {
        let numbers = BootstrapRsPlan { sets, bootstrapped, labelled: 6, ..BootstrapRsPlan::of(Strength::Reference) };
        bootstrap_rs(&numbers, |request| taught_by_itself(request, ""))
    };
    let count =
        |found: &Search| found.events.iter().filter(|event| matches!(event, Event::Decision(Decision::Iteration { .. }))).count();
    let three = run(3, 2);
    // Labelled examples, an unshuffled set, and three shuffled ones; but a set that is always right ends the search.
    assert!(count(&three) <= 5 && three.pool.stopped == StopReason::ScoreReached, "{:?}", three.pool.stopped);
    let never = |sets: usize| {
        let numbers = BootstrapRsPlan { sets, labelled: 6, ..BootstrapRsPlan::of(Strength::Reference) };
        bootstrap_rs(&numbers, world(|_| 1, |prompt, _| panic!("{prompt}")))
    };
    assert_eq!((count(&never(3)), count(&never(0)), never(0).pool.stopped), (5, 2, StopReason::TrialsDone));
    for member in &never(3).pool.members[1..] {
        let shown = &member.candidate.0[0].demonstrations;
        assert!((1..=6).contains(&shown.len()), "{}", shown.len());
    }
}

/// Runs `simba` with an engine whose answers at a temperature are right at random in half of the cases.
fn simba(numbers: &SimbaPlan, quality: fn(&str) -> usize, write: fn(&str, u64) -> String) -> Search {
    let task = Task::new();
    let plan = task.plan(&["optimize.budget=1500"]);
    let mut greedy = world(quality, write);
    let answer = move |request: &Request| {
        let prompt = &request.messages.last().unwrap().content;
        match item(prompt) {
            Some(n) if prompt.ends_with("label:") && request.decoding.temperature > 0.0 && request.seed.is_multiple_of(2) => {
                (task_answer(n, 4), Ended::Stop)
            }
            _ => greedy(request),
        }
    };
    let mut optimizer = Simba::new(plan.seed_candidate(), reflectors(), numbers.clone());
    search(&plan, &task.path("run"), &mut optimizer, answer).unwrap()
}

/// Numbers for twelve training examples.
fn few() -> SimbaPlan {
    SimbaPlan { minibatch: 6, ..SimbaPlan::of(Strength::Small) }
}

/// Writes better advice than that which the instruction has, if a question compares two tries.
fn advise(prompt: &str, seed: u64) -> String {
    let compares = prompt.contains("did badly") && prompt.contains("did well");
    let better = if compares { (good(prompt) + 1).min(4) } else { 0 };
    format!("GOOD{better} by {seed}")
}

#[test]
fn simba_climbs_by_advice_from_a_good_answer_against_a_bad_one() {
    let rules = SimbaPlan { demonstrations: 0, ..few() };
    assert_eq!(simba(&rules, good, advise).best(), 1.0);
    // Without a temperature, all answers to an example are equal, and there is nothing to compare.
    let equal = SimbaPlan { answer_temperature: 0.0, ..rules.clone() };
    assert_eq!(simba(&equal, good, advise).best(), 0.0);
    // With a single answer to each example, too.
    assert_eq!(simba(&SimbaPlan { candidates: 1, ..rules }, good, advise).best(), 0.0);
}

#[test]
fn simba_shows_its_good_answers_as_worked_examples() {
    let junk = |_: &str, seed: u64| format!("Advice {seed}.");
    let with = simba(&few(), shown, junk);
    assert!(with.best() >= 0.5, "{}", with.best());
    let most = with.pool.members.iter().map(|member| member.candidate.0[0].demonstrations.len()).max().unwrap();
    assert!((2..=5).contains(&most), "{most}");
    assert_eq!(simba(&SimbaPlan { demonstrations: 0, ..few() }, shown, junk).best(), 0.0);
}

#[test]
fn simba_makes_the_steps_of_its_table_and_validates_spread_winners() {
    let run = |steps: usize, minibatch: usize| simba(&SimbaPlan { steps, minibatch, ..few() }, |_| 1, advise);
    let minibatches = |found: &Search| {
        let of = |event: &Event| match event {
            Event::Decision(Decision::Iteration { minibatch, .. }) => Some(minibatch.len()),
            _ => None,
        };
        found.events.iter().filter_map(of).collect::<Vec<_>>()
    };
    let found = run(5, 6);
    assert_eq!((minibatches(&found), found.pool.stopped), (vec![6; 5], StopReason::TrialsDone));
    assert_eq!(minibatches(&run(2, 4)), [4; 2]);
    // Of six winners with the seed, four are validated: one more than there are draws.
    assert!((2..=4).contains(&found.pool.members.len()), "{}", found.pool.members.len());
}

/// Returns how large the share of the best program is, of the answers at a temperature and of the questions for advice.
fn shares_of_the_best(sampling_temperature: f64, candidate_temperature: f64) -> [f64; 2] {
    let task = Task::new();
    let plan = task.plan(&["optimize.budget=1500"]);
    let counts = Rc::new(RefCell::new([(0, 0); 2]));
    let count = Rc::clone(&counts);
    // One advice in three is all that is needed.
    let mut greedy = world(good, |_, seed| format!("GOOD{} by {seed}", if seed.is_multiple_of(3) { 4 } else { 0 }));
    let answer = move |request: &Request| {
        let prompt = &request.messages.last().unwrap().content;
        let is_answer = prompt.ends_with("label:");
        if !is_answer || request.decoding.temperature > 0.0 {
            let count = &mut count.borrow_mut()[usize::from(!is_answer)];
            *count = (count.0 + usize::from(chat(request).contains("GOOD4")), count.1 + 1);
        }
        if is_answer && request.decoding.temperature > 0.0 {
            return (task_answer(item(prompt).unwrap(), if request.seed.is_multiple_of(2) { 4 } else { 0 }), Ended::Stop);
        }
        greedy(request)
    };
    let numbers = SimbaPlan { sampling_temperature, candidate_temperature, demonstrations: 0, steps: 20, ..few() };
    let mut optimizer = Simba::new(plan.seed_candidate(), reflectors(), numbers);
    search(&plan, &task.path("run"), &mut optimizer, answer).unwrap();
    let [answers, questions] = *counts.borrow();
    [answers, questions].map(|(best, all)| best as f64 / f64::from(all))
}

#[test]
fn a_program_that_is_better_is_drawn_more_often_at_a_low_temperature() {
    let low = shares_of_the_best(0.05, 0.05);
    let [answers, _] = shares_of_the_best(100.0, 0.05);
    let [_, questions] = shares_of_the_best(0.05, 100.0);
    assert!(low[0] > answers && low[1] > questions, "{low:?}, {answers} and {questions}");
}

/// Runs `miprov2` and returns the search with the prompts and temperatures of its reflections.
fn miprov2(
    numbers: &Miprov2Plan,
    settings: &[&str],
    answer: impl Fn(&Request) -> (String, Ended) + 'static,
) -> (Search, Vec<(String, f32)>) {
    let task = Task::new();
    let plan = task.plan(&[&["optimize.budget=1000"], settings].concat());
    let asked = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&asked);
    let listening = move |request: &Request| {
        let prompt = &request.messages.last().unwrap().content;
        if !prompt.ends_with("label:") {
            seen.borrow_mut().push((prompt.clone(), request.decoding.temperature));
        }
        answer(request)
    };
    let mut optimizer = Miprov2::new(plan.seed_candidate(), reflectors(), numbers.clone());
    let found = search(&plan, &task.path("run"), &mut optimizer, listening).unwrap();
    (found, asked.take())
}

fn reference() -> Miprov2Plan {
    Miprov2Plan::of(Strength::Reference)
}

#[test]
fn the_teacher_of_miprov2_is_given_labelled_examples() {
    let best = |labelled: usize, bootstrapped: usize| {
        let numbers = Miprov2Plan { labelled: Some(labelled), bootstrapped, ..reference() };
        miprov2(&numbers, &[], |request| taught_by_itself(request, "")).0.best()
    };
    assert_eq!((best(4, 4), best(0, 4)), (1.0, 0.0));
    assert_eq!(best(4, 0), 0.25, "labels alone");
}

#[test]
fn the_sets_of_miprov2_fill_the_room_unless_they_have_a_number() {
    let most = |labelled: Option<usize>, tokens: u32| {
        let numbers = Miprov2Plan { labelled, ..reference() };
        let tokens = format!("optimize.max_prompt_tokens={tokens}");
        let found = miprov2(&numbers, &[&tokens], |request| world(|_| 1, |_, seed| format!("Text {seed}."))(request)).0;
        found.pool.members.iter().map(|member| member.candidate.0[0].demonstrations.len()).max().unwrap()
    };
    let (wide, narrow) = (most(None, 400), most(None, 120));
    assert!(wide > narrow && narrow > 0 && wide > 4, "{wide} and {narrow}");
    assert_eq!(most(Some(3), 400), 3);
}

#[test]
fn without_worked_examples_miprov2_tries_more_instructions() {
    let numbers = Miprov2Plan { bootstrapped: 0, labelled: Some(0), ..reference() };
    let (found, asked) = miprov2(&numbers, &[], |request| world(|_| 1, |_, seed| format!("Text {seed}."))(request));
    assert!(found.pool.members.iter().all(|member| member.candidate.0[0].demonstrations.is_empty()));
    let written: Vec<&String> =
        asked.iter().map(|(prompt, _)| prompt).filter(|prompt| prompt.contains("Write a better instruction")).collect();
    // The writer is shown what the teacher got right all the same.
    assert!(written.len() == 5 && written.iter().any(|prompt| prompt.contains("Samples of its work")), "{}", written.len());
}

#[test]
fn a_trial_of_miprov2_has_all_of_few_validation_rows() {
    let tried = |whole: usize, minibatch: usize, trials: usize| {
        let numbers = Miprov2Plan { whole, minibatch, trials: Some(trials), ..reference() };
        let found = miprov2(&numbers, &[], |request| world(|_| 1, |_, seed| format!("Text {seed}."))(request)).0;
        let of = |event: &Event| match event {
            Event::Decision(Decision::Tried { examples, .. }) => Some(*examples),
            _ => None,
        };
        (found.events.iter().filter_map(of).collect::<Vec<_>>(), found.pool.members.len(), found.pool.stopped)
    };
    let (on_minibatches, _, stopped) = tried(EXAMPLES - 1, 4, 6);
    assert_eq!((on_minibatches, stopped), (vec![4; 6], StopReason::TrialsDone));
    assert_eq!(tried(EXAMPLES - 1, 5, 3).0, [5; 3]);
    let (on_minibatches, members, _) = tried(EXAMPLES, 4, 6);
    assert!(on_minibatches.is_empty() && members > 3, "{members}");
}

#[test]
fn miprov2_validates_the_best_combination_every_few_trials() {
    let members = |validate_every: usize| {
        let numbers = Miprov2Plan { whole: 0, minibatch: 4, validate_every, trials: Some(8), ..reference() };
        miprov2(&numbers, &[], |request| world(|_| 1, |_, seed| format!("Text {seed}."))(request)).0.pool.members.len()
    };
    assert!(members(1) > members(100) && members(100) == 2, "{} and {}", members(1), members(100));
}

#[test]
fn miprov2_describes_data_program_and_modules() {
    let asked =
        |numbers: &Miprov2Plan| miprov2(numbers, &[], |request| world(|_| 1, |_, seed| format!("Text {seed}."))(request)).1;
    let count = |asked: &[(String, f32)], words: &str| asked.iter().filter(|(prompt, _)| prompt.contains(words)).count();
    let all = asked(&Miprov2Plan { summary_rows: 4, temperature: 0.5, ..reference() });
    assert_eq!(count(&all, "These are rows of a data set"), 3);
    assert_eq!(count(&all, "This was observed on other rows"), 2);
    assert_eq!((count(&all, "Sum them up"), count(&all, "what the role of")), (1, 1));
    // Of three instructions, one is the seed's.
    assert_eq!(count(&all, "Write a better instruction"), 2);
    assert_eq!(count(&all, "The role: "), 2);
    assert!(all.iter().all(|(_, temperature)| *temperature == 0.5));
    let less = asked(&Miprov2Plan {
        summary_rows: 4,
        summary_batches: 1,
        module_descriptions: false,
        instructions: Some(5),
        ..reference()
    });
    assert_eq!(count(&less, "These are rows of a data set"), 1);
    assert_eq!((count(&less, "Sum them up"), count(&less, "what the role of")), (0, 0));
    assert_eq!((count(&less, "Write a better instruction"), less[0].1), (4, 1.0));
}

#[test]
fn a_reflector_that_has_nothing_to_add_ends_the_description_of_the_data() {
    let write = |request: &Request| {
        world(
            |_| 1,
            |prompt, seed| if prompt.contains("observed on other rows") { "Complete.".into() } else { format!("T {seed}") },
        )(request)
    };
    let asked = miprov2(&Miprov2Plan { summary_rows: 1, ..reference() }, &[], write).1;
    assert_eq!(asked.iter().filter(|(prompt, _)| prompt.contains("These are rows of a data set")).count(), 6);
}

#[test]
fn the_sets_of_miprov2_are_as_many_as_its_effort_says() {
    let sets = |settings: &[&str]| {
        let task = Task::new();
        let plan = task.plan(settings);
        (plan.optimize.miprov2.sets(), plan.optimize.miprov2.instructions())
    };
    assert_eq!(sets(&[]), (6, 3));
    assert_eq!(sets(&["optimize.miprov2.effort=heavy"]), (18, 9));
    assert_eq!(sets(&["optimize.miprov2.preset=small", "optimize.miprov2.sets=7"]), (7, 4));
}

#[test]
fn miprov2_chooses_among_as_many_sets_and_instructions_as_its_table_says() {
    let chosen = |numbers: Miprov2Plan| {
        let numbers = Miprov2Plan { trials: Some(20), labelled: Some(3), ..numbers };
        let found = miprov2(&numbers, &[], |request| world(|_| 1, |_, seed| format!("Text {seed}."))(request)).0;
        let texts = || found.pool.members.iter().map(|member| &member.candidate.0[0]);
        let sets: BTreeSet<Vec<&str>> =
            texts().map(|text| text.demonstrations.iter().map(|shown| shown.id.as_str()).collect()).collect();
        (sets.len(), texts().map(|text| &text.instruction).collect::<BTreeSet<_>>().len())
    };
    assert_eq!(chosen(Miprov2Plan { sets: Some(2), instructions: Some(2), ..reference() }), (2, 2));
    let (light, medium) = (chosen(reference()), chosen(Miprov2Plan { effort: Effort::Medium, ..reference() }));
    assert!(light.0 > 2 && light.0 <= 6 && light.1 == 3, "{light:?}");
    assert!(medium.0 > 6 && medium.1 > 3 && medium.1 <= 6, "{medium:?}");
}

#[test]
fn the_numbers_of_another_optimizer_do_not_change_the_fingerprint() {
    let task = Task::new();
    let fingerprint = |settings: &[&str]| task.plan(settings).fingerprint();
    assert_eq!(fingerprint(&[]), fingerprint(&["optimize.simba.steps=3"]));
    let simba = "optimize.optimizer=simba";
    assert_ne!(fingerprint(&[simba]), fingerprint(&[simba, "optimize.simba.steps=3"]));
    assert_eq!((Method::EvopromptGa.table(), Method::Gepa.table()), (Some("evoprompt"), None));
}
