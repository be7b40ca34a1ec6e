//! The engine over llama.cpp with a real GGUF file, SmolLM2-135M-Instruct, which `scripts/test` fetches.

use std::ops::ControlFlow;

use crate::models::{SETTINGS, answer, model_file, test_model, texts};
use crate::support::{Task, model, result};
use gepard::engine::llama::Llama;
use gepard::engine::settings::{LoadProgress, Preparation, Settings};
use gepard::engine::{Completion, Decoding, Ended, Engine, EngineError, Grammar, Message, ModelId, Request, Role, Shape, Usage};
use gepard::hooks::Hooks;

/// Returns the small task with a real model instead of the scripted one.
fn real_task() -> Task {
    let task = Task::new();
    task.edit("engine = \"scripted\"\nscript = \"script.jsonl\"", &format!("gguf = \"{}\"\ncontext = 2048", model().display()));
    task
}

fn engine() -> Llama {
    engine_with(1024, SETTINGS)
}

fn engine_with(context: usize, settings: Settings) -> Llama {
    Llama::open(&[test_model("task", context)], settings).unwrap()
}

fn request(question: &str, max_tokens: u32) -> Request {
    let instruction = "Answer the question in one short sentence.\n\n";
    Request {
        model: ModelId(0),
        messages: vec![Message::user(format!("{instruction}{question}"))],
        breakpoints: vec![instruction.len()],
        decoding: Decoding::greedy(max_tokens),
        seed: 1,
    }
}

fn questions() -> Vec<Request> {
    [
        "What is the capital of France?",
        "Name a fruit.",
        "Is ice warm?",
        "Who wrote Hamlet?",
        "What do cows drink, and what do they eat all day?",
        "2+2?",
    ]
    .iter()
    .map(|q| request(q, 24))
    .collect()
}

#[test]
fn a_question_is_answered() {
    let answers = answer(&mut engine(), &[request("What is the capital of France?", 24)]);
    assert!(answers[0].text.contains("Paris"), "{}", answers[0].text);
    assert_eq!(answers[0].ended, Ended::Stop);
}

#[test]
fn a_wave_has_the_same_answers_after_another_wave_and_in_another_engine() {
    let mut first = engine();
    let cold = answer(&mut first, &questions());
    answer(&mut first, &[request("Tell me a long story about a cheetah.", 60)]);
    assert_eq!(answer(&mut first, &questions()), cold);
    drop(first);
    assert_eq!(answer(&mut engine(), &questions()), cold);
}

/// Returns the requests of one wave: some have grammars, and one has none.
fn under_grammars() -> Vec<Request> {
    let values = Shape::Values(vec!["yes".into(), "no".into(), "it is hard to say".into()]);
    let schema = serde_json::json!({
        "type": "object",
        "properties": { "city": { "type": "string", "maxLength": 12 }, "big": { "type": "boolean" } },
        "required": ["city", "big"],
        "additionalProperties": false,
    });
    let lines = [("sure", &Shape::Flag), ("years", &Shape::Number)];
    let grammars = [
        Some(Grammar::value(&values)),
        Some(Grammar::value(&Shape::Json(schema))),
        Some(Grammar::lines(&lines, false, None)),
        None,
        Some(Grammar::value(&values)),
    ];
    let with_grammar = |(index, grammar): (usize, Option<Grammar>)| {
        let mut request = request("Is Paris the capital of France?", 60);
        request.decoding.grammar = grammar;
        request.decoding.temperature = if index == 4 { 1.0 } else { 0.0 };
        request
    };
    grammars.into_iter().enumerate().map(with_grammar).collect()
}

#[test]
fn answers_follow_their_grammars_in_one_wave() {
    let mut engine = engine();
    let answers = answer(&mut engine, &under_grammars());
    let text = |index: usize| answers[index].text.trim();
    for index in [0, 4] {
        assert!(["yes", "no", "it is hard to say"].contains(&text(index)), "{:?}", answers[index]);
    }
    let json: serde_json::Value = serde_json::from_str(text(1)).unwrap_or_else(|e| panic!("{e}: {}", text(1)));
    assert!(json["city"].is_string() && json["big"].is_boolean(), "{json}");
    let (sure, years) = text(2).split_once('\n').unwrap_or_else(|| panic!("{}", text(2)));
    assert!(matches!(sure, "sure: true" | "sure: false") && years.starts_with("years: "), "{}", text(2));
    assert!(years["years: ".len()..].parse::<f64>().is_ok(), "{years}");
    for (index, ended) in [(0, Ended::Grammar), (1, Ended::Grammar), (3, Ended::Stop), (4, Ended::Grammar)] {
        assert_eq!(answers[index].ended, ended, "{:?}", answers[index]);
    }
    assert_eq!(texts(&answer(&mut engine, &under_grammars())), texts(&answers), "the second time");
}

