//! Makes the rollouts and chats of a [`History`](super::history::History), in which numbers stand for texts.

use super::history::{Chat, ScoredRollout, TraceStep};
use super::texts::{Text, Texts};
use crate::data::split::Split;
use crate::engine::{Completion, Ended, Message};
use crate::evaluate::{Scored, Verdict};

/// Returns one request to a reflector, given by its messages, with the answer to it.
pub(super) fn chat(texts: &mut Texts, prompt: Vec<Message>, answer: &Completion) -> Chat {
    Chat {
        read: prompt.iter().map(|message| (message.role.name().to_owned(), texts.add(&message.content))).collect(),
        thought: answer.reasoning.as_ref().map(|text| texts.add(text)),
        wrote: texts.add(&answer.text),
        ended: early_end(&answer.ended),
    }
}

/// Returns in words how an answer ended; None if the model or the grammar ended it.
fn early_end(ended: &Ended) -> Option<String> {
    match ended {
        Ended::Stop | Ended::Grammar => None,
        Ended::Length => Some("cut off".into()),
        Ended::Refused(reason) => Some(format!("refused: {reason}")),
    }
}

/// Returns the numbers of pairs of texts.
pub(super) fn pairs<'a>(texts: &mut Texts, pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<(Text, Text)> {
    pairs.into_iter().map(|(name, value)| (texts.add(name), texts.add(value))).collect()
}

/// Returns a scored rollout. `example` is the index of its example in the history.
pub(super) fn scored(texts: &mut Texts, split: Split, example: usize, scored: &Scored) -> ScoredRollout {
    let (feedback, module_feedback, objectives) = match &scored.verdict {
        Verdict::Judged(judgement) => (
            texts.add(&judgement.feedback),
            pairs(texts, &judgement.module_feedback),
            judgement.objectives.iter().map(|(name, score)| (texts.add(name), *score)).collect(),
        ),
        Verdict::Unscored(cause) => (texts.add(cause), Vec::new(), Vec::new()),
    };
    let steps = scored.rollout.steps.iter().map(|step| TraceStep {
        module: texts.add(&step.module),
        inputs: pairs(texts, step.inputs.iter().map(|(name, value)| (name, value))),
        answer: texts.add(&step.answer),
        ended: early_end(&step.ended).map(|words| texts.add(&words)),
        outputs: pairs(texts, &step.outputs),
        problem: step.problem.as_ref().map(|words| texts.add(words)),
        retrieved: step.retrieved.iter().map(|key| texts.add(key)).collect(),
        tokens: [step.usage.prefilled, step.usage.reused, step.usage.decoded],
        seconds: step.seconds,
    });
    let steps = steps.collect();
    let failure = scored.rollout.failure.as_ref().map(|words| texts.add(words));
    ScoredRollout { split, example, score: scored.score(), feedback, module_feedback, objectives, failure, steps }
}
