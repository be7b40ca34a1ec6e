//! Metrics that ask a model or an outside program, run from their task files with the scripted engine.

use std::fs;

use crate::support::asking::{JUDGE, one, records, task, verdict};
use crate::support::process::{err, eval, gepard};
use gepard::engine::Ended;
use gepard::engine::scripted::Scripted;
use gepard::evaluate::RolloutRequest;
use gepard::evaluate::ScoredRollouts;
use gepard::evaluate::Verdict;
use gepard::evaluate::evaluator::Evaluator;
use gepard::hooks::Hooks;
use gepard::run;
use serde_json::{Value, json};

/// The program of PUPA: redact a query, send it to an untrusted model, and answer with its reply.
const PUPA: &str = r#"
[data]
train = "train.jsonl"
val = "val.jsonl"

[[module]]
name = "redact"
inputs = ["query"]
outputs = ["request"]
instruction = "Redact."

[[module]]
name = "ask"
inputs = ["request"]
outputs = ["reply"]
instruction = "Help."
model = "untrusted"
frozen = true

[[module]]
name = "respond"
inputs = ["query", "reply"]
outputs = ["answer"]
instruction = "Respond."

[metric]
kind = "privacy"
sent_to = "ask"
listed = "pii_units"
[metric.quality]
kind = "judge"
model = "judge"
rubric = "5: a whole letter. 1: no letter."
inputs = ["query"]
output = "answer"

[model.task]
engine = "scripted"
script = "task.jsonl"
[model.untrusted]
engine = "scripted"
script = "untrusted.jsonl"
[model.judge]
engine = "scripted"
script = "judge.jsonl"

[optimize]
operators = ["rewrite"]
budget = "120"
"#;

