//! From parents and their rollouts to children: which operator on which module, what reflectors are asked,
//! and what of their answers can be tried.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::Rng;

use super::bandit::Bandit;
use super::{Gepa, Scored};
use crate::config::ModuleSelection;
use crate::data::Example;
use crate::engine::{Completion, ModelId, Request};
use crate::event::Event;
use crate::optimize::joining::{self, Proposal};
use crate::optimize::operators::{Begun, Evidence, Operator, OperatorInput, Questions, ReadAnswers, diagnosis};
use crate::optimize::reflection::profile::OutputProfile;
use crate::optimize::reflection::reflectors::{joined_texts, prompt_room, reflection_decoding, reflection_request};
use crate::optimize::reflection::unusable::{Attempt, Unusable, log_unusable};
use crate::optimize::{Halt, Session};
use crate::program::{Candidate, ModuleText};

/// Draws for one proposal, of operators whose texts were tried before.
const MOST_DRAWS: usize = 8;

/// A parent's rollouts on the minibatch.
pub(super) struct Parent {
    pub(super) place: usize,
    pub(super) rollouts: Vec<Arc<Scored>>,
    pub(super) scores: Vec<Option<f64>>,
    /// The modules whose turn it is.
    pub(super) modules: Vec<usize>,
}

/// A child to be tried.
pub(super) struct Child {
    /// From 1.
    pub(super) proposal: usize,
    /// Its place among the iteration's parents.
    pub(super) parent: usize,
    pub(super) candidate: Candidate,
    /// What changed its modules.
    pub(super) operators: Vec<(usize, Operator)>,
    /// The place of the reflector.
    pub(super) teacher: usize,
}

/// One module of one proposal.
struct Change {
    proposal: usize,
    /// Its place among the iteration's parents.
    parent: usize,
    module: usize,
    operator: Operator,
    state: State,
}

/// What has become of a change.
enum State {
    /// The operator asks a reflector and has not begun.
    Drawn,
    /// A reflector is to be asked.
    Asked(Questions, ReadAnswers),
    /// The new text.
    Text(ModuleText),
    /// There is no new text, for a reason, and with what the reflector wrote.
    Unusable(Unusable, String),
}

impl Change {
    fn attempt(&self) -> Attempt {
        Attempt { proposal: self.proposal, module_index: self.module, operator: self.operator.name() }
    }
}

/// What all changes of an iteration have in common.
struct Scene<'a> {
    iteration: u64,
    parents: &'a [Parent],
    minibatch: &'a [&'a Example],
    profiles: Arc<[Vec<OutputProfile>]>,
    teacher: usize,
    reflector: (String, ModelId),
    room: usize,
    diagnoses: BTreeMap<(usize, usize), Vec<String>>,
}

impl Gepa {
    /// The children of an iteration. `proposals` has the place among `parents` of each proposal's parent.
    pub(super) fn propose(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        parents: &[Parent],
        proposals: &[usize],
        batch: &[usize],
    ) -> Result<Vec<Child>, Halt> {
        if proposals.is_empty() {
            return Ok(Vec::new());
        }
        let train = session.train();
        let minibatch: Vec<_> = batch.iter().map(|&place| &train[place]).collect();
        let teacher = self.teachers.choose(&mut session.random("teacher", iteration));
        let reflector = self.reflectors[teacher].clone();
        let room = prompt_room(session, reflector.1);
        let profiles = Arc::clone(&self.profiles);
        let diagnoses = BTreeMap::new();
        let mut scene = Scene { iteration, parents, minibatch: &minibatch, profiles, teacher, reflector, room, diagnoses };
        let mut random = session.random("operator", iteration);
        let mut changes = self.draw(session, &scene, proposals, &mut random);
        self.diagnose(session, &mut scene, &changes)?;
        for change in changes.iter_mut().filter(|change| change.operator.implementation().asks_reflector()) {
            let operator = change.operator.implementation();
            let begun =
                self.with_input(session, &scene, (change.parent, change.module), |input| operator.begin(input, &mut random));
            change.state = match begun {
                Ok(Begun::Text(text)) => State::Text(text),
                Ok(Begun::Ask(questions, read_answers)) => State::Asked(questions, read_answers),
                Err(unusable) => {
                    let room = format!("no example fits {} tokens", scene.room);
                    State::Unusable(unusable, if unusable == Unusable::NoRoom { room } else { String::new() })
                }
            };
        }
        self.ask(session, &scene, &mut changes)?;
        self.children(session, &scene, changes)
    }

