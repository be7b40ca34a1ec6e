//! Metrics of the user's own, outside of gepard: what they say, and every way in which they fail, on the command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::asking::one;
use crate::support::process::{err, gepard};
use serde_json::{Value, json};

/// A metric in Python, with what it does for each line.
fn task(body: &str) -> tempfile::TempDir {
    let folder =
        one("kind = \"command\"\ncommand = [\"python3\", \"-u\", \"metric.py\"]\ntimeout = 20\nslots = 2", "{\"text\": \"x\"}");
    let script = format!(
        "import sys, json, os, time\nfor line in sys.stdin:\n    m = json.loads(line)\n    n = int(m['id'])\n    {body}\n"
    );
    fs::write(folder.path().join("metric.py"), script).unwrap();
    folder
}

fn outside(body: &str, arguments: &[&str]) -> (tempfile::TempDir, Output) {
    let folder = task(body);
    let output = gepard(&[&["eval", "gepard.toml", "--split", "train", "--json"], arguments].concat(), folder.path());
    (folder, output)
}

/// The task file, of a program that always leaves an output out that nobody reads.
fn lacking(folder: &Path) -> String {
    let task = fs::read_to_string(folder.join("gepard.toml")).unwrap();
    assert!(task.contains("outputs = [\"answer\"]"), "{task}");
    task.replace("outputs = [\"answer\"]", "outputs = [\"answer\", \"note\"]")
}

#[test]
fn a_metric_of_the_user_s_own_is_asked_and_its_words_are_the_feedback() {
    let body = "print(json.dumps({'score': float(m['outputs']['answer'] == m['example']['answer']), 'feedback': m['trace'][0]['module'], \
                'module_feedback': {'write': 'own'}, 'objectives': {'length': 0.25}}))";
    let (folder, output) = outside(body, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&result["score"], &result["objectives"]["length"]), (&json!(1.0), &json!(0.25)), "{result}");
    assert_eq!(
        (&result["rows"][0]["feedback"], &result["rows"][0]["module_feedback"]["write"]),
        (&json!("write"), &json!("own"))
    );
    let run = |task: &str| gepard(&["optimize", task, "--run", "run", "--budget", "24"], folder.path());
    assert_eq!(run("gepard.toml").status.code(), Some(0));
    let again = run("run/plan.toml");
    assert_eq!(again.status.code(), Some(0), "{}", err(&again));
    // Verdicts of another metric do not belong into this run; how many of it run at a time is nothing to it.
    let slots = gepard(&["optimize", "gepard.toml", "--run", "run", "--budget", "24", "--set", "metric.slots=1"], folder.path());
    assert_eq!(slots.status.code(), Some(0), "{}", err(&slots));
    let script = fs::read_to_string(folder.path().join("metric.py")).unwrap();
    fs::write(folder.path().join("metric.py"), script + "\n# changed\n").unwrap();
    let other = run("gepard.toml");
    assert_eq!(other.status.code(), Some(6), "{}", err(&other));
    assert!(err(&other).contains("metric.command.metric.py.sha256"), "{}", err(&other));
}

/// Whatever a metric needs and does not find (here: a file) may come back: its failures that ended the run are not kept.
#[test]
fn a_run_that_its_metric_has_ended_goes_on_when_the_metric_works_again() {
    let (folder, _) = outside("open('there'); print(1.0)", &["--limit", "1"]);
    let run = || gepard(&["optimize", "gepard.toml", "--run", "run", "--budget", "24"], folder.path());
    let ended = run();
    assert_eq!(ended.status.code(), Some(5), "{}", err(&ended));
    fs::write(folder.path().join("there"), "").unwrap();
    let on = run();
    assert_eq!(on.status.code(), Some(0), "{}", err(&on));
}

#[test]
fn every_way_of_a_metric_to_fail_ends_with_exit_code_5_and_is_told() {
    for (body, wanted) in [
        ("print('loading the model'); print(1)", "no JSON: loading the model"),
        ("print(0.5); print(0.7)", "wrote more than one line for a call"),
        ("print(json.dumps({'score': float('nan')}))", "no JSON, which has no NaN and no Infinity: {\"score\": NaN}"),
        ("print(1.5)", "the score is 1.5, not a number from 0 to 1"),
        ("print(json.dumps({'feedback': 'fine'}))", "its answer has no `score`"),
        ("print(json.dumps({'error': 'no such file'}))", "it says: no such file"),
        ("sys.exit('out of ideas')", "ended before it had answered (exit code 1); it said: out of ideas"),
        ("os.kill(os.getpid(), 11)", "ended before it had answered (signal 11)"),
        ("time.sleep(100)", "gave no answer within 1 s and was ended"),
        ("sys.stdout.buffer.write(b'\"\\xff\"\\n'); sys.stdout.flush()", "no UTF-8"),
        ("print('9' * (17 << 20))", "longer than 16 MB"),
    ] {
        // Three in a row are enough. Only who sleeps is waited for in vain.
        let seconds = if body.contains("sleep") { "metric.timeout=1" } else { "metric.timeout=20" };
        let (_, output) = outside(body, &["--limit", "3", "--set", seconds]);
        assert_eq!(output.status.code(), Some(5), "{body}: {}", err(&output));
        assert!(err(&output).contains(wanted), "{body}: {}", err(&output));
    }
}

