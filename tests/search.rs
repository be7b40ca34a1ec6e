//! Searches with an engine of chance: what holds whatever the answers are.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use gepard::config::{Gate, Plan};
use gepard::data::split;
use gepard::engine::scripted::Scripted;
use gepard::engine::{Ended, ModelId, Request};
use gepard::event::{Event, Purpose, StopReason};
use gepard::journal::Journal;
use gepard::optimize::evaluator::Evaluator;
use gepard::optimize::gepa::Gepa;
use gepard::optimize::{Optimizer, Pool, Session};
use proptest::prelude::*;
use support::{EXAMPLES, Task};

/// What an engine of chance is like.
#[derive(Debug, Clone, Copy)]
struct World {
    number: u64,
    /// How many instructions its reflector knows.
    variety: u64,
    /// How often the student is right, in percent.
    right: u64,
}

/// What was asked, beside what the search says.
#[derive(Debug, Default)]
struct Heard {
    /// What the program's last module was asked, which is greedy.
    calls: Vec<String>,
    reflections: Vec<String>,
}

fn chance(world: u64, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (world, text).hash(&mut hasher);
    hasher.finish()
}

impl World {
    fn engine(self, heard: Rc<RefCell<Heard>>) -> Scripted {
        Scripted::new(move |request: &Request| {
            let prompt = &request.messages[0].content;
            if prompt.contains("Write a better instruction") {
                heard.borrow_mut().reflections.push(prompt.clone());
                let text = match request.seed % 8 {
                    0 => String::new(),
                    _ => format!("Instruction {}.", request.seed % self.variety),
                };
                return (text, Ended::Stop);
            }
            if prompt.ends_with("size:") {
                heard.borrow_mut().calls.push(prompt.clone());
            }
            // Half of the items are red and large: whoever is right says so of them, and lies of the others.
            let right = chance(self.number, prompt) % 100 < self.right;
            let (yes, no) = if prompt.ends_with("size:") { ("large", "small") } else { ("red", "blue") };
            (if right { yes } else { no }.to_owned(), Ended::Stop)
        })
    }
}

/// A finished search.
struct Search {
    pool: Pool,
    rollouts: u64,
    events: Vec<Event>,
    heard: Heard,
}

fn search(task: &Task, plan: &Plan, world: World, run: &str) -> Search {
    let splits = split::load(&gepard::run::files(plan), &["text".into()], &["text".into()]).unwrap();
    let (program, metric) = (plan.program(Vec::new()), gepard::run::metric(plan));
    let heard = Rc::new(RefCell::new(Heard::default()));
    let mut engine = world.engine(Rc::clone(&heard));
    let mut journal = Journal::open(&task.path(run), &plan.fingerprint()).unwrap();
    let evaluator = Evaluator::new(&program, &*metric, &mut engine);
    let mut events = Vec::new();
    let (interrupted, mut listener) = (AtomicBool::new(false), |event: &Event| events.push(event.clone()));
    let mut session = Session::new(evaluator, &splits, &plan.optimize, &mut journal, &mut listener, &interrupted);
    let reflectors = vec![("task".into(), ModelId(0))];
    let pool = Gepa::new(plan.seed_candidate(), reflectors).run(&mut session).unwrap();
    let rollouts = session.spent().rollouts;
    drop(session);
    drop(engine);
    Search { pool, rollouts, events, heard: Rc::try_unwrap(heard).unwrap().into_inner() }
}

fn choice(names: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(names)
}

prop_compose! {
    /// Any combination of what a task file can choose.
    fn settings()(
        selection in choice(&["pareto", "current-best", "epsilon-greedy", "top-k-pareto"]),
        modules in choice(&["round-robin", "all", "mixed"]),
        frontier in choice(&["example", "objective", "hybrid", "cartesian"]),
        gate in choice(&["strict", "or-equal", "confident"]),
        proposals in 1..4_usize,
        parents in choice(&["same", "several"]),
        keep in choice(&["best", "all"]),
        merge in any::<bool>(),
        budget in EXAMPLES..800,
        minibatch in 1..14_usize,
        seed in 0..1000_u64,
        temperature in choice(&["0", "0", "0.7"]),
    ) -> Vec<String> {
        let mut settings = vec![
            format!("optimize.candidate_selection={selection}"),
            format!("optimize.module_selection={modules}"),
            format!("optimize.frontier={frontier}"),
            format!("optimize.gate={gate}"),
            format!("optimize.proposals={proposals}"),
            format!("optimize.merge={merge}"),
            format!("optimize.budget={budget}"),
            format!("optimize.minibatch={minibatch}"),
            format!("optimize.seed={seed}"),
            format!("module.colour.temperature={temperature}"),
        ];
        if proposals > 1 {
            settings.extend([format!("optimize.parents={parents}"), format!("optimize.keep={keep}")]);
        }
        settings
    }
}

prop_compose! {
    fn world()(number in any::<u64>(), variety in 1..200_u64, right in 0..101_u64) -> World {
        World { number, variety, right }
    }
}