fn pupa() -> tempfile::TempDir {
    let rows = |from: usize| -> String {
        let row = |n: usize| json!({ "id": n.to_string(), "query": format!("I am Anna Schmidt, anna{n}@example.org. Write."), "pii_units": ["Anna Schmidt"] });
        (from..from + 6).map(|n| row(n).to_string() + "\n").collect()
    };
    let task_rules = [
        r#"{"contains": ["Write a better instruction", "must write `request`"], "text": "Redact. HIDE all names."}"#,
        r#"{"contains": ["Write a better instruction"], "text": "Respond well."}"#,
        r#"{"contains": ["HIDE"], "text": "request: write for [NAME]"}"#,
        r#"{"contains": ["Redact."], "text": "request: write for ANNA schmidt"}"#,
        r#"{"text": "answer: Dear Anna"}"#,
    ];
    task(&[
        ("gepard.toml", PUPA),
        ("train.jsonl", &rows(0)),
        ("val.jsonl", &rows(10)),
        ("task.jsonl", &task_rules.join("\n")),
        ("untrusted.jsonl", r#"{"text": "reply: Dear [NAME]"}"#),
        (
            "judge.jsonl",
            r#"{"contains": ["You grade a text", "Dear Anna"], "text": "{\"reason\": \"It has no end.\", \"grade\": 3}"}"#,
        ),
    ])
}

#[test]
fn feedback_on_quality_and_on_privacy_goes_to_the_modules_concerned() {
    let folder = pupa();
    let result = eval(folder.path());
    // Of two pieces of personal data, the listed name leaks and the detected address does not. The judge's grade 3 of 5 is 0.5.
    assert_eq!(result["score"], 0.5, "{result}");
    assert_eq!(result["objectives"], json!({ "privacy": 0.5, "quality": 0.5, "quality.grade": 0.5 }));
    let row = &result["rows"][0];
    assert_eq!(
        row["module_feedback"]["redact"],
        "It wrote what leaks `Anna Schmidt`: leave it out, or put a placeholder in its place."
    );
    assert!(
        row["module_feedback"]["respond"].as_str().unwrap().starts_with("It wrote the answer, whose quality is 0.50."),
        "{row}"
    );
    let feedback = row["feedback"].as_str().unwrap();
    assert!(feedback.starts_with("Quality 0.50: `answer` got grade 3 of 5: It has no end.\nPrivacy 0.50: 1 of 2"), "{feedback}");
    // The plain output has the same means.
    let output = gepard(&["eval", "gepard.toml", "--split", "train"], folder.path());
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(words.contains("\nprivacy 0.500, quality 0.500, quality.grade 0.500\n"), "{words}");
}

#[test]
fn a_program_with_a_privacy_metric_learns_to_redact_and_its_run_is_resumed() {
    let folder = pupa();
    let run = |set: &[&str]| {
        let output = gepard(&[&["optimize", "gepard.toml", "--run", "run"], set].concat(), folder.path());
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let summary: Value = serde_json::from_str(&fs::read_to_string(folder.path().join("run/summary.json")).unwrap()).unwrap();
        (fs::read(folder.path().join("run/journal.jsonl")).unwrap(), summary)
    };
    let (journal, summary) = run(&[]);
    assert_eq!((summary["seed_score"].as_f64(), summary["best_score"].as_f64()), (Some(0.5), Some(0.75)), "{summary}");
    assert!(summary["engine"]["seconds"]["judge"].as_f64() > Some(0.0), "{summary}");
    // The journal has the judge's answer, and the reflector read which data leaked.
    let records = records(&folder.path().join("run"));
    let rollout = records.iter().find(|record| record["kind"] == "rollouts").unwrap();
    assert!(rollout["rollouts"][0]["judged"]["answers"][0]["text"].as_str().unwrap().contains("It has no end."), "{rollout}");
    assert!(rollout["cost"]["judge"].as_f64() > Some(0.0), "{rollout}");
    let read = records.iter().filter(|record| record["kind"] == "reflections").map(|record| record["read"].to_string());
    let read: Vec<String> = read.filter(|read| read.contains("must write `request`")).collect();
    assert!(read.iter().any(|read| read.contains("It wrote what leaks `Anna Schmidt`")), "{read:?}");
    assert_eq!(run(&[]).0, journal, "resumed");
    let again = gepard(&["optimize", "run/plan.toml", "--run", "run"], folder.path());
    assert_eq!(again.status.code(), Some(0), "{}", err(&again));
    let output = gepard(&["optimize", "gepard.toml", "--run", "other", "--set", "optimize.frontier=hybrid"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
}

#[test]
fn a_judge_is_compared_with_given_grades() {
    // The judge grades the first four texts as given, 1 to 4, and the last 3 instead of 5.
    let mut rules: Vec<String> = (0..4).map(|n| verdict(&format!("graded {n}."), n + 1)).collect();
    rules.push(verdict("graded 4.", 3));
    rules.push(verdict("answer ", 5));
    let labelled = format!("{JUDGE}\nlabels = \"human\"\nlabelled = \"given\"");
    let folder = one(&labelled, &rules.join("\n"));
    let result = eval(folder.path());
    assert_eq!(result["score"], 1.0, "{result}");
    let agreement = &result["agreement"][0];
    assert_eq!(
        (agreement["count"].as_u64(), agreement["equal"].as_f64(), agreement["within_one"].as_f64()),
        (Some(5), Some(0.8), Some(0.8))
    );
    // The mean squared difference of the pairs is 4/5; that of all pairings of (1, 2, 3, 4, 3) with (1, 2, 3, 4, 5) is 82/25.
    let squares: f64 = [1.0, 2.0, 3.0, 4.0, 3.0f64].iter().flat_map(|a| (1..=5).map(move |b| (a - f64::from(b)).powi(2))).sum();
    assert!((agreement["kappa"].as_f64().unwrap() - (1.0 - (4.0 / 5.0) / (squares / 25.0))).abs() < 1e-9, "{agreement}");
    let output = gepard(&["eval", "gepard.toml", "--split", "train"], folder.path());
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(words.contains("the judge on 5 texts that others graded: 80% the same grade, 80% within one"), "{words}");
    // Without labels, there is no agreement.
    assert_eq!(eval(one(JUDGE, &verdict("answer ", 5)).path())["agreement"], json!([]));
    // A grade outside of the scale is an error in the data.
    let folder = one(&labelled, &rules.join("\n"));
    let rows = fs::read_to_string(folder.path().join("train.jsonl")).unwrap().replace("\"human\":5", "\"human\":7");
    fs::write(folder.path().join("train.jsonl"), rows).unwrap();
    let output = gepard(&["eval", "gepard.toml", "--split", "train"], folder.path());
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("example `4`: `human` is 7, not a grade from 1 to 5"), "{}", err(&output));
}

#[test]
fn a_judge_that_cannot_be_read_ends_a_run_with_exit_code_5() {
    let folder = one(JUDGE, r#"{"text": "four, I think"}"#);
    for arguments in [&["eval", "gepard.toml", "--split", "train"][..], &["optimize", "gepard.toml", "--run", "run"]] {
        let output = gepard(arguments, folder.path());
        assert_eq!(output.status.code(), Some(5), "{}", err(&output));
        assert!(err(&output).contains("the judge's answer is no JSON: four, I think"), "{}", err(&output));
    }
    // The sub-wave that ended the run is not in the journal, so that the run goes on once the judge can be read.
    let kept = records(&folder.path().join("run"));
    assert!(kept.iter().all(|record| record["kind"] == "header" || record["kind"] == "limits"), "{kept:?}");
}

#[test]
fn an_unreadable_judge_is_an_error_even_if_an_output_is_missing() {
    let folder = one(&format!("{JUDGE}\noutput = \"answer\""), r#"{"text": "four, I think"}"#);
    let file = folder.path().join("gepard.toml");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("[\"answer\"]", "[\"answer\", \"note\"]")).unwrap();
    let output = gepard(&["eval", "gepard.toml", "--split", "train"], folder.path());
    assert_eq!(output.status.code(), Some(5), "{}", err(&output));
    assert!(err(&output).contains("the judge's answer is no JSON: four, I think"), "{}", err(&output));
}

/// An unreadable grade is requested once more, and drawn at random, because a greedy answer would be the same. Other grades are not.
#[test]
fn an_unreadable_grade_is_requested_once_more() {
    let folder = one(JUDGE, r#"{"text": "never used"}"#);
    let plan = gepard::config::load(&folder.path().join("gepard.toml"), &[]).unwrap();
    let (program, metric) = (run::program(&plan).unwrap(), run::metric(&plan).unwrap());
    let asked = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let heard = std::rc::Rc::clone(&asked);
    let mut engine = Scripted::new(move |request| {
        let text = &request.messages.last().unwrap().content;
        if !text.contains("You grade a text") {
            return (format!("answer: {}", text.split("question ").nth(1).unwrap()), Ended::Stop);
        }
        heard.borrow_mut().push((text.contains("question 1."), request.decoding.temperature > 0.0));
        let readable = !text.contains("question 1.") || request.decoding.temperature > 0.0;
        (if readable { r#"{"reason": "So.", "grade": 5}"#.into() } else { "hm".into() }, Ended::Stop)
    });
    let splits = gepard::data::split::load(&run::files(&plan), &gepard::data::Requirements::default(), &[]).unwrap();
    let candidate = plan.seed_candidate();
    let request = |example| RolloutRequest { candidate: &candidate, key: "k", example, draw: None };
    let requests: Vec<RolloutRequest<'_>> = splits.train[..3].iter().map(request).collect();
    let mut evaluator = Evaluator::new(&program, &*metric, &mut engine);
    let ScoredRollouts { scored, cost } = evaluator.sub_wave(&requests, "salt", &mut Hooks::none()).unwrap();
    assert!(
        scored.iter().all(|scored| matches!(&scored.verdict, Verdict::Judged(verdict) if verdict.score == 1.0)),
        "{scored:?}"
    );
    assert_eq!(*asked.borrow(), [(false, false), (true, false), (false, false), (true, true)]);
    assert!(cost.judge > 0.0 && cost.engine > 0.0);
}

#[test]
fn a_judge_of_three_samples_gives_their_median() {
    // The seed of a sample picks the grade, so that every run has the same grades, and their median is the score.
    let grades: Vec<String> =
        (1..=5).map(|grade| json!({ "reason": format!("Reason {grade}."), "grade": grade }).to_string()).collect();
    let folder = one(&format!("{JUDGE}\nsamples = 3"), &json!({ "texts": grades }).to_string());
    let result = eval(folder.path());
    assert_eq!(result["rows"], eval(folder.path())["rows"]);
    let distinct: std::collections::BTreeSet<String> =
        result["rows"].as_array().unwrap().iter().map(|row| row["score"].to_string()).collect();
    assert!(distinct.len() > 2, "{result}");
    let run = gepard(&["optimize", "gepard.toml", "--run", "run", "--budget", "24"], folder.path());
    assert_eq!(run.status.code(), Some(0), "{}", err(&run));
    let records = records(&folder.path().join("run"));
    let rollouts = records.iter().find(|record| record["kind"] == "rollouts").unwrap();
    for scored in rollouts["rollouts"].as_array().unwrap() {
        let judged = &scored["judged"];
        let grade =
            |answer: &Value| serde_json::from_str::<Value>(answer["text"].as_str().unwrap()).unwrap()["grade"].as_u64().unwrap();
        let mut grades: Vec<u64> = judged["answers"].as_array().unwrap().iter().map(grade).collect();
        assert_eq!(grades.len(), 3);
        grades.sort_unstable();
        assert_eq!(judged["score"].as_f64(), Some((grades[1] - 1) as f64 / 4.0), "{judged}");
    }
}

#[test]
fn judges_and_programs_are_parts_of_a_sum() {
    let metric = format!(
        "kind = \"sum\"\n[[metric.part]]\nkind = \"exact\"\nfield = \"answer\"\n[[metric.part]]\nname = \"tone\"\nweight = 2\n{JUDGE}\n\
         labels = \"human\"\nlabelled = \"given\"\n[[metric.part]]\nname = \"own\"\nkind = \"command\"\ncommand = [\"python3\", \"-u\", \"metric.py\"]\n\
         [[metric.part]]\nname = \"leaks\"\nkind = \"privacy\"\noutput = \"answer\"\n"
    );
    let rules = [verdict("graded ", 2), verdict("answer ", 3)].join("\n");
    let folder = one(&metric, &rules);
    let script = "import sys, json\nfor line in sys.stdin: print(json.dumps({'score': 0.5, 'feedback': 'f', 'module_feedback': {'write': 'w'}, 'objectives': {'o': 0.2}}))";
    fs::write(folder.path().join("metric.py"), script).unwrap();
    let result = eval(folder.path());
    assert_eq!(result["score"], json!((1.0 + 2.0 * 0.5 + 0.5 + 1.0) / 5.0), "{result}");
    let wanted =
        json!({ "exact": 1.0, "leaks": 1.0, "leaks.privacy": 1.0, "own": 0.5, "own.o": 0.2, "tone": 0.5, "tone.grade": 0.5 });
    for (name, score) in wanted.as_object().unwrap() {
        let mean = result["objectives"][name].as_f64().unwrap();
        assert!((mean - score.as_f64().unwrap()).abs() < 1e-9, "{name}: {mean}");
    }
    assert_eq!(result["rows"][0]["module_feedback"]["write"], "w");
    assert!(
        result["rows"][0]["feedback"].as_str().unwrap().contains("\ntone 0.50: `answer` got grade 3 of 5: So.\nown 0.50: f\n"),
        "{result}"
    );
    assert_eq!(result["agreement"][0]["judge"], "tone");
}

#[test]
fn errors_in_the_settings_of_a_metric_are_reported_before_anything_runs() {
    for (metric, wanted) in [
        (JUDGE.replace("\"judge\"\nrubric", "\"jugde\"\nrubric"), "there is no [model.jugde]; did you mean `judge`?"),
        (JUDGE.replace("rubric = \"Polite?\"", ""), "`metric.rubric` is missing; say what makes a grade good or bad"),
        (format!("{JUDGE}\nrubric_file = \"x\""), "stands beside `rubric_file`"),
        (JUDGE.replace("rubric = \"Polite?\"", "rubric_file = \"nowhere.txt\""), "nowhere.txt cannot be read"),
        (format!("{JUDGE}\nsamples = 2"), "must be odd"),
        (format!("{JUDGE}\nsamples = 3\ntemperature = 0"), "all samples say the same"),
        (format!("{JUDGE}\ntemperature = 0.5"), "draws a grade by chance"),
        (format!("{JUDGE}\nlabels = \"human\""), "`metric.labels` needs the other"),
        (format!("{JUDGE}\noutput = \"anwser\""), "no module writes `anwser`; did you mean `answer`?"),
        (format!("{JUDGE}\nscale = 1"), "must be from 2 to 10"),
        ("kind = \"command\"".into(), "`metric.command` must be a program and its arguments"),
        ("kind = \"comand\"".into(), "did you mean `command`?"),
        ("kind = \"privacy\"".into(), "give either `output`"),
        ("kind = \"privacy\"\nsent_to = \"wirte\"".into(), "there is no module or step `wirte`; did you mean `write`?"),
        ("kind = \"privacy\"\noutput = \"answer\"\ndetect = [\"fone\"]".into(), "nothing detects `fone`; did you mean `phone`?"),
        ("kind = \"privacy\"\noutput = \"answer\"\ndetect = []".into(), "no row has personal data then"),
        (
            "kind = \"privacy\"\noutput = \"answer\"\n[metric.quality]\nkind = \"privacy\"".into(),
            "privacy cannot be its own quality",
        ),
        (
            "kind = \"privacy\"\noutput = \"answer\"\n[metric.quality]\nkind = \"exact\"\nfield = \"answer\"\noutptu = \"x\""
                .into(),
            "did you mean `output`?",
        ),
    ] {
        let folder = one(&metric, &verdict("x", 1));
        let output = gepard(&["eval", "gepard.toml", "--split", "train"], folder.path());
        assert_eq!(output.status.code(), Some(2), "{metric}: {}", err(&output));
        assert!(err(&output).contains(wanted), "{wanted} not in {}", err(&output));
    }
    // A row lacks a field that the judge is shown.
    let folder = one(&JUDGE.replace("[\"question\"]", "[\"context\"]"), &verdict("x", 1));
    let output = gepard(&["eval", "gepard.toml", "--split", "train"], folder.path());
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("the field `context` is missing"), "{}", err(&output));
}
