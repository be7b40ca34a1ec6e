//! A part of step 5: asks the reflector for the texts of those changes whose operators need one.

use rand::Rng;

use super::budget;
use super::draw_operators::is_tried;
use super::iteration::{Change, Context, Progress, Target};
use super::state::SearchState;
use crate::engine::{Completion, Decoding, Request};
use crate::event::Decision;
use crate::optimize::operators::{Begun, Questions, ReadAnswers, diagnosis};
use crate::optimize::reflection::reflectors::{joined_texts, prompt_room, reflection_decoding, reflection_request};
use crate::optimize::reflection::unusable::{Unusable, log_unusable};
use crate::optimize::session::{Halt, Session};
use crate::program::ModuleText;

/// Asks the reflector what was wrong in each failure of the parents, for those targets whose operators read that. All
/// questions are asked at once. The answers are stored in `context`.
pub fn diagnose(
    state: &mut SearchState,
    session: &mut Session<'_>,
    context: &mut Context<'_>,
    changes: &[Change],
) -> Result<(), Halt> {
    let mut targets: Vec<Target> =
        changes.iter().filter(|change| change.operator.implementation().wants_diagnoses()).map(|change| change.target).collect();
    targets.sort_unstable();
    targets.dedup();
    let iteration = context.iteration;
    let mut seeds = session.random("diagnosis", iteration);
    let mut asked = Vec::new();
    let mut requests = Vec::new();
    for target in targets {
        let questions = context.with_input(state, session, target, diagnosis::questions);
        if questions.chats.is_empty() {
            continue;
        }
        asked.push((target, questions.chats.len()));
        session.log(Decision::Diagnosing {
            iteration,
            parent: context.pool_index(target),
            module: session.program()[target.module].name.clone(),
            reflector: context.reflector_name.clone(),
            questions: questions.chats.len(),
            left_out: questions.left_out,
        })?;
        requests.extend(requests_for(session, context, &questions, &mut seeds));
    }
    if requests.is_empty() {
        return Ok(());
    }
    let completions = session.reflect(&requests)?;
    state.reflector_choice.add_tokens(context.reflector, tokens(&completions));
    let mut completions = completions.into_iter();
    for (target, count) in asked {
        let answers = completions.by_ref().take(count);
        let sentences: Vec<String> = context.with_input(state, session, target, |input| {
            answers.filter_map(|completion| diagnosis::read(input, &completion)).collect()
        });
        session.log(Decision::Diagnosed {
            iteration,
            parent: context.pool_index(target),
            module: session.program()[target.module].name.clone(),
            sentences: sentences.clone(),
        })?;
        context.diagnoses.insert(target, sentences);
    }
    Ok(())
}

/// Prepares the questions of those changes whose operators ask a reflector.
pub fn begin(state: &SearchState, session: &Session<'_>, context: &Context<'_>, changes: &mut [Change], random: &mut impl Rng) {
    for change in changes.iter_mut().filter(|change| change.operator.implementation().asks_reflector()) {
        let begun =
            context.with_input(state, session, change.target, |input| change.operator.implementation().begin(input, random));
        change.progress = match begun {
            Ok(Begun::Text(text)) => Progress::Written(text),
            Ok(Begun::Ask(questions, read_answers)) => Progress::ToAsk(questions, read_answers),
            Err(reason) => {
                let no_room = format!("no example fits {} tokens", prompt_room(session, context.model));
                Progress::Failed { reason, details: if reason == Unusable::NoRoom { no_room } else { String::new() } }
            }
        };
    }
}

/// Asks the prepared questions of all changes at once, and once more those whose answers are unusable and whose
/// operators allow it.
pub fn ask(
    state: &mut SearchState,
    session: &mut Session<'_>,
    context: &Context<'_>,
    changes: &mut [Change],
) -> Result<(), Halt> {
    let mut seeds = session.random("reflection", context.iteration);
    for again in [false, true] {
        let mut requests = Vec::new();
        for change in changes.iter() {
            let Progress::ToAsk(questions, _) = &change.progress else { continue };
            session.log(Decision::Reflecting {
                iteration: context.iteration,
                proposal: change.proposal,
                parent: context.pool_index(change.target),
                module: session.program()[change.target.module].name.clone(),
                operator: change.operator.into(),
                reflector: context.reflector_name.clone(),
                questions: questions.chats.len(),
                examples: questions.examples,
                left_out: questions.left_out,
                again,
            })?;
            state.reflected_texts += 1;
            requests.extend(requests_for(session, context, questions, &mut seeds));
        }
        if requests.is_empty() {
            return Ok(());
        }
        let completions = session.reflect(&requests)?;
        state.reflector_choice.add_tokens(context.reflector, tokens(&completions));
        let mut completions = completions.into_iter();
        let mut reflections_left = budget::reflections_left(state, session);
        for change in changes.iter_mut() {
            let Progress::ToAsk(questions, read_answers) = &change.progress else { continue };
            let answers: Vec<Completion> = completions.by_ref().take(questions.chats.len()).collect();
            let details = joined_texts(&answers);
            change.progress = match read(state, session, context, change.target, *read_answers, &answers) {
                Ok(text) => Progress::Written(text),
                Err(reason)
                    if !again
                        && reflections_left != Some(0)
                        && reason.is_worth_a_retry()
                        && change.operator.implementation().may_retry() =>
                {
                    reflections_left = reflections_left.map(|left| left.saturating_sub(1));
                    log_unusable(session, context.iteration, change.attempt(), reason, details)?;
                    continue;
                }
                Err(reason) => Progress::Failed { reason, details },
            };
        }
    }
    Ok(())
}

/// Returns the text that the reflector's answers make.
///
/// # Errors
/// [`Unusable::Repeated`] if the text was tried before; other reasons if the answers have no usable text.
fn read(
    state: &SearchState,
    session: &Session<'_>,
    context: &Context<'_>,
    target: Target,
    read_answers: ReadAnswers,
    answers: &[Completion],
) -> Result<ModuleText, Unusable> {
    let text = context.with_input(state, session, target, |input| read_answers(input, answers))?;
    if is_tried(state, context, target, &text) { Err(Unusable::Repeated) } else { Ok(text) }
}

fn requests_for(session: &Session<'_>, context: &Context<'_>, questions: &Questions, seeds: &mut impl Rng) -> Vec<Request> {
    let decoding = reflection_decoding(questions.max_tokens, session.plan().reflection_temperature);
    let decoding = Decoding { grammar: questions.grammar.clone(), ..decoding };
    questions.chats.iter().map(|chat| reflection_request(context.model, chat, &decoding, seeds.next_u64())).collect()
}

/// Returns the tokens read and written. Prefixes that the requests of a wave share are not counted: how much of them is
/// prefilled depends on what the process ran before, and a resumed run must have the same count.
fn tokens(completions: &[Completion]) -> u64 {
    completions.iter().map(|completion| completion.usage.unique + completion.usage.decoded).sum()
}
