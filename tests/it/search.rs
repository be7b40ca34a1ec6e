//! Searches with an engine that answers at random: properties that hold whatever the answers are.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::rc::Rc;

use crate::support::{EXAMPLES, Task};
use gepard::config::{Gate, Operator, Plan};
use gepard::data::split;
use gepard::engine::scripted::Scripted;
use gepard::engine::{Ended, ModelId, Request};
use gepard::evaluate::evaluator::Evaluator;
use gepard::event::{Decision, Event, Lifecycle, Purpose, StopReason};
use gepard::hooks::Hooks;
use gepard::journal::Journal;
use gepard::optimize::methods::gepa::Gepa;
use gepard::optimize::{Optimizer, Pool, Session};
use gepard::program::PoolIndex;
use proptest::prelude::*;

/// How an engine answers at random.
#[derive(Debug, Clone, Copy)]
struct RandomAnswers {
    /// Decides which answers are right.
    seed: u64,
    /// How many different instructions the reflector writes.
    instructions: u64,
    /// How many of the task model's answers are right, in percent.
    percent_right: u64,
}

/// The prompts that the engine was asked to answer.
#[derive(Debug, Default)]
struct Requests {
    /// Those of the program's last module, which is greedy.
    calls: Vec<String>,
    /// Those of the reflector.
    reflections: Vec<String>,
}

/// A hash that stands for a random number.
fn random_number(seed: u64, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, text).hash(&mut hasher);
    hasher.finish()
}

