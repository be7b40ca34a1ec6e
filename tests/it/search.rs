//! Searches with an engine of chance: what holds whatever the answers are.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use crate::support::{EXAMPLES, Task};
use gepard::config::{Gate, Plan};
use gepard::data::split;
use gepard::engine::scripted::Scripted;
use gepard::engine::{Ended, ModelId, Request};
use gepard::evaluate::evaluator::Evaluator;
use gepard::event::{Event, Purpose, StopReason};
use gepard::journal::Journal;
use gepard::optimize::methods::gepa::Gepa;
use gepard::optimize::{Optimizer, Pool, Session};
use proptest::prelude::*;

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

/// The minibatches of iterations on the seed, and how many of their examples it was run on for the first time.
fn of_the_seed(events: &[Event]) -> Vec<(Vec<String>, usize)> {
    let mut batches = Vec::new();
    for event in events {
        match event {
            Event::Iteration { parents, minibatch, .. } if parents == &[0] => batches.push((minibatch.clone(), 0)),
            Event::Evaluating { purpose: Purpose::Parent, fresh, .. } if !batches.is_empty() => {
                batches.last_mut().unwrap().1 = *fresh;
            }
            _ => {}
        }
    }
    batches
}

#[test]
fn the_seeds_first_children_are_held_against_what_it_was_run_on_before() {
    let task = Task::of_a_chain();
    let settings = [
        "optimize.budget=400",
        "optimize.minibatch=2",
        "optimize.operators=[\"examples\", \"rewrite\"]",
        "optimize.candidate_selection=current-best",
    ];
    let world = World { number: 2, variety: 100, right: 50 };
    let batches = of_the_seed(&search(&task, &task.plan(&settings), world, "run").events);
    // Six were gathered: the first four, the last four, and then new ones, two at a time.
    assert_eq!(batches.iter().map(|(batch, _)| batch.len()).take(3).collect::<Vec<_>>(), [4, 4, 2], "{batches:?}");
    assert_eq!(batches.iter().map(|(_, fresh)| *fresh).take(3).collect::<Vec<_>>(), [0, 0, 2], "{batches:?}");
    let distinct: BTreeSet<&String> = batches.iter().take(3).flat_map(|(batch, _)| batch).collect();
    assert_eq!(distinct.len(), 8);
    // Where the seed would say something else each time, nothing is known of it.
    let random = task.plan(&[&settings[..], &["module.colour.temperature=0.7"]].concat());
    let batches = of_the_seed(&search(&task, &random, world, "random").events);
    assert!(batches.iter().all(|(batch, fresh)| batch.len() == 2 && *fresh == 2), "{batches:?}");
}

#[test]
fn who_is_not_plainly_worse_where_that_cost_nothing_is_validated_and_nobody_else() {
    let task = Task::of_a_chain();
    let mut lenient = 0;
    for number in 0..20 {
        let world = World { number, variety: 100, right: 50 };
        let plan = task.plan(&[
            "optimize.budget=400",
            "optimize.minibatch=2",
            "optimize.operators=[\"examples\", \"rewrite\"]",
            "optimize.gate=confident",
        ]);
        let events = search(&task, &plan, world, &format!("run {number}")).events;
        let known = events.iter().filter_map(|event| match event {
            Event::Iteration { iteration, minibatch, .. } if minibatch.len() == 4 => Some(*iteration),
            _ => None,
        });
        let known = known.collect::<Vec<u64>>();
        for event in &events {
            if let Event::Passed { iteration, parent_sum, child_sum, .. } = event
                && child_sum <= parent_sum
                && *parent_sum > 0.0
            {
                assert!(known.contains(iteration), "{event:?}");
                lenient += 1;
            }
        }
    }
    assert!(lenient > 0);
}

#[test]
fn who_is_told_more_is_shown_what_to_make_of_it() {
    let task = Task::of_a_chain();
    task.edit("outputs = [\"colour\"]", "outputs = [\"note\"]").edit("[\"text\", \"colour\"]", "[\"text\", \"note\"]");
    task.edit("{ colour = 1, size = 1 }", "{ size = 1 }");
    let plan = task.plan(&["optimize.operators=[\"advice\", \"examples\"]", "optimize.module_selection=all"]);
    let Search { events, .. } = search(&task, &plan, World { number: 2, variety: 100, right: 50 }, "run");
    let first = events.iter().find_map(|event| match event {
        Event::Proposed { operators, .. } => Some(operators.clone()),
        _ => None,
    });
    assert_eq!(first, Some(vec![("colour".to_owned(), "advice"), ("size".to_owned(), "examples")]));
}

#[test]
fn a_budget_that_holds_fewer_proposals_has_these() {
    let task = Task::of_two_modules(&[]);
    let world = World { number: 2, variety: 100, right: 50 };
    let proposals = |left: usize| {
        let budget = format!("optimize.budget={}", EXAMPLES + left);
        let plan = task.plan(&[
            "optimize.proposals=3",
            "optimize.minibatch=2",
            "optimize.merge=false",
            "optimize.operators=[\"rewrite\"]",
            &budget,
        ]);
        let events = search(&task, &plan, world, &budget).events;
        let asked = events.iter().filter_map(|event| match event {
            Event::Reflecting { iteration: 1, proposal, .. } => Some(*proposal),
            _ => None,
        });
        asked.max()
    };
    let holds = |proposals: usize| (1 + proposals) * 2 + EXAMPLES;
    assert_eq!([holds(3), holds(3) - 1, holds(1), holds(1) - 1].map(proposals), [Some(3), Some(2), Some(1), None]);
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
