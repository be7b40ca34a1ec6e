//! Tests of the pages that are generated from the code, or that must agree with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

fn snake(name: &str) -> String {
    name.char_indices().fold(String::new(), |mut snake, (at, letter)| {
        if letter.is_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
        snake
    })
}

/// A variant of an enum in the source.
struct Variant {
    name: String,
    /// Its doc comment.
    words: String,
    fields: Vec<Field>,
}

/// A field of a variant.
struct Field {
    name: String,
    /// Its type in Rust.
    rust_type: String,
    /// Its doc comment.
    words: String,
}

/// Returns the variants of `pub enum NAME`, which must be formatted by rustfmt.
fn variants(source: &str, name: &str) -> Vec<Variant> {
    let body = source.split(&format!("pub enum {name} {{\n")).nth(1).unwrap().split("\n}\n").next().unwrap();
    let (mut found, mut words): (Vec<Variant>, String) = (Vec::new(), String::new());
    for line in body.lines() {
        let inside = line.trim_start();
        if let Some(more) = inside.strip_prefix("///") {
            words += more;
        } else if let Some((name, rust_type)) = inside.strip_suffix(',').and_then(|line| line.split_once(": ")) {
            let words = std::mem::take(&mut words).trim().to_owned();
            found.last_mut().unwrap().fields.push(Field { name: name.into(), rust_type: rust_type.into(), words });
        } else if line.starts_with("    ") && inside.starts_with(char::is_uppercase) {
            let (name, words) = (inside.trim_end_matches([',', '{', ' ']), std::mem::take(&mut words));
            found.push(Variant { name: name.into(), words: words.trim().into(), fields: Vec::new() });
        }
    }
    found
}

/// Describes in words how JSON has a value of the type `rust_type`. `source` defines the enums without fields.
fn json_type(source: &str, rust_type: &str) -> String {
    let inner = |prefix: &str| rust_type.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('>'));
    if let Some(inner) = inner("Option<") {
        return format!("{} or null", json_type(source, inner));
    }
    if let Some(inner) = inner("Vec<") {
        return format!("list of {}", json_type(source, inner));
    }
    if let Some((inner, count)) =
        rust_type.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|rest| rest.split_once("; "))
    {
        return format!("list of {count} × {}", json_type(source, inner));
    }
    if let Some(pair) = rust_type.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        let (first, second) = pair.split_once(", ").unwrap();
        return format!("[{}, {}]", json_type(source, first), json_type(source, second));
    }
    match rust_type {
        "PathBuf" | "String" | "Origin" => "text".into(),
        "Unusable" => {
            let reasons: Vec<String> = gepard::event::Unusable::ALL.iter().map(|reason| format!("`\"{reason}\"`")).collect();
            reasons.join(", ")
        }
        "bool" => "true or false".into(),
        "Split" => "`\"train\"`, `\"val\"`, `\"test\"`".into(),
        "u64" | "usize" | "f64" | "PoolIndex" => "number".into(),
        "Preparation" => "`\"hashing\"`, `\"recoding\"`, `\"loading\"`, `\"measuring\"`".into(),
        "EngineProgress" => "`{\"answered\", \"prefilled\", \"decoded\"}`".into(),
        "BTreeMap<String, usize>" | "BTreeMap<String, f64>" => "object of numbers".into(),
        name if source.contains(&format!("pub enum {name} {{")) => {
            let names: Vec<String> =
                variants(source, name).iter().map(|variant| format!("`\"{}\"`", snake(&variant.name))).collect();
            names.join(", ")
        }
        other => panic!("json_type does not know how JSON has {other}"),
    }
}

/// Breaks a paragraph into lines of at most 100 columns. A longer word has a line of its own.
fn wrapped(paragraph: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in paragraph.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= 100 => *line += &format!(" {word}"),
            _ => lines.push(word.into()),
        }
    }
    lines.join("\n")
}

