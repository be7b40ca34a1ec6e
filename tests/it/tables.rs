//! `gepard init` on tables of many shapes: the right metric, inputs and output, or why not.

use std::fs;
use std::path::Path;

use crate::support::process::{both, code, gepard};

/// What `init` makes of a table.
struct Made {
    /// The file in `tests/it/data/tables`.
    file: &'static str,
    /// The kind of the metric and the reason, or a part of the reason.
    metric: (&'static str, &'static str),
    /// The fields that are read, and the fields that are written.
    fields: (&'static [&'static str], &'static [&'static str]),
    /// What else the user is told.
    says: &'static [&'static str],
}

const fn made(
    file: &'static str,
    metric: (&'static str, &'static str),
    fields: (&'static [&'static str], &'static [&'static str]),
    says: &'static [&'static str],
) -> Made {
    Made { file, metric, fields, says }
}

const SMALL_SET: (&str, &str) = ("label", "its values come from a small set");

const SEVERAL: (&str, &str) = ("json", "each field with an answer counts equally");

const LAST: &str = "is taken for the answer: it is the last field";

const ONLY: &str = "is taken for the answer: it is the only field with few different values";

const TABLES: [Made; 44] = [
    made("reviews.csv", SMALL_SET, (&["review"], &["sentiment"]), &[]),
    made("news_codes.jsonl", SMALL_SET, (&["text"], &["label"]), &["`label` are few small numbers: if they stand for names"]),
    made("topic_codes.jsonl", ("set", "it is a list"), (&["headline"], &["topics"]), &["`topics` are few small numbers"]),
    made("film_genres.jsonl", ("set", "it is a list"), (&["plot"], &["genres"]), &[LAST]),
    made("ticket_tags.csv", ("set", "several labels in one text"), (&["ticket"], &["tags"]), &[]),
    made("recipe_diets.tsv", ("set", "several labels in one text"), (&["ingredients"], &["diets"]), &[]),
    made("entities.jsonl", ("set", "it is a list of objects"), (&["sentence"], &["entities"]), &[]),
    made("orders.jsonl", ("json", "it is a JSON object"), (&["message"], &["order"]), &[]),
    made("populations.csv", ("number", "it is a number"), (&["sentence"], &["population"]), &[]),
    made("distances.csv", ("number", "it is a number"), (&["question"], &["answer"]), &[]),
    made("invoices.jsonl", ("number", "it is a number"), (&["invoice"], &["total"]), &[]),
    made("rezepte.csv", ("number", "it is a number"), (&["frage"], &["antwort"]), &[]),
    made("word_problems.jsonl", ("number", "it is a number"), (&["question"], &["answer"]), &[]),
    made("yes_no.jsonl", ("label", "it is true or false"), (&["question", "passage"], &["answer"]), &[]),
    made("choices_letter.jsonl", SMALL_SET, (&["question", "choices"], &["answerKey"]), &[]),
    made("choices_index.jsonl", ("label", "the position of one of several"), (&["question", "options"], &["answer"]), &[]),
    made(
        "spans.jsonl",
        ("f1", "it is a list of texts, of which one is enough"),
        (&["context", "question"], &["answers"]),
        &["questions with spans as answers, as in SQuAD", "`title` is not read: it is empty in all rows"],
    ),
    made(
        "translation.jsonl",
        ("f1", "it is free text"),
        (&["en"], &["de"]),
        &["All fields of its rows stand in `translation`", LAST],
    ),
    made("summaries.jsonl", ("f1", "it is free text"), (&["article"], &["summary"]), &[]),
    made("评论.jsonl", SMALL_SET, (&["文本"], &["类别"]), &[]),
    made(
        "preferences.jsonl",
        ("f1", "it is free text"),
        (&["prompt"], &["answer"]),
        &["Its rows are preferences", "graded by a judge"],
    ),
    made("support_chats.jsonl", ("f1", "it is free text"), (&["message"], &["answer"]), &["Its rows are chats"]),
    made(
        "sentence_pairs.tsv",
        ("number", "it is a number"),
        (&["sentence1", "sentence2"], &["score"]),
        &["`score` are ratings, of which a near one counts as wrong: `absolute` under [metric]"],
    ),
    made("deadlines.csv", ("exact", "it is one word, a date or a code"), (&["notice"], &["deadline"]), &[]),
    made("parcel_numbers.csv", ("exact", "it is copied from an input"), (&["mail"], &["parcel"]), &[]),
    made("pandas_export.csv", SMALL_SET, (&["comment"], &["team"]), &["`notes` is not read: it is empty in all rows"]),
    made(
        "posts.jsonl",
        SMALL_SET,
        (&["post"], &["topic"]),
        &["`timestamp` is not read: it numbers the rows, or says when", "`url` is not read: it holds web addresses"],
    ),
    made("log_lines.jsonl", ("exact", "it is copied from an input"), (&["line"], &["timestamp"]), &[LAST]),
    made(
        "comments.csv",
        SEVERAL,
        (&["comment"], &["rude", "spam"]),
        &["`rude`, `spam` are taken for answers: they have the same"],
    ),
    made(
        "helpdesk.csv",
        SMALL_SET,
        (&["message", "urgency"], &["team"]),
        &["`urgency` too has few different values: if the program is to write them as well, --output team,urgency"],
    ),
    made("image_tags.tsv", SEVERAL, (&["caption"], &["person", "animal", "vehicle"]), &["are taken for answers"]),
    made("survey.jsonl", SEVERAL, (&["comment"], &["price", "service"]), &["`price`, `service` are taken"]),
    made(
        "preference_tuning.jsonl",
        ("f1", "it is free text"),
        (&["prompt"], &["answer"]),
        &[
            "Its rows are preferences: `preferred_output` became `answer`",
            "the system message the instruction",
            "graded by a judge",
        ],
    ),
    made(
        "promptfoo_tests.csv",
        SMALL_SET,
        (&["review", "tone"], &["expected"]),
        &["Its rows are tests of promptfoo", "`__suffix` are left out"],
    ),
    made(
        "promptfoo_capitals.csv",
        ("exact", "it is one word"),
        (&["question"], &["expected"]),
        &["Its rows are tests of promptfoo"],
    ),
    made("instructions.jsonl", ("f1", "it is free text"), (&["instruction", "context", "category"], &["response"]), &[]),
    made(
        "quiz_show.jsonl",
        ("exact", "it is one word"),
        (&["category", "air_date", "question", "value", "round", "show_number"], &["answer"]),
        &[],
    ),
    made(
        "grounded_answers.jsonl",
        ("f1", "it is free text"),
        (&["user_input", "retrieved_contexts", "response"], &["reference"]),
        &[],
    ),
    made(
        "eval_samples.jsonl",
        ("f1", "of which one is enough"),
        (&["message"], &["ideal"]),
        &["Its rows are samples of `evals`: what `input` asks became `message`, and their system message the instruction"],
    ),
    made("viewer_rows.jsonl", SMALL_SET, (&["text"], &["label"]), &["All fields of its rows stand in `row`"]),
    made("gold_labels.jsonl", SMALL_SET, (&["sentence1", "sentence2", "split"], &["gold_label"]), &[]),
    made("traces.jsonl", SMALL_SET, (&["input"], &["expectedOutput"]), &["`tags` is not read: it is empty in all rows"]),
    made(
        "no_names.csv",
        SMALL_SET,
        (&["The tram of Bern was great"], &["good"]),
        &["`good` is the name of a field and a value of it: if the first line is a row, write the names of the fields above it."],
    ),
    made("urgency.csv", SMALL_SET, (&["subject", "body"], &["urgency"]), &[ONLY]),
];

