//! Hybrid and recurrent models: tiny files with random weights, of which each sequence has a state that cannot be cut back.

use std::ops::ControlFlow;
use std::path::Path;

use crate::models::{SETTINGS, answer, model_file, texts};
use crate::support::gguf::{byte_chars, entry, float, integers, number, random_model, texts as texts_entry};
use gepard::engine::llama::Llama;
use gepard::engine::settings::{ModelFile, Settings};
use gepard::engine::{Completion, Decoding, Ended, Engine, Message, ModelId, Request, ScoreRequest};

const WIDTH: u64 = 64;
const LAYERS: u64 = 4;
const INNER: u64 = 128;

/// The token that ends an answer, behind the 256 bytes.
const END: u32 = 256;

/// Returns the metadata that all architectures have: sizes, a vocabulary of bytes, and a chat template.
fn common(architecture: &str) -> Vec<Vec<u8>> {
    let key = |name: &str| format!("{architecture}.{name}");
    let mut tokens: Vec<String> = byte_chars().iter().map(char::to_string).collect();
    tokens.push("<|end|>".into());
    let template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:";
    vec![
        entry("general.architecture", architecture),
        entry("tokenizer.ggml.model", "gpt2"),
        entry("tokenizer.ggml.pre", "gpt-2"),
        texts_entry("tokenizer.ggml.tokens", &tokens),
        integers("tokenizer.ggml.token_type", &[vec![1; 256], vec![3]].concat()),
        texts_entry("tokenizer.ggml.merges", &["a a".to_owned()]),
        number("tokenizer.ggml.eos_token_id", END),
        entry("tokenizer.chat_template", template),
        number(&key("context_length"), 4096),
        number(&key("embedding_length"), WIDTH as u32),
        number(&key("block_count"), LAYERS as u32),
        number(&key("vocab_size"), END + 1),
        float(&key("attention.layer_norm_rms_epsilon"), 1e-5),
    ]
}

/// Returns a model of the architecture LFM2: short convolutions, and attention in every second layer.
fn lfm2() -> Vec<u8> {
    let mut entries = common("lfm2");
    entries.extend([
        number("lfm2.feed_forward_length", INNER as u32),
        number("lfm2.attention.head_count", 4),
        integers("lfm2.attention.head_count_kv", &[0, 2, 0, 2]),
        float("lfm2.rope.freq_base", 10000.0),
        number("lfm2.shortconv.l_cache", 3),
    ]);
    let mut tensors =
        vec![("token_embd.weight".to_owned(), vec![WIDTH, 257]), ("token_embd_norm.weight".to_owned(), vec![WIDTH])];
    for layer in 0..LAYERS {
        let mut add = |name: &str, sizes: &[u64]| tensors.push((format!("blk.{layer}.{name}.weight"), sizes.to_vec()));
        add("attn_norm", &[WIDTH]);
        add("ffn_norm", &[WIDTH]);
        add("ffn_gate", &[WIDTH, INNER]);
        add("ffn_down", &[INNER, WIDTH]);
        add("ffn_up", &[WIDTH, INNER]);
        if layer % 2 == 1 {
            add("attn_q", &[WIDTH, WIDTH]);
            add("attn_k", &[WIDTH, WIDTH / 2]);
            add("attn_v", &[WIDTH, WIDTH / 2]);
            add("attn_output", &[WIDTH, WIDTH]);
            add("attn_q_norm", &[WIDTH / 4]);
            add("attn_k_norm", &[WIDTH / 4]);
        } else {
            add("shortconv.conv", &[3, WIDTH]);
            add("shortconv.in_proj", &[WIDTH, 3 * WIDTH]);
            add("shortconv.out_proj", &[WIDTH, WIDTH]);
        }
    }
    random_model(&entries, &tensors)
}