#[test]
fn the_common_prefix_is_computed_once() {
    let mut usage = Usage::default();
    for answer in answer(&mut engine(), &questions()) {
        usage += answer.usage;
    }
    assert!(usage.reused > usage.prefilled / 2, "{usage:?}");
    // Questions that begin with the same word branch a little after the breakpoint.
    assert!(usage.prefilled as f64 <= 1.1 * usage.unique as f64, "{usage:?}");
}

/// Returns the requests of three candidates on the same four examples.
fn requests_of_candidates() -> Vec<Request> {
    let candidate = |manner: &str| {
        let instruction =
            format!("Answer the question below in one short sentence. Do so {}\n\n", format!("{manner} ").repeat(12));
        ["What is the capital of France?", "Name a fruit.", "Is ice warm?", "Who wrote Hamlet?"].map(|question| Request {
            messages: vec![Message::user(format!("{instruction}{question}"))],
            breakpoints: vec![instruction.len()],
            ..request("", 12)
        })
    };
    ["very kindly,", "very briefly,", "like a pirate,"].iter().flat_map(|manner| candidate(manner)).collect()
}

#[test]
fn the_prefix_of_each_candidate_is_computed_once_and_the_first_is_kept_for_the_next_wave() {
    let usage = |answers: &[Completion]| {
        answers.iter().fold(Usage::default(), |mut sum, a| {
            sum += a.usage;
            sum
        })
    };
    let mut engine = engine();
    let cold = answer(&mut engine, &requests_of_candidates());
    assert!(usage(&cold).prefilled as f64 <= 1.05 * usage(&cold).unique as f64, "{:?}", usage(&cold));
    // The same wave again has the same texts, and less is computed.
    let warm = answer(&mut engine, &requests_of_candidates());
    assert_eq!(texts(&warm), texts(&cold));
    assert!(usage(&warm).prefilled < usage(&cold).prefilled, "{:?}", usage(&warm));
    // A wave of one candidate has the same texts with and without a kept prefix.
    let alone = texts(&answer(&mut engine, &requests_of_candidates()[4..8]));
    let again = answer(&mut engine, &requests_of_candidates()[4..8]);
    assert_eq!(texts(&again), alone);
    assert!(usage(&again).prefilled * 3 < usage(&again).unique * 2, "{:?}", usage(&again));
    assert_eq!(texts(&answer(&mut self::engine(), &requests_of_candidates()[4..8])), alone);
    answer(&mut engine, &questions());
    assert_eq!(texts(&answer(&mut engine, &requests_of_candidates())), texts(&cold));
}

/// A greedy answer depends on its request alone, not on the other requests of its wave.
#[test]
fn a_greedy_answer_is_the_same_alone_and_in_any_wave() {
    let requests: Vec<Request> = requests_of_candidates().into_iter().chain(questions()).collect();
    let mut engine = engine();
    let together = texts(&answer(&mut engine, &requests));
    let alone: Vec<String> =
        requests.iter().map(|request| answer(&mut engine, std::slice::from_ref(request)).remove(0).text).collect();
    assert_eq!(alone, together);
    let backwards: Vec<Request> = requests.iter().rev().cloned().collect();
    let mut again = texts(&answer(&mut engine, &backwards));
    again.reverse();
    assert_eq!(again, together);
}

/// Behind a long prefix, whose cells the rows of a batch share, attention reads them for many rows at once.
#[test]
fn behind_a_long_prefix_a_greedy_answer_is_the_same_alone_and_in_a_wave() {
    let rules: String = (1..36).map(|n| format!("Rule {n}: a word of {n} letters is worth {} points.\n", n * 7 % 31)).collect();
    let requests: Vec<Request> = ["Name a fruit.", "Who wrote Hamlet, and when was it first played in a theatre?"]
        .iter()
        .map(|question| Request {
            messages: vec![Message::user(format!("{rules}\n{question}"))],
            breakpoints: vec![rules.len() + 1],
            ..request(question, 12)
        })
        .collect();
    let together = answer(&mut engine_with(2048, SETTINGS), &requests);
    assert!(together[0].usage.prefilled + together[0].usage.reused > 500, "{:?}", together[0].usage);
    let mut other = engine_with(2048, Settings { threads: Some(1), ..SETTINGS });
    let alone: Vec<String> =
        requests.iter().map(|request| answer(&mut other, std::slice::from_ref(request)).remove(0).text).collect();
    assert_eq!(alone, texts(&together));
}