/// `docs/events.md` is generated from the doc comments in `src/event`. With GEPARD_WRITE_DOCS=1 this test writes the page.
#[test]
fn the_page_of_events_is_what_the_code_has() {
    let source = concat!(
        include_str!("../../src/event/lifecycle.rs"),
        include_str!("../../src/event/decision.rs"),
        include_str!("../../src/event/stop_reason.rs"),
    );
    let without_links = |words: &str| words.replace("[`Lifecycle::CaughtUp`]", "`caught_up`");
    let mut text = String::from(
        "# Events\n\n\
         `gepard optimize TASK.toml --progress json` writes every event of a run to stderr, as one JSON\n\
         object in a line. A listener of the library receives the same events as `gepard::event::Event`. The\n\
         field `event` of an object is the event's name, which is a heading below; the other fields are in\n\
         the table under it. Scores are in [0, 1]. New fields may be added in later versions, so a reader\n\
         should ignore the fields that it does not know. An error that ends the command, and the message\n\
         after Ctrl-C, are plain lines on the same stream: only lines that begin with `{` are events.\n\n\
         This page is generated from the doc comments in `src/event`:\n\
         `GEPARD_WRITE_DOCS=1 cargo test --test it docs`.\n",
    );
    let kinds = [
        ("Lifecycle", "# Life-cycle events\n\nWhat a run does. The journal does not store these events.\n"),
        ("Decision", "# Decisions\n\nWhat the optimizer decides. The journal stores these events, and a replay repeats them.\n"),
    ];
    for (kind, heading) in kinds {
        let all = variants(source, kind);
        assert!(all.len() > 10 && all.iter().all(|variant| !variant.words.is_empty()));
        write!(text, "\n{heading}").unwrap();
        for Variant { name, words, fields } in all {
            write!(text, "\n## `{}`\n\n{}\n", snake(&name), wrapped(&without_links(&words))).unwrap();
            if !fields.is_empty() {
                text += "\n| field | type | meaning |\n|---|---|---|\n";
            }
            for Field { name, rust_type, words } in fields {
                writeln!(text, "| `{name}` | {} | {} |", json_type(source, &rust_type), without_links(&words)).unwrap();
            }
        }
    }
    if std::env::var_os("GEPARD_WRITE_DOCS").is_some() {
        std::fs::write(page("events.md"), &text).unwrap();
    }
    let written = std::fs::read_to_string(page("events.md")).unwrap_or_default();
    let remedy = "run GEPARD_WRITE_DOCS=1 cargo test --test it docs";
    assert!(written == text, "docs/events.md is not what the doc comments in src/event say; {remedy}");
}

fn load(task: &str) -> Result<gepard::config::Plan, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gepard.toml");
    std::fs::write(&file, task).unwrap();
    gepard::config::load(&file, &[]).map_err(|e| e.to_string())
}

/// The names that the reader of task files would accept at `key`, from its message about an unknown one: "known are `a`, `b`". None
/// if it has no such message.
fn accepted_names_if_any(task: &str, key: &str) -> Option<BTreeSet<String>> {
    let message = load(task).err()?;
    let line = message.lines().find(|line| line.contains(&format!("`{key}`")) && line.contains("known are"))?;
    let list = line.split("known are ").nth(1)?;
    Some(list.split(", ").map(|name| name.trim_matches(['`', '.']).to_owned()).collect())
}

fn accepted_names(task: &str, key: &str) -> BTreeSet<String> {
    accepted_names_if_any(task, key).unwrap_or_else(|| panic!("no message lists the names for {key}"))
}

/// The tests that the fuzzer runs are there.
#[test]
fn the_fuzzer_names_tests_that_exist() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = std::fs::read_to_string(home.join("scripts/bench/fuzz")).unwrap();
    let names: Vec<&str> = script.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\",")).collect();
    assert!(names.len() > 10);
    for name in names {
        let (module, test) = name.split_once("::tests::").unwrap();
        let path = home.join("src").join(module.replace("::", "/"));
        let files = [path.with_extension("rs"), path.join("mod.rs"), path.join("tests.rs")];
        let has = |file: &PathBuf| std::fs::read_to_string(file).is_ok_and(|source| source.contains(&format!("fn {test}(")));
        assert!(files.iter().any(has), "{name}");
    }
}

/// A name that is not similar to any key.
const UNKNOWN: &str = "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";

