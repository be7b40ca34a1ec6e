//! The thread that owns the contexts and answers one list of requests after another.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::token::LlamaToken;
use llguidance::Matcher;

use super::Settings;
use super::loaded::Loaded;
use super::wave::{Carried, Prompt, Shape, Wave};
use crate::engine::{Completion, Ended, EngineError, EngineProgress, Grammar, Request, Usage, reasoning};

/// A list of requests and where to send what becomes of it.
pub(super) struct Job {
    pub(super) requests: Vec<Request>,
    pub(super) updates: Sender<Update>,
}

/// What the thread tells while it works on a job.
pub(super) enum Update {
    Progress(EngineProgress),
    Done(Result<Vec<Completion>, EngineError>),
}

/// Works until the other end of `jobs` is dropped.
pub(super) fn run(
    backend: &LlamaBackend,
    models: &[Arc<Loaded>],
    roles: &[usize],
    settings: Settings,
    cancelled: &AtomicBool,
    jobs: &Receiver<Job>,
) {
    let mut contexts: Vec<Option<(LlamaContext<'_>, Carried)>> = models.iter().map(|_| None).collect();
    while let Ok(job) = jobs.recv() {
        let mut tell = |done: EngineProgress| {
            // The listener may be gone; then the job is as good as cancelled.
            if job.updates.send(Update::Progress(done)).is_err() || cancelled.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let result = answer(backend, models, roles, settings, &mut contexts, &job.requests, &mut tell);
        drop(job.updates.send(Update::Done(result)));
    }
}

/// Answers one list: the requests to each model together, models in the order of first use.
fn answer<'m>(
    backend: &LlamaBackend,
    models: &'m [Arc<Loaded>],
    roles: &[usize],
    settings: Settings,
    contexts: &mut [Option<(LlamaContext<'m>, Carried)>],
    requests: &[Request],
    tell: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
) -> Result<Vec<Completion>, EngineError> {
    let mut completions: Vec<Option<Completion>> = requests.iter().map(|_| None).collect();
    let mut order: Vec<usize> = Vec::new();
    for request in requests {
        let model = roles[request.model.0];
        if !order.contains(&model) {
            order.push(model);
        }
    }
    let mut before = EngineProgress { answered: 0, prefilled: 0, decoded: 0 };
    for index in order {
        let loaded = &models[index];
        let mut prompts = Vec::new();
        let mut matchers = BTreeMap::new();
        let mut places = Vec::new();
        for (place, request) in requests.iter().enumerate().filter(|(_, r)| roles[r.model.0] == index) {
            match to_prompt(loaded, request, &mut matchers) {
                Ok(prompt) => {
                    prompts.push(prompt);
                    places.push(place);
                }
                Err(reason) => {
                    let refused = Completion {
                        text: String::new(),
                        reasoning: None,
                        ended: Ended::Refused(reason),
                        usage: Usage::default(),
                    };
                    completions[place] = Some(refused);
                }
            }
        }
        let Settings { sequences, chunk, .. } = settings;
        let shape = Shape { sequences, nodes: nodes(sequences), chunk, cells: loaded.context };
        let (context, carried) = match &mut contexts[index] {
            Some(context) => context,
            empty => empty.insert((open_context(backend, loaded, settings)?, Carried::default())),
        };
        let mut last = before;
        let answers = Wave::new(context, carried, loaded.model.vocab(), shape).run(&prompts, &mut |done| {
            last = EngineProgress {
                answered: before.answered + done.answered,
                prefilled: before.prefilled + done.prefilled,
                decoded: before.decoded + done.decoded,
            };
            tell(last)
        })?;
        before = last;
        for (place, completion) in places.into_iter().zip(answers) {
            completions[place] = Some(completion);
        }
    }
    let missing = || EngineError::Backend { doing: "ordering answers", cause: "a request has no model".into() };
    completions.into_iter().map(|c| c.ok_or_else(missing)).collect()
}

/// Sequences for nodes of the prefix tree, beside those for requests: llama.cpp has 256 in all.
fn nodes(sequences: usize) -> usize {
    sequences.min(256_usize.saturating_sub(sequences)).max(1)
}

fn open_context<'m>(backend: &LlamaBackend, loaded: &'m Loaded, settings: Settings) -> Result<LlamaContext<'m>, EngineError> {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let threads = i32::try_from(settings.threads).unwrap_or(i32::MAX);
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(number(loaded.context)))
        .with_n_batch(number(settings.chunk))
        .with_n_ubatch(number(settings.chunk))
        .with_n_seq_max(number(settings.sequences + nodes(settings.sequences)))
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_kv_unified(true);
    loaded.model.new_context(backend, params).map_err(|e| {
        loaded.error(format!("cannot make room for a context of {} tokens ({e}); set a smaller `context` for it", loaded.context))
    })
}

