//! Whole runs through the library, with the scripted engine.

use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Task, result};
use gepard::config::Plan;
use gepard::data::split;
use gepard::engine::scripted::Scripted;
use gepard::engine::{Ended, ModelId};
use gepard::error::RunError;
use gepard::evaluate::evaluator::Evaluator;
use gepard::event::{Behind, Decision, Event, Lifecycle, Purpose, StopReason};
use gepard::hooks::Hooks;
use gepard::journal::Journal;
use gepard::optimize::methods::gepa::Gepa;
use gepard::optimize::{Optimizer, Session};
use gepard::program::PoolIndex;
use gepard::report::Summary;
use gepard::report::interval::Interval;

fn run(plan: &Plan, folder: &Path) -> Result<Summary, RunError> {
    gepard::run::optimize(plan, folder, &mut Hooks::none())
}

#[test]
fn a_run_finds_the_instruction_that_its_reflector_proposes() {
    let task = Task::new();
    let summary = run(&task.plan(&[]), &task.path("run")).unwrap();
    assert_eq!((summary.seed_score, summary.best_score), (0.0, 1.0));
    assert_eq!((summary.test_seed_score, summary.test_best_score), (Some(0.0), Some(1.0)));
    assert_eq!(summary.test_difference_95, Some(Interval { low: 1.0, high: 1.0 }));
    assert_eq!(std::fs::read_to_string(task.path("run/best/sort.txt")).unwrap(), "RULE1 RULE2\n");
    let messages = &result(&task.path("run"), "best.json")["modules"][0]["messages"];
    assert_eq!(messages[0]["content"], "RULE1 RULE2\n\ntext: {text}\nlabel:");
}

#[test]
fn the_budget_is_never_exceeded() {
    let task = Task::new();
    for budget in [12, 29, 30, 31, 47, 60, 61, 99, 150] {
        let folder = task.path(&format!("run-{budget}"));
        let summary = run(&task.plan(&[&format!("optimize.budget={budget}")]), &folder).unwrap();
        assert!(summary.rollouts <= budget, "{} of {budget}", summary.rollouts);
    }
}

#[test]
fn a_budget_that_cannot_score_the_seed_is_refused() {
    let task = Task::new();
    let error = run(&task.plan(&["optimize.budget=11"]), &task.path("run")).unwrap_err();
    assert!(matches!(&error, RunError::Plan(words) if words.contains("--budget")), "{error}");
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let task = Task::new();
    for (name, seed) in [("a", 0), ("b", 0), ("c", 1)] {
        run(&task.plan(&[&format!("optimize.seed={seed}"), "optimize.budget=80"]), &task.path(name)).unwrap();
    }
    let summary = |name: &str| result(&task.path(name), "summary.json");
    assert_eq!(summary("a"), summary("b"));
    assert_ne!(summary("a"), summary("c"));
}

#[test]
fn a_run_that_was_interrupted_after_any_event_ends_like_an_uninterrupted_one() {
    for task in [Task::new(), Task::of_a_chain()] {
        let plan = task.plan(&["optimize.budget=100"]);
        run(&plan, &task.path("whole")).unwrap();
        let whole = std::fs::read_to_string(task.path("whole/journal.jsonl")).unwrap().lines().count();
        let mut interruptions = 0;
        for stop_after in (1..200).step_by(3) {
            let folder = task.path(&format!("stopped-{stop_after}"));
            let events = Cell::new(0);
            let interrupted = AtomicBool::new(false);
            let first = gepard::run::optimize(
                &plan,
                &folder,
                &mut Hooks::new(&interrupted, |_| {
                    events.set(events.get() + 1);
                    interrupted.store(events.get() >= stop_after, Ordering::Relaxed);
                }),
            );
            interruptions += usize::from(matches!(first, Err(RunError::Interrupted)));
            run(&plan, &folder).unwrap();
            for file in ["best.json", "summary.json"] {
                assert_eq!(result(&folder, file), result(&task.path("whole"), file), "interrupted after {stop_after} events");
            }
            assert_eq!(std::fs::read_to_string(folder.join("journal.jsonl")).unwrap().lines().count(), whole);
        }
        assert!(interruptions > 20, "only {interruptions} runs were interrupted");
    }
}

