//! The simplest greedy decoding with the binding, for `scripts/bench/exact`: one request at a time, without a shared prefix, with
//! llama.cpp's default settings and the weights as stored. Input and output are those of `waves.rs`.
//! Arguments: MODEL THREADS CONTEXT.

use std::io::{BufRead, Write};
use std::num::NonZeroU32;
use std::path::PathBuf;

use gepard::engine::chat::ChatTemplate;
use gepard::engine::{Request, Role};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use serde_json::json;

/// The most tokens in a batch of a prompt. It is llama.cpp's default.
const BATCH: usize = 512;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` adds the argument `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [model, threads, context] = arguments.as_slice() else {
        return if arguments.is_empty() { Ok(()) } else { Err("arguments: MODEL THREADS CONTEXT".into()) };
    };
    let path = gepard::models::resolve(model, &PathBuf::new())?;
    let header = gepard::gguf::read(&path)?;
    // The templates of the models for which this is used do not write the tokens for beginning and end of text.
    let template = ChatTemplate::new(header.chat_template().ok_or("no chat template")?, "", "")?;
    let mut backend = LlamaBackend::init()?;
    backend.void_logs();
    let model = LlamaModel::load_from_file(&backend, &path, &LlamaModelParams::default())?;
    let threads = threads.parse()?;
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(context.parse()?))
        .with_n_batch(u32::try_from(BATCH)?)
        .with_n_threads(threads)
        .with_n_threads_batch(threads);
    let mut context = model.new_context(&backend, params)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", json!({ "ready": true }))?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let requests: Vec<Request> = serde_json::from_str(&line?)?;
        let texts: Result<Vec<String>, _> =
            requests.iter().map(|request| answer(&model, &mut context, &template, request)).collect();
        writeln!(out, "{}", json!({ "texts": texts? }))?;
        out.flush()?;
    }
    Ok(())
}

fn answer(
    model: &LlamaModel,
    context: &mut LlamaContext<'_>,
    template: &ChatTemplate,
    request: &Request,
) -> Result<String, Box<dyn std::error::Error>> {
    // A last message of the assistant is the beginning of the answer, which this loop does not support.
    if request.messages.last().is_some_and(|last| last.role == Role::Assistant) {
        return Err("requests with the beginning of an answer are not supported".into());
    }
    let vocab = model.vocab();
    let rendered = template.render(&request.messages, Some(false))?;
    let prompt = vocab.tokenize(rendered.as_bytes(), true, true);
    context.clear_kv_cache();
    let mut batch = LlamaBatch::new(BATCH, 1);
    let mut position = 0;
    for chunk in prompt.chunks(BATCH) {
        batch.clear();
        for &token in chunk {
            position += 1;
            batch.add(token, position - 1, &[0], usize::try_from(position)? == prompt.len())?;
        }
        context.decode(&mut batch)?;
    }
    let mut bytes = Vec::new();
    for _ in 0..request.decoding.max_tokens {
        let logits = context.get_logits_ith(batch.n_tokens() - 1);
        let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]).then(b.cmp(&a))).unwrap_or(0);
        let token = LlamaToken(i32::try_from(best)?);
        if vocab.is_eog(token) {
            break;
        }
        vocab.token_to_piece_into(token, &mut bytes, false, None);
        batch.clear();
        batch.add(token, position, &[0], true)?;
        position += 1;
        context.decode(&mut batch)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
