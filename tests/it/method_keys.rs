//! Every key of a table `[optimize.NAME]` changes what the search does that reads it: the requests that it makes are others. What each
//! key changes is tested in `method_numbers` and `dspy_optimizers`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::optimizers::{chat, good, item, reflectors, search, task_answer};
use crate::support::Task;
use gepard::config::Method;
use gepard::engine::{Ended, Request, Role};
use gepard::optimize::new_optimizer;

/// Returns the prompts of a search, with the most tokens and the temperature of their answers. The task model is right on a quarter of
/// the items, and on more if its instruction is good or it is shown answers; it never is on all of them, so that the search goes on.
fn requests(method: Method, settings: &[String]) -> Vec<(String, u32, f32)> {
    let task = Task::new();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let plan = task.plan(&settings);
    let asked = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&asked);
    let answer = move |request: &Request| -> (String, Ended) {
        let prompt = chat(request);
        let last = &request.messages.last().unwrap().content;
        let text = match item(last) {
            Some(n) if last.ends_with("label:") => {
                let shown = request.messages.iter().filter(|message| message.role == Role::Assistant).count();
                let is_lucky = request.decoding.temperature > 0.0 && request.seed.is_multiple_of(2);
                task_answer(n, if is_lucky { 4 } else { (1 + good(&prompt) + shown).min(3) })
            }
            _ => format!("GOOD{} by {}", (good(last) + 1).min(2), request.seed),
        };
        seen.borrow_mut().push((prompt, request.decoding.max_tokens, request.decoding.temperature));
        (text, Ended::Stop)
    };
    let mut optimizer = new_optimizer(method, &plan.optimize, plan.seed_candidate(), reflectors());
    search(&plan, &task.path("run"), &mut *optimizer, answer).unwrap();
    asked.take()
}

/// Returns all keys of a method's table: those that the message on an unknown key lists.
fn known_keys(table: &str) -> BTreeSet<String> {
    let key = "qqqqqqqqqqqqqqqqqqqqqqqq";
    let found = gepard::config::load(&Task::new().file, &[format!("optimize.{table}.{key}=1")]);
    let message = found.unwrap_err().to_string();
    let (_, known) = message.lines().find(|line| line.contains(key)).unwrap().split_once("known are ").unwrap();
    known.split(", ").map(|key| key.trim_matches('`').to_owned()).collect()
}

/// Checks that a search makes other requests for each key with another value. `base` has the settings of both searches; `changes` has
/// all keys of the method's table, each with a value that `base` does not have.
fn check(method: Method, base: &[&str], changes: &[(&str, &str)]) {
    let table = method.table().unwrap();
    assert_eq!(changes.iter().map(|(key, _)| (*key).to_owned()).collect::<BTreeSet<_>>(), known_keys(table), "{table}");
    let set = |key: &str, value: &str| match key {
        "budget" | "max_prompt_tokens" => format!("optimize.{key}={value}"),
        _ => format!("optimize.{table}.{key}={value}"),
    };
    let base: Vec<String> =
        base.iter().filter_map(|setting| setting.split_once('=')).map(|(key, value)| set(key, value)).collect();
    let without = requests(method, &base);
    for (key, value) in changes {
        let with = requests(method, &[&base[..], &[set(key, value)]].concat());
        assert!(with != without, "{table}.{key} = {value} changes nothing");
    }
}

#[test]
fn the_keys_of_ape() {
    let changes = [("preset", "small"), ("candidates", "4"), ("pairs", "2"), ("parts", "2"), ("exploration", "0")];
    check(Method::Ape, &["budget=200"], &changes);
}

#[test]
fn the_keys_of_opro() {
    let changes = [
        ("preset", "small"),
        ("proposals", "3"),
        ("trajectory", "2"),
        ("exemplars", "1"),
        ("rows", "0.6"),
        ("temperature", "0.5"),
    ];
    check(Method::Opro, &["budget=300"], &changes);
}

#[test]
fn the_keys_of_evoprompt() {
    let changes =
        [("preset", "small"), ("population", "4"), ("generations", "5"), ("label_seeds", "false"), ("worked_example", "false")];
    check(Method::EvopromptGa, &["budget=500"], &changes);
}

#[test]
fn the_keys_of_promptbreeder() {
    let changes = [("preset", "reference"), ("units", "6"), ("demonstrations", "1"), ("crossover", "1")];
    check(Method::Promptbreeder, &["preset=small", "budget=300"], &changes);
}

#[test]
fn the_keys_of_textgrad() {
    let changes = [("preset", "small"), ("minibatch", "2"), ("epochs", "1"), ("context", "false"), ("criticism_tokens", "100")];
    check(Method::Textgrad, &["budget=200"], &changes);
}

#[test]
fn the_keys_of_fewshot() {
    check(Method::Fewshot, &["budget=100", "max_prompt_tokens=200"], &[("draws", "2"), ("room", "0.5")]);
}

#[test]
fn the_keys_of_bootstrap_rs() {
    let changes = [("preset", "reference"), ("sets", "1"), ("bootstrapped", "1"), ("labelled", "2"), ("threshold", "0")];
    check(Method::BootstrapRs, &["preset=small", "budget=200"], &changes);
}

#[test]
fn the_keys_of_simba() {
    let changes = [
        ("preset", "reference"),
        ("minibatch", "4"),
        ("candidates", "2"),
        ("steps", "2"),
        ("demonstrations", "0"),
        ("answer_temperature", "0.5"),
        ("sampling_temperature", "50"),
        ("candidate_temperature", "50"),
    ];
    check(Method::Simba, &["preset=small", "minibatch=6", "budget=300"], &changes);
}

#[test]
fn the_keys_of_miprov2() {
    let changes = [
        ("preset", "small"),
        ("effort", "medium"),
        ("sets", "2"),
        ("instructions", "2"),
        ("trials", "2"),
        ("bootstrapped", "1"),
        ("labelled", "2"),
        ("threshold", "0"),
        ("minibatch", "3"),
        ("whole", "50"),
        ("validate_every", "1"),
        ("summary_rows", "4"),
        ("summary_batches", "1"),
        ("module_descriptions", "false"),
        ("temperature", "0.5"),
    ];
    check(Method::Miprov2, &["whole=0", "minibatch=5", "budget=300"], &changes);
}
