//! The engine over inference servers in the user's own network, which speak OpenAI's protocol: vLLM, SGLang, llama-server and others.
//!
//! `client` sends one request to one server. `dispatch` spreads a list of requests over the servers of a model, whose state is in
//! `node` and `pool`. `identity` asks a server what it is, and `trial` tries what it can. `body` writes a request in the
//! protocol, and `answer` reads the reply.

mod answer;
mod body;
mod client;
mod dispatch;
mod engine;
mod failure;
mod gbnf;
mod identity;
mod limit;
mod node;
mod pool;
mod queue;
mod scoring;
mod served;
mod settings;
mod style;
mod trial;
mod unique;

pub use engine::Remote;
pub use settings::{Patience, ServedModel};
