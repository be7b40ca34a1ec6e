use std::path::Path;

use proptest::prelude::*;

use super::budget::Budget;
use super::error::ConfigError;
use super::load::load;
use super::metric::MetricPlan;
use super::model::ModelSource;
use super::optimize::{Frontier, Gate, Keep, Parents};
use super::plan::Plan;
use crate::engine::Shape;

const TASK: &str = r#"
[data]
train = "train.jsonl"

[[module]]
name = "triage"
inputs = ["message"]
outputs = ["urgency"]
instruction = "Say how urgent it is."

[metric]
kind = "label"
field = "urgency"

[model.task]
gguf = "some.gguf"
"#;

fn load_with(source: &str, settings: &[&str]) -> Result<Plan, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gepard.toml");
    std::fs::write(&path, source).unwrap();
    let settings: Vec<String> = settings.iter().map(|&s| s.to_owned()).collect();
    load(&path, &settings)
}

fn reflectors(plan: &Plan) -> Vec<&str> {
    plan.optimize.reflectors.iter().map(|model| model.name.as_str()).collect()
}

fn problems(source: &str, settings: &[&str]) -> Vec<(Option<usize>, String, String)> {
    match load_with(source, settings) {
        Err(ConfigError::Invalid { problems, .. }) => problems.into_iter().map(|p| (p.line, p.key, p.message)).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn defaults_are_filled_in() {
    let plan = load_with(TASK, &[]).unwrap();
    assert_eq!(reflectors(&plan), ["task"]);
    assert_eq!(plan.optimize.budget, Budget::DEFAULT);
    assert_eq!(plan.modules[0].model.name, "task");
    assert!(plan.data.train.is_absolute());
    assert_eq!(plan.metric, MetricPlan::Label { field: "urgency".into(), output: "urgency".into() });
}

#[test]
fn a_plan_written_out_is_a_task_file_again() {
    let plan = load_with(TASK, &["optimize.budget=30m", "model.task.context=512"]).unwrap();
    let written = toml::to_string(&plan).unwrap();
    assert_eq!(load_with(&written, &[]).unwrap(), plan, "{written}");
}

#[test]
fn a_plan_with_every_choice_is_a_task_file_again() {
    let json = TASK.replace("kind = \"label\"\nfield = \"urgency\"", "kind = \"json\"");
    let settings = [
        "optimize.candidate_selection=epsilon-greedy",
        "optimize.epsilon=0.2",
        "optimize.module_selection=all",
        "optimize.frontier=cartesian",
        "optimize.gate=confident",
        "optimize.proposals=3",
        "optimize.parents=several",
        "optimize.keep=all",
        "optimize.merge=false",
        "optimize.patience=7",
        "optimize.budget=light, 30m",
    ];
    let plan = load_with(&json, &settings).unwrap();
    let chosen = &plan.optimize;
    assert_eq!((chosen.epsilon, chosen.gate, chosen.frontier), (Some(0.2), Gate::Confident, Frontier::Cartesian));
    assert_eq!((chosen.parents, chosen.keep, chosen.merge), (Some(Parents::Several), Some(Keep::All), false));
    let written = toml::to_string(&plan).unwrap();
    assert_eq!(load_with(&written, &[]).unwrap(), plan, "{written}");
}

#[test]
fn a_setting_without_effect_is_a_problem() {
    let alone = problems(TASK, &["optimize.proposals=1", "optimize.keep=all"]);
    assert!(alone.iter().any(|(_, _, message)| message == "has an effect only with `proposals` above 1"), "{alone:?}");
    for (setting, words) in [
        ("optimize.epsilon=0.2", "has an effect only with candidate_selection = \"epsilon-greedy\""),
        ("optimize.top_k=2", "has an effect only with candidate_selection = \"top-k-pareto\""),
        ("optimize.gate=confidnet", "there is no `confidnet`; did you mean `confident`?"),
        ("optimize.frontier=objective", "needs a metric that names objectives, like json, constraints or sum: leave it out"),
        ("optimize.stop_at_score=1.5", "must be from 0 to 1, not 1.5"),
    ] {
        let found = problems(TASK, &[setting]);
        assert!(found.iter().any(|(_, _, message)| message == words), "{setting}: {found:?}");
    }
}

#[test]
fn every_problem_has_its_line() {
    let source =
        TASK.replace("inputs", "input").replace("kind = \"label\"", "kind = \"lable\"").replace("[data]", "[data]\nseed = 3");
    let found = problems(&source, &[]);
    assert!(
        found.contains(&(
            Some(3),
            "data.seed".into(),
            "is no known key; known are `allow_overlap`, `skip_unlabelled`, `test`, `train`, `val`".into()
        )),
        "{found:?}"
    );
    assert!(found.contains(&(Some(8), "module.input".into(), "is no known key; did you mean `inputs`?".into())), "{found:?}");
    assert!(
        found.iter().any(|(l, k, m)| *l == Some(13) && k == "metric.kind" && m.contains("did you mean `label`?")),
        "{found:?}"
    );
}

#[test]
fn settings_replace_values_of_every_table() {
    let plan =
        load_with(TASK, &["model.task.gguf=other.gguf", "optimize.seed=7", "module.triage.max_tokens=5", "engine.threads=3"])
            .unwrap();
    assert_eq!(plan.optimize.seed, 7);
    assert_eq!(plan.modules[0].max_tokens, 5);
    assert_eq!(plan.engine.threads, Some(3));
    let ModelSource::Llama { gguf, .. } = &plan.models[0].source else { panic!() };
    assert_eq!(Path::new(gguf), std::env::current_dir().unwrap().join("other.gguf"));
}

#[test]
fn the_servers_of_a_model_are_read_and_checked() {
    let task = TASK.replace("gguf = \"some.gguf\"", "engine = \"openai\"\nurls = [\"http://a:1/v1/\"]\nmodel = \"m\"");
    let plan = load_with(&task, &[]).unwrap();
    let ModelSource::Openai(servers) = &plan.models[0].source else { panic!() };
    assert_eq!((servers.urls[0].as_str(), servers.timeout, servers.concurrency), ("http://a:1/v1", 600, None));
    for (urls, words) in [
        ("[]", "is missing; name the servers: urls = [\"http://node1:8000/v1\"]"),
        ("[\"a:1/v1\"]", "`a:1/v1` is no URL like \"http://node1:8000/v1\""),
        ("[\"http://me:secret@a/v1\"]", "`http://me:secret@a/v1` has a part that is not sent; a key is named by `api_key_env`"),
        ("[\"http://a\", \"http://a/\"]", "`http://a` stands there twice"),
    ] {
        let found = problems(&task.replace("[\"http://a:1/v1/\"]", urls), &[]);
        assert!(found.iter().any(|(_, _, message)| message == words), "{urls}: {found:?}");
    }
    let found = problems(&task.replace("http:", "https:"), &[]);
    assert!(found.iter().any(|(_, key, message)| key == "model.task.ca" && message.starts_with("is missing; `https`")));
    let found = problems(
        &format!(
            "{task}proxy = \"proxy:3128\"\n[model.b]\nengine = \"scripted\"\nscript = \"s\"\n[model.c]\ngguf = \"c.gguf\"\n"
        ),
        &[],
    );
    assert!(found.iter().any(|(_, key, _)| key == "model.task.proxy"), "{found:?}");
    assert!(found.iter().any(|(_, _, message)| message == "scripted models and model files cannot stand in one task"));
}

#[test]
fn bad_settings_are_refused() {
    for setting in ["seed", "=3", "optimize..seed=1", "module.nobody.max_tokens=3", "data.train.x=1"] {
        assert!(matches!(load_with(TASK, &[setting]), Err(ConfigError::Set { .. })), "{setting}");
    }
    let found = problems(TASK, &["optimize.sed=1"]);
    assert_eq!(found, [(None, "optimize.sed".into(), "is no known key; did you mean `seed`?".into())]);
    let found = problems(TASK, &["foo=1"]);
    assert!(found[0].2.starts_with("is no known key; known are "), "not `loop`: {found:?}");
    assert_eq!(problems(TASK, &["optimize.seed=1.5"])[0].2, "must be a whole number, not 1.5");
}

#[test]
fn a_message_begins_with_a_verb_or_stands_behind_a_colon() {
    let message = |setting: &str| load_with(TASK, &[setting]).unwrap_err().to_string();
    let gate = message("optimize.gate=foo");
    assert!(gate.contains(": `optimize.gate`: there is no `foo`; known are `confident`, `or-equal`, `strict`"), "{gate}");
    let minibatch = message("optimize.minibatch=0");
    assert!(minibatch.contains(": `optimize.minibatch` must be from 1 to 1000, not 0"), "{minibatch}");
}

#[test]
fn a_renamed_key_is_refused_with_its_new_name() {
    let found = problems(TASK, &["optimize.max_instruction_tokens=300"]);
    assert_eq!(found, [(None, "optimize.max_instruction_tokens".into(), "is named `max_prompt_tokens` now".into())]);
    assert_eq!(load_with(TASK, &["optimize.max_prompt_tokens=300"]).unwrap().optimize.max_prompt_tokens, Some(300));
}

#[test]
fn a_setting_that_names_a_whole_table_is_refused() {
    for (setting, cause) in [
        ("module.triage=5", "`module.triage` is a whole table; name one of its keys"),
        ("module.nobody=5", "no module is called `nobody`; known: `triage`"),
        ("data.train.x=1", "`train` has no such part"),
    ] {
        assert_eq!(load_with(TASK, &[setting]).unwrap_err().to_string(), format!("--set {setting}: {cause}"));
    }
}

#[test]
fn broken_toml_names_its_line() {
    let found = problems("[data]\ntrain = \n", &[]);
    assert_eq!(found[0].0, Some(2));
}

#[test]
fn values_of_a_wrong_type_or_size_are_problems() {
    let source = TASK.to_owned()
        + "gpu_layers = \"most\"\n[optimize]\nseed = -1\nminibatch = \"3\"\nbudget = \"soon\"\nreflectors = [\"techer\"]\n[engine]\nsequences = 300";
    let keys: Vec<String> = problems(&source, &[]).into_iter().map(|p| p.1).collect();
    for key in [
        "model.task.gpu_layers",
        "optimize.seed",
        "optimize.minibatch",
        "optimize.budget",
        "optimize.reflectors",
        "engine.sequences",
    ] {
        assert!(keys.iter().any(|k| k == key), "{key} not in {keys:?}");
    }
}

#[test]
fn modules_must_fit_together() {
    let second = "\n[[module]]\nname = \"triage\"\ninputs = [\"a\"]\noutputs = [\"b\"]\ninstruction = \" \"\n[[module]]\nname = \"y\"\ninputs = [\"late\"]\noutputs = [\"urgency\"]\ninstruction = \"i\"\n[[module]]\nname = \"x\"\ninputs = [\"a\"]\noutputs = [\"late\"]\ninstruction = \"i\"\nmodel = \"tsk\"\n";
    let messages: Vec<String> = problems(&(TASK.to_owned() + second), &[]).into_iter().map(|p| p.2).collect();
    for says in [
        "two modules are called `triage`",
        "`urgency` is written by `triage` already",
        "is empty",
        "which does not run before",
        "there is no [model.tsk]; did you mean `task`?",
    ] {
        assert!(messages.iter().any(|m| m.contains(says)), "{says} not in {messages:?}");
    }
}

#[test]
fn an_empty_file_names_what_is_missing() {
    let keys: Vec<String> = problems("", &[]).into_iter().map(|p| p.1).collect();
    assert_eq!(keys, ["model", "module", "data", "metric"]);
}

#[test]
fn the_budget_is_not_in_the_fingerprint() {
    let a = load_with(TASK, &["optimize.budget=10"]).unwrap().fingerprint();
    let b = load_with(TASK, &["optimize.budget=1h"]).unwrap().fingerprint();
    let c = load_with(TASK, &["optimize.seed=1"]).unwrap().fingerprint();
    assert_eq!(a, b);
    assert_ne!(a, c);
    assert_eq!(a["module.triage.instruction"], "Say how urgent it is.");
}

#[test]
fn the_default_reflector_is_the_model_of_the_first_module() {
    let source = TASK.replace("[model.task]", "[model.student]").replace("instruction =", "model = \"student\"\ninstruction =");
    assert_eq!(reflectors(&load_with(&source, &[]).unwrap()), ["student"]);
    assert_eq!(reflectors(&load_with(&source, &["optimize.seed=1"]).unwrap()), ["student"]);
}

#[test]
fn an_instruction_file_must_not_be_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gepard.toml");
    std::fs::write(&path, TASK.replace("instruction = \"Say how urgent it is.\"", "instruction_file = \"i.txt\"")).unwrap();
    let says = |error: ConfigError| error.to_string();
    assert!(says(load(&path, &[]).unwrap_err()).contains("i.txt cannot be read"));
    std::fs::write(folder.path().join("i.txt"), "\n").unwrap();
    assert!(says(load(&path, &[]).unwrap_err()).contains("`module.instruction` is empty"));
    std::fs::write(folder.path().join("i.txt"), "Sort.\n").unwrap();
    assert_eq!(load(&path, &[]).unwrap().modules[0].instruction, "Sort.");
}

#[test]
fn a_model_that_is_never_asked_is_not_in_the_plan() {
    let source = TASK.to_owned() + "\n[model.teacher]\ngguf = \"teacher.gguf\"\n";
    let names = |settings: &[&str]| load_with(&source, settings).unwrap().models.into_iter().map(|m| m.name).collect::<Vec<_>>();
    assert_eq!(names(&[]), ["task"]);
    assert_eq!(names(&["optimize.reflectors=[\"teacher\"]"]), ["task", "teacher"]);
}

#[test]
fn outputs_with_shapes_are_read_and_written() {
    let outputs = r#"outputs = ["urgency", { name = "team", values = ["a", "b c"] }, { name = "sum", kind = "number" },
        { name = "late", kind = "flag" }, { name = "all", schema = '{"type": "object", "properties": {"x": {"enum": [null, 1]}}}' },
        { name = "tags", kind = "list", values = ["a", "b"] }, { name = "words", kind = "list" }]"#;
    let plan = load_with(&TASK.replace("outputs = [\"urgency\"]", outputs), &[]).unwrap();
    let shapes: Vec<&Shape> = plan.modules[0].outputs.iter().map(|output| &output.shape).collect();
    assert_eq!(shapes[..4], [&Shape::Text, &Shape::Values(vec!["a".into(), "b c".into()]), &Shape::Number, &Shape::Flag]);
    assert!(matches!(shapes[4], Shape::Json(schema) if schema["type"] == "object"));
    assert_eq!(shapes[5..], [&Shape::List(vec!["a".into(), "b".into()]), &Shape::List(Vec::new())]);
    let written = toml::to_string(&plan).unwrap();
    assert_eq!(load_with(&written, &[]).unwrap(), plan, "{written}");
    assert_eq!(plan.program_modules().next().unwrap().shapes.len(), 6);
}