    /// An operator for each proposal: of one parent, others as long as there are any. Modules that change together change by the
    /// same one, and each leads in its turn: what one kind of change is worth does not drown in what another does elsewhere. A module
    /// to which advice does not apply is shown worked examples: what others tell it shows only in what it makes of that. What a
    /// program can do by itself is done at once; what was tried before makes way for another draw.
    fn draw(&self, session: &Session<'_>, scene: &Scene<'_>, proposals: &[usize], random: &mut impl Rng) -> Vec<Change> {
        let mut choice = session.random("bandit", scene.iteration);
        let none = Bandit::default();
        let mut drawn: BTreeMap<(usize, usize), (Vec<Operator>, Vec<Operator>)> = BTreeMap::new();
        let mut changes = Vec::new();
        let mut may_ask = self.may_ask(session);
        for (index, &parent) in proposals.iter().enumerate() {
            let modules = &scene.parents[parent].modules;
            let (rest, first) = modules.split_at(index % modules.len().max(1));
            let mut leading: Option<Operator> = None;
            for &module in first.iter().chain(rest) {
                let place = (parent, module);
                let (may, used) = drawn.entry(place).or_insert_with(|| {
                    let may = self.with_input(session, scene, place, |input| {
                        let applies = |operator: &Operator| operator.implementation().applies(input);
                        session.plan().operators.iter().copied().filter(applies).collect::<Vec<_>>()
                    });
                    (may, Vec::new())
                });
                let needs_no_advice = leading == Some(Operator::Advice) && !may.contains(&Operator::Advice);
                let alike = if needs_no_advice { Some(Operator::Examples) } else { leading };
                for _ in 0..MOST_DRAWS {
                    let is_open = |o: &Operator| {
                        alike.is_none_or(|alike| alike == *o) && (may_ask != Some(0) || !o.implementation().asks_reflector())
                    };
                    let may: Vec<Operator> = may.iter().copied().filter(is_open).collect();
                    let Some(operator) = self.bandits.get(&module).unwrap_or(&none).next(&may, used, &mut choice) else { break };
                    used.push(operator);
                    if operator.implementation().asks_reflector() {
                        may_ask = may_ask.map(|left| left.saturating_sub(1));
                    }
                    let state = if operator.implementation().asks_reflector() {
                        State::Drawn
                    } else {
                        let begun =
                            self.with_input(session, scene, place, |input| operator.implementation().begin(input, random));
                        let Ok(Begun::Text(text)) = begun else { continue };
                        let Ok(text) = self.untried(scene, place, text) else { continue };
                        let is_same = |other: &Change| matches!(&other.state, State::Text(drawn) if is_alike(drawn, &text));
                        // With others, the whole is another.
                        if modules.len() == 1
                            && changes.iter().any(|other: &Change| (other.parent, other.module) == place && is_same(other))
                        {
                            continue;
                        }
                        State::Text(text)
                    };
                    changes.push(Change { proposal: index + 1, parent, module, operator, state });
                    leading.get_or_insert(operator);
                    break;
                }
            }
        }
        changes.sort_by_key(|change| (change.proposal, change.module));
        changes
    }

    /// Asks what was wrong in each failure, where an operator wants to know; all at once.
    fn diagnose(&mut self, session: &mut Session<'_>, scene: &mut Scene<'_>, changes: &[Change]) -> Result<(), Halt> {
        let mut places: Vec<(usize, usize)> =
            changes.iter().filter(|c| c.operator.implementation().wants_diagnoses()).map(|c| (c.parent, c.module)).collect();
        places.sort_unstable();
        places.dedup();
        let iteration = scene.iteration;
        let mut seeds = session.random("diagnosis", iteration);
        let mut asked = Vec::new();
        let mut requests = Vec::new();
        for place in places {
            let questions = self.with_input(session, scene, place, diagnosis::questions);
            if questions.chats.is_empty() {
                continue;
            }
            let (parent, module) = (scene.parents[place.0].place, session.program().modules[place.1].name.clone());
            asked.push((place, questions.chats.len()));
            session.log(&Event::Diagnosing {
                iteration,
                parent,
                module,
                reflector: scene.reflector.0.clone(),
                questions: questions.chats.len(),
                left_out: questions.left_out,
            })?;
            requests.extend(Self::requests(session, scene, &questions, &mut seeds));
        }
        if requests.is_empty() {
            return Ok(());
        }
        let completions = session.reflect(&requests)?;
        self.teachers.pay(scene.teacher, tokens(&completions));
        let mut completions = completions.into_iter();
        for (place, count) in asked {
            let answers = completions.by_ref().take(count);
            let sentences: Vec<String> = self.with_input(session, scene, place, |input| {
                answers.filter_map(|completion| diagnosis::read(input, &completion)).collect()
            });
            let (parent, module) = (scene.parents[place.0].place, session.program().modules[place.1].name.clone());
            session.log(&Event::Diagnosed { iteration, parent, module, sentences: sentences.clone() })?;
            scene.diagnoses.insert(place, sentences);
        }
        Ok(())
    }

