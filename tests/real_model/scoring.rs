//! Scores of continuations, with a real GGUF file.

use std::ops::ControlFlow;

use crate::models::{SETTINGS, answer, test_model};
use gepard::engine::llama::Llama;
use gepard::engine::settings::Settings;
use gepard::engine::{
    ContinuationScore, Decoding, Engine, EngineError, EngineProgress, Message, ModelId, Request, Role, ScoreAnswer, ScoreRequest,
    TokenScore,
};

const INSTRUCTION: &str = "Name the team that should answer the customer's message: billing, shipping or returns.\n\n";

const MESSAGES: [&str; 6] = [
    "I was charged twice for my order.",
    "Where is my parcel?",
    "The shoes are too small and I want my money back.",
    "I was charged for a parcel that never came.",
    "Hello?",
    "My invoice has the wrong address. Please send me a new one, and tell me when the order will be delivered.",
];

/// Continuations of one token and of several, some of which begin alike.
const TEAMS: [&str; 6] =
    [" billing", " shipping", " returns department", " returns department desk", " billing dispute", " xylophonist"];

fn engine(context: usize) -> Llama {
    Llama::open(&[test_model("task", context)], SETTINGS).unwrap()
}

fn request(message: &str, continuations: &[&str]) -> ScoreRequest {
    ScoreRequest {
        model: ModelId(0),
        messages: vec![
            Message::user(format!("{INSTRUCTION}{message}")),
            Message { role: Role::Assistant, content: "team:".into() },
        ],
        breakpoints: vec![INSTRUCTION.len()],
        continuations: continuations.iter().map(|&text| text.to_owned()).collect(),
        first_token_only: false,
    }
}

fn requests() -> Vec<ScoreRequest> {
    MESSAGES.iter().map(|message| request(message, &TEAMS)).collect()
}

fn score(engine: &mut Llama, requests: &[ScoreRequest]) -> Vec<ScoreAnswer> {
    engine.score(requests, &mut |_| ControlFlow::Continue(())).unwrap()
}

/// The scores of answers to requests, none of which was refused.
fn scores(answers: Vec<ScoreAnswer>) -> Vec<Vec<ContinuationScore>> {
    answers.into_iter().map(|answer| answer.continuations.unwrap()).collect()
}

/// The bits of scores, so that equal ones are the same numbers exactly.
fn bits(scores: &[Vec<ContinuationScore>]) -> Vec<Vec<Vec<(u32, bool)>>> {
    let token = |token: &TokenScore| (token.log_probability.to_bits(), token.is_likeliest);
    let tokens = |score: &ContinuationScore| score.tokens.iter().map(token).collect();
    scores.iter().map(|scores| scores.iter().map(tokens).collect()).collect()
}

#[test]
fn a_score_is_the_same_alone_and_in_any_wave() {
    let mut engine = engine(1024);
    let together = bits(&scores(score(&mut engine, &requests())));
    let mut backwards: Vec<ScoreRequest> = requests();
    backwards.reverse();
    let mut again = bits(&scores(score(&mut engine, &backwards)));
    again.reverse();
    assert_eq!(again, together);
    for (message, together) in MESSAGES.iter().zip(&together).take(3) {
        // Each continuation is a request of its own.
        for (team, together) in TEAMS.iter().zip(together) {
            let alone = bits(&scores(score(&mut engine, &[request(message, &[team])])));
            assert_eq!(alone, [[together.clone()]], "{message}{team}");
        }
    }
    // The cache holds one or two of these chats with their continuations, and batches have at most eight tokens.
    let settings = Settings { chunk: Some(8), ..SETTINGS };
    let mut small = Llama::open(&[test_model("task", 128)], settings).unwrap();
    assert_eq!(bits(&scores(score(&mut small, &requests()))), together);
}

#[test]
fn the_score_agrees_with_greedy_decoding() {
    let mut engine = engine(1024);
    let of_request = |request: &ScoreRequest, max_tokens| Request {
        model: request.model,
        messages: request.messages.clone(),
        breakpoints: request.breakpoints.clone(),
        decoding: Decoding::greedy(max_tokens),
        seed: 0,
    };
    let asked: Vec<Request> = requests().iter().map(|request| of_request(request, 6)).collect();
    let answers = answer(&mut engine, &asked);
    let mut scored = requests();
    for (request, answer) in scored.iter_mut().zip(&answers) {
        request.continuations.push(answer.text.clone());
        request.continuations.push(format!("{} zebra", answer.text));
    }
    let mut agreed = 0;
    for ((request, answer), scores) in scored.iter().zip(&answers).zip(scores(score(&mut engine, &scored))) {
        for (continuation, score) in request.continuations.iter().zip(&scores) {
            let is_begun = answer.text.starts_with(continuation.as_str());
            // The same text can have other tokens than those that were decoded.
            assert!(is_begun || !score.is_greedy(), "{continuation:?} of {:?}: {score:?}", answer.text);
            agreed += usize::from(is_begun && score.is_greedy());
            assert!(score.log_probability() < 0.0 && score.log_probability() > -200.0, "{continuation:?}: {score:?}");
        }
    }
    assert!(agreed >= answers.len(), "{agreed} of {answers:?}");
    // Scores do not change the answers of the next wave.
    assert_eq!(
        answer(&mut engine, &asked).iter().map(|a| &a.text).collect::<Vec<_>>(),
        answers.iter().map(|a| &a.text).collect::<Vec<_>>()
    );
}