#[test]
fn outputs_with_impossible_shapes_are_problems() {
    for (output, told) in [
        (r#"{ name = "urgency", kind = "flagg" }"#, "there is no kind `flagg`; did you mean `flag`?"),
        (r#"{ name = "urgency", values = [] }"#, "must name at least one"),
        (r#"{ name = "urgency", values = ["a "] }"#, "\"a \" cannot be one"),
        (r#"{ name = "urgency", kind = "number", values = ["1"] }"#, "give one of `kind`, `values` and `schema`"),
        (r#"{ name = "urgency", schema = '{"type": "thing"}' }"#, "cannot be enforced"),
        (r#"{ name = "urgency", schema = "absent.json" }"#, "cannot be read"),
        (r#"{ name = "urgency", value = ["1"] }"#, "is no known key; did you mean `values`?"),
        ("3", "must be a list of texts or tables, not a whole number"),
    ] {
        let problems = problems(&TASK.replace("outputs = [\"urgency\"]", &format!("outputs = [{output}]")), &[]);
        assert!(problems.iter().any(|(line, _, message)| *line == Some(8) && message.contains(told)), "{output}: {problems:?}");
    }
}

/// Loads the task with demonstrations. Its folder has files of demonstrations, and training rows.
fn load_with_demonstrations(value: &str) -> Result<Plan, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let rows = "{\"id\": \"t1\", \"message\": \"fire\", \"urgency\": \"high\"}\n{\"id\": 2, \"message\": \"tea\"}";
    std::fs::write(folder.path().join("train.jsonl"), rows).unwrap();
    std::fs::write(folder.path().join("demos.csv"), "message,urgency\n\"smoke, and fire\",high\ntea,low\n").unwrap();
    std::fs::write(folder.path().join("bad.jsonl"), "{\"message\": \"fire\", \"urgency\": \"high\"}\n{").unwrap();
    let path = folder.path().join("gepard.toml");
    std::fs::write(&path, TASK.replace("[metric]", &format!("demonstrations = {value}\n[metric]"))).unwrap();
    load(&path, &[])
}

#[test]
fn demonstrations_come_from_a_file_from_training_rows_or_from_the_task_file() {
    let shown = |value: &str| {
        let plan = load_with_demonstrations(value).unwrap();
        let written = toml::to_string(&plan).unwrap();
        assert_eq!(load_with(&written, &[]).unwrap(), plan, "{written}");
        let text = plan.seed_candidate().0.remove(0);
        text.demonstrations.into_iter().map(|d| (d.id, d.inputs[0].1.clone(), d.answer)).collect::<Vec<_>>()
    };
    let wanted = |id: &str, input: &str, answer: &str| (id.to_owned(), input.to_owned(), answer.to_owned());
    assert_eq!(shown("\"demos.csv\""), [wanted("line-2", "smoke, and fire", "high"), wanted("line-3", "tea", "low")]);
    assert_eq!(
        shown("[\"t1\", { message = \"tea\", urgency = 3, comment = \"not read\" }]"),
        [wanted("t1", "fire", "high"), wanted("demonstration-2", "tea", "3")]
    );
}

#[test]
fn demonstrations_that_cannot_be_used_are_problems() {
    for (value, told) in [
        ("[\"t1\", \"2\"]", "`2` has no `urgency`; a demonstration needs all inputs and outputs of its module"),
        ("[\"t3\"]", "train.jsonl has no row with the id `t3`"),
        ("[\"t1\", \"t1\"]", "`t1` stands twice"),
        ("[{ message = \"tea\" }]", "`demonstration-1` has no `urgency`"),
        ("\"bad.jsonl\"", "bad.jsonl:2: not valid JSON"),
        ("\"absent.jsonl\"", "cannot read"),
        ("3", "must be a list of texts or tables, not a whole number"),
    ] {
        let Err(ConfigError::Invalid { problems, .. }) = load_with_demonstrations(value) else { panic!("{value}") };
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        assert_eq!((problem.key.as_str(), problem.line), ("module.demonstrations", Some(11)), "{problem:?}");
        assert!(problem.message.contains(told), "{value}: {problem:?}");
    }
}

#[test]
fn all_fields_of_a_demonstration_are_in_plan_and_fingerprint() {
    let source = TASK.replace("[\"urgency\"]", "[\"urgency\", \"team\"]").replace(
        "[metric]",
        "demonstrations = [{ name = \"x\", message = \"m\", urgency = \"high\", team = \"a\", reasoning = \"so\" }, { name = \"x\", \
         message = \"n\", urgency = \"low\", team = \"b\", reasoning = \"so\" }]\n[metric]",
    );
    let answer = |settings: &[&str]| load_with(&source, settings).unwrap().seed_candidate().0[0].demonstrations[0].answer.clone();
    assert_eq!(answer(&[]), "urgency: high\nteam: a");
    assert_eq!(answer(&["module.triage.reasoning=true"]), "reasoning: so\nurgency: high\nteam: a");
    let fingerprint = |source: &str| load_with(source, &[]).unwrap().fingerprint();
    assert_ne!(fingerprint(&source), fingerprint(&source.replace("message = \"m\"", "message = \"other\"")));
    assert_ne!(fingerprint(&source), fingerprint(&source.replace("message = \"n\"", "message = \"other\"")));
}

#[test]
fn the_metric_code_in_full_is_a_task_file_again() {
    let with = |metric: &str| {
        TASK.replace("kind = \"label\"\nfield = \"urgency\"", &format!("kind = \"code\"\nfield = \"tests\"\n{metric}"))
    };
    for metric in [
        "",
        "language = \"python\"\npython = \"venv/bin/python\"\nsetup = \"imports\"\nentry = \"name\"\nscore = \"all\"\nunsafe = true",
        "command = [\"./a\"]\nbuild = [\"cc\", \"a.c\"]\nfile = \"a.c\"\nread = [\"lib\"]\ntimeout = 0.5\nmemory = 64\nprints = 1\ndisk = 2",
    ] {
        let plan = load_with(&with(metric), &[]).unwrap();
        assert!(plan.metric.names_objectives());
        let written = toml::to_string(&plan).unwrap();
        assert_eq!(load_with(&written, &[]).unwrap(), plan, "{written}");
    }
    for (metric, key, says) in [
        ("language = \"rust\"", "metric.language", "`command` names a program"),
        ("build = [\"cc\"]", "metric.build", "goes with `command` only"),
        ("command = [\"node\"]\nentry = \"f\"", "metric.entry", "goes with Python"),
        ("command = []", "metric.command", "must be a program"),
        ("command = [\"node\"]\nfile = \"../x\"", "metric.file", "in the scratch folder"),
        ("score = \"al\"", "metric.score", "did you mean `all`?"),
        ("timeout = 0", "metric.timeout", "must be from 0.1 to 3600"),
        ("safe = true", "metric.safe", "did you mean `unsafe`?"),
    ] {
        let told = problems(&with(metric), &[]);
        assert!(told.iter().any(|(line, k, m)| line.is_some() && k == key && m.contains(says)), "{metric}: {told:?}");
    }
}

/// A program with two modules in a loop, and one behind it.
const LOOP: &str = r#"
[data]
train = "train.jsonl"

[[module]]
name = "plan"
inputs = ["message"]
outputs = ["note"]
instruction = "Plan."

[[module]]
name = "solve"
inputs = ["message", "note"]
outputs = ["answer"]
instruction = "Solve."

[[module]]
name = "check"
inputs = ["answer"]
outputs = ["verdict"]
instruction = "Check."

[[loop]]
over = ["plan", "solve"]
repeat = 12

[metric]
kind = "label"
field = "answer"

[model.task]
gguf = "some.gguf"
"#;

#[test]
fn a_condition_cannot_read_a_field_that_is_written_later() {
    let with = |line: &str, condition: &str| LOOP.replace(line, &format!("{line}\n{condition}"));
    let (plan, solve, repeat) = ("instruction = \"Plan.\"", "instruction = \"Solve.\"", "repeat = 12");
    for (line, condition, key, told) in [
        (plan, "when = { field = \"answer\", contains = \"unknown\" }", "module.when", "`answer` is written by `solve`, which"),
        (solve, "when = { field = \"answer\", empty = true }", "module.when", "which does not run before `solve`"),
        (repeat, "until = { field = \"verdict\", equals = \"good\" }", "loop.until", "`verdict` is written by `check`, which"),
    ] {
        let found = problems(&with(line, condition), &[]);
        assert!(found.iter().any(|(line, k, m)| line.is_some() && k == key && m.contains(told)), "{condition}: {found:?}");
    }
    for (line, condition) in [
        (plan, "when = { field = \"message\", contains = \"unknown\" }"),
        (solve, "when = { field = \"note\", empty = false }"),
        (repeat, "until = { field = \"answer\", empty = false }"),
    ] {
        load_with(&with(line, condition), &[]).unwrap();
    }
}

#[test]
fn loops_with_too_many_steps_are_problems() {
    let nested = |repeat: u32| format!("{LOOP}\n[[loop]]\nover = [\"plan\", \"solve\", \"check\"]\nrepeat = {repeat}\n");
    assert_eq!(load_with(&nested(8), &[]).unwrap().loops.len(), 2);
    let found = problems(&nested(9), &[]);
    let told = "with every round, a rollout has 225 steps, and it is stopped after 200; lower a `repeat`";
    assert!(found.iter().any(|(line, key, message)| line.is_some() && key == "loop" && message.contains(told)), "{found:?}");
}

#[test]
fn outputs_with_the_same_label_are_problems() {
    let with = |outputs: &str, reasoning: bool| {
        TASK.replace("outputs = [\"urgency\"]", &format!("outputs = {outputs}\nreasoning = {reasoning}"))
    };
    for (outputs, reasoning, told) in [
        ("[\"Reasoning\", \"urgency\"]", true, "cannot have `Reasoning`: with `reasoning = true`"),
        ("[\"class\", \"Class_\", \"urgency\"]", false, "has `class` and `Class_`, which cannot be told apart"),
        ("[\"urgency\", \"urgency\"]", false, "has `urgency` and `urgency`"),
        ("[\"urgency\", \"team \"]", false, "\"team \" cannot be a field's name: no colon, no line break, no space at its ends"),
    ] {
        let found = problems(&with(outputs, reasoning), &[]);
        assert!(found.iter().any(|(_, key, m)| key == "module.outputs" && m.contains(told)), "{outputs}: {found:?}");
    }
    load_with(&with("[\"reasoning\", \"urgency\"]", false), &[]).unwrap();
    load_with(&with("[\"_class\", \"class_2\", \"urgency\"]", true), &[]).unwrap();
}

#[test]
fn a_demonstration_must_have_possible_outputs() {
    let shown = |shape: &str, value: &str| {
        let source = TASK.replace("[\"urgency\"]", &format!("[{{ name = \"urgency\", {shape} }}]"));
        let shown = format!("demonstrations = [{{ message = \"m\", urgency = {value} }}]\n[metric]");
        load_with(&source.replace("[metric]", &shown), &[])
    };
    for (shape, good, bad, told) in [
        ("values = [\"a\"]", "\"a\"", "\"b\"", "is `b`, which is not among its `values`"),
        ("kind = \"number\"", "-5.25", "\"about five\"", "is `about five`, which is no number"),
        ("kind = \"number\"", "1000", "\"1,000\"", "is `1,000`, which is no number"),
        ("kind = \"flag\"", "true", "\"yes\"", "is `yes`, which is neither `true` nor `false`"),
        ("kind = \"list\"", "[\"a\", \"b\"]", "\"a, b\"", "is `a, b`, which is no list of texts"),
        ("kind = \"list\", values = [\"a\"]", "[\"a\"]", "[\"b\"]", "or not of its `values`"),
        ("schema = '{\"type\": \"object\"}'", "{ a = 1 }", "\"a: 1\"", "is `a: 1`, which is no JSON"),
    ] {
        shown(shape, good).unwrap();
        let found = shown(shape, bad).unwrap_err().to_string();
        assert!(found.contains("`module.demonstrations`") && found.contains(told), "{shape}: {found}");
    }
}

#[test]
fn a_null_input_of_a_demonstration_is_an_empty_text() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shown.jsonl"), "{\"message\": null, \"urgency\": \"low\"}\n").unwrap();
    let path = folder.path().join("gepard.toml");
    std::fs::write(&path, TASK.replace("[metric]", "demonstrations = \"shown.jsonl\"\n[metric]")).unwrap();
    let shown = load(&path, &[]).unwrap().seed_candidate().0.remove(0).demonstrations.remove(0);
    assert_eq!(shown.inputs, [("message".to_owned(), String::new())]);
}

#[test]
fn a_field_that_only_late_rows_of_a_corpus_have_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "{\"title\": \"t\", \"text\": \"x\"}\n".repeat(1000) + "{\"text\": \"x\", \"summary\": \"s\"}\n";
    std::fs::write(folder.path().join("corpus.jsonl"), rows).unwrap();
    let path = folder.path().join("gepard.toml");
    let showing = |show: &str| {
        let step = "[[step]]\nname = \"look\"\nkind = \"retrieve\"\ncorpus = \"corpus.jsonl\"\nquery = \"message\"";
        std::fs::write(&path, TASK.replace("[metric]", &format!("{step}\nshow = {show}\n\n[metric]"))).unwrap();
        load(&path, &[])
    };
    showing("[\"summary\"]").unwrap();
    let slip = showing("[\"sumary\"]").unwrap_err().to_string();
    for told in ["`step.show` names `sumary`, which no row of ", "corpus.jsonl has; they have `summary`, `text`, `title`"] {
        assert!(slip.contains(told), "{slip}");
    }
    let nothing = showing("[]").unwrap_err().to_string();
    assert!(nothing.contains("`step.show` must name at least one field; leave it out"), "{nothing}");
}

#[test]
fn the_quality_of_a_privacy_metric_names_labels() {
    let metric = "kind = \"privacy\"\noutput = \"urgency\"\nlisted = \"names\"\n\n\
        [metric.quality]\nkind = \"exact\"\nfield = \"expected\"\noutput = \"urgency\"";
    let plan = load_with(&TASK.replace("kind = \"label\"\nfield = \"urgency\"", metric), &[]).unwrap();
    assert_eq!(plan.program_modules().next().unwrap().label("urgency"), "expected");
}

#[test]
fn a_file_that_is_no_task_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gepard.toml");
    let message = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        load(&path, &[]).unwrap_err().to_string()
    };
    assert!(message(b"[data]\ntrain = \"\xff\"").contains("gepard.toml:2: is not UTF-8"));
    assert!(message(&vec![b'#'; 2 << 20]).contains("gepard.toml: has more than 1 MB"));
    assert!(load(folder.path(), &[]).unwrap_err().to_string().contains("Is a directory"));
}

proptest! {
    /// Reads lines of task files in any order, with noise in between. The result is a plan, or problems with lines of the file.
    #[test]
    fn any_task_file_is_read_or_refused(
        lines in prop::collection::vec(prop_oneof![
            6 => prop::sample::select(LINES).prop_map(str::to_owned),
            1 => "[a-z.\\[\\]\"'={}#, 0-9-]{0,20}",
            1 => "\\PC{0,10}",
        ], 0..24),
        setting in "[a-z.]{0,12}=?[a-z0-9.\"\\[\\]]{0,6}",
        set in any::<bool>(),
    ) {
        let source = lines.join("\n");
        let settings: &[&str] = if set { &[&setting] } else { &[] };
        match load_with(&source, settings) {
            Ok(plan) => prop_assert!(!plan.modules.is_empty()),
            Err(ConfigError::Invalid { problems, .. }) => {
                prop_assert!(!problems.is_empty());
                let last = source.lines().count().max(1) + 1;
                prop_assert!(problems.iter().all(|p| p.line.is_none_or(|line| line <= last)), "{problems:?} of {last}");
            }
            Err(ConfigError::Set { .. }) => prop_assert!(set),
            Err(ConfigError::Read { cause, .. }) => prop_assert!(false, "{cause}"),
        }
    }
}

const LINES: &[&str] = &[
    "[data]",
    "train = \"train.jsonl\"",
    "val = 3",
    "allow_overlap = true",
    "[[module]]",
    "name = \"a\"",
    "name = \"b\"",
    "inputs = [\"q\"]",
    "inputs = [\"p\"]",
    "outputs = [\"p\"]",
    "outputs = [{ name = \"p\", values = [\"x\", \"y\"] }]",
    "outputs = [{ name = \"p\", kind = \"number\" }]",
    "instruction = \"Do it.\"",
    "instruction = \"\"",
    "max_tokens = 8",
    "max_tokens = -1",
    "temperature = 9e99",
    "when = { field = \"p\", equals = \"x\" }",
    "frozen = true",
    "[metric]",
    "kind = \"label\"",
    "kind = \"json\"",
    "kind = \"sum\"",
    "field = \"p\"",
    "weights = { p = 1 }",
    "[[metric.part]]",
    "[model.task]",
    "[model.\"\"]",
    "gguf = \"m.gguf\"",
    "engine = \"scripted\"",
    "script = \"s.jsonl\"",
    "context = 99999999999",
    "[optimize]",
    "budget = \"30m\"",
    "budget = \"300, 30m\"",
    "budget = 1e400",
    "seed = 18446744073709551616",
    "seed = 1979-05-27",
    "minibatch = 0",
    "proposals = 3",
    "[[step]]",
    "kind = \"template\"",
    "template = \"{{ q }}\"",
    "template = \"{% for\"",
    "output = \"r\"",
    "[[loop]]",
    "over = [\"a\"]",
    "repeat = 3",
    "[program]",
    "order = [\"b\", \"a\"]",
    "[layout]",
    "examples = \"text\"",
    "[engine]",
    "threads = 0",
];

#[test]
fn a_model_may_have_an_adapter() {
    let task = |keys: &str| {
        let folder = tempfile::tempdir().unwrap();
        let module = "[[module]]\nname = \"m\"\ninputs = [\"q\"]\noutputs = [\"a\"]\ninstruction = \"Answer.\"\n";
        let metric = "[metric]\nkind = \"exact\"\nfield = \"a\"\n";
        let text = format!("[data]\ntrain = \"t.jsonl\"\n{module}{metric}[model.task]\ngguf = \"m.gguf\"\n{keys}");
        let path = folder.path().join("gepard.toml");
        std::fs::write(&path, text).unwrap();
        let plan = load(&path, &[]).map_err(|error| error.to_string())?;
        let ModelSource::Llama { lora, lora_scale, .. } = plan.models[0].source.clone() else { panic!("it is no file") };
        Ok((lora.map(|path| path.strip_prefix(folder.path()).unwrap().to_owned()), lora_scale))
    };
    assert_eq!(task(""), Ok((None, None)));
    assert_eq!(task("lora = \"a.gguf\""), Ok((Some("a.gguf".into()), None)));
    assert_eq!(task("lora = \"a.gguf\"\nlora_scale = 2"), Ok((Some("a.gguf".into()), Some(2.0))));
    for (keys, says) in [
        ("lora_scale = 1", "needs `lora`, the file of an adapter"),
        ("lora = \"a.gguf\"\nlora_scale = 1000", "must be from -100 to 100"),
        ("lora = 3", "lora"),
    ] {
        let error: String = task(keys).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}