/// Once, all of these scored 0, and the run went on.
#[test]
fn a_metric_that_breaks_down_is_told_though_every_answer_lacks_an_output() {
    let eval = |body: &str, metric: &str, seconds: &str| {
        let folder = task(body);
        fs::write(folder.path().join("gepard.toml"), lacking(folder.path()).replace("metric.py", metric)).unwrap();
        gepard(&["eval", "gepard.toml", "--split", "train", "--json", "--limit", "3", "--set", seconds], folder.path())
    };
    for (body, metric, wanted) in [
        ("print(1)", "missing.py", "No such file"),
        ("sys.exit('out of ideas')", "metric.py", "out of ideas"),
        ("time.sleep(100)", "metric.py", "gave no answer within 1 s"),
        ("print(json.dumps({'score': float('nan')}))", "metric.py", "which has no NaN"),
        ("print('hm')", "metric.py", "no JSON: hm"),
        ("print(1.5)", "metric.py", "the score is 1.5"),
    ] {
        let output = eval(body, metric, if body.contains("sleep") { "metric.timeout=1" } else { "metric.timeout=20" });
        assert_eq!(output.status.code(), Some(5), "{body}: {}", err(&output));
        assert!(err(&output).contains(wanted), "{body}: {}", err(&output));
    }
    for (body, wanted) in [
        ("print(len(m['outputs']['note']))", "KeyError: 'note'"),
        ("print(json.dumps({'error': 'no note'}))", "it says: no note"),
    ] {
        let output = eval(body, "metric.py", "metric.timeout=20");
        assert_eq!(output.status.code(), Some(0), "{body}: {}", err(&output));
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(result["score"], json!(0.0), "{result}");
        let feedback = result["rows"][0]["feedback"].as_str().unwrap();
        assert!(feedback.contains("`note` is missing") && feedback.contains(wanted), "{feedback}");
    }
}

/// A failure now and then is counted and told; the run goes on without that verdict.
#[test]
fn a_metric_that_fails_on_one_row_leaves_it_unscored_and_says_so() {
    let (folder, output) = outside("sys.exit('not this one') if n in (3, 15) else print(n % 2)", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(err(&output).contains("the metric failed on `3`: ") && err(&output).contains("not this one"), "{}", err(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((result["unscored"].as_u64(), result["rows"][3]["score"].is_null()), (Some(1), true), "{result}");
    let run = gepard(&["optimize", "gepard.toml", "--run", "run", "--budget", "12"], folder.path());
    assert_eq!(run.status.code(), Some(0), "{}", err(&run));
    assert!(String::from_utf8_lossy(&run.stdout).contains("the metric failed on 1 rollouts"), "{run:?}");
}

fn shim() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/dspy-metric.py")
}

fn dspy(metric: &str) -> (tempfile::TempDir, Output) {
    let command = format!("kind = \"command\"\ncommand = [\"python3\", {:?}, \"mine.py:metric\"]", shim().to_str().unwrap());
    let folder = one(&command, "{\"text\": \"x\"}");
    fs::write(folder.path().join("mine.py"), metric).unwrap();
    let output = gepard(&["eval", "gepard.toml", "--split", "train", "--json", "--limit", "3"], folder.path());
    (folder, output)
}

#[test]
fn metrics_written_for_dspy_run_as_they_are() {
    let prediction = "class Prediction:\n    def __init__(self, **fields): self.__dict__.update(fields)\n";
    for (metric, score, feedback, own) in [
        ("def metric(gold, pred):\n    print('noise')\n    return gold.answer == pred['answer']", 1.0, "The score is 1.", None),
        (
            "def metric(example, pred, trace=None):\n    return 0.25 if trace is None and 'question' in example else 0",
            0.25,
            "The score is 0.25.",
            None,
        ),
        ("metric = lambda *all: {'score': len(all) / 10, 'feedback': 'five'}", 0.5, "five", None),
        (
            &format!(
                "{prediction}def metric(gold, pred, trace=None, pred_name=None, pred_trace=None):\n    if pred_name is None: return Prediction(score=0.5, feedback='all')\n    return Prediction(score=0.5, feedback=f'{{pred_name}}: {{pred_trace[0][2].answer}}')"
            ),
            0.5,
            "all",
            Some("write: answer 0."),
        ),
        (
            "def metric(gold, pred, *, trace=None, pred_name=None, **more):\n    return {'score': 1, 'feedback': trace[0][0].name} if pred_name else 1",
            1.0,
            "The score is 1.",
            Some("write"),
        ),
    ] {
        let (_, output) = dspy(metric);
        assert_eq!(output.status.code(), Some(0), "{metric}: {}", err(&output));
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        let row = &result["rows"][0];
        assert_eq!((row["score"].as_f64(), row["feedback"].as_str()), (Some(score), Some(feedback)), "{metric}");
        assert_eq!(row["module_feedback"].get("write").and_then(Value::as_str), own, "{metric}");
    }
    for (metric, wanted) in [
        ("def metric(gold, pred): return float('nan')", "ValueError: the metric returned the score nan"),
        ("def metric(gold, pred): return 'good'", "TypeError: the metric returned 'good', not a number"),
        ("def metric(gold, pred): return None", "the metric returned None"),
        (
            "def metric(gold, pred): return gold.colour",
            "AttributeError: there is no field `colour`; there are id, question, answer",
        ),
        ("def metric(gold, pred): return 2", "the score is 2, not a number from 0 to 1"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
    ] {
        let (_, output) = dspy(metric);
        assert_eq!(output.status.code(), Some(5), "{metric}: {}", err(&output));
        assert!(err(&output).contains(wanted), "{metric}: {}", err(&output));
    }
}
