//! Many servers: requests go where there is room, none is lost, and none is counted twice.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gepard::engine::remote::ServedModel;
use gepard::engine::{Engine, ServerChange};

use crate::double::{Double, Reply, answer, error, model, open, request, texts};

/// The text of the first turn of a chat.
fn said(chat: &serde_json::Value) -> String {
    chat["messages"][0]["content"].as_str().unwrap().to_owned()
}

/// A double that repeats what it is asked after a time drawn from 150 to 250 milliseconds, times `factor`.
fn echo(index: u64, factor: u64) -> Double {
    let count = AtomicUsize::new(0);
    Double::new("vllm", move |chat| {
        let drawn = gepard::hash::number(&[&index.to_string(), &count.fetch_add(1, Ordering::SeqCst).to_string()]);
        std::thread::sleep(Duration::from_millis(factor * (150 + drawn % 101)));
        answer(&said(chat))
    })
}

/// Sends requests to `nodes` doubles, the last of which is slower by a factor. Returns answers per second, after a first list from
/// which the speed of each server is known.
fn rate(nodes: u64, slower: u64, each: usize) -> f64 {
    let doubles: Vec<Double> = (0..nodes).map(|index| echo(index, if index + 1 == nodes { slower } else { 1 })).collect();
    let urls = doubles.iter().map(Double::url).collect();
    let mut engine = open(ServedModel { concurrency: Some(1), ..model(urls) }).unwrap();
    let first: Vec<_> = (0..nodes).map(|index| request(&format!("first {index}"))).collect();
    texts(&mut engine, &first).unwrap();
    let wanted: Vec<String> = (0..each * nodes as usize).map(|index| format!("number {index}")).collect();
    let requests: Vec<_> = wanted.iter().map(|text| request(text)).collect();
    let started = Instant::now();
    let answers = texts(&mut engine, &requests).unwrap();
    let rate = wanted.len() as f64 / started.elapsed().as_secs_f64();
    assert_eq!(answers, wanted);
    let asked = doubles.iter().flat_map(Double::asked);
    let asked: Vec<String> = asked.filter(|text| !text.starts_with("first")).collect();
    assert_eq!((asked.len(), asked.iter().collect::<BTreeSet<_>>().len()), (wanted.len(), wanted.len()));
    assert!(doubles.iter().all(|double| double.state.most_at_once.load(Ordering::SeqCst) <= 1));
    rate
}

/// The machine of the test computes for all servers, and may be busy with other things: the best of three attempts counts.
#[test]
fn the_throughput_grows_with_the_servers_and_a_slow_one_costs_little() {
    let one = rate(1, 1, 10);
    let reached = |slower: u64, wanted: f64| {
        let mut best = 0.0;
        for _ in 0..3 {
            best = rate(64, slower, 10).max(best);
            if best >= wanted {
                return best;
            }
        }
        panic!("{best:.0} answers a second of 64 servers, {wanted:.0} wanted, {one:.1} of one");
    };
    let many = reached(1, 0.9 * 64.0 * one);
    reached(20, 0.95 * many);
}

#[test]
fn requests_with_one_beginning_go_to_one_server() {
    let doubles: Vec<Double> = (0..4).map(|index| echo(index, 1)).collect();
    let urls = doubles.iter().map(Double::url).collect();
    let mut engine = open(ServedModel { concurrency: Some(2), ..model(urls) }).unwrap();
    let beginnings = ["alpha ", "beta ", "gamma ", "delta "];
    let ask = |index: usize| {
        let mut request = request(&format!("{}{index}", beginnings[index % 4]));
        request.breakpoints = vec![beginnings[index % 4].len()];
        request
    };
    texts(&mut engine, &(0..48).map(ask).collect::<Vec<_>>()).unwrap();
    let word = |asked: &String| asked.split(' ').next().unwrap().to_owned();
    let alone: usize = doubles
        .iter()
        .map(|double| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            double.asked().iter().for_each(|asked| *counts.entry(word(asked)).or_default() += 1);
            counts.values().max().copied().unwrap_or(0)
        })
        .sum();
    assert!(alone >= 36, "{alone} of 48 requests went to the server that held their beginning");
}

#[test]
fn a_dead_server_is_left_out_and_taken_back() {
    let fine = |index: u64| {
        move |chat: &serde_json::Value| {
            std::thread::sleep(Duration::from_millis(10 + index));
            answer(&said(chat))
        }
    };
    let first = Double::new("vllm", fine(0));
    let second = Double::new("vllm", fine(1));
    let (urls, port) = (vec![first.url(), second.url()], second.port);
    let mut engine = open(ServedModel { concurrency: Some(2), ..model(urls) }).unwrap();
    let wanted: Vec<String> = (0..40).map(|index| index.to_string()).collect();
    let requests: Vec<_> = wanted.iter().map(|text| request(text)).collect();
    let (changes, lost) = (engine.server_changes().unwrap(), second.url());
    assert!(changes.take().is_empty());
    drop(second);
    assert_eq!(texts(&mut engine, &requests).unwrap(), wanted);
    assert_eq!(first.asked().len(), 40);
    let told = changes.take();
    let [ServerChange::Out { server, cause }] = &told[..] else { panic!("{told:?}") };
    assert!(*server == lost && cause.contains("cannot be reached"), "{told:?}");
    let second = Double::with("vllm", Box::new(fine(1)), port, None);
    let mut answered = 0;
    while second.asked().is_empty() && answered < 20 {
        assert_eq!(texts(&mut engine, &requests).unwrap(), wanted);
        answered += 1;
    }
    assert!(!second.asked().is_empty(), "it was not taken back");
    assert_eq!(changes.take(), [ServerChange::Back { server: lost }]);
    // Another version would answer differently.
    drop(second);
    assert_eq!(texts(&mut engine, &requests).unwrap(), wanted);
    let other = Double::with("sglang", Box::new(fine(1)), port, None);
    assert_eq!(texts(&mut engine, &requests).unwrap(), wanted);
    assert!(other.asked().is_empty());
}

