//! Reads the keys of `engine = "openai"`.

use std::collections::BTreeSet;
use std::path::Path;

use super::section::Section;
use crate::config::servers::ServersPlan;

pub(super) fn read(section: &Section<'_>, folder: &Path) -> ServersPlan {
    let plan = ServersPlan {
        urls: read_urls(section),
        model: section.required_text("model"),
        api_key_env: section.text("api_key_env"),
        timeout: section.integer("timeout", 1..=86_400).unwrap_or(ServersPlan::TIMEOUT),
        concurrency: section.integer("concurrency", 1..=ServersPlan::MOST_CONCURRENCY),
        tokenizer: section.path("tokenizer", folder),
        ca: section.path("ca", folder),
        proxy: section.text("proxy"),
        context: section.integer("context", 128..=10_000_000),
        thinking: section.integer("thinking", 1..=1_000_000),
    };
    if plan.ca.is_none() && plan.urls.iter().any(|url| url.starts_with("https://")) {
        section.problem("ca", "is missing; `https` needs a PEM file with the certificates that sign those of the servers");
    }
    if plan.proxy.as_deref().is_some_and(|proxy| !is_http(proxy)) {
        section.problem("proxy", "must be a URL that begins with `http://` or `https://`");
    }
    plan
}

/// Reads the URLs, without a slash at their end.
fn read_urls(section: &Section<'_>) -> Vec<String> {
    let urls = section.texts("urls").unwrap_or_default();
    let urls: Vec<String> = urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
    if urls.is_empty() {
        section.problem("urls", "is missing; name the servers: urls = [\"http://node1:8000/v1\"]");
    }
    let mut known = BTreeSet::new();
    for url in &urls {
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        if !is_http(url) || rest.is_empty() {
            section.problem("urls", format!("`{url}` is no URL like \"http://node1:8000/v1\""));
        } else if rest.contains(['?', '#', '@']) {
            section.problem("urls", format!("`{url}` has a part that is not sent; a key is named by `api_key_env`"));
        }
        if !known.insert(url) {
            section.problem("urls", format!("`{url}` stands there twice"));
        }
    }
    urls
}

/// Whether a text begins as the URL of a server.
fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