#[test]
fn drafts_save_steps_and_do_not_change_the_answer() {
    let again = "Write this line again, word for word, three times: the red fox and the grey wolf met the old bear by the river.";
    let steps = |drafts| {
        let mut engine = engine_with(1024, Settings { drafts, ..SETTINGS });
        let mut steps = 0;
        let mut count = |_| {
            steps += 1;
            ControlFlow::Continue(())
        };
        let answers = engine.generate(&[request(again, 80)], &mut count).unwrap();
        (answers[0].text.clone(), steps)
    };
    let ((drafted, few), (plain, many)) = (steps(true), steps(false));
    assert_eq!(drafted, plain);
    assert!(few < many, "{few} steps with drafts, {many} without");
}

#[test]
fn a_wave_whose_prefixes_do_not_fit_the_cache_has_the_same_answers() {
    // Three candidates of about 60 tokens with four examples each, some with drafts, need more than 256 cells.
    let requests: Vec<Request> = requests_of_candidates().into_iter().chain(questions()).collect();
    let whole = texts(&answer(&mut engine(), &requests));
    let mut small = engine_with(256, SETTINGS);
    let answers = answer(&mut small, &requests);
    assert!(answers.iter().all(|answer| !matches!(answer.ended, Ended::Refused(_))), "{answers:?}");
    assert_eq!(texts(&answers), whole);
    let prompts = |answers: &[Completion]| answers.iter().map(|a| a.usage.prefilled + a.usage.reused).sum::<u64>();
    assert!(prompts(&answers) > 512, "{}", prompts(&answers));
    assert_eq!(texts(&answer(&mut small, &requests)), whole, "the second time");
}

/// The tokens that are counted without weights, for packing and `doctor`, are those of the prompt.
#[test]
fn tokens_counted_without_weights_are_those_of_the_prompt() {
    let texts = [
        "word",
        "The quick brown fox, 1234567 of them; it's 3.14 — isn't it?",
        "Grüße aus Köln, où l'été fut très chaud. Ψυχή, мир и дружба.",
        "你好,世界。これは日本語の文です。한국어도 있습니다. مرحبا بالعالم שלום",
        "👩‍👩‍👧‍👦 🏳️‍🌈 e\u{301}\u{323}galite\u{301} \u{1d518}\u{1d52b}\u{1d526}",
        "fn main() {\n\tlet x = vec![1, 2, 3];\n\n\n    println!(\"{x:?}\");\n}\r\nend",
        "a  b   c                                        d\u{a0}e\u{200b}f",
        "{\"key\": [null, true, -1.5e-10], \"other\": \"\\u00e9\"}",
        "a row with <|im_end|> of its own, and <|im_start|>system\nin it",
        "x\u{1}y\u{7f}z \u{fffd} \u{feff}end",
    ];
    let long = "Ein langer Satz, 漢字 and 🙂 numbers 42; ".repeat(40) + "end";
    let mut engine = engine();
    let request_of =
        |text: &str| Request { messages: vec![Message::user(text.to_owned())], breakpoints: vec![], ..request("", 1) };
    let requests: Vec<Request> = texts.iter().copied().chain([long.as_str()]).map(request_of).collect();
    let tokens = |answer: &Completion| usize::try_from(answer.usage.prefilled + answer.usage.reused).unwrap();
    let read: Vec<usize> = answer(&mut engine, &requests).iter().map(tokens).collect();
    let counted: Vec<usize> =
        requests.iter().map(|request| engine.count_tokens(ModelId(0), &request.messages[0].content)).collect();
    // The template adds the same tokens to each text.
    let frame = read[0] - counted[0];
    assert_eq!(read, counted.iter().map(|count| count + frame).collect::<Vec<_>>());
    assert!(counted[1..].iter().all(|count| *count > 10), "{counted:?}");
}

#[test]
fn one_request_and_many_are_answered_in_order() {
    let mut engine = engine();
    // They have different lengths, so that they are not decoded in the order of the requests.
    let many: Vec<Request> = (0..30).map(|n| request(&format!("What is this?{}", " word".repeat(n * 7 % 30)), 6)).collect();
    let answers = answer(&mut engine, &many);
    let lengths: Vec<u64> = answers.iter().map(|a| a.usage.prefilled + a.usage.reused).collect();
    assert!(lengths.iter().enumerate().all(|(n, length)| *length == lengths[0] + n as u64 * 7 % 30), "{lengths:?}");
    assert!(answer(&mut engine, &[]).is_empty());
}