/// The path of a table.
fn table(file: &str) -> String {
    format!("{}/tests/it/data/tables/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// Replaces the model of a task file by the scripted engine, which always answers the same.
fn scripted(project: &Path) {
    let task = project.join("gepard.toml");
    let text = fs::read_to_string(&task).unwrap();
    let line = text.lines().find(|line| line.starts_with("gguf = ")).unwrap();
    fs::write(&task, text.replace(line, "engine = \"scripted\"\nscript = \"script.jsonl\"")).unwrap();
    fs::write(project.join("script.jsonl"), "{\"text\": \"none\"}\n").unwrap();
}

#[test]
fn tables_of_many_shapes_get_the_right_metric() {
    let folder = tempfile::tempdir().unwrap();
    for Made { file, metric: (kind, reason), fields: (inputs, outputs), says } in &TABLES {
        let told = gepard(&["init", file, "--data", &table(file)], folder.path());
        assert_eq!(code(&told), 0, "{file}: {}", both(&told));
        let told = both(&told);
        let project = folder.path().join(file);
        let text = fs::read_to_string(project.join("gepard.toml")).unwrap();
        let task: toml::Value = toml::from_str(&text).unwrap();
        let module = &task["module"][0];
        let names =
            |key: &str| -> Vec<&str> { module[key].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect() };
        assert_eq!((names("inputs"), names("outputs")), (inputs.to_vec(), outputs.to_vec()), "{file}: {told}");
        assert_eq!(task["metric"]["kind"], (*kind).into(), "{file}: {told}");
        let field = if let [only] = outputs { Some((*only).into()) } else { None };
        assert_eq!(task["metric"].get("field"), field.as_ref(), "{file}: {told}");
        let metric = format!("The metric is \"{kind}\": ");
        assert!(told.lines().any(|line| line.starts_with(&metric) && line.contains(reason)), "{file}: {told}");
        for words in *says {
            assert!(told.contains(words), "{file}: {words} not in {told}");
        }
        // The metric can read what the rows have, and no answer is right by accident.
        scripted(&project);
        let output = gepard(&["eval", "gepard.toml", "--split", "val", "--json", "--progress", "none"], &project);
        assert_eq!(code(&output), 0, "{file}: {}", both(&output));
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(result["rows"].as_array().unwrap().iter().all(|row| row["score"].as_f64().unwrap() < 0.5), "{file}: {result}");
    }
}

#[test]
fn names_that_a_file_has_lost_are_told_only_where_the_numbers_may_stand_for_some() {
    let folder = tempfile::tempdir().unwrap();
    for Made { file, .. } in &TABLES {
        let told = both(&gepard(&["init", file, "--data", &table(file)], folder.path()));
        let is_coded = file.contains("_codes");
        assert_eq!(told.contains("few small numbers"), is_coded, "{file}: {told}");
    }
}

#[test]
fn tables_that_no_comparison_suits_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (file, says) in [
        ("functions.jsonl", &["`test_list` holds tests of Python code", "--template code", "field = \"test_list\""][..]),
        ("unlabelled.jsonl", &["the same `label` (\"-1\")", "stands for a missing one"]),
        ("retriever.jsonl", &["train a retriever (`pos`, `neg`)", "The metric `retrieval` judges"]),
        ("token_tags.jsonl", &["`ner_tags` has one item for each of `tokens`", "list of objects"]),
    ] {
        let told = gepard(&["init", file, "--data", &table(file)], folder.path());
        assert_eq!(code(&told), 2, "{file}: {}", both(&told));
        for words in says {
            assert!(both(&told).contains(words), "{file}: {words} not in {}", both(&told));
        }
        assert!(!folder.path().join(file).exists());
    }
    let joined = both(&gepard(&["init", "joined", "--data", &table("joined.csv")], folder.path()));
    assert!(joined.contains("joined.csv:8: the row repeats the names of the fields"), "{joined}");
}
