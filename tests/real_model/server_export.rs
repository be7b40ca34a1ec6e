//! The export for llama-server, under a real llama-server: the server's prompts have the tokens that the run's prompts had.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::models::{SETTINGS, test_model};
use crate::support::unchecked::not_checked;
use crate::support::{Task, model};
use gepard::engine::ModelId;
use gepard::engine::llama::Llama;
use gepard::engine::settings::Settings;
use gepard::report::export;
use serde_json::{Value, json};

/// A running llama-server. It is killed when this is dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts the server of an export on a free port.
    fn start(program: &str, export: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let command = export.lines().find_map(|line| line.strip_prefix("llama-server ")).unwrap();
        let command = command.replace("--port 8080", &format!("--port {port}"));
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec \"$0\" {command}"), program]).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { child: shell.spawn().unwrap(), port };
        for _ in 0..600 {
            if server.ask("GET", "/health", "").is_some_and(|answer| answer["status"] == "ok") {
                return server;
            }
            sleep(Duration::from_millis(100));
        }
        panic!("{program} does not come up");
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(120))).ok()?;
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        stream.write_all(format!("{head}Content-Type: application/json\r\n\r\n{body}").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }

    /// Returns the ids of the tokens of a chat's prompt.
    fn tokens(&self, body: &Value) -> Vec<i32> {
        let prompt = self.ask("POST", "/apply-template", &body.to_string()).unwrap()["prompt"].clone();
        let read = json!({ "content": prompt, "add_special": true, "parse_special": true });
        serde_json::from_value(self.ask("POST", "/tokenize", &read.to_string()).unwrap()["tokens"].clone()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn engine() -> Llama {
    let settings = Settings { threads: Some(1), sequences: 1, drafts: false, ..SETTINGS };
    Llama::open(&[test_model("task", 2048)], settings).unwrap()
}

/// Runs the seed alone, with demonstrations, and returns its export for llama-server.
fn run(task: &Task, layout: &[&str]) -> String {
    task.edit("engine = \"scripted\"\nscript = \"script.jsonl\"", &format!("gguf = \"{}\"\ncontext = 2048", model().display()));
    task.edit("max_tokens = 8", "max_tokens = 8\ndemonstrations = [\"train-1\", \"train-2\"]");
    let gepard = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_gepard")).args(arguments).current_dir(task.folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let settings = layout.iter().flat_map(|setting| ["--set", *setting]);
    let command = ["optimize", "gepard.toml", "--run", "run", "--budget", "12"];
    gepard(&command.into_iter().chain(settings).collect::<Vec<_>>());
    gepard(&["export", "run", "--format", "llama-server"])
}

#[test]
fn the_server_has_the_tokens_of_the_rollouts() {
    let Ok(program) = std::env::var("LLAMA_SERVER") else {
        not_checked("no llama-server; set LLAMA_SERVER to one");
        return;
    };
    let engine = engine();
    for layout in [
        ["layout.answer=begun", "layout.instruction=user", "layout.examples=turns"],
        ["layout.answer=label", "layout.instruction=system", "layout.examples=text"],
    ] {
        let task = Task::new();
        let text = run(&task, &layout);
        let server = Server::start(&program, &text);
        let body: Value =
            serde_json::from_str(text.split("<<'JSON'\n").nth(1).unwrap().strip_suffix("\nJSON\n").unwrap()).unwrap();
        let one = export::open(&task.path("run"), export::Choice::Best).unwrap().remove(0);
        let mut compared = 0;
        for line in std::fs::read_to_string(task.path("run/journal.jsonl")).unwrap().lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            for scored in record["record"]["rollouts"].as_array().into_iter().flatten() {
                let step = &scored["rollout"]["steps"][0];
                let inputs: Vec<(String, String)> = serde_json::from_value(step["inputs"].clone()).unwrap();
                let own = engine.prompt_tokens(ModelId(0), &one.chat(&inputs)).unwrap();
                let usage = |key: &str| step["usage"][key].as_u64().unwrap_or(0);
                assert_eq!(usage("prefilled") + usage("reused"), own.len() as u64);
                let mut filled = body.clone();
                for message in filled["messages"].as_array_mut().unwrap() {
                    message["content"] = message["content"].as_str().unwrap().replace("{text}", &inputs[0].1).into();
                }
                assert_eq!(server.tokens(&filled), own, "{layout:?}");
                compared += 1;
            }
        }
        assert!(compared >= crate::support::EXAMPLES, "{compared}");
    }
}