/// Returns a model of the architecture Mamba: a recurrent model without attention.
fn mamba() -> Vec<u8> {
    let (inner, state, rank) = (2 * WIDTH, 8, 4);
    let mut entries = common("mamba");
    entries.extend([
        number("mamba.feed_forward_length", 0),
        number("mamba.attention.head_count", 0),
        number("mamba.ssm.conv_kernel", 4),
        number("mamba.ssm.inner_size", inner as u32),
        number("mamba.ssm.state_size", state as u32),
        number("mamba.ssm.time_step_rank", rank as u32),
    ]);
    let mut tensors = vec![("token_embd.weight".to_owned(), vec![WIDTH, 257]), ("output_norm.weight".to_owned(), vec![WIDTH])];
    for layer in 0..LAYERS {
        let mut add = |name: &str, sizes: &[u64]| tensors.push((format!("blk.{layer}.{name}"), sizes.to_vec()));
        add("attn_norm.weight", &[WIDTH]);
        add("ssm_in.weight", &[WIDTH, 2 * inner]);
        add("ssm_conv1d.weight", &[4, inner]);
        add("ssm_conv1d.bias", &[inner]);
        add("ssm_x.weight", &[inner, rank + 2 * state]);
        add("ssm_dt.weight", &[rank, inner]);
        add("ssm_dt.bias", &[inner]);
        add("ssm_a", &[state, inner]);
        add("ssm_d", &[inner]);
        add("ssm_out.weight", &[inner, WIDTH]);
    }
    random_model(&entries, &tensors)
}

/// The architectures, with their files.
fn models() -> [(&'static str, Vec<u8>); 2] {
    [("lfm2", lfm2()), ("mamba", mamba())]
}

fn engine(path: &Path, settings: &Settings) -> Llama {
    let file = ModelFile { context: Some(1024), ..model_file("tiny", path.to_owned()) };
    Llama::open(&[file], settings.clone()).unwrap()
}

/// Returns requests with a common beginning, of which some have more in common.
fn requests() -> Vec<Request> {
    let instruction = "Say what comes next, and say it in one line.\n\n";
    let texts = ["one two three", "one two four", "a b c", "one two three and a longer text behind it", "x", "y"];
    let request = |text: &&str| Request {
        model: ModelId(0),
        messages: vec![Message::user(format!("{instruction}{text}"))],
        breakpoints: vec![instruction.len(), instruction.len() + 1],
        decoding: Decoding::greedy(24),
        seed: 1,
    };
    texts.iter().map(request).collect()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join(format!("{name}.gguf"));
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_prefix_is_shared_as_a_state_and_the_answers_are_those_of_each_request_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in models() {
        let path = write(folder.path(), name, &bytes);
        let mut together = engine(&path, &SETTINGS);
        let answers = answer(&mut together, &requests());
        assert!(answers.iter().all(|answer| !matches!(answer.ended, Ended::Refused(_))), "{name}: {answers:?}");
        assert!(answers.iter().map(|answer| answer.usage.reused).sum::<u64>() > 100, "{name}: prefixes are shared");
        assert_eq!(texts(&answer(&mut together, &requests())), texts(&answers), "{name}: a second wave");
        let mut backwards = requests();
        backwards.reverse();
        let mut backwards = texts(&answer(&mut together, &backwards));
        backwards.reverse();
        assert_eq!(backwards, texts(&answers), "{name}: in another order");
        for (request, whole) in requests().iter().zip(&answers) {
            let alone = answer(&mut engine(&path, &SETTINGS), std::slice::from_ref(request));
            assert_eq!(alone[0].text, whole.text, "{name}: alone");
        }
    }
}

#[test]
fn an_answer_is_scored_and_continuations_that_differ_early_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in models() {
        let path = write(folder.path(), name, &bytes);
        let mut engine = engine(&path, &SETTINGS);
        // A continuation must be text, and of the random bytes of an answer only half are characters of their own.
        let question = |letter: char| {
            let messages = vec![Message::user(letter.to_string())];
            Request { messages, breakpoints: Vec::new(), ..requests().remove(0) }
        };
        let questions: Vec<Request> = ('a'..='z').map(question).collect();
        let answers = answer(&mut engine, &questions);
        let is_text = |answer: &Completion| answer.text.starts_with(|first: char| first.is_ascii());
        let index = answers.iter().position(is_text).unwrap_or_else(|| panic!("{name}: {answers:?}"));
        let (request, whole) = (&questions[index], &answers[index].text);
        let mut score = |continuations: &[&str]| {
            let request = ScoreRequest {
                model: ModelId(0),
                messages: request.messages.clone(),
                breakpoints: request.breakpoints.clone(),
                continuations: continuations.iter().map(|&text| text.to_owned()).collect(),
                first_token_only: false,
            };
            engine.score(&[request], &mut |_| ControlFlow::Continue(())).unwrap().remove(0).continuations
        };
        let first: String = whole.chars().take(1).collect();
        let scores = score(&[&first]).unwrap();
        assert!(scores[0].tokens[0].is_likeliest, "{name}: {whole:?} {scores:?}");
        assert!(score(&["abc", "xyz"]).unwrap_err().contains("recurrent or hybrid"), "{name}");
    }
}
