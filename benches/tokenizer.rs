//! Counting tokens with the tokenizer of this crate and with llama.cpp's. Arguments: MODEL [ROWS]. Prints JSON with rows per
//! second and with the memory that each needs.

#![allow(missing_docs, clippy::print_stdout)]

use std::time::Instant;

use gepard::engine::llama::Vocabulary;
use gepard::tokenizer::Tokenizer;
use serde_json::json;

/// Sentences of which rows are made; each row is of about 100 tokens.
const SENTENCES: [&str; 8] = [
    "The committee postponed its decision until the members had read the 47-page report in full. ",
    "Please send the invoice (no. 20931) to accounts@example.org before 31/12, and don't forget the VAT! ",
    "let total: u64 = rows.iter().map(|row| row.count).sum(); // see README.md\n",
    "Nach dem Essen gingen wir über die Brücke zurück; es war schon dunkel und ziemlich kühl. ",
    "Q: Which river flows through Vienna, Budapest and Belgrade?\nA: the Danube\n\n",
    "SELECT name, AVG(price) FROM items WHERE stock > 0 GROUP BY name HAVING AVG(price) >= 9.99; ",
    "他昨天买了三本书，今天又去了图书馆。 ",
    "Customer wrote: \"it's broken AGAIN 😡 — second time this month…\" ",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` adds an argument of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let Some(model) = arguments.first() else { return Ok(()) };
    let count = arguments.get(1).map_or(Ok(10_000), |count| count.parse())?;
    let path = gepard::models::resolve(model, "".as_ref())?;
    let rows: Vec<String> = (0..count).map(row).collect();
    let texts: Vec<&str> = rows.iter().map(String::as_str).collect();
    let start = resident();
    let tokenizer = Tokenizer::from_gguf(&gepard::gguf::read(&path)?)?;
    let with_tokenizer = resident();
    let llama = Vocabulary::open(&path).ok_or("llama.cpp cannot read the model")?;
    let with_llama = resident();
    assert_eq!(tokenizer.first_difference(&|text| llama.tokenize(text)), None);
    let (mut ours, mut one_thread, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let mut tokens = 0;
    for _ in 0..5 {
        let mut expected = Vec::new();
        theirs.push(seconds(|| expected = texts.iter().map(|text| llama.tokenize(text).len()).collect()));
        one_thread.push(seconds(|| assert_eq!(texts.iter().map(|text| tokenizer.count(text)).collect::<Vec<_>>(), expected)));
        ours.push(seconds(|| assert_eq!(tokenizer.count_all(&texts), expected)));
        tokens = expected.iter().sum();
    }
    let rate = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        (count as f64 / times[2]).round()
    };
    let result = json!({
        "model": model, "rows": count, "tokens per row": tokens / count,
        "rows a second": { "llama.cpp": rate(&mut theirs), "one thread": rate(&mut one_thread), "all threads": rate(&mut ours) },
        "resident kB": { "tokenizer": with_tokenizer - start, "vocabulary of llama.cpp": with_llama - with_tokenizer },
    });
    println!("{result:#}");
    Ok(())
}

/// Returns a row that differs from the others: sentences in a changing order, with numbers.
fn row(index: usize) -> String {
    let sentence = |at: usize| SENTENCES[(index.wrapping_mul(7) + at * (1 + index % 3)) % SENTENCES.len()];
    format!("Row {index}: {}{}{}{}", sentence(0), sentence(1), index * 7919 % 10_007, sentence(2))
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// Returns the resident memory of this process in kB.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
