//! Rollouts and chats as a history keeps them: every text a number.

use super::history::{Chat, Scored, Step};
use super::texts::{Text, Texts};
use crate::data::split::Split;
use crate::engine::{Completion, Ended, Message};
use crate::evaluate::Verdict;

pub(super) fn chat(texts: &mut Texts, read: Vec<Message>, answer: &Completion) -> Chat {
    Chat {
        read: read.iter().map(|message| (message.role.name().to_owned(), texts.take(&message.content))).collect(),
        thought: answer.reasoning.as_ref().map(|text| texts.take(text)),
        wrote: texts.take(&answer.text),
        ended: ended(&answer.ended),
    }
}

/// How an answer ended, where not by itself.
fn ended(ended: &Ended) -> Option<String> {
    match ended {
        Ended::Stop | Ended::Grammar => None,
        Ended::Length => Some("cut off".into()),
        Ended::Refused(reason) => Some(format!("refused: {reason}")),
    }
}

pub(super) fn pairs<'a>(texts: &mut Texts, pairs: impl IntoIterator<Item = &'a (String, String)>) -> Vec<(Text, Text)> {
    pairs.into_iter().map(|(name, value)| (texts.take(name), texts.take(value))).collect()
}

pub(super) fn scored(texts: &mut Texts, split: Split, example: usize, scored: &crate::evaluate::Scored) -> Scored {
    let (feedback, module_feedback, objectives) = match &scored.verdict {
        Verdict::Judged(judgement) => (
            texts.take(&judgement.feedback),
            judgement.module_feedback.iter().map(|(name, words)| (texts.take(name), texts.take(words))).collect(),
            judgement.objectives.iter().map(|(name, score)| (texts.take(name), *score)).collect(),
        ),
        Verdict::Unscored(cause) => (texts.take(cause), Vec::new(), Vec::new()),
    };
    let steps = scored.rollout.steps.iter().map(|step| Step {
        module: texts.take(&step.module),
        inputs: pairs(texts, &step.inputs),
        answer: texts.take(&step.answer),
        ended: ended(&step.ended).map(|words| texts.take(&words)),
        outputs: step.outputs.iter().map(|(name, value)| (texts.take(name), texts.take(value))).collect(),
        problem: step.problem.as_ref().map(|words| texts.take(words)),
        retrieved: step.retrieved.iter().map(|key| texts.take(key)).collect(),
        tokens: [step.usage.prefilled, step.usage.reused, step.usage.decoded],
        seconds: step.seconds,
    });
    let steps = steps.collect();
    let failure = scored.rollout.failure.as_ref().map(|words| texts.take(words));
    Scored { split, example, score: scored.score(), feedback, module_feedback, objectives, failure, steps }
}
