use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::assemble::STYLE;
use super::run_page::SCRIPT;
use super::{packs, page_of};
use crate::data::split::Split;
use crate::report::history::{CandidateRollouts, History, RolloutOwner, ScoredRollout};

/// Returns the part of a page between two marks.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    page.split_once(from).unwrap().1.split_once(to).unwrap().0
}

#[test]
fn the_policy_allows_exactly_the_script_and_the_style_sheet_of_the_page() {
    let page = page_of(&History::default(), "empty");
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\">");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    for (kind, text) in
        [("script-src", between(&page, "<script>", "</script>")), ("style-src", between(&page, "<style>", "</style>"))]
    {
        let hash = STANDARD.encode(Sha256::digest(text.as_bytes()));
        assert!(policy.contains(&format!("{kind} 'sha256-{hash}'")), "{kind} of {policy}");
    }
    assert!(!page.contains("{{"), "a mark of the template was not replaced");
}

#[test]
fn the_script_makes_no_markup_from_text_and_sends_no_request() {
    for word in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "import(",
        "srcdoc",
        "setTimeout(\"",
        "createContextualFragment",
    ] {
        assert!(!SCRIPT.contains(word), "{word}");
    }
    // The name of a namespace is not an address.
    let without = SCRIPT.replace("http://www.w3.org/2000/svg", "");
    assert!(!without.contains("http") && !STYLE.contains("url(") && !STYLE.contains("@import"));
}

#[test]
fn traces_that_do_not_fit_are_left_out() {
    let mut history = History::default();
    for key in 0..30 {
        let text = |n: usize| (0..200).map(|i| crate::hash::sha256_hex(format!("{key} {n} {i}").as_bytes())).collect::<String>();
        let rollouts = (0..4).map(|n| ScoredRollout {
            split: Split::Train,
            example: n,
            score: Some(0.0),
            feedback: history.texts.add(&text(n)),
            module_feedback: Vec::new(),
            objectives: Vec::new(),
            failure: None,
            steps: Vec::new(),
        });
        let rollouts = rollouts.collect();
        let (key, owner) = (key.to_string(), RolloutOwner::Unknown);
        history.runs.push(CandidateRollouts { key, owner, rollouts });
    }
    let all = packs::fitting(&history, usize::MAX);
    assert_eq!(all.left_out, 0);
    let half = packs::fitting(&history, all.bytes() / 2);
    assert!(half.bytes() <= all.bytes() / 2 && (14..18).contains(&half.left_out), "{} {}", half.bytes(), half.left_out);
    assert_eq!(packs::fitting(&history, 0).left_out, 30);
}
