use super::*;

/// What stands between two marks of a page.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    page.split_once(from).unwrap().1.split_once(to).unwrap().0
}

#[test]
fn the_policy_names_exactly_what_the_page_runs() {
    let page = of(&History::default(), "empty");
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\">");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    for (kind, text) in
        [("script-src", between(&page, "<script>", "</script>")), ("style-src", between(&page, "<style>", "</style>"))]
    {
        let hash = STANDARD.encode(Sha256::digest(text.as_bytes()));
        assert!(policy.contains(&format!("{kind} 'sha256-{hash}'")), "{kind} of {policy}");
    }
    assert!(!page.contains("{{"), "a part is missing");
}

#[test]
fn the_script_makes_elements_from_text_alone_and_asks_for_nothing() {
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
    // The names of namespaces are no addresses.
    let without = SCRIPT.replace("http://www.w3.org/2000/svg", "");
    assert!(!without.contains("http") && !STYLE.contains("url(") && !STYLE.contains("@import"));
}

#[test]
fn what_finds_no_room_is_left_out_from_the_end() {
    let mut history = History::default();
    for key in 0..30 {
        let text = |n: usize| (0..200).map(|i| crate::hash::sha256_hex(format!("{key} {n} {i}").as_bytes())).collect::<String>();
        let rollouts = (0..4).map(|n| crate::report::history::Scored {
            split: crate::data::split::Split::Train,
            example: n,
            score: Some(0.0),
            feedback: history.texts.take(&text(n)),
            module_feedback: Vec::new(),
            objectives: Vec::new(),
            failure: None,
            steps: Vec::new(),
        });
        let rollouts = rollouts.collect();
        let (key, who) = (key.to_string(), crate::report::history::Who::Unknown);
        history.runs.push(crate::report::history::Runs { key, who, rollouts });
    }
    let all = packs::fitting(&history, usize::MAX);
    assert_eq!(all.left_out, 0);
    let half = packs::fitting(&history, all.bytes() / 2);
    assert!(half.bytes() <= all.bytes() / 2 && (14..18).contains(&half.left_out), "{} {}", half.bytes(), half.left_out);
    assert_eq!(packs::fitting(&history, 0).left_out, 30);
}