    /// Asks for all changes at once, and once more for those whose answers are unusable.
    fn ask(&mut self, session: &mut Session<'_>, scene: &Scene<'_>, changes: &mut [Change]) -> Result<(), Halt> {
        let mut seeds = session.random("reflection", scene.iteration);
        for again in [false, true] {
            let mut requests = Vec::new();
            for change in changes.iter() {
                let State::Asked(questions, _) = &change.state else { continue };
                session.log(&Event::Reflecting {
                    iteration: scene.iteration,
                    proposal: change.proposal,
                    parent: scene.parents[change.parent].place,
                    module: session.program().modules[change.module].name.clone(),
                    operator: change.operator.name(),
                    reflector: scene.reflector.0.clone(),
                    questions: questions.chats.len(),
                    examples: questions.examples,
                    left_out: questions.left_out,
                    again,
                })?;
                self.asked += 1;
                requests.extend(Self::requests(session, scene, questions, &mut seeds));
            }
            if requests.is_empty() {
                return Ok(());
            }
            let completions = session.reflect(&requests)?;
            self.teachers.pay(scene.teacher, tokens(&completions));
            let mut completions = completions.into_iter();
            let mut may_ask = self.may_ask(session);
            for change in changes.iter_mut() {
                let State::Asked(questions, read_answers) = &change.state else { continue };
                let answers: Vec<Completion> = completions.by_ref().take(questions.chats.len()).collect();
                let read = self.with_input(session, scene, (change.parent, change.module), |input| read_answers(input, &answers));
                let read = read.and_then(|text| self.untried(scene, (change.parent, change.module), text));
                match read {
                    Err(unusable)
                        if !again
                            && may_ask != Some(0)
                            && unusable.is_worth_a_retry()
                            && change.operator.implementation().may_retry() =>
                    {
                        may_ask = may_ask.map(|left| left.saturating_sub(1));
                        log_unusable(session, scene.iteration, change.attempt(), unusable, joined_texts(&answers))?;
                    }
                    Err(unusable) => change.state = State::Unusable(unusable, joined_texts(&answers)),
                    Ok(text) => change.state = State::Text(text),
                }
            }
        }
        Ok(())
    }

    /// A text, unless its candidate was tried before. With several modules, only the whole can have been.
    fn untried(&self, scene: &Scene<'_>, (parent, module): (usize, usize), text: ModuleText) -> Result<ModuleText, Unusable> {
        let parent = &scene.parents[parent];
        let candidate = self.members[parent.place].candidate.with(module, text.clone());
        let alone = parent.modules.len() == 1;
        if alone && self.tried.contains(&candidate) { Err(Unusable::Repeated) } else { Ok(text) }
    }