/// A task file with an unknown key in one of its tables.
fn task_with_unknown_key(table: &str) -> String {
    task_with(table, &format!("{UNKNOWN} = 1"))
}

/// A small task file with an additional line in one of its tables.
fn task_with(table: &str, line: &str) -> String {
    let mut tables: BTreeMap<&str, String> = BTreeMap::from([
        ("[data]", "train = \"t.jsonl\"".into()),
        ("[[module]]", "name = \"m\"\ninputs = [\"a\"]\noutputs = [\"b\"]\ninstruction = \"Do.\"".into()),
        ("[metric]", "kind = \"label\"\nfield = \"b\"".into()),
        ("[model.task]", "gguf = \"m.gguf\"".into()),
        ("[optimize]", String::new()),
        ("[engine]", String::new()),
        ("[layout]", String::new()),
    ]);
    // The page has one heading for each kind of step: `[[step]] retrieve`.
    let step = match table.split_once(' ').map_or("", |(_, kind)| kind) {
        "retrieve" => "corpus = \"t.jsonl\"\nquery = \"a\"",
        "command" => "command = [\"true\"]\ninputs = [\"a\"]\noutputs = [\"c\"]",
        "template" => "template = \"{{ a }}\"\noutput = \"c\"",
        _ => "",
    };
    let (table, kind) = table.split_once(' ').unwrap_or((table, ""));
    match table {
        "[[step]]" => drop(tables.insert(table, format!("name = \"s\"\nkind = \"{kind}\"\n{step}"))),
        "[[loop]]" => drop(tables.insert(table, "over = [\"m\"]\nrepeat = 2".into())),
        "[program]" => drop(tables.insert(table, String::new())),
        "[model.task]" if kind == "openai" => {
            drop(tables.insert(table, "engine = \"openai\"\nurls = [\"http://node1:8000/v1\"]\nmodel = \"m\"".into()));
        }
        _ => {}
    }
    tables.entry(table).or_default().push_str(&format!("\n{line}\n"));
    tables.iter().map(|(table, keys)| format!("{table}\n{keys}\n")).collect()
}

/// The rows of the table below each heading `## …` of a page: the keys in the first column, and the rest of the row.
fn rows(name: &str) -> BTreeMap<String, Vec<(Vec<String>, String)>> {
    let text = std::fs::read_to_string(page(name)).unwrap();
    let mut sections = BTreeMap::new();
    for section in text.split("\n## ").skip(1) {
        let (heading, body) = section.split_once('\n').unwrap();
        let row = |line: &str| {
            let (keys, words) = line.strip_prefix("| `")?.split_once(" |")?;
            Some((keys.split(", ").map(|key| key.trim_matches('`').to_owned()).collect(), words.to_owned()))
        };
        sections.insert(heading.trim_matches('`').to_owned(), body.lines().filter_map(row).collect());
    }
    sections
}

/// The keys in the first column of the table below each heading `## …` of a page.
fn keys_by_heading(name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let keys = |rows: Vec<(Vec<String>, String)>| rows.into_iter().flat_map(|(keys, _)| keys).collect();
    rows(name).into_iter().map(|(heading, rows)| (heading, keys(rows))).collect()
}

#[test]
fn the_page_of_options_has_every_key_and_no_other() {
    let page = keys_by_heading("options.md");
    assert_eq!(page.len(), 21);
    for (table, keys) in page {
        let accepted = accepted_names(&task_with_unknown_key(&table), &format!("{}.{UNKNOWN}", path_of(&table)));
        assert_eq!(keys, accepted, "{table}");
    }
}

/// The path of a table in messages: `step` for the heading `[[step]] retrieve`.
fn path_of(heading: &str) -> &str {
    heading.split_once(' ').map_or(heading, |(table, _)| table).trim_matches(['[', ']'])
}

