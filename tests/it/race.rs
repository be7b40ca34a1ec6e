//! `optimize.race`: whatever the method, a candidate that is behind after a share of the validation rows is not run on the rest.

use crate::optimizers::{chat, item, reflectors, search, task_answer};
use crate::support::{EXAMPLES, Task};
use gepard::config::Method;
use gepard::engine::{Ended, Request};
use gepard::event::{Decision, Event};
use gepard::optimize::new_optimizer;

/// A task model that is right on half of the items with the seed. Whatever is changed makes it right on all training items and wrong on
/// all validation items. Reflectors write texts that differ.
fn misleading(request: &Request) -> (String, Ended) {
    let prompt = &request.messages.last().unwrap().content;
    let text = match item(prompt) {
        Some(n) if prompt.ends_with("label:") => {
            let chat = chat(request);
            let is_seed = chat.starts_with("Given the fields `text`, produce the fields `label`.\n\ntext:");
            let shows_examples = chat.matches("label:").count() > 1;
            let is_drawn = request.decoding.temperature > 0.0 && request.seed.is_multiple_of(2);
            let quality = match (is_seed && !shows_examples, n < EXAMPLES) {
                (true, _) => {
                    if is_drawn {
                        4
                    } else {
                        2
                    }
                }
                (false, is_training) => {
                    if is_training {
                        4
                    } else {
                        0
                    }
                }
            };
            task_answer(n, quality)
        }
        _ => format!("Text {}.", request.seed),
    };
    (text, Ended::Stop)
}

/// Returns on how many validation rows each candidate but the seed was run.
fn validated(method: Method, race: bool) -> Vec<usize> {
    let task = Task::new();
    let table = method.table().filter(|table| *table != "fewshot").map(|table| format!("optimize.{table}.preset=small"));
    let settings = ["optimize.budget=200".to_owned(), "optimize.gate=strict".to_owned(), format!("optimize.race={race}")];
    let settings: Vec<&str> = settings.iter().chain(&table).map(String::as_str).collect();
    let plan = task.plan(&settings);
    let mut optimizer = new_optimizer(method, &plan.optimize, plan.seed_candidate(), reflectors());
    let found = search(&plan, &task.path("run"), &mut *optimizer, misleading).unwrap();
    let rejected = |event: &Event| match event {
        Event::Decision(Decision::Rejected { run, .. }) => Some(*run),
        _ => None,
    };
    // An update of `textgrad` that is behind is rejected; a candidate of another method joins, and is never selected.
    let joined = found.pool.members[1..].iter().map(|member| member.validated);
    match method {
        Method::Textgrad => joined.chain(found.events.iter().filter_map(rejected)).collect(),
        _ => joined.collect(),
    }
}

#[test]
fn whatever_the_method_a_race_gives_up_what_is_behind() {
    for method in Method::ALL.iter().copied().filter(|method| *method != Method::Reflexion) {
        let (with, without) = (validated(method, true), validated(method, false));
        assert!(without.iter().all(|run| *run == EXAMPLES) && !without.is_empty(), "{method:?}: {without:?}");
        // The first share has ten of twelve rows.
        assert!(with.iter().all(|run| *run == 10) && !with.is_empty(), "{method:?}: {with:?}");
    }
}