    /// Puts the changes of each proposal together.
    fn children(&mut self, session: &mut Session<'_>, scene: &Scene<'_>, changes: Vec<Change>) -> Result<Vec<Child>, Halt> {
        let mut children: Vec<Child> = Vec::new();
        for change in changes {
            let attempt = change.attempt();
            let text = match change.state {
                State::Text(text) => text,
                State::Unusable(unusable, words) => {
                    log_unusable(session, scene.iteration, attempt, unusable, words)?;
                    self.hear((change.module, change.operator), scene.teacher, false);
                    continue;
                }
                State::Drawn | State::Asked(..) => continue,
            };
            let child = children.iter_mut().find(|child| child.proposal == change.proposal);
            match child {
                Some(child) => {
                    child.candidate = child.candidate.with(change.module, text);
                    child.operators.push((change.module, change.operator));
                }
                None => children.push(Child {
                    proposal: change.proposal,
                    parent: change.parent,
                    candidate: self.members[scene.parents[change.parent].place].candidate.with(change.module, text),
                    operators: vec![(change.module, change.operator)],
                    teacher: scene.teacher,
                }),
            }
        }
        let mut fresh = Vec::new();
        for child in children {
            let parent = scene.parents[child.parent].place;
            if !self.tried.insert(child.candidate.clone()) {
                for &(module, operator) in &child.operators {
                    let same = child.candidate == self.members[parent].candidate;
                    let reason = if same { Unusable::Unchanged } else { Unusable::Repeated };
                    let attempt = Attempt { proposal: child.proposal, module_index: module, operator: operator.name() };
                    log_unusable(session, scene.iteration, attempt, reason, String::new())?;
                    self.hear((module, operator), scene.teacher, false);
                }
                continue;
            }
            let proposal = Proposal { iteration: scene.iteration, number: child.proposal, parent };
            let operators: Vec<(usize, &'static str)> = child.operators.iter().map(|&(module, o)| (module, o.name())).collect();
            joining::propose(session, proposal, &child.candidate, &operators)?;
            fresh.push(child);
        }
        Ok(fresh)
    }

    /// Takes note of whether a child became better than its parent. Where several modules changed and it did not, each of the
    /// changes may still have helped, which the modules' own turns will tell, if there are any.
    pub(super) fn learn(&mut self, session: &Session<'_>, child: &Child, is_better: bool) {
        let have_turns = session.plan().module_selection != ModuleSelection::All;
        if is_better || child.operators.len() == 1 || !have_turns {
            child.operators.iter().for_each(|(module, operator)| self.hear((*module, *operator), child.teacher, is_better));
        }
    }

    /// Takes note of what became of an operator's proposal, and of the reflector's where one was asked.
    fn hear(&mut self, (module, operator): (usize, Operator), teacher: usize, is_better: bool) {
        self.bandits.entry(module).or_default().hear(operator, is_better);
        if operator.implementation().asks_reflector() {
            self.teachers.hear(teacher, is_better);
        }
    }

    fn requests(session: &Session<'_>, scene: &Scene<'_>, questions: &Questions, seeds: &mut impl Rng) -> Vec<Request> {
        let decoding = reflection_decoding(questions.max_tokens, session.plan().reflection_temperature);
        questions.chats.iter().map(|chat| reflection_request(scene.reflector.1, chat, &decoding, seeds.next_u64())).collect()
    }

    /// Calls `act` with the input of an operator that changes a module of a parent.
    fn with_input<R>(
        &self,
        session: &Session<'_>,
        scene: &Scene<'_>,
        (parent, module): (usize, usize),
        act: impl FnOnce(&OperatorInput<'_>) -> R,
    ) -> R {
        let Parent { place, rollouts, .. } = &scene.parents[parent];
        let text = &self.members[*place].candidate.0[module];
        let rollouts: Vec<&Scored> = rollouts.iter().map(|scored| &**scored).collect();
        let evidence = Evidence {
            reflector: scene.reflector.1,
            module_index: module,
            text,
            profile: &scene.profiles[module],
            rollouts: &rollouts,
            minibatch: scene.minibatch,
            correct_calls: self.right.of(module, text.reasoning),
            rejected: self.rejected.get(&(*place, module)).map_or(&[], Vec::as_slice),
            diagnoses: scene.diagnoses.get(&(parent, module)).map_or(&[], Vec::as_slice),
        };
        evidence.with_input(session, act)
    }
}

/// Whether two texts are the same, but for the order of their worked examples: no iteration spends two proposals on that.
fn is_alike(one: &ModuleText, other: &ModuleText) -> bool {
    let sorted = |text: &ModuleText| {
        let mut text = text.clone();
        text.demonstrations.sort();
        text
    };
    one.demonstrations.len() == other.demonstrations.len() && sorted(one) == sorted(other)
}

/// Tokens read and written, without the prefixes that a wave's requests share: what was `prefilled` depends on what this process
/// ran before, and a resumed run must count the same.
fn tokens(completions: &[Completion]) -> u64 {
    completions.iter().map(|completion| completion.usage.unique + completion.usage.decoded).sum()
}