/// Bytes that hold the test model once, but not twice.
const ROOM_FOR_ONE: u64 = 180_000_000;

#[test]
fn models_that_do_not_fit_together_take_turns_and_have_the_same_answers() {
    let files = [test_model("task", 1024), test_model("teacher", 512)];
    let requests: Vec<Request> = [0, 1, 0].map(|model| Request { model: ModelId(model), ..request("Name a fruit.", 12) }).into();
    let mut together = Llama::open(&files, SETTINGS).unwrap();
    let wanted = answer(&mut together, &requests);
    let tight = Settings { memory: Some(ROOM_FOR_ONE), ..SETTINGS };
    let mut engine = Llama::open(&files, tight).unwrap();
    let in_turns = |engine: &Llama| engine.memory().0.in_turns;
    assert_eq!((in_turns(&together), in_turns(&engine), engine.memory().1.ram), (false, true, ROOM_FOR_ONE));
    for _ in 0..2 {
        assert_eq!(answer(&mut engine, &requests), wanted);
    }
    let error = Llama::open(&files, Settings { memory: Some(90_000_000), ..SETTINGS }).err().unwrap().to_string();
    assert!(error.contains("alone needs") && error.contains("models may have 90 MB"), "{error}");
}

#[test]
fn a_request_that_is_too_long_is_refused_and_the_others_are_answered() {
    let mut engine = engine();
    let requests = [request("What is the capital of France?", 24), request(&"long ".repeat(3000), 24)];
    let answers = answer(&mut engine, &requests);
    assert!(answers[0].text.contains("Paris"));
    assert!(
        matches!(&answers[1].ended, Ended::Refused(why) if why.contains("exceeds the context of 1024")),
        "{:?}",
        answers[1].ended
    );
}

/// llama.cpp has 256 sequences for requests, nodes, padding and retired cells.
#[test]
fn a_plan_can_have_the_most_sequences() {
    let file = test_model("task", 512);
    // Small batches as well: llama.cpp aborts the process if it has more sequences than a batch may have rows.
    for (sequences, chunk) in [(253, 253), (32, 32), (64, 64)] {
        let settings = Settings { sequences, chunk: Some(chunk), ..SETTINGS };
        let mut engine = Llama::open(std::slice::from_ref(&file), settings).unwrap();
        let answers = answer(&mut engine, &questions());
        assert!(answers[0].text.contains("Paris"), "{}", answers[0].text);
    }
}

#[test]
fn answers_end_at_their_length_and_at_stop_strings() {
    let mut engine = engine();
    let mut stopped = request("Count from one to ten in words.", 40);
    let whole = answer(&mut engine, &[stopped.clone()]).remove(0);
    let cut = answer(&mut engine, &[request("Count from one to ten in words.", 3)]).remove(0);
    assert_eq!((cut.ended, cut.usage.decoded), (Ended::Length, 3));
    let word = whole.text.split_whitespace().nth(2).unwrap().to_owned();
    stopped.decoding.stop = vec![word.clone()];
    let ended = answer(&mut engine, &[stopped]).remove(0);
    assert!(whole.text.starts_with(&ended.text) && !ended.text.contains(&word), "{:?}", ended.text);
    assert_eq!(ended.ended, Ended::Stop);
}

#[test]
fn sampling_is_repeatable_by_its_seed() {
    let mut engine = engine();
    let mut sampled = request("Write a line of a poem.", 24);
    sampled.decoding.temperature = 1.0;
    let first = answer(&mut engine, &[sampled.clone()]).remove(0).text;
    assert_eq!(answer(&mut engine, &[sampled.clone()]).remove(0).text, first);
    let others = (2..6).map(|seed| answer(&mut engine, &[Request { seed, ..sampled.clone() }]).remove(0).text);
    assert!(others.into_iter().any(|text| text != first));
}

#[test]
fn an_answer_that_was_begun_is_continued() {
    let mut begun = request("What is the capital of France?", 8);
    begun.messages.push(Message { role: Role::Assistant, content: "The capital of France is".into() });
    let answer = answer(&mut engine(), &[begun]).remove(0);
    assert!(answer.text.trim_start().starts_with("Paris"), "{}", answer.text);
}

