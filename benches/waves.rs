//! Answers waves of requests, for `scripts/bench/engine`. Each line of standard input is a list of requests in JSON; for each, a
//! line of JSON with texts, tokens and seconds is written to standard output.
//! Arguments: MODEL THREADS CONTEXT [plain]. `plain` turns drafts off.

use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use gepard::engine::llama::Llama;
use gepard::engine::settings::{GpuLayers, ModelFile, Settings};
use gepard::engine::{Engine, Request, Usage};
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` adds the argument `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let ([model, threads, context], drafts) = match arguments.as_slice() {
        [] => return Ok(()),
        [model, threads, context] => ([model, threads, context], true),
        [model, threads, context, plain] if plain == "plain" => ([model, threads, context], false),
        _ => return Err("arguments: MODEL THREADS CONTEXT [plain]".into()),
    };
    let path = gepard::models::resolve(model, &PathBuf::new())?;
    let file = ModelFile {
        name: "task".into(),
        path,
        expected_sha256: None,
        gpu_layers: GpuLayers::Auto,
        context: Some(context.parse()?),
        cache: None,
        thinking: 0,
        lora: None,
        tuning: None,
        recoded: None,
    };
    let settings = Settings {
        threads: Some(threads.parse()?),
        sequences: Settings::SEQUENCES,
        chunk: Some(Settings::CHUNK),
        memory: None,
        drafts,
        cache_folder: gepard::models::cache_dir().ok(),
    };
    let mut engine = Llama::open(&[file], settings)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", json!({ "ready": true }))?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let requests: Vec<Request> = serde_json::from_str(&line?)?;
        let started = Instant::now();
        let answers = engine.generate(&requests, &mut |_| ControlFlow::Continue(()))?;
        let seconds = started.elapsed().as_secs_f64();
        let mut usage = Usage::default();
        answers.iter().for_each(|answer| usage += answer.usage);
        let texts: Vec<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
        writeln!(out, "{}", json!({ "seconds": seconds, "texts": texts, "usage": usage }))?;
        out.flush()?;
    }
    Ok(())
}
