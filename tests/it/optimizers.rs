//! The optimizers other than GEPA. Each is run in a world in which only its characteristic part finds the optimum. All optimizers
//! are tested for resuming after a kill and for keeping within the budget.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use crate::support::{EXAMPLES, Task};
use gepard::config::{EvopromptPlan, Method, Miprov2Plan, OproPlan, Plan, PromptbreederPlan, Strength, TextgradPlan};
use gepard::data::split;
use gepard::engine::scripted::Scripted;
use gepard::engine::{Ended, Engine, ModelId, Request, Role};
use gepard::error::RunError;
use gepard::evaluate::evaluator::Evaluator;
use gepard::event::{Decision, Event, Lifecycle, StopReason};
use gepard::hooks::Hooks;
use gepard::journal::Journal;
use gepard::optimize::methods::ape::Ape;
use gepard::optimize::methods::evoprompt::{EvoPrompt, Evolution};
use gepard::optimize::methods::miprov2::Miprov2;
use gepard::optimize::methods::opro::Opro;
use gepard::optimize::methods::promptbreeder::{Mutation, Promptbreeder};
use gepard::optimize::methods::reflexion::Reflexion;
use gepard::optimize::methods::single_prompt::{SinglePromptMethod, SinglePromptSearch};
use gepard::optimize::methods::textgrad::TextGrad;
use gepard::optimize::{self, Optimizer, Pool, Session};
use gepard::program::PoolIndex;
use proptest::prelude::*;

/// A finished search.
pub(crate) struct Search {
    pub(crate) pool: Pool,
    pub(crate) rollouts: u64,
    pub(crate) events: Vec<Event>,
}

impl Search {
    pub(crate) fn best(&self) -> f64 {
        self.pool.members[self.pool.best()].mean()
    }
}

pub(crate) fn search(
    plan: &Plan,
    folder: &Path,
    optimizer: &mut dyn Optimizer,
    answer: impl FnMut(&Request) -> (String, Ended) + 'static,
) -> Result<Search, RunError> {
    let splits =
        split::load(&gepard::run::files(plan), &gepard::data::Requirements::of_fields(&["text".into()]), &["text".into()])
            .unwrap();
    let (program, metric) = (gepard::run::program(plan).unwrap(), gepard::run::metric(plan).unwrap());
    let mut engine = Scripted::new(answer);
    let mut journal = Journal::open(folder, &plan.fingerprint()).unwrap();
    let evaluator = Evaluator::new(&program, &*metric, &mut engine);
    let mut events = Vec::new();
    let hooks = Hooks::listening(|event: &Event| events.push(event.clone()));
    let mut session = Session::new(evaluator, &splits, &plan.optimize, &mut journal, hooks);
    let pool = optimizer.run(&mut session)?;
    let rollouts = session.spent().rollouts;
    drop(session);
    Ok(Search { pool, rollouts, events })
}

/// Returns the method with a changed setting.
fn with_setting<M>(mut method: M, set: impl FnOnce(&mut M)) -> M {
    set(&mut method);
    method
}

pub(crate) fn reflectors() -> Vec<(String, ModelId)> {
    vec![("task".into(), ModelId(0))]
}

/// OPRO with a trajectory of this length, and the small numbers.
fn opro(trajectory: usize) -> Opro {
    Opro::new(OproPlan { trajectory, ..OproPlan::of(Strength::Small) })
}

/// EvoPrompt with small numbers, that begins with paraphrases and shows no demonstration.
fn evolve(evolution: Evolution) -> EvoPrompt {
    EvoPrompt::new(evolution, EvopromptPlan { label_seeds: false, worked_example: false, ..EvopromptPlan::of(Strength::Small) })
}

/// Promptbreeder with the small numbers.
fn breeder() -> Promptbreeder {
    Promptbreeder::new(&PromptbreederPlan::of(Strength::Small))
}

/// Returns the best validation score of a search for a single prompt, with the engine of [`world`].
fn best_in(method: impl SinglePromptMethod, budget: u64, quality: fn(&str) -> usize, write: fn(&str, u64) -> String) -> f64 {
    let task = Task::new();
    let plan = task.plan(&[&format!("optimize.budget={budget}")]);
    let mut optimizer = SinglePromptSearch::new(plan.seed_candidate(), reflectors(), method);
    search(&plan, &task.path("run"), &mut optimizer, world(quality, write)).unwrap().best()
}

/// An engine whose task model is right on as many quarters of the items as `quality` returns for its chat. `write` answers the
/// reflectors' prompts; it also gets the seed.
pub(crate) fn world(quality: fn(&str) -> usize, write: fn(&str, u64) -> String) -> impl FnMut(&Request) -> (String, Ended) {
    move |request| {
        let prompt = &request.messages.last().unwrap().content;
        let text = match item(prompt) {
            Some(n) if prompt.ends_with("label:") => task_answer(n, quality(&chat(request))),
            _ => write(prompt, request.seed),
        };
        (text, Ended::Stop)
    }
}

