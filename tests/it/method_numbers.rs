//! The numbers of `ape`, `opro`, `evoprompt-*`, `promptbreeder`, `textgrad` and `fewshot`: each with it and without it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::optimizers::{Search, good, reflectors, search, world};
use crate::support::{EXAMPLES, Task};
use gepard::config::{ApePlan, EvopromptPlan, Method, OproPlan, PromptbreederPlan, Strength, TextgradPlan};
use gepard::engine::{Ended, Request};
use gepard::event::{Decision, Event, StopReason};
use gepard::optimize::methods::ape::Ape;
use gepard::optimize::methods::evoprompt::{EvoPrompt, Evolution};
use gepard::optimize::methods::opro::Opro;
use gepard::optimize::methods::promptbreeder::{Mutation, Promptbreeder};
use gepard::optimize::methods::single_prompt::{SinglePromptMethod, SinglePromptSearch};
use gepard::optimize::methods::textgrad::TextGrad;
use gepard::optimize::{Optimizer, new_optimizer};

/// What a search asked its reflectors: prompts, with the most tokens and the temperature of the answers.
type Asked = Vec<(String, u32, f32)>;

/// Runs an optimizer. `write` answers the prompts of reflectors.
fn run(
    optimizer: &mut dyn Optimizer,
    budget: u64,
    quality: fn(&str) -> usize,
    write: fn(&str, u64) -> String,
) -> (Search, Asked) {
    let task = Task::new();
    let plan = task.plan(&[&format!("optimize.budget={budget}")]);
    let asked = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&asked);
    let mut answers = world(quality, write);
    let listening = move |request: &Request| -> (String, Ended) {
        let prompt = &request.messages.last().unwrap().content;
        if !prompt.ends_with("label:") {
            seen.borrow_mut().push((prompt.clone(), request.decoding.max_tokens, request.decoding.temperature));
        }
        answers(request)
    };
    let found = search(&plan, &task.path("run"), optimizer, listening).unwrap();
    (found, asked.take())
}

/// Runs a method for a single prompt.
fn run_single(method: impl SinglePromptMethod, budget: u64, write: fn(&str, u64) -> String) -> (Search, Asked) {
    let seed = Task::new().plan(&[]).seed_candidate();
    run(&mut SinglePromptSearch::new(seed, reflectors(), method), budget, good, write)
}

/// Returns the sizes of the minibatches of all iterations.
fn minibatches(found: &Search) -> Vec<usize> {
    let of = |event: &Event| match event {
        Event::Decision(Decision::Iteration { minibatch, .. }) => Some(minibatch.len()),
        _ => None,
    };
    found.events.iter().filter_map(of).collect()
}

fn numbered(_: &str, seed: u64) -> String {
    format!("GOOD1 by {seed}")
}

#[test]
fn opro_scores_an_instruction_on_a_share_of_the_rows() {
    let rows = |rows: Option<f64>| {
        let numbers = OproPlan { rows, ..OproPlan::of(Strength::Reference) };
        minibatches(&run_single(Opro::new(numbers), 500, numbered).0)[0]
    };
    // A fifth of twelve rows is less than the fewest.
    assert_eq!((rows(Some(0.2)), rows(Some(0.6)), rows(None)), (5, 8, EXAMPLES));
    assert_eq!((OproPlan::of(Strength::Reference).rows, OproPlan::of(Strength::Small).rows), (Some(0.2), None));
}

#[test]
fn opro_asks_for_as_many_instructions_and_shows_as_many_as_its_table_says() {
    for (proposals, exemplars, trajectory, temperature) in [(3, 2, 4, 0.5), (2, 1, 3, 1.0)] {
        let numbers = OproPlan { proposals, exemplars, trajectory, temperature, ..OproPlan::of(Strength::Reference) };
        let (_, asked) = run_single(Opro::new(numbers), 500, numbered);
        let count = |prompt: &str, words: &str| prompt.matches(words).count();
        assert_eq!(asked.iter().take_while(|(prompt, ..)| *prompt == asked[0].0).count(), proposals);
        assert!(asked.iter().all(|(prompt, _, drawn)| {
            count(prompt, "# Example") == exemplars && (f64::from(*drawn) - temperature).abs() < 1e-6
        }));
        assert_eq!(asked.iter().map(|(prompt, ..)| count(prompt, "Score: ")).max(), Some(trajectory));
    }
}

/// Returns on how many examples each proposal of the first iteration of `ape` was scored, the most first.
fn scored_by_ape(numbers: ApePlan) -> Vec<usize> {
    let found = run_single(Ape::new(numbers), 1000, |_, seed| format!("GOOD{} by {seed}", seed % 4)).0;
    let mut most = [0; 100];
    for event in &found.events {
        if let Event::Decision(Decision::Tried { iteration: 1, proposal, examples, .. }) = event {
            most[*proposal] = *examples;
        }
    }
    let mut scored: Vec<usize> = most[1..].iter().copied().filter(|examples| *examples > 0).collect();
    scored.sort_by(|a, b| b.cmp(a));
    scored
}

