//! Compares the gates: the same searches under the same budget with each of them, on simulated tasks.
//! `cargo bench --bench gates` prints the table of docs/measurements/gates.md.
//!
//! A candidate has an ability and an example a difficulty. An answer is right if the ability exceeds the difficulty by a
//! random amount, which on two thirds of the examples is the same for a child as for its parent. Children are a little
//! worse than their parents on average, as the rewrites of small models are.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "../tests/it/support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use gepard::data::split;
use gepard::engine::scripted::Scripted;
use gepard::engine::{Ended, ModelId, Request};
use gepard::evaluate::evaluator::Evaluator;
use gepard::hooks::Hooks;
use gepard::journal::Journal;
use gepard::optimize::methods::gepa::Gepa;
use gepard::optimize::{Optimizer, Session};
use support::Task;

const SEEDS: u64 = 200;
const FRESH: u64 = 4000;
const TRAIN: u64 = 100;

/// The ability and the parent of each candidate of one search.
#[derive(Debug, Default)]
struct Family(BTreeMap<u64, (f64, Option<u64>)>);

/// Returns a number from 0 to 1 that depends only on `parts`.
fn uniform(parts: &[u64]) -> f64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    (hasher.finish() % 1_000_003) as f64 / 1_000_003.0
}

/// Returns a normally distributed number that depends only on `parts` (Box and Muller 1958).
fn normal(parts: &[u64]) -> f64 {
    let number = |n| uniform(&[parts, &[n]].concat()).max(1e-9);
    (-2.0 * number(1).ln()).sqrt() * (std::f64::consts::TAU * number(2)).cos()
}

impl Family {
    fn is_right(&self, world: u64, candidate: u64, example: u64) -> bool {
        let mut lucky = candidate;
        while let Some((_, Some(parent))) = self.0.get(&lucky)
            && uniform(&[world, lucky, example, 3]) < 0.65
        {
            lucky = *parent;
        }
        let luck = uniform(&[world, lucky, example, 4]).clamp(1e-6, 1.0 - 1e-6);
        let difficulty = 1.5 * normal(&[world, example, 5]);
        self.0[&candidate].0 - difficulty + (luck / (1.0 - luck)).ln() > 0.0
    }

    fn accuracy(&self, world: u64, candidate: u64) -> f64 {
        let right = (0..FRESH).filter(|n| self.is_right(world, candidate, 1_000_000 + n)).count();
        right as f64 / FRESH as f64
    }
}