/// Returns the texts of all messages. With demonstrations, the instruction is in the first message.
pub(crate) fn chat(request: &Request) -> String {
    request.messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n")
}

/// Returns the number of the item in a prompt of the task model.
pub(crate) fn item(prompt: &str) -> Option<usize> {
    let (_, rest) = prompt.rsplit_once("item number ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Returns the task model's answer.
pub(crate) fn task_answer(item: usize, quality: usize) -> String {
    let right = item % 4 < quality;
    if (item % 2 == 1) == right { "odd".into() } else { "even".into() }
}

/// Returns the digit behind the last `word` in a text; 0 if there is none.
fn last_digit(text: &str, word: &str) -> usize {
    text.rsplit_once(word).and_then(|(_, rest)| rest.chars().next()?.to_digit(10)).map_or(0, |digit| digit as usize)
}

/// The quality of a prompt with "GOOD" and a digit.
pub(crate) fn good(prompt: &str) -> usize {
    last_digit(prompt, "GOOD")
}

/// The quality of a prompt by its demonstrations, up to four.
pub(crate) fn shown(prompt: &str) -> usize {
    prompt.matches("label:\n").count().min(4)
}

/// Returns the search of a control without a reflector, with the engine of [`world`], in which a reflector must not be asked.
fn control(method: Method, settings: &[&str]) -> Search {
    let task = Task::new();
    let plan = task.plan(settings);
    let mut optimizer = optimize::new_optimizer(method, &plan.optimize, plan.seed_candidate(), reflectors());
    search(&plan, &task.path("run"), &mut *optimizer, world(shown, |prompt, _| panic!("{prompt}"))).unwrap()
}

#[test]
fn fewshot_validates_as_many_sets_of_worked_examples_as_the_budget_holds() {
    let budget = format!("optimize.budget={}", 5 * EXAMPLES + 3);
    let found = control(Method::Fewshot, &[&budget, "optimize.stop_at_score=1"]);
    let sets: Vec<usize> = found.pool.members.iter().map(|member| member.candidate.0[0].demonstrations.len()).collect();
    assert!(sets[0] == 0 && sets[1] == EXAMPLES, "{sets:?}");
    assert!(found.pool.members[1].candidate.0[0].instruction.contains("even, odd"), "the label list");
    assert_eq!(found.best(), 1.0);
    let small = control(Method::Fewshot, &[&budget, "optimize.max_prompt_tokens=60"]);
    assert_eq!((small.pool.members.len(), small.rollouts), (5, 5 * EXAMPLES as u64), "{:?}", small.pool.stopped);
    assert_eq!(small.pool.stopped, StopReason::BudgetSpent);
}

#[test]
fn the_label_list_is_added_once() {
    let found = control(Method::LabelList, &["optimize.budget=100"]);
    let texts: Vec<&str> = found.pool.members.iter().map(|member| member.candidate.0[0].instruction.as_str()).collect();
    assert!(texts.len() == 2 && texts[1].contains("even, odd"), "{texts:?}");
    assert_eq!((found.pool.stopped, found.rollouts), (StopReason::NothingLeft, 2 * EXAMPLES as u64));
}

#[test]
fn ape_s_paraphrases_go_further_than_its_inductions() {
    let write = |prompt: &str, seed: u64| match prompt.contains("Write a variation") {
        true => format!("GOOD{} in the way {seed}", (good(prompt) + 1).min(4)),
        false => format!("GOOD1 by {seed}"),
    };
    assert_eq!(best_in(Ape::default(), 500, good, write), 1.0);
    assert!(best_in(with_setting(Ape::default(), |ape| ape.paraphrases = false), 500, good, write) <= 0.25);
}

#[test]
fn ape_gives_more_examples_to_those_that_survive() {
    let task = Task::new();
    let plan = task.plan(&["optimize.budget=200"]);
    let mut optimizer = SinglePromptSearch::new(plan.seed_candidate(), reflectors(), Ape::default());
    let write = |_: &str, seed: u64| format!("GOOD{} by {seed}", seed % 4);
    let events = search(&plan, &task.path("run"), &mut optimizer, world(good, write)).unwrap().events;
    let tried = |events: &[Event]| {
        let of = |event: &Event| match event {
            Event::Decision(Decision::Tried { iteration: 1, proposal, examples, mean, .. }) if *proposal > 0 => {
                Some((*proposal, *examples, *mean))
            }
            _ => None,
        };
        events.iter().filter_map(of).collect::<Vec<_>>()
    };
    let all = tried(&events);
    let least = all.iter().map(|(_, examples, _)| *examples).min().unwrap();
    let (first, further): (Vec<&(usize, usize, f64)>, Vec<_>) = all.iter().partition(|(_, examples, _)| *examples == least);
    assert!(first.len() > 2 && further.len() == first.len().div_ceil(2), "{all:?}");
    let survives = |proposal: usize| further.iter().any(|(other, ..)| *other == proposal);
    let worst = first.iter().filter(|(n, ..)| survives(*n)).map(|(.., mean)| *mean).fold(1.0, f64::min);
    let best = first.iter().filter(|(n, ..)| !survives(*n)).map(|(.., mean)| *mean).fold(0.0, f64::max);
    assert!(worst >= best && worst > 0.0, "{all:?}");
}

#[test]
fn opro_climbs_by_its_trajectory() {
    // The reflector improves the last instruction that it reads, so the best must stand last.
    let write = |prompt: &str, seed: u64| format!("GOOD{} by {seed}", (good(prompt) + 1).min(4));
    assert_eq!(best_in(opro(20), 500, good, write), 1.0);
    assert!(best_in(opro(0), 500, good, write) <= 0.25);
}

#[test]
fn a_genetic_algorithm_climbs_by_its_survivors() {
    // A child is one better than the worse of its parents.
    let write = |prompt: &str, seed: u64| match prompt.contains("First make one instruction of them") {
        true => {
            let of = prompt.split("GOOD").skip(1).filter_map(|rest| rest.chars().next()?.to_digit(10));
            let of: Vec<u32> = of.collect();
            let worse = if of.len() < 2 { 0 } else { of.iter().copied().min().unwrap_or(0) };
            format!("GOOD{} of {seed}", (worse + 1).min(4))
        }
        false => format!("GOOD1 of {seed}"),
    };
    let evolving = evolve(Evolution::Genetic);
    let (by_the_best, by_the_first) =
        (best_in(evolving.clone(), 800, good, write), best_in(with_setting(evolving, |of| of.selects = false), 800, good, write));
    assert!(by_the_best > by_the_first, "{by_the_best} and {by_the_first}");
}

#[test]
fn a_genetic_algorithm_finds_what_two_parents_have_between_them() {
    let quality = |prompt: &str| match (prompt.contains("LEFT"), prompt.contains("RIGHT")) {
        (true, true) => 4,
        (false, false) => 0,
        _ => 1,
    };
    let write = |prompt: &str, seed: u64| match prompt.contains("First make one instruction of them") {
        true => {
            let has = |word: &'static str| if prompt.contains(word) { word } else { "" };
            format!("{} {} of {seed}", has("LEFT"), has("RIGHT"))
        }
        false => format!("{} of {seed}", if seed.is_multiple_of(2) { "LEFT" } else { "RIGHT" }),
    };
    let evolving = evolve(Evolution::Genetic);
    assert_eq!(best_in(evolving.clone(), 500, quality, write), 1.0);
    assert!(best_in(with_setting(evolving, |evolve| evolve.mixes = false), 500, quality, write) <= 0.25);
}

#[test]
fn differential_evolution_finds_what_a_difference_shows() {
    let quality = |prompt: &str| if prompt.contains("KEY") { 4 } else { 1 };
    // The reflector finds the key if the pair has LEFT in one instruction and RIGHT in the other.
    let write = |prompt: &str, seed: u64| {
        let part = |n: &str| prompt.split_once(n).and_then(|(_, rest)| rest.split("```").nth(1)).unwrap_or("").to_owned();
        let (one, two) = (part("Instruction 1:"), part("Instruction 2:"));
        let differ = (one.contains("LEFT") && two.contains("RIGHT")) || (one.contains("RIGHT") && two.contains("LEFT"));
        match differ {
            true => format!("KEY of {seed}"),
            false => format!("{} of {seed}", if seed.is_multiple_of(2) { "LEFT" } else { "RIGHT" }),
        }
    };
    let evolving = evolve(Evolution::Differential);
    assert_eq!(best_in(evolving.clone(), 500, quality, write), 1.0);
    assert!(best_in(with_setting(evolving, |evolve| evolve.mixes = false), 500, quality, write) <= 0.25);
}

#[test]
fn promptbreeder_climbs_by_its_tournaments() {
    let breeding = with_setting(breeder(), |breeder| {
        breeder.mutations = vec![Mutation::FirstOrder];
        (breeder.crossover, breeder.max_demonstrations) = (0.0, 0);
    });
    // One child in three is better than its parent by one; the others are worse by one.
    let write = |prompt: &str, seed: u64| {
        let better = if seed.is_multiple_of(3) { (good(prompt) + 1).min(4) } else { good(prompt).saturating_sub(1) };
        format!("GOOD{better} by {seed}")
    };
    assert_eq!(best_in(breeding.clone(), 700, good, write), 1.0);
    assert!(best_in(with_setting(breeding, |breeder| breeder.selects = false), 700, good, write) <= 0.75);
}

/// Recognises the mutation operator of a prompt.
fn mutation_of(prompt: &str) -> Option<Mutation> {
    let has = |words: &str| prompt.contains(words);
    Some(match () {
        () if has("Think of ten hints") => Mutation::ZeroOrder,
        () if has("in no order") => Mutation::Distribution,
        () if has("the best last") => Mutation::RankedDistribution,
        () if has("the later the better") => Mutation::Lineage,
        () if has("worked out these right answers") => Mutation::Lamarckian,
        () if has("CREATED") => Mutation::ZeroOrderHyper,
        () if has("IMPROVED") => Mutation::FirstOrderHyper,
        () if !has("The task:") && has("The instruction:") => Mutation::FirstOrder,
        () => return None,
    })
}

/// A reflector that finds the key if it is asked by one particular mutation operator.
fn answer_with_key<const KEY: usize>(prompt: &str, seed: u64) -> String {
    if prompt.contains("Write one sentence that tells a writer") {
        return format!("CREATED {seed}");
    }
    if prompt.contains("Sum it up and make it better") {
        return format!("IMPROVED {seed}");
    }
    let by = mutation_of(prompt);
    if by == Some(Mutation::ALL[KEY]) { format!("KEY {seed}") } else { format!("Another {seed}") }
}

fn find_key_by_mutation<const KEY: usize>() {
    let quality = |prompt: &str| if prompt.contains("KEY") { 4 } else { 2 };
    let key = Mutation::ALL[KEY];
    let with = with_setting(breeder(), |breeder| breeder.mutations = vec![key, Mutation::FirstOrder]);
    let others: Vec<Mutation> = Mutation::ALL.into_iter().filter(|other| *other != key).collect();
    let without = with_setting(breeder(), |breeder| breeder.mutations = others);
    assert_eq!(best_in(with, 700, quality, answer_with_key::<KEY>), 1.0, "{key:?}");
    assert!(best_in(without, 700, quality, answer_with_key::<KEY>) <= 0.5, "without {key:?}");
}

#[test]
fn each_mutation_of_promptbreeder_finds_what_it_alone_can() {
    find_key_by_mutation::<0>();
    find_key_by_mutation::<1>();
    find_key_by_mutation::<2>();
    find_key_by_mutation::<3>();
    find_key_by_mutation::<4>();
    find_key_by_mutation::<5>();
    find_key_by_mutation::<6>();
    find_key_by_mutation::<7>();
}

#[test]
fn promptbreeder_s_units_are_shown_what_they_got_right() {
    // No instruction helps; three demonstrations do, each by a quarter.
    let quality = |chat: &str| chat.matches("label:").count();
    let write = |_: &str, seed: u64| format!("Another {seed}");
    assert_eq!(best_in(breeder(), 700, quality, write), 1.0);
    assert_eq!(best_in(with_setting(breeder(), |breeder| breeder.max_demonstrations = 0), 700, quality, write), 0.25);
}

#[test]
fn reflexion_solves_with_two_reflections_what_one_cannot() {
    let trials = |memory: usize| {
        let task = Task::new();
        let plan = task.plan(&["optimize.budget=100"]);
        let mut optimizer =
            with_setting(Reflexion::new(plan.seed_candidate(), reflectors()), |reflexion| reflexion.memory = memory);
        let quality = |prompt: &str| if prompt.contains("FIRST") && prompt.contains("SECOND") { 4 } else { 0 };
        let write = |prompt: &str, _| if prompt.contains("FIRST") { "SECOND".into() } else { "FIRST".into() };
        let Search { pool, events, .. } = search(&plan, &task.path("run"), &mut optimizer, world(quality, write)).unwrap();
        assert_eq!((pool.members.len(), pool.stopped), (1, StopReason::TrialsDone), "the program stays as it is");
        let mean = |event: &Event| if let Event::Decision(Decision::Attempted { mean, .. }) = event { Some(*mean) } else { None };
        events.iter().filter_map(mean).collect::<Vec<_>>()
    };
    assert_eq!(trials(3), [0.0, 0.0, 1.0]);
    assert_eq!(trials(1), [0.0; 4]);
}

/// A program whose second module reads what the first wrote, and nothing else.
fn chain() -> Task {
    let task = Task::new();
    task.edit(
        "name = \"sort\"\ninputs = [\"text\"]\noutputs = [\"label\"]\ninstruction = \"Given the fields `text`, produce the fields `label`.\"",
        "name = \"note\"\ninputs = [\"text\"]\noutputs = [\"note\"]\ninstruction = \"Take a note.\"\nmax_tokens = 8\n\n[[module]]\n\
         name = \"sort\"\ninputs = [\"note\"]\noutputs = [\"label\"]\ninstruction = \"Sort the note.\"",
    );
    task
}

fn chained(request: &Request) -> (String, Ended) {
    let prompt = &request.messages.last().unwrap().content;
    let text = match () {
        () if prompt.ends_with("note:") => match (prompt.contains("KEEP"), item(prompt)) {
            (true, Some(n)) => format!("item number {n}"),
            _ => "something".into(),
        },
        () if prompt.ends_with("label:") => item(prompt).map_or("unknown".into(), |n| task_answer(n, 4)),
        () if prompt.contains("should have been different in `note`") => "It LACKS the number.".into(),
        () if prompt.contains("how the instruction led to this") && prompt.contains("LACKS") => "Say to KEEP the number.".into(),
        () if prompt.contains("answers the criticism") && prompt.contains("KEEP") => "KEEP the number of the item.".into(),
        () if prompt.contains("answers the criticism") => format!("Sort it well, {}.", request.seed % 1000),
        () => "It is wrong.".into(),
    };
    (text, Ended::Stop)
}

#[test]
fn textgrad_carries_criticism_back_to_the_module_at_fault() {
    let run = |carries_back: bool| {
        let task = chain();
        let plan = task.plan(&["optimize.budget=200"]);
        let mut optimizer = TextGrad::new(plan.seed_candidate(), reflectors(), TextgradPlan::of(Strength::Small));
        optimizer.carries_back = carries_back;
        search(&plan, &task.path("run"), &mut optimizer, chained).unwrap()
    };
    let found = run(true);
    assert_eq!(found.best(), 1.0);
    assert!(found.pool.members[found.pool.best()].candidate.0[0].instruction.starts_with("KEEP"));
    assert_eq!(run(false).best(), 0.0);
}

#[test]
fn textgrad_drops_an_update_that_lowers_the_validation_score() {
    let task = Task::new();
    let plan = task.plan(&["optimize.budget=150"]);
    let quality = |prompt: &str| if prompt.contains("Given the fields") { 2 } else { 1 };
    let mut optimizer = TextGrad::new(plan.seed_candidate(), reflectors(), TextgradPlan::of(Strength::Small));
    let write = |_: &str, seed: u64| format!("Worse, {seed}.");
    let Search { pool, events, .. } = search(&plan, &task.path("run"), &mut optimizer, world(quality, write)).unwrap();
    let rejected = events.iter().filter(|event| matches!(event, Event::Decision(Decision::Rejected { .. }))).count();
    assert_eq!(pool.members.len(), 1);
    assert!(rejected > 2, "{rejected}");
}

#[test]
fn miprov2_learns_from_its_own_correct_calls() {
    let run = |bootstraps: bool, patience: u64| {
        let task = Task::new();
        let plan = task.plan(&["optimize.budget=300", &format!("optimize.patience={patience}")]);
        let small = Miprov2Plan::of(Strength::Small);
        let numbers = Miprov2Plan { bootstrapped: if bootstraps { small.bootstrapped } else { 0 }, ..small };
        let mut optimizer = Miprov2::new(plan.seed_candidate(), reflectors(), numbers);
        // The task model is always right if it is shown an answer in its own form. The labels of the data do not help it.
        let answer = |request: &Request| {
            let prompt = &request.messages.last().unwrap().content;
            let own = request.messages.iter().any(|m| m.role == Role::Assistant && m.content.starts_with("label: "));
            match item(prompt) {
                Some(n) if prompt.ends_with("label:") => {
                    (format!("label: {}", task_answer(n, if own { 4 } else { 1 })), Ended::Stop)
                }
                _ => (String::new(), Ended::Stop),
            }
        };
        search(&plan, &task.path("run"), &mut optimizer, answer).unwrap().best()
    };
    assert_eq!(run(true, 1000), 1.0);
    assert_eq!(run(false, 1000), 0.25);
    // The best combination of the trials is validated before patience ends the run.
    assert_eq!(run(true, 3), 1.0);
}

#[test]
fn random_reflects_on_the_seed_alone() {
    let task = Task::new();
    let plan = task.plan(&["optimize.budget=150"]);
    let asked = Rc::new(RefCell::new(0));
    let count = Rc::clone(&asked);
    let mut answer = world(good, |_, seed| format!("GOOD{} by {seed}", seed % 3));
    let mut optimizer = optimize::new_optimizer(Method::Random, &plan.optimize, plan.seed_candidate(), reflectors());
    let counted = move |request: &Request| {
        let prompt = &request.messages[0].content;
        if !prompt.ends_with("label:") {
            *count.borrow_mut() += 1;
            assert!(prompt.contains("Given the fields `text`") && !prompt.contains("GOOD"), "{prompt}");
        }
        answer(request)
    };
    let found = search(&plan, &task.path("run"), &mut *optimizer, counted).unwrap();
    assert!(found.pool.members.len() > 3 && found.pool.members[1..].iter().all(|member| member.parents == [PoolIndex::SEED]));
    assert_eq!((found.best(), *asked.borrow() + 1), (0.5, found.pool.members.len()));
}

/// An engine with random answers that are right in `right` of 100 cases. `read` gets the prompts of the reflectors.
fn random_engine(right: u64, read: Rc<RefCell<Vec<String>>>) -> impl FnMut(&Request) -> (String, Ended) {
    move |request| {
        let prompt = &request.messages.last().unwrap().content;
        let is_of = |field: &str| prompt.ends_with(&format!("{field}:"));
        if is_of("colour") || is_of("size") || is_of("label") {
            let sum =
                request.messages.iter().flat_map(|m| m.content.bytes()).fold(7_u64, |sum, b| sum.wrapping_mul(31) + u64::from(b));
            let is_right = sum % 100 < right;
            let (yes, no) = match () {
                () if is_of("size") => ("large", "small"),
                () if is_of("label") => ("odd", "even"),
                () => ("red", "blue"),
            };
            return (if is_right { yes } else { no }.to_owned(), Ended::Stop);
        }
        read.borrow_mut().push(prompt.clone());
        let text = match request.seed % 8 {
            0 => String::new(),
            _ => format!("Instruction {}.", request.seed % 40),
        };
        (text, Ended::Stop)
    }
}

fn decisions(search: &Search) -> Vec<&Event> {
    search.events.iter().filter(|event| matches!(event, Event::Decision(_))).collect()
}

/// Returns a record of the journal without times.
fn without_times(line: &str) -> serde_json::Value {
    fn strip(value: &mut serde_json::Value) {
        if let Some(map) = value.as_object_mut() {
            map.retain(|key, value| {
                !["seconds", "elapsed", "engine", "judge", "metric"].contains(&key.as_str()) || !value.is_number()
            });
            map.values_mut().for_each(strip);
        }
        value.as_array_mut().into_iter().flatten().for_each(strip);
    }
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let mut record = line["record"].clone();
    strip(&mut record);
    record
}

#[test]
fn a_run_that_was_killed_anywhere_ends_like_an_undisturbed_one() {
    for &method in Method::ALL {
        let task = Task::of_two_modules(&[]);
        let plan = task.plan(&["optimize.budget=160"]);
        let run = |folder: &Path| {
            let mut optimizer = optimize::new_optimizer(method, &plan.optimize, plan.seed_candidate(), reflectors());
            search(&plan, folder, &mut *optimizer, random_engine(50, Rc::default())).unwrap()
        };
        let whole = run(&task.path("whole"));
        let journal = std::fs::read_to_string(task.path("whole/journal.jsonl")).unwrap();
        let lines: Vec<&str> = journal.lines().collect();
        assert!(lines.len() > 6, "{method:?}: {} lines", lines.len());
        for kept in (1..lines.len()).step_by((lines.len() / 9).max(1)) {
            let folder = task.path(&format!("killed-{kept}"));
            std::fs::create_dir_all(&folder).unwrap();
            // The kill came while a line was written.
            let torn = &lines[kept][..lines[kept].len() / 2];
            std::fs::write(folder.join("journal.jsonl"), format!("{}\n{torn}", lines[..kept].join("\n"))).unwrap();
            let again = run(&folder);
            assert_eq!((&again.pool, again.rollouts), (&whole.pool, whole.rollouts), "{method:?} after {kept} lines");
            assert_eq!(decisions(&again), decisions(&whole), "{method:?} after {kept} lines");
            // All records are the same, with the tokens of each step: the caches had the same content.
            let resumed = std::fs::read_to_string(folder.join("journal.jsonl")).unwrap();
            let records = |journal: &str| journal.lines().map(without_times).collect::<Vec<_>>();
            assert_eq!(records(&resumed), records(&journal), "{method:?} after {kept} lines");
        }
    }
}

/// Returns the tokens that a search has spent.
fn tokens(search: &Search) -> u64 {
    let spent = |event: &Event| match event {
        Event::Lifecycle(Lifecycle::Evaluated { tokens, .. } | Lifecycle::Reflected { tokens, .. }) => Some(*tokens),
        _ => None,
    };
    search.events.iter().rev().find_map(spent).unwrap()
}

#[test]
fn every_method_stops_when_the_tokens_are_spent_and_goes_on_when_there_are_more() {
    // Half of what `label-list` spends is the validation of the seed.
    for &method in Method::ALL.iter().filter(|method| **method != Method::LabelList) {
        let task = Task::of_two_modules(&[]);
        let run = |budget: &str, folder: &str| {
            let plan = task.plan(&[&format!("optimize.budget={budget}")]);
            let mut optimizer = optimize::new_optimizer(method, &plan.optimize, plan.seed_candidate(), reflectors());
            search(&plan, &task.path(folder), &mut *optimizer, random_engine(50, Rc::default())).unwrap()
        };
        let most = tokens(&run("160", "all")) / 2;
        let budget = format!("{most} tokens");
        let whole = run(&budget, "whole");
        assert_eq!(whole.pool.stopped, StopReason::TokensSpent, "{method:?}");
        let journal = std::fs::read_to_string(task.path("whole/journal.jsonl")).unwrap();
        let lines: Vec<&str> = journal.lines().collect();
        for kept in [1, lines.len() / 2, lines.len() - 1] {
            let folder = format!("killed-{kept}");
            std::fs::create_dir_all(task.path(&folder)).unwrap();
            let kept = format!("{}\n", lines[..kept].join("\n"));
            std::fs::write(task.path(&folder).join("journal.jsonl"), kept).unwrap();
            let again = run(&budget, &folder);
            assert_eq!(
                (&again.pool, again.rollouts, tokens(&again)),
                (&whole.pool, whole.rollouts, tokens(&whole)),
                "{method:?}"
            );
            assert_eq!(decisions(&again), decisions(&whole), "{method:?}");
        }
        let more = run(&format!("160, {} tokens", 100 * most), "whole");
        assert!(more.pool.stopped != StopReason::TokensSpent && more.rollouts >= whole.rollouts, "{method:?}");
        assert!(std::fs::read_to_string(task.path("whole/journal.jsonl")).unwrap().starts_with(&journal), "{method:?}");
    }
}

/// If the stop file appears while the last candidates are written, it is the stop reason, and the same command goes on.
#[test]
fn a_stop_file_is_seen_at_the_end_of_a_budget_too() {
    let task = Task::new();
    let plan = task.plan(&["optimize.budget=60", "optimize.optimizer=opro"]);
    let stop = task.path("run/stop");
    let touched = stop.clone();
    let mut writes = random_engine(50, Rc::default());
    let stops = move |request: &Request| {
        if request.decoding.max_tokens > 100 {
            std::fs::write(&touched, "").unwrap();
        }
        writes(request)
    };
    let mut optimizer = optimize::new_optimizer(Method::Opro, &plan.optimize, plan.seed_candidate(), reflectors());
    let found = search(&plan, &task.path("run"), &mut *optimizer, stops).unwrap();
    assert_eq!(found.pool.stopped, StopReason::StopFile);
    std::fs::remove_file(&stop).unwrap();
    let mut optimizer = optimize::new_optimizer(Method::Opro, &plan.optimize, plan.seed_candidate(), reflectors());
    let found = search(&plan, &task.path("run"), &mut *optimizer, random_engine(50, Rc::default())).unwrap();
    assert_eq!(found.pool.stopped, StopReason::BudgetSpent);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(debug_assertions) { 20 } else { 200 }, ..ProptestConfig::default() })]

    /// A run goes on under other limits, larger or smaller. With the same limits, nothing changes.
    #[test]
    fn a_finished_run_goes_on_under_other_limits(
        method in prop::sample::select(Method::ALL.to_vec()),
        budgets in prop::collection::vec(12..300_u64, 2..4),
        patience in prop::collection::vec(1..20_u64, 4),
        preset in prop::sample::select(vec!["default", "paper"]),
        seed in 0..1000_u64,
        right in 0..101_u64,
        two in any::<bool>(),
    ) {
        let task = if two { Task::of_two_modules(&[]) } else { Task::new() };
        let folder = task.path("run");
        let under = |budget: u64, patience: u64| {
            let settings = [
                format!("optimize.budget={budget}"),
                format!("optimize.preset={preset}"),
                format!("optimize.seed={seed}"),
                format!("optimize.patience={patience}"),
            ];
            let plan = task.plan(&settings.each_ref().map(String::as_str));
            let mut optimizer = optimize::new_optimizer(method, &plan.optimize, plan.seed_candidate(), reflectors());
            search(&plan, &folder, &mut *optimizer, random_engine(right, Rc::default()))
        };
        let mut before = (0, 0);
        for (&budget, &patience) in budgets.iter().zip(&patience) {
            let found = under(budget, patience).unwrap();
            prop_assert!(found.rollouts >= before.0 && found.pool.members.len() >= before.1, "{:?}", method);
            prop_assert!(found.rollouts <= budget.max(before.0), "{:?}: {} of {}", method, found.rollouts, budget);
            before = (found.rollouts, found.pool.members.len());
            let journal = std::fs::read(folder.join("journal.jsonl")).unwrap();
            let again = under(budget, patience).unwrap();
            prop_assert_eq!((again.rollouts, &again.pool.members), (found.rollouts, &found.pool.members), "{:?}", method);
            prop_assert_eq!(std::fs::read(folder.join("journal.jsonl")).unwrap(), journal);
        }
    }

    /// No budget is exceeded, and no reflector reads a validation or test example.
    #[test]
    fn budgets_hold_and_held_out_examples_are_held_out(
        method in prop::sample::select(Method::ALL.to_vec()),
        budget in 1..200_u64,
        seed in 0..1000_u64,
        right in 0..101_u64,
        two in any::<bool>(),
        temperature in prop::sample::select(vec!["0", "0.7"]),
    ) {
        let task = if two { Task::of_two_modules(&[]) } else { Task::new() };
        let module = if two { "colour" } else { "sort" };
        let settings =
            [format!("optimize.budget={budget}"), format!("optimize.seed={seed}"), format!("module.{module}.temperature={temperature}")];
        let plan = task.plan(&settings.each_ref().map(String::as_str));
        let read = Rc::new(RefCell::new(Vec::new()));
        let mut optimizer = optimize::new_optimizer(method, &plan.optimize, plan.seed_candidate(), reflectors());
        match search(&plan, &task.path("run"), &mut *optimizer, random_engine(right, Rc::clone(&read))) {
            Ok(found) => {
                prop_assert!(found.rollouts <= budget, "{:?}: {} of {}", method, found.rollouts, budget);
                prop_assert!(found.pool.members[found.pool.best()].complete);
            }
            Err(error) => prop_assert!(budget < EXAMPLES as u64, "{:?} with {}: {}", method, budget, error),
        }
        for prompt in read.borrow().iter() {
            prop_assert!(!(100..300).any(|n| prompt.contains(&format!("item number {n},"))), "{:?}: {}", method, prompt);
        }
    }
}