impl RandomAnswers {
    fn engine(self, requests: Rc<RefCell<Requests>>) -> Scripted {
        Scripted::new(move |request: &Request| {
            let prompt = &request.messages[0].content;
            if prompt.contains("Write a better instruction") {
                requests.borrow_mut().reflections.push(prompt.clone());
                let text = match request.seed % 8 {
                    0 => String::new(),
                    _ => format!("Instruction {}.", request.seed % self.instructions),
                };
                return (text, Ended::Stop);
            }
            if prompt.ends_with("size:") {
                requests.borrow_mut().calls.push(prompt.clone());
            }
            // Half of the items are red and large. For those, "red" and "large" are right; for the others they are wrong.
            let right = random_number(self.seed, prompt) % 100 < self.percent_right;
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
    requests: Requests,
}

fn search(task: &Task, plan: &Plan, answers: RandomAnswers, run: &str) -> Search {
    let requests = Rc::new(RefCell::new(Requests::default()));
    let found = search_with(task, plan, answers.engine(Rc::clone(&requests)), run);
    Search { requests: Rc::try_unwrap(requests).unwrap().into_inner(), ..found }
}

fn search_with(task: &Task, plan: &Plan, mut engine: Scripted, run: &str) -> Search {
    let splits =
        split::load(&gepard::run::files(plan), &gepard::data::Requirements::of_fields(&["text".into()]), &["text".into()])
            .unwrap();
    let (program, metric) = (gepard::run::program(plan).unwrap(), gepard::run::metric(plan).unwrap());
    let mut journal = Journal::open(&task.path(run), &plan.fingerprint()).unwrap();
    let evaluator = Evaluator::new(&program, &*metric, &mut engine);
    let mut events = Vec::new();
    let hooks = Hooks::listening(|event: &Event| events.push(event.clone()));
    let mut session = Session::new(evaluator, &splits, &plan.optimize, &mut journal, hooks);
    let reflectors = vec![("task".into(), ModelId(0))];
    let pool = Gepa::new(plan.seed_candidate(), reflectors).run(&mut session).unwrap();
    let rollouts = session.spent().rollouts;
    drop(session);
    Search { pool, rollouts, events, requests: Requests::default() }
}

fn choice(names: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(names)
}

prop_compose! {
    /// Any combination of the settings of a search.
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
    fn answers()(seed in any::<u64>(), instructions in 1..200_u64, percent_right in 0..101_u64) -> RandomAnswers {
        RandomAnswers { seed, instructions, percent_right }
    }
}

fn plan(task: &Task, settings: &[String]) -> Plan {
    task.plan(&settings.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The number of rollouts of the search in a run's journal.
fn journaled_rollouts(run: &Path) -> u64 {
    let journal = std::fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let rollouts = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let is_search = record["record"]["kind"] == "rollouts";
        is_search.then(|| record["record"]["rollouts"].as_array().unwrap().len() as u64)
    };
    journal.lines().filter_map(rollouts).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(debug_assertions) { 16 } else { 128 }, ..ProptestConfig::default() })]

    /// Whatever is accepted and rejected, a search ends within its budget, and no rollout is run twice.
    #[test]
    fn every_search_ends_within_its_budget(settings in settings(), answers in answers(), chain in any::<bool>()) {
        let task = if chain { Task::of_a_chain() } else { Task::of_two_modules(&[]) };
        let plan = plan(&task, &settings);
        let Search { pool, rollouts, events, requests } = search(&task, &plan, answers, "run");

        let most = plan.optimize.budget.most_rollouts(2, EXAMPLES).unwrap();
        prop_assert!(rollouts <= most, "{} of {}", rollouts, most);
        prop_assert_eq!(journaled_rollouts(&task.path("run")), rollouts, "the charged rollouts are those that were run");
        let distinct: BTreeSet<&String> = requests.calls.iter().collect();
        prop_assert_eq!(distinct.len(), requests.calls.len(), "a request that was answered was sent again");

        // Every proposal is decided: an iteration begins only if the budget holds its worst case.
        let count = |matches: fn(&Event) -> bool| events.iter().filter(|event| matches(event)).count();
        let passed = count(|e| matches!(e, Event::Decision(Decision::Passed { .. })));
        let accepted = |parents: usize| events.iter().filter(|e| matches!(e, Event::Decision(Decision::Accepted { parents: p, .. }) if p.len() == parents)).count();
        prop_assert_eq!(count(|e| matches!(e, Event::Decision(Decision::Proposed { .. }))), passed + count(|e| matches!(e, Event::Decision(Decision::Rejected { .. }))));
        prop_assert_eq!(passed, accepted(1) + count(|e| matches!(e, Event::Decision(Decision::PassedOver { .. }))));
        prop_assert_eq!(count(|e| matches!(e, Event::Decision(Decision::Merging { .. }))), accepted(2) + count(|e| matches!(e, Event::Decision(Decision::MergeRejected { .. }))));

        // Modules that change together change by the same operator.
        for event in &events {
            if let Event::Decision(Decision::Proposed { operators, .. }) = event {
                prop_assert!(operators.iter().all(|(_, operator)| *operator == operators[0].1), "{:?}", operators);
            }
        }

        // A text joins the pool at most once.
        let mut accepted_texts = BTreeSet::new();
        for event in &events {
            if let Event::Decision(Decision::Accepted { instructions, .. }) = event {
                prop_assert!(accepted_texts.insert(instructions.clone()), "{:?} twice", instructions);
            }
        }
        for (index, member) in pool.members.iter().enumerate() {
            prop_assert!(member.parents.iter().all(|&parent| parent < PoolIndex(index)));
            prop_assert_eq!(member.complete, member.validated == EXAMPLES);
            prop_assert!(member.complete || plan.optimize.gate == Gate::Confident);
        }
        prop_assert!(pool.members[pool.best()].complete);
        prop_assert!(pool.members.iter().filter(|m| m.complete).all(|m| m.mean() <= pool.members[pool.best()].mean()));
    }

    /// No text and no id of a validation or test example reaches a reflector.
    #[test]
    fn a_reflector_reads_training_examples_only(settings in settings(), answers in answers()) {
        let task = Task::of_two_modules(&[]);
        let Search { requests, .. } = search(&task, &plan(&task, &settings), answers, "run");
        for prompt in &requests.reflections {
            let has = |n: usize| prompt.contains(&format!("item number {n},"));
            prop_assert!(!(100..300).any(has) && (0..EXAMPLES).any(has), "{}", prompt);
            prop_assert!(!prompt.contains("val-") && !prompt.contains("test-"));
        }
    }
}

#[test]
fn a_search_ends_when_the_reflector_has_written_all_its_instructions() {
    let task = Task::of_two_modules(&[]);
    let plan = task.plan(&["optimize.budget=100000", "optimize.proposals=2"]);
    let answers = RandomAnswers { seed: 1, instructions: 3, percent_right: 50 };
    let Search { pool, rollouts, events, .. } = search(&task, &plan, answers, "run");
    assert_eq!(pool.stopped, StopReason::NothingLeft);
    assert!(
        matches!(events.iter().rev().find(|e| matches!(e, Event::Decision(_))), Some(Event::Decision(Decision::Idle { in_a_row, of, .. })) if in_a_row == of)
    );
    // Four texts for each of two modules make sixteen candidates, and each is run on an example once.
    assert!(rollouts <= 16 * 2 * EXAMPLES as u64, "{rollouts}");
}

#[test]
fn a_module_that_reads_another_has_demonstrations_from_the_beginning() {
    let task = Task::of_two_modules(&[]);
    let plan = |task: &Task| task.plan(&["optimize.budget=200", "optimize.operators=[\"examples\"]", "optimize.minibatch=2"]);
    let answers = RandomAnswers { seed: 2, instructions: 100, percent_right: 50 };
    let gathered = |events: &[Event]| -> Vec<usize> {
        let fresh = |event: &Event| match event {
            Event::Lifecycle(Lifecycle::Evaluating { purpose: Purpose::Bootstrap, fresh, .. }) => Some(*fresh),
            _ => None,
        };
        events.iter().filter_map(fresh).collect()
    };
    // The data has all inputs of its modules.
    assert_eq!(gathered(&search(&task, &plan(&task), answers, "run").events), Vec::<usize>::new());
    let task = Task::of_a_chain();
    let Search { events, .. } = search(&task, &plan(&task), answers, "run");
    assert_eq!(gathered(&events), [EXAMPLES / 2]);
    let shown = events.iter().find_map(|event| match event {
        Event::Decision(Decision::Proposed { demonstrations, .. }) => {
            demonstrations.iter().find(|(module, _)| module == "size").map(|(_, shown)| shown.len())
        }
        _ => None,
    });
    assert!(shown > Some(2), "{shown:?}");
}

/// The minibatches of the iterations that change the seed, and on how many of their examples it had not been run before.
fn minibatches_of_the_seed(events: &[Event]) -> Vec<(Vec<String>, usize)> {
    let mut batches = Vec::new();
    for event in events {
        match event {
            Event::Decision(Decision::Iteration { parents, minibatch, .. }) if parents == &[PoolIndex::SEED] => {
                batches.push((minibatch.clone(), 0))
            }
            Event::Lifecycle(Lifecycle::Evaluating { purpose: Purpose::Parent, fresh, .. }) if !batches.is_empty() => {
                batches.last_mut().unwrap().1 = *fresh;
            }
            _ => {}
        }
    }
    batches
}

#[test]
fn the_seeds_first_children_are_compared_on_examples_that_it_was_run_on_before() {
    let task = Task::of_a_chain();
    let settings = [
        "optimize.budget=400",
        "optimize.minibatch=2",
        "optimize.operators=[\"examples\", \"rewrite\"]",
        "optimize.candidate_selection=current-best",
    ];
    let answers = RandomAnswers { seed: 2, instructions: 100, percent_right: 50 };
    let batches = minibatches_of_the_seed(&search(&task, &task.plan(&settings), answers, "run").events);
    // The seed was run on six: the first four, the last four, and then new ones, two at a time.
    assert_eq!(batches.iter().map(|(batch, _)| batch.len()).take(3).collect::<Vec<_>>(), [4, 4, 2], "{batches:?}");
    assert_eq!(batches.iter().map(|(_, fresh)| *fresh).take(3).collect::<Vec<_>>(), [0, 0, 2], "{batches:?}");
    let distinct: BTreeSet<&String> = batches.iter().take(3).flat_map(|(batch, _)| batch).collect();
    assert_eq!(distinct.len(), 8);
    // Where the seed can answer differently each time, no rollout is reused.
    let random = task.plan(&[&settings[..], &["module.colour.temperature=0.7"]].concat());
    let batches = minibatches_of_the_seed(&search(&task, &random, answers, "random").events);
    assert!(batches.iter().all(|(batch, fresh)| batch.len() == 2 && *fresh == 2), "{batches:?}");
}

#[test]
fn a_child_without_a_gain_passes_only_on_a_minibatch_that_the_seed_was_run_on_before() {
    let task = Task::of_a_chain();
    let mut passed_without_gain = 0;
    for seed in 0..20 {
        let answers = RandomAnswers { seed, instructions: 100, percent_right: 50 };
        let plan = task.plan(&[
            "optimize.budget=400",
            "optimize.minibatch=2",
            "optimize.operators=[\"examples\", \"rewrite\"]",
            "optimize.gate=confident",
        ]);
        let events = search(&task, &plan, answers, &format!("run {seed}")).events;
        let of_seed = events.iter().filter_map(|event| match event {
            Event::Decision(Decision::Iteration { iteration, minibatch, .. }) if minibatch.len() == 4 => Some(*iteration),
            _ => None,
        });
        let of_seed = of_seed.collect::<Vec<u64>>();
        for event in &events {
            if let Event::Decision(Decision::Passed { iteration, parent_sum, child_sum, .. }) = event
                && child_sum <= parent_sum
                && *parent_sum > 0.0
            {
                assert!(of_seed.contains(iteration), "{event:?}");
                passed_without_gain += 1;
            }
        }
    }
    assert!(passed_without_gain > 0);
}

#[test]
fn an_iteration_has_as_many_proposals_as_the_budget_holds() {
    let task = Task::of_two_modules(&[]);
    let answers = RandomAnswers { seed: 2, instructions: 100, percent_right: 50 };
    let proposals = |left: usize| {
        let budget = format!("optimize.budget={}", EXAMPLES + left);
        let plan = task.plan(&[
            "optimize.proposals=3",
            "optimize.minibatch=2",
            "optimize.merge=false",
            "optimize.operators=[\"rewrite\"]",
            &budget,
        ]);
        let events = search(&task, &plan, answers, &budget).events;
        let asked = events.iter().filter_map(|event| match event {
            Event::Decision(Decision::Reflecting { iteration: 1, proposal, .. }) => Some(*proposal),
            _ => None,
        });
        asked.max()
    };
    let holds = |proposals: usize| (1 + proposals) * 2 + EXAMPLES;
    assert_eq!([holds(3), holds(3) - 1, holds(1), holds(1) - 1].map(proposals), [Some(3), Some(2), Some(1), None]);
}

#[test]
fn an_operator_that_failed_for_one_module_is_still_tried_first_for_another() {
    let task = Task::of_two_modules(&[]);
    let plan = task.plan(&["optimize.budget=200", "optimize.operators=[\"examples\", \"rewrite\"]"]);
    let answers = RandomAnswers { seed: 2, instructions: 100, percent_right: 30 };
    let Search { events, .. } = search(&task, &plan, answers, "run");
    for name in ["colour", "size"] {
        let operator = |event: &Event| match event {
            Event::Decision(Decision::Proposed { operators, .. }) => {
                operators.iter().find(|(module, _)| module == name).map(|(_, operator)| *operator)
            }
            _ => None,
        };
        assert_eq!(events.iter().find_map(operator), Some(Operator::Examples.into()), "{name}");
    }
}

/// A search in which the seed and the only rewrite are right on the same half of the items. `surer` is the log-probability of the
/// right answers after the rewrite; after the seed it is -1.
fn tied(surer: f64, run: &str, task: &Task) -> Search {
    let scores = |score: f64| serde_json::json!({ "odd": score, " odd": score, "even": score, " even": score });
    let rules = [
        serde_json::json!({ "contains": ["Write a better instruction"], "text": "```\nSURER\n```" }),
        serde_json::json!({ "contains": ["SURER", "item number"], "text": "odd", "scores": scores(surer) }),
        serde_json::json!({ "contains": ["item number"], "text": "odd", "scores": scores(-1.0) }),
    ];
    let script = task.path("script.jsonl");
    std::fs::write(&script, rules.map(|rule| rule.to_string()).join("\n")).unwrap();
    let plan =
        task.plan(&["optimize.budget=60", "optimize.proposals=1", "optimize.operators=[\"rewrite\"]", "optimize.gate=confident"]);
    search_with(task, &plan, Scripted::from_files(&[script]).unwrap(), run)
}

#[test]
fn a_tie_is_decided_by_how_likely_the_right_answers_are() {
    let task = Task::new();
    let ties = |found: &Search| {
        let tie = |event: &Event| match event {
            Event::Decision(Decision::TieBroken { parent, child, .. }) => Some((*parent, *child)),
            _ => None,
        };
        found.events.iter().filter_map(tie).collect::<Vec<_>>()
    };
    let higher = tied(-0.5, "higher", &task);
    assert_eq!((ties(&higher), higher.pool.members.len()), (vec![(-1.0, -0.5)], 2));
    // The right answers to the three examples of the minibatch are scored twice.
    assert_eq!(higher.rollouts, journaled_rollouts(&task.path("higher")) + 2 * 3);
    let lower = tied(-1.5, "lower", &task);
    assert_eq!((ties(&lower), lower.pool.members.len()), (vec![(-1.0, -1.5)], 1));
    let equal = tied(-1.0, "equal", &task);
    assert_eq!((ties(&equal), equal.pool.members.len()), (vec![], 1));
    let again = |event: &&Event| matches!(event, Event::Decision(Decision::Proposed { .. }));
    assert!(equal.events.iter().filter(again).count() > 1, "it is gated again");
    assert_eq!(tied(-0.5, "higher", &task).rollouts, higher.rollouts, "the journal answers");
}
