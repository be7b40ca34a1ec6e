//! A double of an inference server: it speaks HTTP over a listener of the standard library, and gives the replies of a test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gepard::engine::remote::{Patience, Remote, ServedModel};
use gepard::engine::{Decoding, Engine, Message, ModelId, Request};
use serde_json::{Value, json};

/// What the double sends back.
pub enum Reply {
    /// A status, further headers, and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Bytes as they are, and then the end of the connection.
    Raw(Vec<u8>),
    /// Nothing, until the client gives up.
    Never,
}

/// A reply with an answer.
pub fn answer(text: &str) -> Reply {
    let choice = json!({ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" });
    let usage = json!({ "prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12 });
    Reply::Status(200, Vec::new(), json!({ "choices": [choice], "usage": usage }).to_string())
}

/// A reply with an error in OpenAI's form.
pub fn error(status: u16, message: &str) -> Reply {
    Reply::Status(status, Vec::new(), json!({ "error": { "message": message } }).to_string())
}

/// What a double answers to a chat.
pub type Script = dyn Fn(&Value) -> Reply + Send + Sync;

/// What a double is and what it has seen.
pub struct State {
    /// The name that `owned_by` has: `vllm`, `sglang`, `llamacpp`, or another.
    software: &'static str,
    script: Box<Script>,
    /// The bodies of the chats that were no trial.
    pub chats: Mutex<Vec<Value>>,
    /// Chats that are being answered.
    at_once: AtomicUsize,
    /// The most chats that were answered at the same time.
    pub most_at_once: AtomicUsize,
    /// The headers of the last request.
    pub headers: Mutex<BTreeMap<String, String>>,
    is_down: AtomicBool,
}

/// A running double. It ends when it is dropped.
pub struct Double {
    pub state: Arc<State>,
    pub port: u16,
}

impl Double {
    /// Starts a double.
    pub fn new(software: &'static str, script: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(software, Box::new(script), 0, None)
    }

    /// Starts a double on a port, 0 for any, with TLS if there is a configuration.
    pub fn with(software: &'static str, script: Box<Script>, port: u16, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let state = Arc::new(State {
            software,
            script,
            chats: Mutex::default(),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            headers: Mutex::default(),
            is_down: AtomicBool::new(false),
        });
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.is_down.load(Ordering::Relaxed) {
                    return;
                }
                let (stream, state, tls) = (stream.unwrap(), Arc::clone(&shared), tls.clone());
                stream.set_nodelay(true).unwrap();
                std::thread::spawn(move || match tls {
                    Some(tls) => {
                        let connection = rustls::ServerConnection::new(tls).unwrap();
                        state.serve(rustls::StreamOwned::new(connection, stream));
                    }
                    None => state.serve(stream),
                });
            }
        });
        Self { state, port }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The text of the user's last turn in each chat that was no trial.
    pub fn asked(&self) -> Vec<String> {
        let chats = self.state.chats.lock().unwrap();
        let user = |chat: &Value| {
            let messages = chat["messages"].as_array().unwrap().clone();
            messages.iter().rfind(|m| m["role"] == "user").unwrap()["content"].as_str().unwrap().to_owned()
        };
        chats.iter().map(user).collect()
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.state.is_down.store(true, Ordering::Relaxed);
        // Wakes the listener, which then ends.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        while TcpListener::bind(("127.0.0.1", self.port)).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl State {
    /// Answers the requests of a connection until either side ends it.
    fn serve(&self, stream: impl Read + Write) {
        let mut stream = BufReader::new(stream);
        while let Some((path, headers, body)) = read_request(&mut stream) {
            if self.is_down.load(Ordering::Relaxed) {
                return;
            }
            *self.headers.lock().unwrap() = headers;
            match self.reply(&path, &body) {
                Reply::Status(status, headers, body) => {
                    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                    let head = format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n\r\n", body.len());
                    if stream.get_mut().write_all(format!("{head}{body}").as_bytes()).is_err() {
                        return;
                    }
                    let _ = stream.get_mut().flush();
                }
                Reply::Raw(bytes) => {
                    let _ = stream.get_mut().write_all(&bytes);
                    let _ = stream.get_mut().flush();
                    return;
                }
                Reply::Never => {
                    let _ = stream.read(&mut [0; 1]);
                    return;
                }
            }
        }
    }

    fn reply(&self, path: &str, body: &str) -> Reply {
        let found = |value: Value| Reply::Status(200, Vec::new(), value.to_string());
        match (path, self.software) {
            ("/v1/models", owner) => {
                let card = json!({ "id": "small", "object": "model", "owned_by": owner, "max_model_len": 4096 });
                found(json!({ "object": "list", "data": [card] }))
            }
            ("/version", "vllm") => found(json!({ "version": "0.11.0" })),
            ("/server_info", "sglang") => found(json!({ "version": "0.5.4", "model_path": "org/small" })),
            ("/props", "llamacpp") => found(json!({
                "build_info": "b6700-abc", "model_path": "/m/small.gguf", "total_slots": 4,
                "default_generation_settings": { "n_ctx": 2048 }
            })),
            ("/tokenize", "vllm") => {
                let asked: Value = serde_json::from_str(body).unwrap();
                let text = asked["prompt"].as_str().map_or_else(|| asked["messages"].to_string(), str::to_owned);
                found(json!({ "tokens": text.bytes().collect::<Vec<u8>>() }))
            }
            ("/v1/completions", "vllm") => {
                let asked: Value = serde_json::from_str(body).unwrap();
                // The letter `B` is always the likeliest.
                let score = |token: &Value| match token.as_u64() {
                    Some(66) => json!({ "66": { "logprob": -0.25, "rank": 1, "decoded_token": "B" } }),
                    _ => json!({ (token.to_string()): { "logprob": -2.0, "rank": 7 }, "66": { "logprob": -0.25, "rank": 1 } }),
                };
                let scores: Vec<Value> = asked["prompt"].as_array().unwrap().iter().map(score).collect();
                found(json!({ "choices": [{ "index": 0, "text": "x", "prompt_logprobs": scores }] }))
            }
            ("/v1/chat/completions", "llamacpp") => as_llama_server(&serde_json::from_str(body).unwrap(), |chat| self.chat(chat)),
            ("/v1/chat/completions", _) => self.chat(&serde_json::from_str(body).unwrap()),
            _ => Reply::Status(404, Vec::new(), json!({ "detail": "Not Found" }).to_string()),
        }
    }

    fn chat(&self, chat: &Value) -> Reply {
        let text = chat["messages"].to_string();
        if text.contains("Count from 1 to 12") {
            let continues = chat["continue_final_message"] == true || self.software == "llamacpp";
            return answer(if continues { " 8, 9, 10" } else { "1, 2, 3" });
        }
        if text.contains("hich colour has the sky") {
            let is_schema = chat.to_string().contains("\"enum\"") && self.software != "plain";
            let is_grammar = chat.to_string().contains("::=");
            return answer(if is_schema {
                r#"{"qux": "zob"}"#
            } else if is_grammar {
                "qux"
            } else {
                "Blue"
            });
        }
        self.chats.lock().unwrap().push(chat.clone());
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        let reply = (self.script)(chat);
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        reply
    }
}

/// Answers a chat as llama-server b1-0c1e570 does (recorded 2026-12-01): a reply to a begun answer has its beginning, and a begun
/// answer under a JSON schema is refused. `reply` gives what the model writes.
fn as_llama_server(chat: &Value, reply: impl FnOnce(&Value) -> Reply) -> Reply {
    let last = chat["messages"].as_array().and_then(|messages| messages.last()).unwrap();
    if last["role"] != "assistant" {
        return reply(chat);
    }
    if chat.get("json_schema").is_some() {
        return error(400, "Failed to initialize samplers: std::exception");
    }
    match reply(chat) {
        Reply::Status(200, headers, body) => {
            let mut body: Value = serde_json::from_str(&body).unwrap();
            let content = &mut body["choices"][0]["message"]["content"];
            *content = format!("{}{}", last["content"].as_str().unwrap(), content.as_str().unwrap()).into();
            Reply::Status(200, headers, body.to_string())
        }
        other => other,
    }
}

/// Reads a request: its path, its headers, and its body. None if the connection has ended.
fn read_request(stream: &mut impl BufRead) -> Option<(String, BTreeMap<String, String>, String)> {
    let mut line = String::new();
    if stream.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        match line.trim().split_once(": ") {
            Some((name, value)) => drop(headers.insert(name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((path, headers, String::from_utf8(body).unwrap()))
}

/// A model on these servers, with little patience.
pub fn model(urls: Vec<String>) -> ServedModel {
    let wait = Duration::from_millis(20);
    ServedModel {
        name: "task".into(),
        urls,
        model: "small".into(),
        api_key: None,
        timeout: Duration::from_secs(10),
        concurrency: None,
        tokenizer: None,
        ca: None,
        proxy: None,
        context: None,
        thinking: 0,
        patience: Patience { first_wait: wait, longest_wait: wait * 4, attempts: 3, busy: 20, failures: 3, revivals: 3 },
    }
}

/// Opens the engine of one model.
pub fn open(model: ServedModel) -> Result<Remote, String> {
    Remote::open(&[model], &mut || std::ops::ControlFlow::Continue(())).map_err(|e| e.to_string())
}

/// A greedy request of one turn.
pub fn request(text: &str) -> Request {
    let (messages, decoding) = (vec![Message::user(text)], Decoding::greedy(16));
    Request { model: ModelId(0), messages, breakpoints: Vec::new(), decoding, seed: 7 }
}

/// The texts of the answers to some requests.
pub fn texts(engine: &mut Remote, requests: &[Request]) -> Result<Vec<String>, String> {
    let answers = engine.generate(requests, &mut |_| std::ops::ControlFlow::Continue(()));
    answers.map(|answers| answers.into_iter().map(|answer| answer.text).collect()).map_err(|e| e.to_string())
}

/// A file beside the tests.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/remote/data").join(name)
}