#[test]
fn an_interrupt_takes_effect_within_a_step_and_the_engine_can_be_used_again() {
    let mut engine = engine();
    let mut steps = 0;
    let result = engine.generate(&questions(), &mut |_| {
        steps += 1;
        if steps > 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(result, Err(EngineError::Interrupted)));
    assert!(answer(&mut engine, &[request("What is the capital of France?", 24)])[0].text.contains("Paris"));
}

#[test]
fn each_step_of_opening_can_be_interrupted() {
    let file = test_model("task", 256);
    for stage in [Preparation::Hashing, Preparation::Loading] {
        let mut reached = false;
        let mut on_progress = |progress: LoadProgress<'_>| {
            assert!(!reached, "called again after it broke off");
            reached = matches!(progress, LoadProgress::Started { step, .. } if step == stage);
            if reached { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let opened = Llama::open_with_progress(std::slice::from_ref(&file), SETTINGS, &mut on_progress);
        assert!(matches!(opened.err(), Some(EngineError::Interrupted)));
        assert!(reached);
    }
}

#[test]
fn models_with_the_same_file_share_one_copy() {
    let before = resident();
    let mut engine =
        Llama::open(&[test_model("task", 512), test_model("teacher", 512)], Settings { sequences: 2, ..SETTINGS }).unwrap();
    let mut second = request("What is the capital of France?", 24);
    second.model = ModelId(1);
    assert!(answer(&mut engine, &[second])[0].text.contains("Paris"));
    let size = std::fs::metadata(model()).unwrap().len();
    let grown = resident().saturating_sub(before);
    assert!(grown < size * 7 / 2, "{grown} bytes for a file of {size}");
}

/// Returns the bytes of this process in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[test]
fn files_that_are_not_models_are_errors_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(model()).unwrap();
    std::fs::write(folder.path().join("short.gguf"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(folder.path().join("text.gguf"), "hello").unwrap();
    for (name, words) in [("short.gguf", "download"), ("text.gguf", "GGUF"), ("nowhere.gguf", "nowhere.gguf")] {
        let file = model_file("task", folder.path().join(name));
        let Err(error) = Llama::open(&[file], Settings { threads: Some(1), sequences: 1, chunk: Some(32), ..SETTINGS }) else {
            panic!("{name}")
        };
        assert!(matches!(error, EngineError::Model { .. }));
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// After Ctrl-C in the middle of a step, the program soon ends with exit code 130, and the same command resumes the run.
#[test]
#[cfg(unix)]
fn a_run_ended_by_ctrl_c_can_be_resumed() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let task = real_task();
    let gepard = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gepard"));
        let settings = [
            "--set",
            "optimize.reflection_tokens=64",
            "--set",
            "optimize.max_reflections=2",
            "--set",
            "module.sort.max_tokens=200",
        ];
        command.args(["optimize", "gepard.toml", "--run", "run", "--budget", "30"]).args(settings);
        command.current_dir(task.folder.path()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let child = gepard().spawn().unwrap();
    // The journal's header is written after the models were loaded.
    let journal = task.path("run/journal.jsonl");
    let started = Instant::now();
    while !journal.exists() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    let signalled = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("stopping after the running step"));
    assert!(signalled.elapsed() < Duration::from_secs(5), "{:?}", signalled.elapsed());
    assert!(gepard().output().unwrap().status.success());
}

#[test]
fn doctor_prints_the_memory_plan_and_fails_if_nothing_fits() {
    let task = real_task();
    let doctor = |settings: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gepard"));
        command.args(["doctor", "gepard.toml"]).args(settings).current_dir(task.folder.path()).output().unwrap()
    };
    let output = doctor(&[]);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for words in
        ["model     task: 97 MB of weights, 48 MB for 2048 tokens of context (f16)", "all models together", "rollouts a second"]
    {
        assert!(printed.contains(words), "{words} not in:\n{printed}");
    }
    let output = doctor(&["--set", "engine.memory=90"]);
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), printed.contains("`task` alone needs")), (Some(4), true), "{printed}");
}

/// A whole search, in which the task model is its own reflector, has the same candidates, rollouts and scores both times.
#[test]
fn two_runs_with_a_real_model_are_the_same() {
    let task = real_task();
    let plan = task.plan(&["optimize.budget=40", "optimize.reflection_tokens=64", "optimize.max_reflections=3"]);
    for run in ["a", "b"] {
        gepard::run::optimize(&plan, &task.path(run), &mut Hooks::none()).unwrap();
    }
    for file in ["best.json", "summary.json"] {
        assert_eq!(result(&task.path("a"), file), result(&task.path("b"), file));
    }
    assert!(result(&task.path("a"), "summary.json")["reflections"]["asked"].as_u64().unwrap() > 0);
}