#[test]
fn ape_gives_parts_of_the_rows_to_those_that_may_be_the_best() {
    let scored = |exploration: f64| scored_by_ape(ApePlan { candidates: 10, exploration, ..ApePlan::of(Strength::Reference) });
    let (greedy, even) = (scored(0.0), scored(100.0));
    // Parts of three of twelve examples. Whoever is only curious gives every instruction a second part, and completes the best.
    assert!(even.iter().skip(1).all(|examples| *examples == 6) && even[0] == EXAMPLES, "{even:?}");
    assert!(greedy.iter().filter(|examples| **examples == EXAMPLES).count() >= 2, "{greedy:?}");
    assert_eq!(greedy.last(), Some(&3));
    let thirds = scored_by_ape(ApePlan { candidates: 10, parts: Some(3), exploration: 0.0, ..ApePlan::of(Strength::Reference) });
    assert_eq!(thirds.last(), Some(&4));
}

#[test]
fn ape_infers_as_many_instructions_from_as_many_pairs_as_its_table_says() {
    for (candidates, pairs) in [(7, 2), (3, 4)] {
        let numbers = ApePlan { candidates, pairs, ..ApePlan::of(Strength::Reference) };
        let (_, asked) = run_single(Ape::new(numbers), 400, numbered);
        let prompts = asked.iter().map(|(prompt, ..)| prompt.as_str());
        let induced: Vec<&str> = prompts.filter(|prompt| prompt.contains("What was the instruction")).collect();
        assert!((candidates..=2 * candidates).contains(&induced.len()), "{candidates}: {}", induced.len());
        assert!(induced.iter().all(|prompt| prompt.matches("# Example").count() == pairs));
    }
    let halves = scored_by_ape(ApePlan::of(Strength::Small));
    assert_eq!(halves, [[EXAMPLES; 4], [6; 4]].concat());
}

#[test]
fn evoprompt_begins_with_prompts_that_name_the_labels() {
    let labels = |label_seeds: bool| {
        let numbers = EvopromptPlan { label_seeds, ..EvopromptPlan::of(Strength::Reference) };
        let asked = run_single(EvoPrompt::new(Evolution::Genetic, numbers), 600, numbered).1;
        asked.iter().filter(|(prompt, ..)| prompt.contains("even, odd")).count()
    };
    assert!(labels(true) >= 4, "{}", labels(true));
    assert_eq!(labels(false), 0);
}

#[test]
fn evoprompt_asks_with_a_worked_example() {
    let examples = |worked_example: bool, evolution: Evolution| {
        let numbers = EvopromptPlan { worked_example, population: 4, ..EvopromptPlan::of(Strength::Reference) };
        let asked = run_single(EvoPrompt::new(evolution, numbers), 400, numbered).1;
        asked.iter().filter(|(prompt, ..)| prompt.contains("For example, ")).count()
    };
    for evolution in [Evolution::Genetic, Evolution::Differential] {
        assert!(examples(true, evolution) > 0 && examples(false, evolution) == 0, "{evolution:?}");
    }
}

/// Returns how many different instructions a search proposed, in its first iteration and in all.
fn proposed(found: &Search) -> (usize, usize) {
    let (mut first, mut all) = (BTreeSet::new(), BTreeSet::new());
    for event in &found.events {
        if let Event::Decision(Decision::Proposed { iteration, instructions, .. }) = event {
            all.insert(instructions.clone());
            if *iteration == 1 {
                first.insert(instructions.clone());
            }
        }
    }
    (first.len(), all.len())
}

#[test]
fn evoprompt_begins_with_as_many_prompts_as_its_table_says() {
    let first = |population: usize| {
        let numbers = EvopromptPlan { population, label_seeds: false, ..EvopromptPlan::of(Strength::Reference) };
        proposed(&run_single(EvoPrompt::new(Evolution::Genetic, numbers), 600, |_, seed| format!("Text {seed}.")).0).0
    };
    let (few, many) = (first(4), first(8));
    assert!(few >= 3 && many >= few + 4, "{few} and {many}");
}

/// Runs `promptbreeder` with a single mutation operator. Reflectors write texts that differ.
fn promptbreeder(numbers: &PromptbreederPlan, mutation: Mutation, quality: fn(&str) -> usize) -> (Search, Asked) {
    let seed = Task::new().plan(&[]).seed_candidate();
    let mut method = Promptbreeder::new(numbers);
    method.mutations = vec![mutation];
    run(&mut SinglePromptSearch::new(seed, reflectors(), method), 700, quality, |_, seed| format!("Text {seed}."))
}

