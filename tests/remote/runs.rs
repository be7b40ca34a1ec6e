//! Whole runs whose task model is on servers, and whose reflector is in the process.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::double::{Double, Reply, answer};
use crate::support::process::{both, code, gepard, out};
use crate::support::{Task, result};

/// The answer of the student of the small task: it knows odd items by RULE1 and even ones by RULE2.
fn student(chat: &Value) -> Reply {
    let messages = chat["messages"].as_array().unwrap();
    let all: String = messages.iter().filter_map(|message| message["content"].as_str()).collect();
    let last = messages.iter().rfind(|message| message["role"] == "user").unwrap()["content"].as_str().unwrap();
    let number = last.split("item number ").nth(1).and_then(|rest| rest.split(',').next()?.parse::<u32>().ok());
    let (rule, label) = if number.is_some_and(|n| n % 2 == 1) { ("RULE1", "odd") } else { ("RULE2", "even") };
    let text = if all.contains(rule) { format!("label: {label}") } else { "I cannot say".to_owned() };
    let choice = json!({ "message": { "role": "assistant", "content": text }, "finish_reason": "stop" });
    let usage = json!({ "prompt_tokens": 50, "completion_tokens": 3, "prompt_tokens_details": { "cached_tokens": 30 } });
    Reply::Status(200, Vec::new(), json!({ "choices": [choice], "usage": usage }).to_string())
}

/// The small task with its task model on these servers and its reflector scripted.
fn task(urls: &[String]) -> Task {
    let task = Task::new();
    let served = format!(
        "[model.task]\nengine = \"openai\"\nurls = {urls:?}\nmodel = \"small\"\n\n[model.teacher]\nengine = \"scripted\"\n\
         script = \"script.jsonl\""
    );
    task.edit("[model.task]\nengine = \"scripted\"\nscript = \"script.jsonl\"", &served)
        .edit("[optimize]\n", "[optimize]\nreflectors = [\"teacher\"]\n");
    task
}

fn optimize(task: &Task, run: &str) -> std::process::Output {
    gepard(&["optimize", "gepard.toml", "--run", run], task.folder.path())
}

fn summary(task: &Task, run: &str) -> Value {
    result(&task.path(run), "summary.json")
}

#[test]
fn a_task_on_servers_and_a_reflector_in_process_work_in_one_run() {
    let servers = [Double::new("vllm", student), Double::new("vllm", student)];
    let task = task(&servers.each_ref().map(Double::url));
    let output = optimize(&task, "run");
    assert_eq!(code(&output), 0, "{}", both(&output));
    assert!(both(&output).contains("model `task`: vLLM 0.11.0 on 2 of 2 servers"), "{}", both(&output));
    let found = summary(&task, "run");
    assert_eq!(found["best_score"], 1.0, "{found}");
    let journal = fs::read_to_string(task.path("run/journal.jsonl")).unwrap();
    assert!(journal.contains("\"model.task.server\":\"vLLM 0.11.0\""), "the server is in the fingerprint");
    // Eight rollouts for each of the eight places of two servers.
    assert!(journal.contains("\"sub_wave\":\"128\""), "the size of sub-waves is in the fingerprint");
    let sums: Vec<(String, u64, u64, u64)> = found["servers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|server| {
            let number = |key: &str| server[key].as_u64().unwrap();
            (server["server"].as_str().unwrap().to_owned(), number("answers"), number("prefill_tokens"), number("decode_tokens"))
        })
        .collect();
    let mut urls = servers.each_ref().map(Double::url);
    urls.sort();
    assert_eq!(sums.iter().map(|sum| sum.0.clone()).collect::<Vec<_>>(), urls);
    // No answer is lost and none is counted twice.
    let answered: u64 = servers.iter().map(|server| server.asked().len() as u64).sum();
    assert_eq!(sums.iter().map(|sum| sum.1).sum::<u64>(), answered);
    assert!(sums.iter().all(|sum| sum.2 == 20 * sum.1 && sum.3 == 3 * sum.1), "{sums:?}");
    // The journal answers a second run without servers' answers, and the run keeps its sub-waves if there are more places now.
    task.edit("model = \"small\"", "model = \"small\"\nconcurrency = 64");
    let before: usize = servers.iter().map(|server| server.asked().len()).sum();
    assert_eq!(code(&optimize(&task, "run")), 0);
    assert_eq!(servers.iter().map(|server| server.asked().len()).sum::<usize>(), before);
    assert_eq!(summary(&task, "run"), found);
}