/// Checks the values against the reader of task files, because a type may be spelled differently there.
#[test]
fn the_page_of_options_has_every_value() {
    let mut choices = 0;
    for (table, rows) in rows("options.md") {
        for (keys, words) in rows {
            for key in keys.iter().filter(|key| !["model", "reflectors", "order"].contains(&key.as_str())) {
                let dotted = format!("{}.{key}", path_of(&table));
                let values = [format!("{key} = \"{UNKNOWN}\""), format!("{key} = [\"{UNKNOWN}\"]")]
                    .iter()
                    .find_map(|line| accepted_names_if_any(&task_with(&table, line), &dotted));
                for value in values.into_iter().flatten() {
                    choices += 1;
                    assert!(words.contains(&format!("\"{value}\"")), "{dotted}: {value}");
                }
            }
        }
    }
    assert!(choices > 40, "{choices} values");
}

/// A default value as a page shows it. None for lists and tables, which would be too long.
fn literal_default(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(format!("\"{text}\"")),
        // The plan has 32-bit numbers. Written as 64 bits they would have meaningless digits.
        toml::Value::Float(number) => Some((*number as f32).to_string()),
        toml::Value::Integer(_) | toml::Value::Boolean(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The sources with the definitions of all keys.
const SOURCES: &str = concat!(
    include_str!("../../src/config/data.rs"),
    include_str!("../../src/config/module.rs"),
    include_str!("../../src/config/model.rs"),
    include_str!("../../src/config/servers.rs"),
    include_str!("../../src/config/engine.rs"),
    include_str!("../../src/config/step.rs"),
    include_str!("../../src/config/program.rs"),
    include_str!("../../src/config/command.rs"),
    include_str!("../../src/config/optimize.rs"),
    include_str!("../../src/config/methods/bootstrap_rs.rs"),
    include_str!("../../src/config/methods/fewshot.rs"),
    include_str!("../../src/config/methods/opro.rs"),
    include_str!("../../src/config/methods/ape.rs"),
    include_str!("../../src/config/methods/evoprompt.rs"),
    include_str!("../../src/config/methods/promptbreeder.rs"),
    include_str!("../../src/config/methods/textgrad.rs"),
    include_str!("../../src/config/methods/simba.rs"),
    include_str!("../../src/config/methods/miprov2.rs"),
    include_str!("../../src/config/methods/strength.rs"),
    include_str!("../../src/config/metric.rs"),
    include_str!("../../src/data/corpus.rs"),
    include_str!("../../src/engine/memory.rs"),
    include_str!("../../src/metric/code/settings.rs"),
    include_str!("../../src/metric/constraints/mod.rs"),
    include_str!("../../src/metric/normalization.rs"),
    include_str!("../../src/metric/privacy/detect.rs"),
    include_str!("../../src/metric/retrieval.rs"),
    include_str!("../../src/config/operator.rs"),
    include_str!("../../src/program/layout.rs"),
);

/// A key of a task file.
#[derive(Clone)]
struct Key {
    name: String,
    /// Its type in Rust.
    of: String,
    /// Its doc comment.
    words: String,
}

/// The keys that a struct of the plan has, or a variant of an enum: `Enum::Variant`.
fn keys_of(name: &str) -> Vec<Key> {
    let after = |text: &'static str, opening: String| text.split_once(&opening).unwrap_or_else(|| panic!("there is no {name}")).1;
    let (after, end) = match name.split_once("::") {
        Some((of, variant)) => {
            (after(after(SOURCES, format!("\npub enum {of} {{\n")), format!("\n    {variant} {{\n")), "\n    }")
        }
        None => (after(SOURCES, format!("\npub struct {name} {{\n")), "\n}"),
    };
    let (mut found, mut words, mut renamed, mut skipped) = (Vec::new(), String::new(), None, false);
    for line in after.split(end).next().unwrap().lines().map(str::trim_start) {
        if let Some(said) = line.strip_prefix("///") {
            words += said;
        } else if line.starts_with("#[") {
            renamed = line.split_once("rename = \"").map(|(_, rest)| rest.split('"').next().unwrap().to_owned()).or(renamed);
            skipped |= line.contains("(skip)") || line.contains("(flatten)");
        } else if let Some((name, of)) = line.strip_suffix(',').and_then(|line| line.split_once(": ")) {
            let name = renamed.take().unwrap_or_else(|| name.trim_start_matches("pub ").to_owned());
            let words = std::mem::take(&mut words).trim().to_owned();
            if !std::mem::take(&mut skipped) {
                found.push(Key { name, of: of.to_owned(), words });
            }
        }
    }
    found
}

/// The values of an enum as a task file spells them, with the doc comment of each.
fn values(name: &str) -> Vec<(String, String)> {
    let openings = [format!("pub enum {name} {{\n"), format!("    {name} {{\n")];
    let body = openings.iter().find_map(|opening| SOURCES.split_once(opening)).unwrap_or_else(|| panic!("there is no {name}")).1;
    let (mut found, mut words, mut renamed) = (Vec::new(), String::new(), None);
    for line in body.split('}').next().unwrap().lines().map(str::trim) {
        if let Some(said) = line.strip_prefix("///") {
            words += said;
        } else if let Some(name) = line.strip_prefix("#[serde(rename = \"") {
            renamed = name.split('"').next().map(str::to_owned);
        } else if let Some(variant) = line.strip_suffix(',') {
            let (name, spelled) = variant.split_once(" = ").unwrap_or((variant, ""));
            let spelled = Some(spelled.trim_matches('"').to_owned()).filter(|spelled| !spelled.is_empty());
            let spelled = spelled.or(renamed.take()).unwrap_or_else(|| snake(name).replace('_', "-"));
            found.push((spelled, std::mem::take(&mut words).trim().to_owned()));
        }
    }
    found
}

/// Enums whose values are listed in the row of their key.
const CHOICES: [&str; 21] = [
    "Strength",
    "Effort",
    "Method",
    "Operator",
    "Preset",
    "CandidateSelection",
    "ModuleSelection",
    "Frontier",
    "Gate",
    "Parents",
    "Keep",
    "Turn",
    "Fields",
    "Cue",
    "Examples",
    "CacheType",
    "Counting",
    "Fetched",
    "Passing",
    "Kind",
    "Normalization",
];

/// Keys whose text may also be given by another key.
const ALTERNATIVES: [(&str, &str); 2] = [("instruction", "instruction_file"), ("rubric", "rubric_file")];

/// The table of some keys. `plan` is a plan with all defaults, and `given` are the lines of the table in its task file.
fn table(keys: &[Key], plan: &toml::Value, given: &str) -> String {
    let mut text = String::from("| key | meaning | default |\n|---|---|---|\n");
    for Key { name, of, words } in keys {
        let also = ALTERNATIVES
            .iter()
            .find(|(key, _)| key == name && of == "String")
            .map(|(_, also)| format!(", `{also}`"))
            .unwrap_or_default();
        let (words, stated) = ["; left out: ", "; None: "]
            .iter()
            .find_map(|mark| words.split_once(mark))
            .map_or((words.as_str(), None), |(words, rest)| (words, Some(rest.trim_end_matches('.').to_owned())));
        let is_given = given.lines().any(|line| line.starts_with(&format!("{name} =")));
        let literal = || plan.get(name).filter(|_| !is_given).and_then(literal_default).map(|literal| format!("`{literal}`"));
        let unset = || (of == "bool" && !is_given).then(|| "`false`".to_owned());
        let default = stated.or_else(literal).or_else(unset).unwrap_or_default();
        let inner = of.trim_start_matches("Option<").trim_start_matches("Vec<").trim_end_matches('>');
        let mut words =
            format!("{}.", words.trim_end_matches('.')).replace("docs/optimizers.md", "[optimizers.md](optimizers.md)");
        if CHOICES.contains(&inner) {
            words = values(inner).iter().fold(words, |words, (value, about)| format!("{words} `\"{value}\"`: {about}"));
        }
        writeln!(text, "| `{name}`{also} | {} | {default} |", words.replace("|", "\\|")).unwrap();
    }
    text
}

/// A page with the tables below its headings `## …` replaced by those that `made` returns.
fn with_tables(page: &str, made: &dyn Fn(&str) -> String) -> String {
    let mut sections = page.split("\n## ");
    let mut text = sections.next().unwrap().to_owned();
    for section in sections {
        let heading = section.lines().next().unwrap().trim_matches('`');
        let is_row = |line: &&str| line.starts_with('|');
        let (before, rest): (Vec<&str>, Vec<&str>) = {
            let lines: Vec<&str> = section.lines().collect();
            let at = lines.iter().position(|line| line.starts_with('|')).unwrap_or_else(|| panic!("{heading} has no table"));
            (lines[..at].to_vec(), lines[at..].to_vec())
        };
        let after: Vec<&str> = rest.iter().copied().skip_while(is_row).collect();
        text += &format!("\n## {}\n{}", before.join("\n"), made(heading));
        text += &after.join("\n");
        if !after.is_empty() {
            text.push('\n');
        }
    }
    text
}

/// Compares the tables of a page with the code. With GEPARD_WRITE_DOCS=1, writes them.
fn check_tables(name: &str, made: &dyn Fn(&str) -> String) {
    let written = std::fs::read_to_string(page(name)).unwrap();
    let text = with_tables(&written, made);
    if std::env::var_os("GEPARD_WRITE_DOCS").is_some() {
        std::fs::write(page(name), &text).unwrap();
        return;
    }
    let difference = written.lines().zip(text.lines()).find(|(written, made)| written != made);
    assert!(
        written == text,
        "docs/{name} differs from the code ({difference:?}): run GEPARD_WRITE_DOCS=1 cargo test --test it docs"
    );
}

fn key(name: &str, words: &str) -> Key {
    Key { name: name.into(), of: String::new(), words: words.into() }
}

#[test]
fn the_tables_of_options_are_those_of_the_code() {
    check_tables("options.md", &|heading| {
        let of_step = |kind: &str| {
            let mut keys = keys_of("StepPlan");
            keys.insert(1, key("kind", &format!("`\"{kind}\"`.")));
            keys
        };
        let keys = match heading {
            "[data]" => keys_of("DataPlan"),
            "[[module]]" => keys_of("ModulePlan"),
            "[[step]] retrieve" => [of_step("retrieve"), keys_of("StepKind::Retrieve"), keys_of("Indexing")].concat(),
            "[[step]] command" => [of_step("command"), keys_of("CommandPlan"), keys_of("StepKind::Command")].concat(),
            "[[step]] template" => [of_step("template"), keys_of("StepKind::Template")].concat(),
            "[[loop]]" => keys_of("LoopPlan"),
            "[program]" => keys_of("ProgramPlan"),
            "[layout]" => keys_of("Layout"),
            "[model.task]" => {
                let words =
                    "`\"llama\"`, `\"openai\"` for servers, or `\"scripted\"` for the scripted engine; left out: `\"llama\"`.";
                [vec![key("engine", words)], keys_of("ModelSource::Llama")].concat()
            }
            "[model.task] openai" => [vec![key("engine", "`\"openai\"`.")], keys_of("ServersPlan")].concat(),
            "[optimize]" => keys_of("OptimizePlan"),
            "[optimize.fewshot]" => keys_of("FewshotPlan"),
            "[optimize.bootstrap-rs]" => keys_of("BootstrapRsPlan"),
            "[optimize.simba]" => keys_of("SimbaPlan"),
            "[optimize.miprov2]" => keys_of("Miprov2Plan"),
            "[optimize.ape]" => keys_of("ApePlan"),
            "[optimize.opro]" => keys_of("OproPlan"),
            "[optimize.evoprompt]" => keys_of("EvopromptPlan"),
            "[optimize.promptbreeder]" => keys_of("PromptbreederPlan"),
            "[optimize.textgrad]" => keys_of("TextgradPlan"),
            "[engine]" => keys_of("EnginePlan"),
            other => panic!("a new table: {other}"),
        };
        let plan = toml::Value::try_from(load(&task_with(heading, "")).unwrap()).unwrap();
        let place = path_of(heading).split('.').fold(&plan, |value, name| &value[name]);
        let text = task_with(heading, "");
        let given = text.split_once(heading.split(' ').next().unwrap()).map_or("", |(_, rest)| rest.split("\n[").next().unwrap());
        table(&keys, place.get(0).unwrap_or(place), given)
    });
}

#[test]
fn the_tables_of_metrics_are_those_of_the_code() {
    check_tables("metrics.md", &|kind| {
        let keys = match kind {
            "label" => keys_of("MetricPlan::Label"),
            "number" => keys_of("MetricPlan::Number"),
            "json" => keys_of("MetricPlan::Json"),
            "exact" => keys_of("MetricPlan::Exact"),
            "f1" => keys_of("MetricPlan::F1"),
            "set" => keys_of("MetricPlan::Set"),
            "contains" => keys_of("MetricPlan::Contains"),
            "regex" => keys_of("MetricPlan::Regex"),
            "constraints" => keys_of("MetricPlan::Constraints"),
            "retrieval" => keys_of("MetricPlan::Retrieval"),
            "code" => {
                let language =
                    key("language", "`\"python\"`. Code in other languages is run by `command`; left out: `\"python\"`.");
                [keys_of("CodeSettings"), vec![language], keys_of("Language::Python"), keys_of("Language::Command")].concat()
            }
            "privacy" => keys_of("PrivacyPlan"),
            "judge" => keys_of("JudgePlan"),
            "command" => keys_of("CommandPlan"),
            "sum" => keys_of("MetricPlan::Sum"),
            _ => panic!("a new metric: {kind}"),
        };
        let lines = match kind {
            "label" | "number" | "exact" | "f1" | "set" | "contains" | "code" | "retrieval" => "field = \"b\"",
            "regex" => "pattern = \"x\"",
            "judge" => "model = \"task\"\nrubric = \"Good?\"",
            "privacy" => "output = \"b\"",
            "command" => "command = [\"true\"]",
            _ => "",
        };
        let parts = "[[metric.part]]\nkind = \"exact\"\nfield = \"b\"\n[[metric.part]]\nkind = \"f1\"\nfield = \"b\"";
        let lines = format!("kind = \"{kind}\"\n{}", if kind == "sum" { parts } else { lines });
        let base = task_with("[[step]] retrieve", "").replace("kind = \"label\"\nfield = \"b\"", &lines);
        let plan = toml::Value::try_from(load(&base).unwrap_or_else(|problem| panic!("{problem}"))).unwrap();
        table(&keys, &plan["metric"], &lines)
    });
}

#[test]
fn the_page_of_metrics_has_every_kind_of_constraint() {
    let text = std::fs::read_to_string(page("metrics.md")).unwrap();
    for kind in gepard::metric::Constraint::KINDS {
        assert!(text.lines().any(|line| line.starts_with("- `") && line.contains(&format!("`{kind}`"))), "{kind}");
    }
}

#[test]
fn the_page_of_metrics_has_every_kind_and_key_and_no_other() {
    let page = keys_by_heading("metrics.md");
    let of_kind = |kind: &str| task_with_unknown_key("[metric]").replace("kind = \"label\"", &format!("kind = \"{kind}\""));
    let kinds = accepted_names(&of_kind(UNKNOWN).replace(&format!("\n{UNKNOWN} = 1\n"), "\n"), UNKNOWN);
    assert_eq!(page.keys().cloned().collect::<BTreeSet<_>>(), kinds);
    for (kind, keys) in page {
        let mut accepted = accepted_names(&of_kind(&kind), &format!("metric.{UNKNOWN}"));
        accepted.remove("kind");
        assert_eq!(keys, accepted, "{kind}");
    }
}

#[test]
fn what_a_run_streams_is_what_the_page_of_events_has() {
    let task = crate::support::Task::of_two_modules(&[]);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_gepard"))
        .args(["optimize", "gepard.toml", "--progress", "json"])
        .current_dir(task.folder.path())
        .output()
        .unwrap();
    let page = keys_by_heading("events.md");
    let lines = String::from_utf8(output.stderr).unwrap();
    assert!(lines.lines().count() > 20);
    for line in lines.lines() {
        let event: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        let fields: BTreeSet<String> = event.keys().filter(|key| *key != "event").cloned().collect();
        let name = event["event"].as_str().unwrap();
        assert_eq!(page.get(name), Some(&fields), "{name}");
    }
}
