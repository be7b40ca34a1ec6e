//! Sends one request to one server and reads the reply.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body, Error, Proxy, Timeout};

use super::failure::Failure;
use super::settings::ServedModel;

/// The longest time until a connection is made.
const CONNECTING: Duration = Duration::from_secs(10);

/// The longest time that a connection is kept without a request. It is shorter than that of the servers (uvicorn's is 5 seconds).
const IDLE: Duration = Duration::from_secs(3);

/// The most bytes of a reply.
const LONGEST_REPLY: u64 = 64 << 20;

/// The most characters of a server's message that an error quotes.
const QUOTED: usize = 300;

/// A client for the servers of one model. It follows no redirect, uses no proxy but a given one, and trusts no certificates but
/// given ones.
pub(super) struct Client {
    agent: Agent,
    /// The value of the header `Authorization`. None sends no such header.
    authorization: Option<String>,
    timeout: Duration,
}

impl Client {
    /// Creates a client.
    ///
    /// # Errors
    /// What is wrong with the certificates or the proxy.
    pub(super) fn new(model: &ServedModel) -> Result<Self, String> {
        let roots = model.ca.as_deref().map(read_certificates).transpose()?.unwrap_or_default();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let proxy = model.proxy.as_deref().map(Proxy::new).transpose().map_err(|e| format!("`proxy`: {e}"))?;
        let config = Agent::config_builder()
            .tls_config(tls)
            .proxy(proxy)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("gepard/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECTING.min(model.timeout)))
            .timeout_global(Some(model.timeout))
            .max_idle_age(IDLE)
            .max_idle_connections(4096)
            .max_idle_connections_per_host(1024);
        let authorization = model.api_key.as_ref().map(|key| format!("Bearer {key}"));
        Ok(Self { agent: config.build().new_agent(), authorization, timeout: model.timeout })
    }

    /// Asks for the JSON at a URL.
    pub(super) fn get(&self, url: &str) -> Result<Value, Failure> {
        let mut request = self.agent.get(url);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        self.read(url, request.call())
    }

    /// Sends JSON to a URL and returns the JSON of the reply.
    pub(super) fn post(&self, url: &str, body: &str) -> Result<Value, Failure> {
        let mut request = self.agent.post(url).header("content-type", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        self.read(url, request.send(body))
    }

    /// Closes all connections, so that requests that wait for a reply fail at once. The client cannot be used any more.
    pub(super) fn close(&self) {
        self.agent.clone().shutdown();
    }

    fn read(&self, url: &str, reply: Result<Response<Body>, Error>) -> Result<Value, Failure> {
        let mut reply = reply.map_err(|error| self.failure(url, &error))?;
        let header = |name: &str| reply.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (location, wait) = (header("location"), header("retry-after"));
        let bytes = reply.body_mut().with_config().limit(LONGEST_REPLY).read_to_vec();
        let status = reply.status().as_u16();
        if (300..400).contains(&status) {
            let to = location.unwrap_or_else(|| "another address".into());
            return Err(Failure::Final(format!(
                "{url} redirects to {to}, and no redirect is followed; name that server in `urls`"
            )));
        }
        let bytes = bytes.map_err(|error| self.failure(url, &error))?;
        if (200..300).contains(&status) {
            return serde_json::from_slice(&bytes)
                .map_err(|_| Failure::Final(format!("{url} answers with what is no JSON: {}", quoted(&bytes))));
        }
        let message = message(&bytes);
        let cause = format!("{url} answers with status {status}: {message}");
        Err(match status {
            // The date that may stand there instead of seconds is read as none: clocks of two machines differ.
            429 => Failure::Busy { cause, wait: wait.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs) },
            500 | 502 | 503 | 504 => Failure::Broken(cause),
            400 | 413 | 422 if is_about_length(&message) => Failure::TooLong(message),
            401 | 403 => Failure::Final(format!("{cause}; name the environment variable with a valid key in `api_key_env`")),
            _ => Failure::Final(cause),
        })
    }

    /// Returns what an error of the connection means.
    fn failure(&self, url: &str, error: &Error) -> Failure {
        let seconds = self.timeout.as_secs_f64();
        match error {
            Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                Failure::Unreachable(format!("{url} cannot be reached in time"))
            }
            Error::Timeout(_) => Failure::Broken(format!(
                "{url} gave no whole answer within {seconds} seconds; raise `timeout`, or lower `max_tokens`"
            )),
            Error::HostNotFound | Error::ConnectionFailed | Error::ConnectProxyFailed(_) => {
                Failure::Unreachable(format!("{url} cannot be reached: {error}"))
            }
            Error::Rustls(cause) => certificate(url, cause),
            Error::Io(cause) => match cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(cause) => certificate(url, cause),
                None if is_unreachable(cause.kind()) => Failure::Unreachable(format!("{url} cannot be reached: {cause}")),
                None => Failure::Broken(format!("the connection to {url} broke before the whole reply was there: {cause}")),
            },
            Error::Protocol(cause) => {
                Failure::Broken(format!("the connection to {url} broke before the whole reply was there: {cause}"))
            }
            other => Failure::Final(format!("{url}: {other}")),
        }
    }
}

/// Returns the failure of a TLS connection.
fn certificate(url: &str, cause: &rustls::Error) -> Failure {
    Failure::Final(format!("the certificate of {url} is not trusted ({cause}); `ca` names the certificates that are"))
}

/// Whether an error means that nothing listens there.
fn is_unreachable(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable};
    matches!(kind, ConnectionRefused | HostUnreachable | NetworkUnreachable | NetworkDown | AddrNotAvailable)
}

/// Reads the certificates of a PEM file, at least one.
fn read_certificates(path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let error = |cause: String| format!("`ca`: {}: {cause}", path.display());
    let pem = std::fs::read(path).map_err(|e| error(e.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|e| error(e.to_string()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(error("it has no certificate; a PEM file has `-----BEGIN CERTIFICATE-----`".into()));
    }
    Ok(certificates)
}

/// Returns the message in the body of an error: OpenAI's `error.message`, `message` or `detail`, or the beginning of the body.
fn message(bytes: &[u8]) -> String {
    let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let texts = [&body["error"]["message"], &body["message"], &body["detail"], &body["error"]];
    texts.iter().find_map(|text| text.as_str()).map_or_else(|| quoted(bytes), |text| quoted(text.as_bytes()))
}

/// Returns the beginning of a body as text.
fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.is_empty() => "nothing".into(),
        None => line,
    }
}

/// Whether a server's message says that a request does not fit the context.
fn is_about_length(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("context") && ["exceed", "maximum", "longer", "too long"].iter().any(|word| message.contains(word))
}