#[test]
fn a_run_whose_servers_die_stops_whole_and_goes_on_to_the_same_result() {
    let whole = Double::new("vllm", student);
    let reference = task(&[whole.url()]);
    assert_eq!(code(&optimize(&reference, "run")), 0);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    // From its 60th request on it breaks every connection.
    let dying = Double::new("vllm", move |chat| match counted.fetch_add(1, Ordering::SeqCst) {
        ..60 => student(chat),
        _ => Reply::Status(400, Vec::new(), json!({ "error": { "message": "worn out" } }).to_string()),
    });
    let task = task(&[dying.url()]);
    let output = optimize(&task, "run");
    assert_eq!(code(&output), 4, "{}", both(&output));
    assert!(both(&output).contains("worn out"), "{}", both(&output));
    let journal = fs::read(task.path("run/journal.jsonl")).unwrap();
    assert!(journal.ends_with(b"\n") && !Path::new(&task.path("run/summary.json")).exists());
    let port = dying.port;
    drop(dying);
    let _revived = Double::with("vllm", Box::new(student), port, None);
    let output = optimize(&task, "run");
    assert_eq!(code(&output), 0, "{}", both(&output));
    assert!(fs::read(task.path("run/journal.jsonl")).unwrap().starts_with(&journal));
    let without_servers = |mut summary: Value| {
        summary.as_object_mut().unwrap().remove("servers");
        summary
    };
    assert_eq!(without_servers(summary(&task, "run")), without_servers(summary(&reference, "run")));
}

#[test]
fn a_run_tells_that_a_server_is_left_out_and_its_report_has_the_servers() {
    let count = AtomicUsize::new(0);
    let failing = Double::new("vllm", move |chat| match count.fetch_add(1, Ordering::SeqCst) {
        ..20 => student(chat),
        _ => Reply::Status(503, Vec::new(), String::new()),
    });
    let fine = Double::new("vllm", student);
    let task = task(&[fine.url(), failing.url()]);
    let output = optimize(&task, "run");
    assert_eq!(code(&output), 0, "{}", both(&output));
    assert!(both(&output).contains(&format!("{} is left out: ", failing.url())), "{}", both(&output));
    let report = fs::read_to_string(task.path("run/report.html")).unwrap();
    assert!(report.contains(&format!("\"server\":\"{}\"", fine.url())), "the report has no servers");
}

#[test]
fn doctor_tells_how_often_a_server_answers_differently() {
    let count = AtomicUsize::new(0);
    let fickle = Double::new("sglang", move |_| {
        answer(if count.fetch_add(1, Ordering::SeqCst).is_multiple_of(5) { "label: odd" } else { "label: even" })
    });
    let task = task(&[fickle.url()]);
    let output = gepard(&["doctor", "gepard.toml"], task.folder.path());
    assert_eq!(code(&output), 0, "{}", both(&output));
    let line = out(&output).lines().find(|line| line.starts_with("repeated")).unwrap().to_owned();
    let different: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!((1..=16).contains(&different) && line.contains("of 20 requests of `sort`"), "{line}");
}

#[test]
fn a_key_that_is_not_set_is_said_before_anything_is_sent() {
    let server = Double::new("vllm", student);
    let task = task(&[server.url()]);
    task.edit("model = \"small\"", "model = \"small\"\napi_key_env = \"GEPARD_NO_SUCH_KEY\"");
    let output = optimize(&task, "run");
    assert_eq!(code(&output), 2, "{}", both(&output));
    let told = "`model.task.api_key_env`: the environment variable `GEPARD_NO_SUCH_KEY` is not set";
    assert!(both(&output).contains(told), "{}", both(&output));
    assert!(server.state.headers.lock().unwrap().is_empty());
}