fn plan(task: &Task, settings: &[String]) -> Plan {
    task.plan(&settings.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Rollouts of the search in a run's journal.
fn journaled(run: &Path) -> u64 {
    let journal = std::fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let of = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let is_search = record["record"]["kind"] == "rollouts";
        is_search.then(|| record["record"]["rollouts"].as_array().unwrap().len() as u64)
    };
    journal.lines().filter_map(of).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Any schedule of accepts and rejects comes to an end within the budget, and nothing is run twice.
    #[test]
    fn every_search_ends_within_its_budget(settings in settings(), world in world(), chain in any::<bool>()) {
        let task = if chain { Task::of_a_chain() } else { Task::of_two_modules(&[]) };
        let plan = plan(&task, &settings);
        let Search { pool, rollouts, events, heard } = search(&task, &plan, world, "run");

        let most = plan.optimize.budget.most_rollouts(2, EXAMPLES).unwrap();
        prop_assert!(rollouts <= most, "{} of {}", rollouts, most);
        prop_assert_eq!(journaled(&task.path("run")), rollouts, "what is charged is what was run");
        let distinct: BTreeSet<&String> = heard.calls.iter().collect();
        prop_assert_eq!(distinct.len(), heard.calls.len(), "what was answered is not asked again");

        // What is begun is ended: an iteration begins only if its worst case fits.
        let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
        let passed = count(|e| matches!(e, Event::Passed { .. }));
        let accepted = |parents: usize| events.iter().filter(|e| matches!(e, Event::Accepted { parents: p, .. } if p.len() == parents)).count();
        prop_assert_eq!(count(|e| matches!(e, Event::Proposed { .. })), passed + count(|e| matches!(e, Event::Rejected { .. })));
        prop_assert_eq!(passed, accepted(1) + count(|e| matches!(e, Event::PassedOver { .. })));
        prop_assert_eq!(count(|e| matches!(e, Event::Merging { .. })), accepted(2) + count(|e| matches!(e, Event::MergeRejected { .. })));

        // Modules that change together change in the same way.
        for event in &events {
            if let Event::Proposed { operators, .. } = event {
                prop_assert!(operators.iter().all(|(_, operator)| *operator == operators[0].1), "{:?}", operators);
            }
        }

        // A text is proposed once, and joins the pool at most once.
        let mut proposed = BTreeSet::new();
        for event in &events {
            if let Event::Accepted { instructions, .. } = event {
                prop_assert!(proposed.insert(instructions.clone()), "{:?} twice", instructions);
            }
        }
        for (place, member) in pool.members.iter().enumerate() {
            prop_assert!(member.parents.iter().all(|&parent| parent < place));
            prop_assert_eq!(member.complete, member.validated == EXAMPLES);
            prop_assert!(member.complete || plan.optimize.gate == Gate::Confident);
        }
        prop_assert!(pool.members[pool.best()].complete);
        prop_assert!(pool.members.iter().filter(|m| m.complete).all(|m| m.mean() <= pool.members[pool.best()].mean()));
    }

    /// No text of a validation or test example reaches a reflector, nor any of their ids.
    #[test]
    fn a_reflector_reads_training_examples_only(settings in settings(), world in world()) {
        let task = Task::of_two_modules(&[]);
        let Search { heard, .. } = search(&task, &plan(&task, &settings), world, "run");
        for prompt in &heard.reflections {
            let has = |n: usize| prompt.contains(&format!("item number {n},"));
            prop_assert!(!(100..300).any(has) && (0..EXAMPLES).any(has), "{}", prompt);
            prop_assert!(!prompt.contains("val-") && !prompt.contains("test-"));
        }
    }
}

#[test]
fn a_reflector_with_few_words_is_left_when_it_has_said_them_all() {
    let task = Task::of_two_modules(&[]);
    let plan = task.plan(&["optimize.budget=100000", "optimize.proposals=2"]);
    let world = World { number: 1, variety: 3, right: 50 };
    let Search { pool, rollouts, events, .. } = search(&task, &plan, world, "run");
    assert_eq!(pool.stopped, StopReason::NothingLeft);
    assert!(matches!(events.iter().rev().find(|e| e.is_decision()), Some(Event::Idle { in_a_row, of, .. }) if in_a_row == of));
    // Sixteen candidates can be made of four texts for each of two modules, and each is run on an example once.
    assert!(rollouts <= 16 * 2 * EXAMPLES as u64, "{rollouts}");
}

#[test]
fn a_module_that_reads_another_has_calls_to_show_from_the_beginning() {
    let task = Task::of_two_modules(&[]);
    let plan = |task: &Task| task.plan(&["optimize.budget=200", "optimize.operators=[\"examples\"]", "optimize.minibatch=2"]);
    let world = World { number: 2, variety: 100, right: 50 };
    let gathered = |events: &[Event]| -> Vec<usize> {
        let fresh = |event: &Event| match event {
            Event::Evaluating { purpose: Purpose::Bootstrap, fresh, .. } => Some(*fresh),
            _ => None,
        };
        events.iter().filter_map(fresh).collect()
    };
    // The data has all that its modules read.
    assert_eq!(gathered(&search(&task, &plan(&task), world, "run").events), Vec::<usize>::new());
    let task = Task::of_a_chain();
    let Search { events, .. } = search(&task, &plan(&task), world, "run");
    assert_eq!(gathered(&events), [EXAMPLES / 2]);
    let shown = events.iter().find_map(|event| match event {
        Event::Proposed { demonstrations, .. } => {
            demonstrations.iter().find(|(module, _)| module == "size").map(|(_, shown)| shown.len())
        }
        _ => None,
    });
    assert!(shown > Some(2), "{shown:?}");
}

#[test]
fn what_failed_in_one_module_is_still_tried_first_in_another() {
    let task = Task::of_two_modules(&[]);
    let plan = task.plan(&["optimize.budget=200", "optimize.operators=[\"examples\", \"rewrite\"]"]);
    let world = World { number: 2, variety: 100, right: 30 };
    let Search { events, .. } = search(&task, &plan, world, "run");
    for name in ["colour", "size"] {
        let of = |event: &Event| match event {
            Event::Proposed { operators, .. } => {
                operators.iter().find(|(module, _)| module == name).map(|(_, operator)| *operator)
            }
            _ => None,
        };
        assert_eq!(events.iter().find_map(of), Some("examples"), "{name}");
    }
}
