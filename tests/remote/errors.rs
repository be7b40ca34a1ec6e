//! What goes wrong on the way to a server, and what a user is told.

use std::io::Write;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gepard::engine::remote::ServedModel;
use gepard::engine::{Ended, Engine, EngineError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::double::{Double, Reply, answer, data, error, model, open, request, texts};

/// A reply, and what a user is told about it.
type Case = (fn() -> Reply, &'static str);

/// Sends one request to a double that gives this reply at first, and an answer from the given attempt on.
fn after(reply: fn() -> Reply, good: usize) -> (Result<Vec<String>, String>, usize) {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let double = Double::new("vllm", move |_| match counted.fetch_add(1, Ordering::SeqCst) + 1 {
        attempt if attempt < good => reply(),
        _ => answer("fine"),
    });
    let mut engine = open(ServedModel { timeout: Duration::from_millis(400), ..model(vec![double.url()]) }).unwrap();
    let result = texts(&mut engine, &[request("a")]);
    (result, attempts.load(Ordering::SeqCst))
}

#[test]
fn what_may_be_sent_again_is_sent_again_and_nothing_else() {
    let again: [fn() -> Reply; 6] = [
        || error(500, "out of memory"),
        || error(503, "loading"),
        || Reply::Status(429, vec![("retry-after", "0".into())], String::new()),
        || Reply::Raw(Vec::new()),
        || Reply::Raw(b"HTTP/1.1 200 x\r\ncontent-length: 500\r\n\r\n{\"choices\": [{\"mess".to_vec()),
        || Reply::Never,
    ];
    for reply in again {
        assert_eq!(after(reply, 3), (Ok(vec!["fine".into()]), 3));
    }
    let never: [Case; 8] = [
        (|| error(400, "`foo` is unknown"), "answers with status 400: `foo` is unknown"),
        (|| error(401, "bad key"), "401: bad key; name the environment variable with a valid key in `api_key_env`"),
        (|| error(404, "no such model"), "answers with status 404: no such model"),
        (|| Reply::Status(200, Vec::new(), "<html>Log in</html>".into()), "answers with what is no JSON: <html>Log in</html>"),
        (
            || Reply::Status(200, Vec::new(), "{\"a\": 1}".into()),
            "answers with JSON that is no answer: `choices[0].message` is missing",
        ),
        (
            || Reply::Status(307, vec![("location", "http://elsewhere/v1".into())], String::new()),
            "redirects to http://elsewhere/v1, and no redirect is followed",
        ),
        (|| Reply::Status(301, vec![("location", "/other".into())], String::new()), "redirects to /other"),
        (|| Reply::Raw(b"nonsense\r\n\r\n".to_vec()), "broke before the whole reply was there"),
    ];
    for (index, (reply, message)) in never.into_iter().enumerate() {
        let (result, attempts) = after(reply, 9);
        let told = result.unwrap_err();
        assert!(told.starts_with("model `task`: ") && told.contains(message), "{told}");
        assert_eq!(attempts, if index == 7 { 3 } else { 1 }, "{told}");
    }
}

#[test]
fn a_server_that_keeps_failing_ends_the_run_with_its_reason() {
    for (reply, message) in [
        (
            (|| error(500, "out of memory")) as fn() -> Reply,
            "answers with status 500: out of memory (a request was sent 3 times)",
        ),
        (
            || Reply::Never,
            "gave no whole answer within 0.4 seconds; raise `timeout`, or lower `max_tokens` (a request was sent 3 times)",
        ),
        (|| Reply::Raw(Vec::new()), "broke before the whole reply was there"),
        (|| error(429, "slow down"), "answers with status 429: slow down (a request was refused 20 times)"),
    ] {
        let (result, _) = after(reply, usize::MAX);
        let told = result.unwrap_err();
        assert!(told.contains(message), "{told}");
    }
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_asks() {
    let times = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&times);
    let double = Double::new("vllm", move |_| {
        let mut seen = seen.lock().unwrap();
        seen.push(Instant::now());
        if seen.len() == 1 { Reply::Status(429, vec![("retry-after", "1".into())], String::new()) } else { answer("a") }
    });
    let mut patient = model(vec![double.url()]);
    patient.patience.longest_wait = Duration::from_secs(5);
    let mut engine = open(patient).unwrap();
    assert_eq!(texts(&mut engine, &[request("a")]).unwrap(), ["a"]);
    let times = times.lock().unwrap();
    assert!(times.len() == 2 && times[1] - times[0] >= Duration::from_secs(1), "{times:?}");
}

#[test]
fn a_prompt_that_is_too_long_is_refused_alone() {
    let double = Double::new("vllm", |chat| match chat.to_string().contains("long") {
        true => error(400, "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."),
        false => answer("short"),
    });
    let mut engine = open(model(vec![double.url()])).unwrap();
    let answers = engine.generate(&[request("a long one"), request("one")], &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(matches!(&answers[0].ended, Ended::Refused(reason) if reason.contains("maximum context length")));
    assert_eq!(answers[1].text, "short");
}

#[test]
fn an_answer_that_never_ends_can_be_interrupted() {
    let double = Double::new("vllm", |_| Reply::Never);
    let mut engine = open(ServedModel { timeout: Duration::from_secs(600), ..model(vec![double.url()]) }).unwrap();
    let started = Instant::now();
    let mut looks = 0;
    let result = engine.generate(&[request("a")], &mut |_| {
        looks += 1;
        if looks > 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(result, Err(EngineError::Interrupted)));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_model_that_is_not_there_is_found_at_the_start() {
    let double = Double::new("vllm", |_| answer("a"));
    let other = ServedModel { model: "large".into(), ..model(vec![double.url()]) };
    let told = open(other).err().unwrap();
    assert!(told.ends_with("/v1 does not offer the model `large`; it offers `small`"), "{told}");
}

#[test]
fn no_server_at_the_start_is_an_error_with_each_reason() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let told = open(model(vec![format!("http://127.0.0.1:{port}/v1")])).err().unwrap();
    let expected = format!("model `task`: no server answers: http://127.0.0.1:{port}/v1/models cannot be reached: ");
    assert!(told.starts_with(&expected), "{told}");
}

#[test]
fn a_server_that_speaks_another_protocol_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().for_each(|stream| drop(stream.unwrap().write_all(b"220 mail ready\r\n"))));
    let told = open(model(vec![format!("http://127.0.0.1:{port}/v1")])).err().unwrap();
    assert!(told.contains(&port.to_string()), "{told}");
}

/// Starts a double with TLS, and opens the engine with these trusted certificates.
fn with_tls(ca: Option<PathBuf>) -> Result<Vec<String>, String> {
    let chain = vec![CertificateDer::from_pem_file(data("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(data("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let double = Double::with("vllm", Box::new(|_| answer("safe")), 0, Some(Arc::new(tls)));
    let url = format!("https://localhost:{}/v1", double.port);
    let mut engine = open(ServedModel { ca, ..model(vec![url]) })?;
    texts(&mut engine, &[request("a")])
}

#[test]
fn only_a_certificate_that_the_user_trusts_is_trusted() {
    assert_eq!(with_tls(Some(data("ca.pem"))).unwrap(), ["safe"]);
    for ca in [Some(data("other.pem")), None] {
        let told = with_tls(ca).unwrap_err();
        assert!(told.contains("is not trusted (") && told.contains("`ca` names the certificates that are"), "{told}");
    }
    let told = with_tls(Some(data("server.key"))).unwrap_err();
    assert!(told.contains("server.key: it has no certificate"), "{told}");
    let told = with_tls(Some(data("none.pem"))).unwrap_err();
    assert!(told.contains("`ca`: ") && told.contains("none.pem"), "{told}");
}
