//! Answers waves of requests, for `scripts/bench/engine`: reads a JSON line each from standard input (a list of
//! requests), writes a JSON line each to standard output (texts, tokens, seconds). Arguments: MODEL THREADS CONTEXT [plain], where
//! `plain` is without drafts.

use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use gepard::engine::llama::Llama;
use gepard::engine::settings::{GpuLayers, ModelFile, Settings};
use gepard::engine::{Engine, Request, Usage};
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` adds an argument of its own.
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
        gpu_layers: GpuLayers::Auto,
        context: Some(context.parse()?),
        cache: None,
        thinking: 0,
        tuning: None,
        recoded: None,
    };
    let threads = Some(threads.parse()?);
    let settings = Settings { threads, sequences: Settings::SEQUENCES, chunk: Some(Settings::CHUNK), memory: None, drafts };
    let mut engine = Llama::open(&[file], settings)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", json!({ "ready": true }))?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let requests: Vec<Request> = serde_json::from_str(&line?)?;
        let begun = Instant::now();
        let answers = engine.generate(&requests, &mut |_| ControlFlow::Continue(()))?;
        let seconds = begun.elapsed().as_secs_f64();
        let mut usage = Usage::default();
        answers.iter().for_each(|answer| usage += answer.usage);
        let texts: Vec<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
        writeln!(out, "{}", json!({ "seconds": seconds, "texts": texts, "usage": usage }))?;
        out.flush()?;
    }
    Ok(())
}