/// The request as tokens, or why it is refused. `matchers` has those of the wave's grammars.
fn to_prompt<'r>(
    loaded: &Loaded,
    request: &'r Request,
    matchers: &mut BTreeMap<&'r Grammar, Result<Matcher, String>>,
) -> Result<Prompt, String> {
    // Models that think before they answer are told not to: an answer has few tokens here.
    let text = loaded.template.render(&request.messages, Some(false)).map_err(|e| e.to_string())?;
    let tokens = loaded.tokenize_prompt(&text);
    let needed = tokens.len() + request.decoding.max_tokens as usize;
    if needed > loaded.context {
        return Err(format!(
            "the prompt has {} tokens; with {} for the answer it exceeds the context of {}",
            tokens.len(),
            request.decoding.max_tokens,
            loaded.context
        ));
    }
    if tokens.is_empty() {
        return Err("the prompt is empty".into());
    }
    let breakpoints = token_breakpoints(loaded, request, &text, &tokens);
    let opened = reasoning::opened_by(&text);
    let decoding = request.decoding.clone();
    // Requests of a wave often have the same grammar: it is compiled once.
    let matcher = match &request.decoding.grammar {
        Some(grammar) => match matchers.entry(grammar).or_insert_with(|| loaded.matcher(grammar)) {
            Ok(matcher) => Some(matcher.deep_clone()),
            Err(cause) => return Err(format!("its grammar cannot be enforced: {cause}")),
        },
        None => None,
    };
    Ok(Prompt { tokens, breakpoints, opened, decoding, seed: request.seed, matcher })
}

/// The request's breakpoints in tokens: how many tokens end before each. None where the tokens do
/// not spell the rendered text: some vocabularies add spaces to it. A breakpoint in content that a
/// template rewrites is left out: less is shared then.
fn token_breakpoints(loaded: &Loaded, request: &Request, text: &str, tokens: &[LlamaToken]) -> Option<Vec<usize>> {
    let mut in_text = Vec::new();
    let (mut content_start, mut searched) = (0, 0);
    for message in &request.messages {
        let content = message.content.trim();
        let lead = message.content.len() - message.content.trim_start().len();
        let content_end = content_start + message.content.len();
        if let Some(found) = text[searched..].find(content) {
            let at = searched + found;
            let inside = request.breakpoints.iter().filter(|&&b| b > content_start && b <= content_end);
            in_text.extend(inside.map(|&b| at + (b - content_start).saturating_sub(lead).min(content.len())));
            searched = at + content.len();
        }
        content_start = content_end;
    }
    let mut ends = Vec::with_capacity(tokens.len());
    let mut bytes = Vec::new();
    let vocab = loaded.model.vocab();
    for &token in tokens {
        vocab.token_to_piece_into(token, &mut bytes, true, None);
        ends.push(bytes.len());
    }
    // A beginning-of-text token may stand before the text.
    let before = bytes.strip_suffix(text.as_bytes())?.len();
    Some(in_text.into_iter().map(|at| ends.partition_point(|&end| end <= before + at)).collect())
}