#[test]
fn promptbreeder_s_units_take_each_other_s_prompts_as_often_as_its_table_says() {
    let listed = |crossover: f64| {
        let numbers = PromptbreederPlan { crossover, ..PromptbreederPlan::of(Strength::Small) };
        let (_, asked) = promptbreeder(&numbers, Mutation::Distribution, |_| 1);
        asked.last().unwrap().0.matches("```\n").count() / 2
    };
    // The last question for a prompt lists the different prompts of the ten units.
    let (never, always) = (listed(0.0), listed(1.0));
    assert!(always < never, "{always} and {never}");
}

#[test]
fn promptbreeder_s_units_show_as_many_examples_as_its_table_says() {
    let best = |demonstrations: usize| {
        let numbers = PromptbreederPlan { demonstrations, ..PromptbreederPlan::of(Strength::Small) };
        promptbreeder(&numbers, Mutation::FirstOrder, |chat| chat.matches("label:").count().min(4)).0.best()
    };
    assert_eq!((best(0), best(1), best(3)), (0.25, 0.5, 1.0));
}

#[test]
fn evoprompt_compares_on_fewer_rows_if_the_budget_would_not_hold_its_generations() {
    let rows = |generations: usize| {
        let numbers = EvopromptPlan { generations, ..EvopromptPlan::of(Strength::Reference) };
        let seed = Task::new().plan(&[]).seed_candidate();
        let method = EvoPrompt::new(Evolution::Genetic, numbers);
        minibatches(&run(&mut SinglePromptSearch::new(seed, reflectors(), method), 700, good, numbered).0)[0]
    };
    assert_eq!((rows(10), rows(4)), (6, EXAMPLES));
}

#[test]
fn promptbreeder_has_the_units_of_its_table() {
    let first = |units: usize| {
        let numbers = PromptbreederPlan { units, ..PromptbreederPlan::of(Strength::Reference) };
        let asked = run_single(Promptbreeder::new(&numbers), 1000, |_, seed| format!("Text {seed}.")).1;
        asked.iter().filter(|(prompt, ..)| prompt.contains("The task: ")).count()
    };
    assert!(first(6) < first(50), "{} and {}", first(6), first(50));
    assert_eq!((PromptbreederPlan::of(Strength::Reference).units, PromptbreederPlan::of(Strength::Small).units), (50, 10));
}

/// Runs `textgrad` in a world in which nothing is ever right.
fn textgrad(numbers: TextgradPlan) -> (Search, Asked) {
    let seed = Task::new().plan(&[]).seed_candidate();
    run(&mut TextGrad::new(seed, reflectors(), numbers), 2000, |_| 0, |_, seed| format!("Text {seed}."))
}

#[test]
fn textgrad_makes_the_epochs_of_its_table() {
    let updates = |epochs: usize, minibatch: usize| {
        let (found, _) = textgrad(TextgradPlan { epochs, minibatch, ..TextgradPlan::of(Strength::Reference) });
        assert_eq!(found.pool.stopped, StopReason::TrialsDone);
        minibatches(&found)
    };
    assert_eq!((updates(1, 3), updates(2, 6)), (vec![3; 4], vec![6; 4]));
}

#[test]
fn the_update_of_textgrad_shows_what_was_criticised() {
    let with = |context: bool, criticism_tokens: Option<u32>| {
        let numbers = TextgradPlan { epochs: 1, context, criticism_tokens, ..TextgradPlan::of(Strength::Reference) };
        let asked = textgrad(numbers).1;
        let (updates, criticism): (Asked, Asked) =
            asked.into_iter().partition(|(prompt, ..)| prompt.contains("answers the criticism"));
        let shown = updates.iter().filter(|(prompt, ..)| prompt.contains("item number")).count();
        let brief = criticism.iter().filter(|(prompt, ..)| prompt.contains("three sentences")).count();
        (shown, updates.len(), criticism[0].1, brief, criticism.len())
    };
    let (shown, updates, most, brief, _) = with(true, None);
    assert!(shown == updates && updates > 0 && most == 1024, "{shown} of {updates}, {most} tokens");
    assert_eq!(brief, 0);
    let (shown, _, most, brief, all) = with(false, Some(160));
    assert_eq!((shown, most, brief), (0, 160, all));
}

#[test]
fn fewshot_draws_as_often_and_fills_as_much_as_its_table_says() {
    let found = |settings: &[&str]| {
        let task = Task::new();
        let plan = task.plan(&[&["optimize.budget=100", "optimize.max_prompt_tokens=200"], settings].concat());
        let mut optimizer = new_optimizer(Method::Fewshot, &plan.optimize, plan.seed_candidate(), reflectors());
        let answer = world(|_| 1, |prompt, _| panic!("{prompt}"));
        let found = search(&plan, &task.path("run"), &mut *optimizer, answer).unwrap();
        let shown = |index: usize| found.pool.members[index].candidate.0[0].demonstrations.len();
        (found.pool.members.len(), shown(1))
    };
    let (all, full) = found(&[]);
    assert!(all > 3, "{all}");
    assert_eq!(found(&["optimize.fewshot.draws=2"]).0, 3);
    assert!(found(&["optimize.fewshot.room=0.7"]).1 < full, "{full}");
}