fn number_after(text: &str, word: &str) -> u64 {
    let rest = &text[text.find(word).unwrap() + word.len()..];
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// The outcome of one search.
#[derive(Debug, Clone)]
struct Outcome {
    /// The accuracy of the best candidate on fresh examples, from 0 to 1.
    accuracy: f64,
    /// The number of rollouts on validation examples, without the seed's.
    validation_rollouts: f64,
    /// The number of candidates that passed their minibatch.
    accepted: f64,
}

/// Runs one search.
fn search(choices: &[&str], validation: u64, budget: u64, world: u64) -> Outcome {
    let task = Task::new();
    let rows = |from: u64, count: u64| {
        (from..from + count).fold(String::new(), |mut rows, n| {
            writeln!(rows, r#"{{"id": "{n}", "text": "item {n};", "label": "yes"}}"#).unwrap();
            rows
        })
    };
    std::fs::write(task.path("train.jsonl"), rows(0, TRAIN)).unwrap();
    std::fs::write(task.path("val.jsonl"), rows(1000, validation)).unwrap();
    std::fs::write(task.path("test.jsonl"), rows(5000, 1)).unwrap();
    task.edit("Given the fields `text`, produce the fields `label`.", "Prompt 0.");
    let settings = [format!("optimize.budget={budget}"), format!("optimize.seed={world}")];
    let settings: Vec<&str> = choices.iter().copied().chain(settings.iter().map(String::as_str)).collect();
    let plan = task.plan(&settings);

    let family = Rc::new(RefCell::new(Family::default()));
    family.borrow_mut().0.insert(0, (-1.5, None));
    let shared = Rc::clone(&family);
    let mut engine = Scripted::new(move |request: &Request| {
        let prompt = &request.messages[0].content;
        let candidate = number_after(prompt, "Prompt ");
        if prompt.contains("Write a better instruction") {
            let mut family = shared.borrow_mut();
            let child = request.seed % 1_000_000_007;
            let ability = family.0[&candidate].0 + 0.7 * normal(&[world, child, 6]) - 0.2;
            family.0.insert(child, (ability, Some(candidate)));
            return (format!("Prompt {child}."), Ended::Stop);
        }
        let right = shared.borrow().is_right(world, candidate, number_after(prompt, "item "));
        (if right { "yes" } else { "no" }.into(), Ended::Stop)
    });
    let splits = split::load(
        &gepard::run::files(&plan),
        &gepard::data::Requirements::of_fields(&["text".into(), "label".into()]),
        &["text".into()],
    )
    .unwrap();
    let (program, metric) = (gepard::run::program(&plan).unwrap(), gepard::run::metric(&plan).unwrap());
    let mut journal = Journal::open(&task.path("run"), &plan.fingerprint()).unwrap();
    let evaluator = Evaluator::new(&program, &*metric, &mut engine);
    let mut session = Session::new(evaluator, &splits, &plan.optimize, &mut journal, Hooks::none());
    let pool = Gepa::new(plan.seed_candidate(), vec![("task".into(), ModelId(0))]).run(&mut session).unwrap();
    drop(session);

    let best = number_after(&pool.members[pool.best()].candidate.0[0].instruction, "Prompt ");
    let validated: usize = pool.members.iter().skip(1).map(|member| member.validated).sum();
    Outcome {
        accuracy: family.borrow().accuracy(world, best),
        validation_rollouts: validated as f64,
        accepted: (pool.members.len() - 1) as f64,
    }
}

fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// Prints a row for each of `choices`, compared with the first of them.
fn table(title: &str, validation: u64, budget: u64, choices: &[(String, Vec<String>)]) {
    println!("\n{title}: {validation} validation examples, {budget} rollouts\n");
    println!("| | accuracy | against the first | candidates validated | rollouts each |");
    println!("|---|---|---|---|---|");
    let mut first: Option<Vec<Outcome>> = None;
    for (name, settings) in choices {
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let results: Vec<Outcome> = (0..SEEDS).map(|seed| search(&settings, validation, budget, seed)).collect();
        let (accuracy, _) = mean_and_error(&results.iter().map(|r| r.accuracy).collect::<Vec<_>>());
        let first = first.get_or_insert_with(|| results.clone());
        let differences: Vec<f64> = results.iter().zip(first.iter()).map(|(r, f)| r.accuracy - f.accuracy).collect();
        let (difference, error) = mean_and_error(&differences);
        let accepted = results.iter().map(|r| r.accepted).sum::<f64>();
        let validation_rollouts = results.iter().map(|r| r.validation_rollouts).sum::<f64>();
        println!(
            "| {name} | {accuracy:.3} | {difference:+.3} ± {error:.3} | {:.1} | {:.0} |",
            accepted / SEEDS as f64,
            validation_rollouts / accepted.max(1.0)
        );
    }
}

/// How a gate decides about a child whose paired scores arrive in minibatches.
#[derive(Clone, Copy)]
enum Rule {
    /// The sum over one minibatch of so many examples must be above the parent's.
    Once(usize),
    /// A child whose loss is at most so many examples is run on another minibatch, up to so many examples in all.
    Again(f64, usize),
    /// As `Again(0.0, 12)`, but the likelihood of the right answers decides the first tie. It prefers the better of the two in 79% of
    /// cases, and costs a rollout for each example of both.
    Likelihood,
    /// Wald's sequential test on the examples that only one of the two got right, of a share of 0.65 against 0.45 of wins.
    Sequential,
}

impl Rule {
    /// Decides about one child whose accuracy differs from its parent's by `difference`. Returns whether it is kept, and the rollouts
    /// that were charged for it.
    fn decide(self, accuracy: f64, difference: f64, seed: u64) -> (bool, usize) {
        const MINIBATCH: usize = 4;
        const LIKELIER_IS_BETTER: f64 = 0.79;
        let outcome = |n: usize| {
            let luck = |kind| uniform(&[seed, n as u64, kind]);
            let parent = luck(1) < accuracy;
            let child = if luck(2) < 0.65 { luck(1) } else { luck(3) } < accuracy + difference;
            f64::from(child) - f64::from(parent)
        };
        let sum = |run: usize| (0..run).map(outcome).sum::<f64>();
        let mut run = if let Self::Once(size) = self { size } else { MINIBATCH };
        loop {
            let gain = sum(run);
            let goes_on = match self {
                Self::Once(_) => return (gain > 0.0, run),
                Self::Again(most_loss, most) => gain <= 0.0 && gain >= -most_loss && run < most,
                Self::Likelihood if gain == 0.0 => {
                    let is_right = uniform(&[seed, 4]) < if difference == 0.0 { 0.5 } else { LIKELIER_IS_BETTER };
                    return ((difference > 0.0) == is_right, 2 * run);
                }
                Self::Likelihood => false,
                Self::Sequential => {
                    let weight = |n| match outcome(n) {
                        win if win > 0.0 => (0.65_f64 / 0.45).ln(),
                        loss if loss < 0.0 => (0.35_f64 / 0.55).ln(),
                        _ => 0.0,
                    };
                    (0..run).map(weight).sum::<f64>().abs() < 0.6 && run < 16
                }
            };
            if !goes_on {
                return (gain > 0.0, run);
            }
            run += MINIBATCH;
        }
    }
}

/// Prints how often each rule keeps a child, by its difference to its parent, and the rollouts that were charged.
fn decisions() {
    const CHILDREN: u64 = 6000;
    let rules = [
        ("strict, 4 examples", Rule::Once(4)),
        ("strict, 8 examples", Rule::Once(8)),
        ("ties again, up to 12", Rule::Again(0.0, 12)),
        ("ties by likelihood", Rule::Likelihood),
        ("losses of one again, up to 12", Rule::Again(1.0, 12)),
        ("losses of one again, up to 16", Rule::Again(1.0, 16)),
        ("sequential test, up to 16", Rule::Sequential),
    ];
    let differences = [-0.15, -0.05, 0.05, 0.1, 0.2];
    println!("\nOne child: share that is kept / rollouts, by the difference of its accuracy to its parent's, which is 0.5\n");
    let head: String = differences.iter().map(|difference| format!(" {difference:+.2} |")).collect();
    println!("| gate |{head}\n|---|{}", "---|".repeat(differences.len()));
    for (name, rule) in rules {
        let cell = |difference: &f64| {
            let results: Vec<(bool, usize)> = (0..CHILDREN).map(|seed| rule.decide(0.5, *difference, seed)).collect();
            let kept = results.iter().filter(|(is_kept, _)| *is_kept).count() as f64 / CHILDREN as f64;
            let rollouts = results.iter().map(|(_, rollouts)| *rollouts).sum::<usize>() as f64 / CHILDREN as f64;
            format!(" {kept:.2} / {rollouts:.1} |")
        };
        println!("| {name} |{}", differences.iter().map(cell).collect::<String>());
    }
}

fn main() {
    decisions();
    println!("{SEEDS} searches each; accuracy of the answer on {FRESH} fresh examples, ± one standard error of the difference");
    let gates = ["strict", "or-equal", "confident"].map(|gate| (gate.to_owned(), vec![format!("optimize.gate={gate}")]));
    for (validation, budget) in [(40, 400), (100, 1000), (300, 1500)] {
        table("gates", validation, budget, &gates);
    }
    let shape = |(minibatch, proposals): (usize, usize)| {
        let settings = [
            "optimize.gate=confident".into(),
            format!("optimize.minibatch={minibatch}"),
            format!("optimize.proposals={proposals}"),
        ];
        (format!("minibatch {minibatch}, {proposals} proposals"), settings.to_vec())
    };
    let shapes = [(3, 1), (3, 3), (4, 4), (6, 1), (6, 3), (6, 6), (10, 2), (10, 4)].map(shape);
    for (validation, budget) in [(40, 250), (100, 1000)] {
        table("minibatches and proposals", validation, budget, &shapes);
    }
}