#[test]
fn a_finished_run_is_extended_to_the_result_of_a_larger_budget() {
    for task in [Task::new(), Task::of_a_chain()] {
        // The smaller of these budgets ends during the rollouts before the first iteration of a chain.
        for least in [13, 50] {
            let extended = format!("extended-{least}");
            run(&task.plan(&[&format!("optimize.budget={least}")]), &task.path(&extended)).unwrap();
            let first = result(&task.path(&extended), "summary.json");
            run(&task.plan(&["optimize.budget=120"]), &task.path(&extended)).unwrap();
            run(&task.plan(&["optimize.budget=120"]), &task.path("direct")).unwrap();
            assert_ne!(result(&task.path(&extended), "summary.json"), first);
            assert_eq!(result(&task.path(&extended), "summary.json"), result(&task.path("direct"), "summary.json"));
        }
    }
}

#[test]
fn a_run_with_another_plan_is_refused_with_the_difference() {
    let task = Task::new();
    run(&task.plan(&[]), &task.path("run")).unwrap();
    let error = run(&task.plan(&["optimize.seed=1"]), &task.path("run")).unwrap_err().to_string();
    assert!(error.contains("optimize.seed: the run has 0, now it is 1"), "{error}");
    std::fs::write(task.path("script.jsonl"), r#"{"text": "x"}"#).unwrap();
    let error = run(&task.plan(&[]), &task.path("run")).unwrap_err().to_string();
    assert!(error.contains("engine.script"), "{error}");
}

#[test]
fn a_run_whose_reflector_gives_nothing_usable_reports_the_reasons() {
    let task = Task::with_reflector(&[r#"{"contains": ["Write a better instruction"], "texts": ["", "<think>hm"]}"#]);
    let summary = run(&task.plan(&[]), &task.path("run")).unwrap();
    assert_eq!(summary.best_candidate, PoolIndex::SEED);
    assert!(summary.reflections.asked > 0);
    assert_eq!(summary.reflections.unusable.get("empty"), Some(&summary.reflections.asked));
    assert!(summary.outcome.starts_with("nothing was learned: of"), "{}", summary.outcome);
}

#[test]
fn proposals_that_were_run_before_cost_nothing_and_end_the_run() {
    let same = "Given the fields `text`, produce the fields `label`.";
    let task = Task::with_reflector(&[&format!(r#"{{"contains": ["Write a better instruction"], "text": "{same}"}}"#)]);
    let summary = run(&task.plan(&["optimize.budget=10000"]), &task.path("run")).unwrap();
    assert_eq!(summary.stopped_because, StopReason::NothingLeft);
    // The seed on all validation and training examples, each once.
    assert_eq!(summary.rollouts, 24);
    assert!(summary.rollouts_reused > 0);
}

#[test]
fn the_cap_on_reflections_ends_a_run() {
    let task = Task::with_reflector(&[r#"{"contains": ["Write a better instruction"], "text": ""}"#]);
    let summary = run(&task.plan(&["optimize.max_reflections=2"]), &task.path("run")).unwrap();
    assert_eq!((summary.stopped_because, summary.reflections.asked), (StopReason::ReflectionsSpent, 2));
}

#[test]
fn the_cap_on_reflections_counts_repetitions_and_allows_part_of_an_iteration() {
    let task = Task::with_reflector(&[r#"{"contains": ["Write a better instruction"], "text": ""}"#]);
    for cap in [2, 4] {
        let plan = task.plan(&["optimize.proposals=3", &format!("optimize.max_reflections={cap}")]);
        let summary = run(&plan, &task.path(&format!("run{cap}"))).unwrap();
        assert_eq!((summary.stopped_because, summary.reflections.asked), (StopReason::ReflectionsSpent, cap));
    }
}

#[test]
fn the_journal_has_what_a_reflector_read() {
    let task = Task::new();
    run(&task.plan(&["optimize.max_reflections=2"]), &task.path("run")).unwrap();
    let journal = std::fs::read_to_string(task.path("run/journal.jsonl")).unwrap();
    let records = journal.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["record"].take());
    let reflections: Vec<_> = records.filter(|record| record["kind"] == "reflections").collect();
    assert!(!reflections.is_empty());
    for record in reflections {
        let (read, completions) = (record["read"].as_array().unwrap(), record["completions"].as_array().unwrap());
        assert_eq!(read.len(), completions.len());
        let prompts = read.iter().filter_map(|chat| chat[0]["content"].as_str());
        assert!(prompts.clone().all(|prompt| prompt.contains("produce the fields `label`")), "{:?}", prompts.collect::<Vec<_>>());
    }
}

#[test]
fn a_perfect_seed_ends_at_once() {
    let task = Task::new();
    task.edit("Given the fields `text`, produce the fields `label`.", "RULE1 RULE2");
    let summary = run(&task.plan(&[]), &task.path("run")).unwrap();
    assert_eq!((summary.stopped_because, summary.rollouts), (StopReason::SeedIsPerfect, 12));
    assert!(summary.outcome.contains("the seed scores 1"), "{}", summary.outcome);
}

#[test]
fn the_score_of_stop_at_score_ends_a_run() {
    let task = Task::new();
    let summary = run(&task.plan(&["optimize.stop_at_score=0.4"]), &task.path("run")).unwrap();
    assert_eq!((summary.stopped_because, summary.best_score), (StopReason::ScoreReached, 0.5));
    let further = run(&task.plan(&[]), &task.path("run")).unwrap();
    assert_eq!((further.stopped_because, further.best_score), (StopReason::ScoreReached, 1.0));
    assert!(further.rollouts > summary.rollouts);
}

#[test]
fn iterations_without_improvement_end_a_run() {
    let texts: Vec<String> = (0..500).map(|n| format!("\"Try {n}.\"")).collect();
    let rule = format!(r#"{{"contains": ["Write a better instruction"], "texts": [{}]}}"#, texts.join(","));
    let task = Task::with_reflector(&[&rule]);
    let mut iterations = 0;
    let plan = task.plan(&["optimize.patience=4", "optimize.budget=1000"]);
    let summary = gepard::run::optimize(
        &plan,
        &task.path("run"),
        &mut Hooks::listening(|event| {
            iterations += u64::from(matches!(event, Event::Decision(Decision::Iteration { .. })));
        }),
    );
    assert_eq!((summary.unwrap().stopped_because, iterations), (StopReason::NoImprovement, 4));
}

#[test]
fn the_rollouts_of_a_preset_follow_from_the_program_and_its_validation_set() {
    let task = Task::new();
    let mut most = None;
    let plan = task.plan(&["optimize.budget=light"]);
    let summary = gepard::run::optimize(
        &plan,
        &task.path("run"),
        &mut Hooks::listening(|event| {
            if let Event::Lifecycle(Lifecycle::Started { most_rollouts, .. }) = event {
                most = *most_rollouts;
            }
        }),
    );
    // 12 + 5 * 6 + 35 * 10 + (11 / 5 + 1) * 12
    assert_eq!(most, Some(428));
    assert!(summary.unwrap().rollouts <= 428);
}

#[test]
fn a_run_with_max_merges_and_one_module_notes_that_nothing_was_merged() {
    let task = Task::new();
    let summary = run(&task.plan(&[]), &task.path("run")).unwrap();
    assert_eq!((summary.merges, summary.notes.len()), (0, 0));
    let summary = run(&task.plan(&["optimize.max_merges=3"]), &task.path("merge")).unwrap();
    assert!(summary.notes[0].starts_with("nothing was merged"), "{:?}", summary.notes);
}

#[test]
fn a_gate_ends_early_if_the_rest_of_the_minibatch_cannot_help() {
    let task = Task::with_reflector(&[r#"{"contains": ["Write a better instruction"], "text": "Worse."}"#]);
    // 80 rows are three sub-waves. The seed is right on all but the last ten, the child on none.
    let rows: String = (0..80).map(|n| format!("{{\"id\": \"t{n}\", \"text\": \"row {n};\", \"label\": \"yes\"}}\n")).collect();
    std::fs::write(task.path("train.jsonl"), rows).unwrap();
    let known: Vec<String> =
        (0..70).map(|n| format!(r#"{{"contains": ["Given the fields", "row {n};", "label:"], "text": "yes"}}"#)).collect();
    let script = std::fs::read_to_string(task.path("script.jsonl")).unwrap();
    let (reflector, rest) = script.split_once('\n').unwrap();
    std::fs::write(task.path("script.jsonl"), [reflector, &known.join("\n"), rest].join("\n")).unwrap();
    let mut run_of = None;
    let plan = task.plan(&["optimize.minibatch=80", "optimize.budget=1000"]);
    let summary = gepard::run::optimize(
        &plan,
        &task.path("run"),
        &mut Hooks::listening(|event| {
            if let Event::Decision(Decision::Rejected { run, parent_sum, child_sum, .. }) = event {
                run_of = Some((*run, *parent_sum, *child_sum));
            }
        }),
    );
    let (run, parent_sum, child_sum) = run_of.unwrap();
    assert_eq!((run, child_sum), (32, 0.0));
    assert!(parent_sum >= 22.0);
    assert_eq!(summary.unwrap().rollouts, 12 + 80 + 32);
}

#[test]
fn the_validation_of_a_candidate_that_is_behind_is_given_up() {
    // The seed is right on all but two validation items, the child on the training items only.
    let task = Task::with_reflector(&[r#"{"contains": ["Write a better instruction"], "text": "Learned by heart."}"#]);
    let script = std::fs::read_to_string(task.path("script.jsonl")).unwrap();
    let (reflector, rest) = script.split_once('\n').unwrap();
    let label = |n: u32| if n % 2 == 1 { "odd" } else { "even" };
    let rule =
        |(word, n): (&str, u32)| format!(r#"{{"contains": ["{word}", "item number {n},"], "text": "label: {}"}}"#, label(n));
    let known = (0..12).map(|n| ("heart", n)).chain((102..112).map(|n| ("Given", n)));
    let rules: Vec<String> = known.map(rule).collect();
    std::fs::write(task.path("script.jsonl"), [reflector, &rules.join("\n"), rest].join("\n")).unwrap();

    let mut given_up = Vec::new();
    let plan = task.plan(&["optimize.gate=confident"]);
    let summary = gepard::run::optimize(
        &plan,
        &task.path("run"),
        &mut Hooks::listening(|event| {
            if let Event::Decision(Decision::ValidationGivenUp { validated, of, lead, .. }) = event {
                given_up.push((*validated, *of, *lead < -7.0));
            }
        }),
    )
    .unwrap();
    assert_eq!(given_up, [(10, 12, true)]);
    assert_eq!((summary.candidates, summary.validated_in_part, summary.best_candidate), (2, 1, PoolIndex::SEED));
    assert_eq!((summary.pool[1].validated, summary.runner_up), (10, None));
    let strict = run(&task.plan(&[]), &task.path("strict")).unwrap();
    assert_eq!((strict.pool[1].validated, strict.validated_in_part), (12, 0));
}

#[test]
fn children_with_the_same_gain_race_over_the_validation_examples() {
    // Both proposals are right on the training items. On the validation items, one is right on all, the other on half.
    let task = Task::with_reflector(&[r#"{"contains": ["Write a better instruction"], "texts": ["FAIR.", "GOOD."]}"#]);
    let script = std::fs::read_to_string(task.path("script.jsonl")).unwrap();
    let (reflector, rest) = script.split_once('\n').unwrap();
    let label = |n: u32| if n % 2 == 1 { "odd" } else { "even" };
    let rule =
        |(word, n): (&str, u32)| format!(r#"{{"contains": ["{word}", "item number {n},"], "text": "label: {}"}}"#, label(n));
    let known = (0..12).flat_map(|n| [("GOOD", n), ("FAIR", n), ("GOOD", n + 100)]).chain((100..106).map(|n| ("FAIR", n)));
    let rules: Vec<String> = known.map(rule).collect();
    std::fs::write(task.path("script.jsonl"), [reflector, &rules.join("\n"), rest].join("\n")).unwrap();

    let mut given_up = Vec::new();
    let plan = task.plan(&["optimize.gate=confident", "optimize.proposals=6", "optimize.budget=160"]);
    let summary = gepard::run::optimize(
        &plan,
        &task.path("run"),
        &mut Hooks::listening(|event| {
            if let Event::Decision(Decision::ValidationGivenUp { candidate, validated, behind, .. }) = event {
                given_up.push((candidate.0, *validated, *behind));
            }
        }),
    )
    .unwrap();
    let loser = if summary.best_candidate == PoolIndex(1) { 2 } else { 1 };
    assert_eq!((summary.candidates, summary.best_score), (3, 1.0));
    assert_eq!(given_up, [(loser, 10, Behind::Another)]);
    assert_eq!(summary.pool[loser].validated, 10);
}

#[test]
fn several_proposals_are_reflected_on_in_one_batch_and_gated_in_one_wave() {
    let task = Task::new();
    let plan = task.plan(&["optimize.proposals=4", "optimize.keep=all"]);
    let (mut evaluations, mut most, mut asked, mut batches) = (0, 0, 0, Vec::new());
    let summary = gepard::run::optimize(
        &plan,
        &task.path("run"),
        &mut Hooks::listening(|event| match event {
            Event::Lifecycle(Lifecycle::Evaluating { purpose: Purpose::Gate, fresh, .. }) => {
                evaluations += 1;
                most = most.max(*fresh);
            }
            Event::Decision(Decision::Reflecting { again: false, .. }) => asked += 1,
            Event::Lifecycle(Lifecycle::Reflected { .. }) => {
                batches.extend((asked > 0).then_some(asked));
                asked = 0;
            }
            _ => {}
        }),
    )
    .unwrap();
    assert!(evaluations > 0 && most > 3, "{evaluations} waves, of {most} rollouts at most");
    assert!(!batches.is_empty() && batches.iter().all(|asked| *asked == 4), "{batches:?}");
    assert_eq!(summary.best_score, 1.0);
}

#[test]
fn a_frontier_of_objectives_needs_a_metric_with_objectives() {
    let task = Task::new();
    let mut plan = task.plan(&[]);
    plan.optimize.frontier = gepard::config::Frontier::Hybrid;
    let error = run(&plan, &task.path("run")).unwrap_err();
    assert!(matches!(&error, RunError::Plan(words) if words.contains("names no objectives")), "{error}");
}

#[test]
fn no_validation_or_test_example_reaches_a_reflector() {
    let task = Task::new();
    run(&task.plan(&[]), &task.path("run")).unwrap();
    let journal = std::fs::read_to_string(task.path("run/journal.jsonl")).unwrap();
    let minibatches = journal.lines().filter(|line| line.contains(r#""event":"iteration""#));
    let mut count = 0;
    for line in minibatches {
        assert!(line.contains("train-") && !line.contains("val-") && !line.contains("test-"), "{line}");
        count += 1;
    }
    assert!(count > 2);
}

/// Runs a search with an engine that takes four milliseconds for each request. Returns the pool and the rollouts charged.
fn timed_run(task: &Task, plan: &Plan, run: &str) -> (gepard::optimize::Pool, u64) {
    let splits = split::load(
        &gepard::run::files(plan),
        &gepard::data::Requirements::of_fields(&["text".into(), "label".into()]),
        &["text".into()],
    )
    .unwrap();
    let (program, metric) = (gepard::run::program(plan).unwrap(), gepard::run::metric(plan).unwrap());
    let mut engine = Scripted::new(|request| {
        std::thread::sleep(std::time::Duration::from_millis(4));
        (format!("Try {}.", request.seed), Ended::Stop)
    });
    let mut journal = Journal::open(&task.path(run), &plan.fingerprint()).unwrap();
    let evaluator = Evaluator::new(&program, &*metric, &mut engine);
    let mut session = Session::new(evaluator, &splits, &plan.optimize, &mut journal, Hooks::none());
    let pool = Gepa::new(plan.seed_candidate(), vec![("task".into(), ModelId(0))]).run(&mut session).unwrap();
    (pool, session.spent().rollouts)
}

#[test]
fn a_budget_in_time_stops_between_sub_waves_and_replays_on_recorded_time() {
    let task = Task::new();
    let plan = task.plan(&["optimize.budget=1s"]);
    let started = std::time::Instant::now();
    let first = timed_run(&task, &plan, "timed");
    assert_eq!(first.0.stopped, StopReason::TimeUp);
    assert!((0.9..3.0).contains(&started.elapsed().as_secs_f64()), "{:?}", started.elapsed());
    let journal = std::fs::read(task.path("timed/journal.jsonl")).unwrap();
    assert_eq!(timed_run(&task, &plan, "timed"), first);
    assert_eq!(std::fs::read(task.path("timed/journal.jsonl")).unwrap(), journal);
    let longer = timed_run(&task, &task.plan(&["optimize.budget=2s"]), "timed");
    assert!(longer.1 > first.1, "{} and {}", first.1, longer.1);
    assert!(std::fs::read(task.path("timed/journal.jsonl")).unwrap().starts_with(&journal));
}

#[test]
fn a_budget_in_tokens_stops_at_the_same_point_after_every_interruption() {
    let task = Task::new();
    let tokens = |summary: &Summary| summary.tokens.task + summary.tokens.reflection;
    let all = run(&task.plan(&[]), &task.path("all")).unwrap();
    let most = tokens(&all) / 2;
    let plan = task.plan(&[&format!("optimize.budget={most} tokens")]);
    let whole = run(&plan, &task.path("whole")).unwrap();
    assert_eq!((whole.stopped_because, whole.rollouts < all.rollouts), (StopReason::TokensSpent, true));
    // The last sub-wave or list of reflections is finished.
    assert!((most..2 * most).contains(&tokens(&whole)), "{} of {most}", tokens(&whole));
    let results = |folder: &str| ["best.json", "summary.json"].map(|file| result(&task.path(folder), file));
    let before = results("whole");
    let journal = std::fs::read_to_string(task.path("whole/journal.jsonl")).unwrap();
    let lines: Vec<&str> = journal.lines().collect();
    for kept in 1..=lines.len() {
        let folder = task.path("killed");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("journal.jsonl"), format!("{}\n", lines[..kept].join("\n"))).unwrap();
        run(&plan, &folder).unwrap();
        assert_eq!(results("killed"), before, "after {kept} lines");
        std::fs::remove_dir_all(folder).unwrap();
    }
    let more = run(&task.plan(&[&format!("optimize.budget=150, {} tokens", 100 * most)]), &task.path("whole")).unwrap();
    assert!(more.stopped_because != StopReason::TokensSpent && more.rollouts > whole.rollouts, "{}", more.stopped_because);
    assert!(std::fs::read_to_string(task.path("whole/journal.jsonl")).unwrap().starts_with(&journal));
}

#[test]
fn two_thousand_rollouts_with_their_journal_take_less_than_a_second() {
    let task = Task::with_reflector(&[r#"{"contains": ["Write a better instruction"], "text": "replaced below"}"#]);
    // Every reflection is a new text that gains nothing, so that no rollout is reused.
    let script = std::fs::read_to_string(task.path("script.jsonl")).unwrap();
    let many: Vec<String> = (0..40_000).map(|n| format!("\"Try {n}.\"")).collect();
    let rule = format!(r#"{{"contains": ["Write a better instruction"], "texts": [{}]}}"#, many.join(","));
    let rest = script.split_once('\n').unwrap().1;
    std::fs::write(task.path("script.jsonl"), format!("{rule}\n{rest}")).unwrap();
    let rollouts = Cell::new(0);
    let plan = task.plan(&["optimize.budget=2000", "optimize.max_reflections=4000"]);
    let started = std::time::Instant::now();
    let summary = gepard::run::optimize(
        &plan,
        &task.path("run"),
        &mut Hooks::listening(|event| {
            if let Event::Lifecycle(Lifecycle::Evaluated { spent, .. }) = event {
                rollouts.set(*spent);
            }
        }),
    )
    .unwrap();
    let seconds = started.elapsed().as_secs_f64();
    assert!(summary.rollouts > 1900, "{}", summary.rollouts);
    let limit = crate::support::slowness::slowness() * crate::support::slowness::UNOPTIMIZED;
    assert!(seconds < limit, "{seconds} s for {} rollouts, at most {limit}", summary.rollouts);
}

#[test]
fn the_default_preset_finds_the_labels_in_the_data_without_a_reflector() {
    // The task model is right once its instruction names the labels. The reflector answers nothing.
    let task = Task::with_reflector(&[r#"{"contains": ["instruction for the assistant"], "text": ""}"#]);
    let rules: Vec<String> = (0..12)
        .flat_map(|n| [n, n + 100, n + 200])
        .map(|n| {
            let label = if n % 2 == 1 { "odd" } else { "even" };
            format!(r#"{{"contains": ["one of: even, odd.", "item number {n},"], "text": "{label}"}}"#)
        })
        .collect();
    std::fs::write(task.path("script.jsonl"), rules.join("\n") + "\n{\"text\": \"\"}\n").unwrap();
    task.edit("\nminibatch = 3\ngate = \"strict\"\noperators = [\"rewrite\"]\nproposals = 1\n", "\n");
    let summary = run(&task.plan(&[]), &task.path("run")).unwrap();
    assert_eq!((summary.seed_score, summary.best_score, summary.test_best_score), (0.0, 1.0, Some(1.0)));
    assert_eq!(summary.reflections.operators["format"].passed, 1);
    let best = std::fs::read_to_string(task.path("run/best/sort.txt")).unwrap();
    assert_eq!(best, "Given the fields `text`, produce the fields `label`.\nThe `label` is one of: even, odd.\n");
}