#[test]
fn the_run_stops_if_all_servers_are_dead_and_goes_on_when_one_is_back() {
    let double = Double::new("vllm", |chat| answer(&said(chat)));
    let port = double.port;
    let mut engine = open(model(vec![double.url()])).unwrap();
    drop(double);
    let told = texts(&mut engine, &[request("a")]).unwrap_err();
    assert!(told.contains("no server answers: ") && told.contains("cannot be reached"), "{told}");
    assert!(told.ends_with("type the same command when one is there again"), "{told}");
    let _back = Double::with("vllm", Box::new(|chat| answer(&said(chat))), port, None);
    assert_eq!(texts(&mut engine, &[request("a")]).unwrap(), ["a"]);
}

#[test]
fn servers_that_differ_are_refused() {
    let (vllm, sglang) = (Double::new("vllm", |_| answer("a")), Double::new("sglang", |_| answer("a")));
    let told = open(model(vec![vllm.url(), sglang.url()])).err().unwrap();
    assert!(told.contains("its servers differ") && told.contains("is SGLang 0.5.4"), "{told}");
}

#[test]
fn failures_of_all_kinds_lose_no_request_and_count_none_twice() {
    let doubles: Vec<Double> = (0..3_usize)
        .map(|index| {
            let count = Arc::new(AtomicUsize::new(0));
            Double::new("vllm", move |chat| match (count.fetch_add(1, Ordering::SeqCst) * 3 + index) % 11 {
                1 => error(503, "busy"),
                4 => Reply::Status(429, vec![("retry-after", "0".into())], String::new()),
                7 => Reply::Raw(b"HTTP/1.1 200 x\r\ncontent-length: 99\r\n\r\n{".to_vec()),
                _ => answer(&said(chat)),
            })
        })
        .collect();
    let mut patient = model(doubles.iter().map(Double::url).collect());
    patient.patience.attempts = 20;
    let mut engine = open(patient).unwrap();
    let wanted: Vec<String> = (0..200).map(|index| index.to_string()).collect();
    let requests: Vec<_> = wanted.iter().map(|text| request(text)).collect();
    let mut last = 0;
    let answers = engine.generate(&requests, &mut |done| {
        assert!(done.answered >= last && done.answered <= 200);
        last = done.answered;
        ControlFlow::Continue(())
    });
    let texts: Vec<String> = answers.unwrap().into_iter().map(|answer| answer.text).collect();
    assert_eq!((texts, last), (wanted, 200));
}

#[test]
fn the_number_of_requests_at_once_is_found() {
    let double = Double::new("vllm", |chat| {
        std::thread::sleep(Duration::from_millis(15));
        answer(&said(chat))
    });
    let mut engine = open(model(vec![double.url()])).unwrap();
    let requests: Vec<_> = (0..300).map(|index| request(&index.to_string())).collect();
    texts(&mut engine, &requests).unwrap();
    let most = double.state.most_at_once.load(Ordering::SeqCst);
    assert!(most >= 16, "{most} requests at once");
    // llama-server says how many it computes at once.
    let double = Double::new("llamacpp", |chat| {
        std::thread::sleep(Duration::from_millis(5));
        answer(&said(chat))
    });
    let mut engine = open(model(vec![double.url()])).unwrap();
    texts(&mut engine, &requests[..60]).unwrap();
    assert_eq!(double.state.most_at_once.load(Ordering::SeqCst), 4);
}

#[test]
fn the_requests_under_way_at_each_server_are_told() {
    let slow = |chat: &serde_json::Value| {
        std::thread::sleep(Duration::from_millis(120));
        answer(&said(chat))
    };
    let doubles = [Double::new("llamacpp", slow), Double::new("llamacpp", slow)];
    let mut engine = open(model(doubles.iter().map(Double::url).collect())).unwrap();
    let changes = engine.server_changes().unwrap();
    let requests: Vec<_> = (0..16).map(|index| request(&index.to_string())).collect();
    let mut most: BTreeMap<String, usize> = BTreeMap::new();
    let mut watch = |_| {
        for (server, count) in changes.under_way() {
            let most = most.entry(server).or_default();
            *most = count.max(*most);
        }
        ControlFlow::Continue(())
    };
    engine.generate(&requests, &mut watch).unwrap();
    // Each says that it computes 4 at once.
    let expected: BTreeMap<String, usize> = doubles.iter().map(|double| (double.url(), 4)).collect();
    assert_eq!(most, expected);
}