/// Every accepted candidate keeps within `max_prompt_tokens`. Only a text of the seed's may be longer.
#[test]
fn no_candidate_but_the_seed_has_a_text_longer_than_the_limit() {
    for &method in Method::ALL {
        let (mut children, mut too_long) = (0, 0);
        // The seed has 8 words for one module, and 3 for each of two: with a limit of 6, it is too long for one.
        for (two, most) in [(false, 6), (false, 25), (true, 12)] {
            let task = if two { Task::of_two_modules(&[]) } else { Task::new() };
            let plan = task.plan(&[
                "optimize.budget=100",
                "optimize.proposals=3",
                "optimize.gate=or-equal",
                "optimize.operators=[\"format\", \"examples\", \"reason\", \"rule\", \"rewrite\", \"drop\", \"shorten\"]",
                &format!("optimize.max_prompt_tokens={most}"),
            ]);
            let mut answer = random_engine(60, Rc::default());
            let wordy = move |request: &Request| {
                let (text, ended) = answer(request);
                let sentences = "Be exact with it. ".repeat(request.seed as usize % 9);
                (if text.starts_with("Instruction") { format!("{sentences}{text}") } else { text }, ended)
            };
            let mut optimizer = optimize::new_optimizer(method, &plan.optimize, plan.seed_candidate(), reflectors());
            let found = search(&plan, &task.path("run"), &mut *optimizer, wordy).unwrap();
            let words = |text: &str| Scripted::new(|_| (String::new(), Ended::Stop)).count_tokens(ModelId(0), text);
            for member in &found.pool.members[1..] {
                for (text, seed) in member.candidate.0.iter().zip(&plan.seed_candidate().0) {
                    assert!(text == seed || text.tokens(&words) <= most, "{method:?} with {most}: {text:?}");
                }
            }
            children += found.pool.members.len() - 1;
            let unusable = |event: &Event| match event {
                Event::Decision(Decision::Unusable { reason, .. }) => Some(reason.text()),
                _ => None,
            };
            too_long += found.events.iter().filter_map(unusable).filter(|reason| *reason == "too long").count();
        }
        // Reflexion makes no candidates, and the controls none that does not fit.
        // All answers to an input are the same here, so that `simba` finds none to compare.
        let asks_no_reflector = matches!(method, Method::Fewshot | Method::LabelList | Method::BootstrapRs | Method::Simba);
        assert!(
            method == Method::Reflexion || asks_no_reflector || (children > 1 && too_long > 0),
            "{method:?}: {children}, {too_long}"
        );
    }
}

#[test]
fn a_single_prompt_method_logs_which_module_it_changes() {
    for &method in Method::ALL.iter().filter(|method| method.is_for_one_prompt() && **method != Method::Random) {
        let task = Task::of_two_modules(&[]);
        let plan = task.plan(&["optimize.budget=300"]);
        let mut optimizer = optimize::new_optimizer(method, &plan.optimize, plan.seed_candidate(), reflectors());
        let found = search(&plan, &task.path("run"), &mut *optimizer, random_engine(50, Rc::default())).unwrap();
        let mut turn = String::new();
        let mut turns = Vec::new();
        for event in &found.events {
            match event {
                Event::Decision(Decision::Turn { module, .. }) => {
                    turn = module.clone();
                    turns.push(module.clone());
                }
                Event::Decision(Decision::Proposed { operators, .. }) => {
                    assert!(operators.iter().all(|(module, _)| *module == turn), "{method:?}")
                }
                _ => {}
            }
        }
        assert_eq!(turns, ["colour", "size"], "{method:?}");
    }
}