#[test]
fn the_first_token_alone_has_its_score_and_computes_the_chat_alone() {
    let mut engine = engine(1024);
    let first: Vec<ScoreRequest> =
        requests().into_iter().map(|request| ScoreRequest { first_token_only: true, ..request }).collect();
    let whole = scores(score(&mut engine, &requests()));
    let answers = score(&mut engine, &first);
    let prompts: Vec<u64> = answers.iter().map(|answer| answer.usage.prefilled + answer.usage.reused).collect();
    for (message, prompt) in MESSAGES.iter().zip(prompts) {
        let tokens = engine.prompt_tokens(ModelId(0), &request(message, &[]).messages).unwrap().len();
        assert_eq!(prompt, tokens as u64);
    }
    let cut = |scores: &Vec<ContinuationScore>| -> Vec<ContinuationScore> {
        scores
            .iter()
            .map(|score| ContinuationScore { tokens: score.tokens[..1].to_vec(), bytes: score.bytes[..1].to_vec() })
            .collect()
    };
    assert_eq!(scores(answers), whole.iter().map(cut).collect::<Vec<_>>());
}

#[test]
fn probabilities_of_different_first_tokens_sum_to_at_most_one() {
    let letters: Vec<String> = ('a'..='z').chain('A'..='Z').map(String::from).collect();
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    let mut chat = request("", &letters);
    chat.messages = vec![Message::user("Which letter follows R in the alphabet? Answer with the letter alone.")];
    chat.breakpoints = Vec::new();
    let scores = scores(score(&mut engine(512), &[chat])).remove(0);
    let sum: f64 = scores.iter().map(|score| score.log_probability().exp()).sum();
    assert!(sum > 1e-6 && sum <= 1.0 + 1e-6, "{sum}");
    assert!(scores.iter().filter(|score| score.is_greedy()).count() <= 1);
}

#[test]
fn the_chat_is_computed_once_for_all_continuations_and_so_is_what_they_begin_with() {
    let mut engine = engine(1024);
    let usage = |engine: &mut Llama, continuations: &[&str]| score(engine, &[request(MESSAGES[5], continuations)])[0].usage;
    let chat = engine.prompt_tokens(ModelId(0), &request(MESSAGES[5], &[]).messages).unwrap().len() as u64;
    let tokens = |text: &str| engine.count_tokens(ModelId(0), text) as u64;
    let (desk, dispute) = (tokens(" returns department desk"), tokens(" billing dispute"));
    let both = usage(&mut engine, &[" returns department desk", " billing dispute"]);
    // The last token of a continuation is not computed.
    assert_eq!((both.prefilled, both.reused, both.decoded), (chat + desk - 1 + dispute - 1, 0, 0));
    assert_eq!(both.unique, both.prefilled);
    let alike = usage(&mut engine, &[" returns department desk", " returns department"]);
    assert_eq!(alike.prefilled + alike.reused, chat + desk - 1);
    // Requests share the instruction.
    let answers = score(&mut engine, &requests());
    let (prefilled, reused) = answers.iter().fold((0, 0), |(p, r), a| (p + a.usage.prefilled, r + a.usage.reused));
    assert!(reused > prefilled / 3, "{prefilled} computed, {reused} reused");
}

#[test]
fn a_request_that_cannot_be_scored_has_the_reason_and_the_others_have_scores() {
    let mut engine = engine(256);
    let many: Vec<String> = (0..200).map(|n| format!(" number {n} of the list")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let asked = [
        request(&"long ".repeat(300), &TEAMS),
        request("Hello?", &[]),
        request("Hello?", &[" billing", ""]),
        request("Hello?", &many),
        request("Hello?", &TEAMS),
    ];
    let answers = score(&mut engine, &asked);
    let reason = |index: usize| answers[index].continuations.clone().unwrap_err();
    assert!(reason(0).contains("exceeds the context of 256"), "{}", reason(0));
    assert_eq!(reason(1), "it has no continuation to score");
    assert_eq!(reason(2), "its continuation 2 is empty");
    assert!(reason(3).contains("for the continuations it exceeds the context of 256"), "{}", reason(3));
    assert_eq!(answers[4].continuations.as_ref().unwrap().len(), TEAMS.len());
    assert!(score(&mut engine, &[]).is_empty());
    let nobody = ScoreRequest { model: ModelId(1), ..request("Hello?", &TEAMS) };
    assert!(matches!(engine.score(&[nobody], &mut |_| ControlFlow::Continue(())), Err(EngineError::Backend { .. })));
}

#[test]
fn an_interrupt_takes_effect_and_the_engine_can_be_used_again() {
    let mut engine = engine(1024);
    let mut latest = EngineProgress::default();
    let whole = scores(
        engine
            .score(&requests(), &mut |done| {
                latest = done;
                ControlFlow::Continue(())
            })
            .unwrap(),
    );
    assert!(latest.prefilled > 0 && latest.decoded == 0, "{latest:?}");
    let mut steps = 0;
    let result = engine.score(&requests(), &mut |_| {
        steps += 1;
        if steps > 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(result, Err(EngineError::Interrupted)));
    assert_eq!(scores(score(&mut engine, &requests())), whole);
}
