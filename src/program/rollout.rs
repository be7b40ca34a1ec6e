//! Runs a program: many examples in lockstep, each with the trace of what happened.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::flow::Next;
use super::known::{Key, Known, again, key};
use super::parse;
use super::tools::{Fault, Made, Tool};
use super::{Candidate, Demonstration, ModuleText, Program, Rollout, Step, layout};
use crate::data::Example;
use crate::engine::{Completion, Decoding, Ended, EngineError, Request, Shape};

/// Answers a list of requests, in order.
pub type Generate<'a> = dyn FnMut(&[Request]) -> Result<Vec<Completion>, EngineError> + 'a;

/// What a rollout is to be run with.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The texts.
    pub candidate: &'a Candidate,
    /// The example.
    pub example: &'a Example,
    /// The randomness of its answers.
    pub seed: u64,
}

/// The most calls of a rollout: one that goes on is taken to be endless.
pub const MOST_STEPS: usize = 200;

/// Where a call's answer comes from.
enum Source {
    /// It was given before.
    Known(Completion),
    /// The request at this place.
    Asked(usize),
    /// The same, which another call of the wave asks.
    Shared(usize),
}

/// Runs `program` for every job. All rollouts take their next step together: `generate` gets one
/// request of each, in order; calls whose answer is `known` are left out, and equal ones are asked once. Steps that ask
/// no model run beside each other.
///
/// # Errors
/// Whatever `generate` fails with.
pub fn run(program: &Program, jobs: &[Job<'_>], known: &Known, generate: &mut Generate<'_>) -> Result<Vec<Rollout>, EngineError> {
    let mut rollouts: Vec<Rollout> = jobs.iter().map(|_| Rollout { steps: Vec::new(), failure: None }).collect();
    loop {
        let next: Vec<Option<usize>> =
            rollouts.par_iter_mut().zip(jobs).map(|(rollout, job)| advance(program, rollout, job)).collect();
        let mut requests = Vec::new();
        let mut under_way = Vec::new();
        let mut first: BTreeMap<Key, usize> = BTreeMap::new();
        for (place, (index, job)) in next.into_iter().zip(jobs).enumerate() {
            let Some(index) = index else { continue };
            let (module, text) = (&program.modules[index], &job.candidate.0[index]);
            let inputs = gather(program, &module.inputs, &rollouts[place], job.example);
            let text = without(text, (job.example, &program.reads), &inputs);
            let key = key(program, index, &text, &inputs);
            if let Some(answer) = key.and_then(|key| known.answer(&key)) {
                under_way.push((place, index, inputs, text, Source::Known(answer)));
                continue;
            }
            if let Some(&asked) = key.and_then(|key| first.get(&key)) {
                under_way.push((place, index, inputs, text, Source::Shared(asked)));
                continue;
            }
            first.extend(key.map(|key| (key, requests.len())));
            let prompt = layout::render(module, &text, &inputs);
            requests.push(Request {
                model: module.model,
                messages: prompt.messages,
                breakpoints: prompt.breakpoints,
                decoding: Decoding {
                    temperature: module.temperature,
                    top_p: module.top_p,
                    grammar: layout::grammar(module, &text),
                    ..Decoding::greedy(module.max_tokens)
                },
                seed: job.seed.wrapping_add(rollouts[place].steps.len() as u64),
            });
            under_way.push((place, index, inputs, text, Source::Asked(requests.len() - 1)));
        }
        if under_way.is_empty() {
            return Ok(rollouts);
        }
        let started = Instant::now();
        let answers = if requests.is_empty() { Vec::new() } else { generate(&requests)? };
        let seconds = rounded(started.elapsed());
        for (place, index, inputs, text, from) in under_way {
            let (answer, seconds) = match from {
                Source::Known(answer) => (Some(answer), 0.0),
                Source::Asked(asked) => (answers.get(asked).cloned(), seconds),
                Source::Shared(asked) => (answers.get(asked).map(again), seconds),
            };
            let Some(answer) = answer else { continue };
            take_step(program, index, &text, &mut rollouts[place], inputs, answer);
            if let Some(step) = rollouts[place].steps.last_mut() {
                step.seconds = seconds;
            }
        }
    }
}

/// Seconds to the millisecond.
fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Takes a rollout as far as it goes without a model. Returns the module that is next, or None at its end.
fn advance(program: &Program, rollout: &mut Rollout, job: &Job<'_>) -> Option<usize> {
    while rollout.failure.is_none() {
        match program.control.next(job.example, rollout) {
            Next::Module(_) | Next::Tool(_) if rollout.steps.len() >= MOST_STEPS => {
                rollout.failure = Some(format!("The program does not end: it was stopped after {MOST_STEPS} steps."));
            }
            Next::Module(index) if index < program.modules.len() => return Some(index),
            Next::Module(index) => rollout.failure = Some(format!("There is no module {index}.")),
            Next::Tool(index) => match program.tools.get(index) {
                Some(tool) => use_tool(program, tool, rollout, job.example),
                None => rollout.failure = Some(format!("There is no step {index}.")),
            },
            Next::Done => return None,
            Next::Failed(words) => rollout.failure = Some(words),
        }
    }
    None
}

fn use_tool(program: &Program, tool: &Tool, rollout: &mut Rollout, example: &Example) {
    let inputs = gather(program, &tool.inputs, rollout, example);
    let started = Instant::now();
    let mut broken = None;
    let made = tool.does.act(&inputs).unwrap_or_else(|fault| {
        rollout.failure = Some(format!("The step `{}` failed: {fault}", tool.name));
        if let Fault::Broken(cause) = fault {
            broken = Some(format!("the step `{}`: {cause}", tool.name));
        }
        Made::default()
    });
    let Made { outputs, retrieved } = made;
    let seconds = rounded(started.elapsed());
    rollout.steps.push(Step { module: tool.name.clone(), inputs, outputs, retrieved, broken, seconds, ..Step::default() });
}

/// What a module reads: outputs of earlier modules, else fields of the example. What only the program writes, and has not
/// written, is empty: an example's field of that name may be the right answer.
fn gather(program: &Program, names: &[String], rollout: &Rollout, example: &Example) -> Vec<(String, String)> {
    let of_row = |name: &String| if program.reads.contains(name) || !program.writes(name) { example.input(name) } else { None };
    let value = |name: &String| rollout.output(name).map(str::to_owned).or_else(|| of_row(name)).unwrap_or_default();
    names.iter().map(|name| (name.clone(), value(name))).collect()
}

/// The text without worked examples taken from `example` itself or of the same inputs, which would give its answer away.
/// Rows of two files may have one id, as lines that name none have: those in which one of the fields that are read differs, of
/// `reads`, are not the same.
pub(super) fn without<'a>(
    text: &'a ModuleText,
    (example, reads): (&Example, &[String]),
    inputs: &[(String, String)],
) -> Cow<'a, ModuleText> {
    let differs = |(name, value): &(String, String)| reads.contains(name) && example.input(name).unwrap_or_default() != *value;
    let is_it = |shown: &Demonstration| shown.id == example.id && !shown.inputs.iter().any(differs);
    let tells = |shown: &Demonstration| is_it(shown) || shown.inputs == inputs;
    if !text.demonstrations.iter().any(tells) {
        return Cow::Borrowed(text);
    }
    let mut text = text.clone();
    text.demonstrations.retain(|demonstration| !tells(demonstration));
    Cow::Owned(text)
}

/// Reads the answer and decides whether the rollout can go on.
fn take_step(
    program: &Program,
    index: usize,
    text: &ModuleText,
    rollout: &mut Rollout,
    inputs: Vec<(String, String)>,
    completion: Completion,
) {
    let module = &program.modules[index];
    let answer = layout::whole_answer(module, text, &completion.text);
    let mut outputs = match text.reasoning {
        true => parse::reasoned(&module.outputs, &answer),
        false => parse::outputs(&module.outputs, &answer),
    };
    for (name, value) in &mut outputs {
        let is_object = matches!(module.shapes.get(name), Some(Shape::Json(_)));
        if let Some(inner) = parse::unwrapped(name, value).filter(|_| !is_object) {
            *value = inner;
        }
    }
    let mut problem = parse::missing(&module.outputs, &outputs, &completion.text);
    match &completion.ended {
        Ended::Refused(reason) => problem = Some(format!("The request was refused: {reason}.")),
        Ended::Length => {
            let cut = format!("The answer was cut off after {} tokens; it must be shorter.", module.max_tokens);
            problem = Some(problem.map_or(cut.clone(), |p| format!("{cut} {p}")));
        }
        Ended::Stop | Ended::Grammar => {}
    }
    let needed_later = |name: &String| !outputs.contains_key(name) && program.is_read_by_others(index, name);
    if outputs.is_empty() || module.outputs.iter().any(needed_later) {
        let words = problem.clone().unwrap_or_else(|| "The answer was empty.".into());
        rollout.failure = Some(match program.modules.len() {
            1 => words,
            _ => format!("In `{}`: {words}", module.name),
        });
    }
    rollout.steps.push(Step {
        module: module.name.clone(),
        inputs,
        answer: completion.text,
        ended: completion.ended,
        outputs,
        problem,
        usage: completion.usage,
        ..Step::default()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Usage;
    use crate::program::tests_support::module;

    fn two_modules() -> Program {
        Program::of_modules(vec![module("first", &["q"], &["plan", "note"]), module("second", &["q", "plan"], &["answer"])])
    }

    fn answer(text: &str) -> Completion {
        Completion { text: text.into(), reasoning: None, ended: Ended::Stop, usage: Usage::default() }
    }

    fn run_with(replies: &[&str]) -> Rollout {
        let example = Example { id: "1".into(), fields: serde_json::from_str(r#"{"q": "why?"}"#).unwrap() };
        let candidate = Candidate::new(["A.", "B."]);
        let mut replies = replies.iter();
        let mut generate = |requests: &[Request]| -> Result<Vec<Completion>, EngineError> {
            Ok(requests.iter().map(|_| answer(replies.next().unwrap())).collect())
        };
        let job = Job { candidate: &candidate, example: &example, seed: 7 };
        run(&two_modules(), &[job], &Known::default(), &mut generate).unwrap().remove(0)
    }

    #[test]
    fn what_no_call_wrote_is_not_read_from_the_row() {
        use crate::program::flow::{Condition, Flow, Op, Test};
        // The row has the right answer under the name of what the first module writes.
        let fields = serde_json::from_str(r#"{"q": "why?", "answer": "42"}"#).unwrap();
        let example = Example { id: "1".into(), fields };
        let when = |field: &str, test: Test| Some(Condition { field: field.into(), test, not: false });
        let ops = vec![
            Op::Call { next: Next::Module(0), when: when("q", Test::Equals("never".into())) },
            Op::Call { next: Next::Module(1), when: when("answer", Test::Empty(true)) },
        ];
        let modules = vec![module("first", &["q"], &["answer"]), module("second", &["answer"], &["final"])];
        let program = Program::of_flow(modules, Vec::new(), Flow::new(ops));
        let candidate = Candidate::new(["A.", "B."]);
        let mut generate =
            |requests: &[Request]| -> Result<Vec<Completion>, EngineError> { Ok(requests.iter().map(|_| answer("x")).collect()) };
        let job = Job { candidate: &candidate, example: &example, seed: 7 };
        let rollout = run(&program, &[job], &Known::default(), &mut generate).unwrap().remove(0);
        assert_eq!(rollout.steps.len(), 1);
        assert_eq!(rollout.steps[0].inputs, [("answer".to_owned(), String::new())]);
    }

    #[test]
    fn a_module_or_a_step_that_is_not_there_ends_the_rollout_in_words() {
        use crate::program::Control;
        use std::sync::Arc;

        /// Names the same call for ever.
        #[derive(Debug)]
        struct Always(Next);

        impl Control for Always {
            fn next(&self, _: &Example, _: &Rollout) -> Next {
                self.0.clone()
            }
        }

        let failure = |next: Next| {
            let modules = vec![module("first", &["q"], &["a"])];
            let program = Program::controlled(modules, Vec::new(), Arc::new(Always(next)), vec!["q".into()]);
            let example = Example { id: "1".into(), fields: serde_json::Map::new() };
            let candidate = Candidate::new(["A."]);
            let mut generate = |_: &[Request]| -> Result<Vec<Completion>, EngineError> { panic!("nothing is asked") };
            let job = Job { candidate: &candidate, example: &example, seed: 7 };
            run(&program, &[job], &Known::default(), &mut generate).unwrap().remove(0).failure
        };
        assert_eq!(failure(Next::Module(1)).as_deref(), Some("There is no module 1."));
        assert_eq!(failure(Next::Tool(0)).as_deref(), Some("There is no step 0."));
    }

    #[test]
    fn what_is_null_in_a_row_is_nothing_to_read() {
        let fields = serde_json::from_str(r#"{"q": null}"#).unwrap();
        let example = Example { id: "1".into(), fields };
        let program = Program::of_modules(vec![module("first", &["q"], &["a"])]);
        let rollout = Rollout { steps: Vec::new(), failure: None };
        assert_eq!(gather(&program, &["q".to_owned()], &rollout, &example), [("q".to_owned(), String::new())]);
    }

    #[test]
    fn a_step_tells_its_prompt() {
        let program = two_modules();
        let example = Example { id: "1".into(), fields: serde_json::from_str(r#"{"q": "why?"}"#).unwrap() };
        let own = Demonstration { id: "1".into(), inputs: vec![("q".into(), "why?".into())], answer: "plan: x\nnote: y".into() };
        let other = Demonstration { id: "2".into(), inputs: vec![("q".into(), "how?".into())], ..own.clone() };
        let mut candidate = Candidate::new(["A.", "B."]);
        candidate.0[0].demonstrations = vec![own, other];
        let mut asked = Vec::new();
        let mut generate = |requests: &[Request]| -> Result<Vec<Completion>, EngineError> {
            asked.extend(requests.iter().map(|request| request.messages.clone()));
            Ok(requests.iter().map(|_| answer("plan: think\nnote: x\nanswer: 4")).collect())
        };
        let job = Job { candidate: &candidate, example: &example, seed: 7 };
        let rollout = run(&program, &[job], &Known::default(), &mut generate).unwrap().remove(0);
        let told: Vec<_> =
            rollout.steps.iter().map(|step| program.prompt(&candidate, &example, step).unwrap().messages).collect();
        assert_eq!((told.len(), told), (2, asked));
    }

    #[test]
    fn a_program_may_take_as_many_steps_as_there_may_be() {
        use crate::program::flow::{Flow, Op};
        let run_rounds = |most: usize| {
            let ops = vec![Op::Call { next: Next::Module(0), when: None }, Op::Again { to: 0, most, until: None }];
            let program = Program::of_flow(vec![module("first", &["q"], &["a"])], Vec::new(), Flow::new(ops));
            let example = Example { id: "1".into(), fields: serde_json::Map::new() };
            let candidate = Candidate::new(["A."]);
            let mut generate = |requests: &[Request]| -> Result<Vec<Completion>, EngineError> {
                Ok(requests.iter().map(|_| answer("x")).collect())
            };
            let job = Job { candidate: &candidate, example: &example, seed: 7 };
            run(&program, &[job], &Known::default(), &mut generate).unwrap().remove(0)
        };
        let all = run_rounds(MOST_STEPS);
        assert_eq!((all.steps.len(), all.failure), (MOST_STEPS, None));
        assert!(run_rounds(MOST_STEPS + 1).failure.unwrap().contains("does not end"));
    }

    #[test]
    fn outputs_flow_into_later_modules() {
        let rollout = run_with(&["plan: think\nnote: x", "42"]);
        assert_eq!(rollout.steps[1].inputs, [("q".into(), "why?".into()), ("plan".into(), "think".to_owned())]);
        assert_eq!(rollout.output("answer"), Some("42"));
        assert_eq!(rollout.failure, None);
    }

    /// Rollouts of candidates on one example, and how many calls each of their rounds asked for.
    fn counted(program: &Program, candidates: &[Candidate], known: &Known) -> (Vec<Rollout>, Vec<usize>) {
        let example = Example { id: "1".into(), fields: serde_json::from_str(r#"{"q": "why?"}"#).unwrap() };
        let mut asked = Vec::new();
        let mut generate = |requests: &[Request]| -> Result<Vec<Completion>, EngineError> {
            asked.push(requests.len());
            let usage = Usage { prefilled: 7, unique: 7, reused: 3, decoded: 2, reasoned: 0 };
            Ok(requests.iter().map(|_| Completion { usage, ..answer("plan: think\nnote: x\nanswer: 4") }).collect())
        };
        let jobs: Vec<Job<'_>> = candidates.iter().map(|candidate| Job { candidate, example: &example, seed: 7 }).collect();
        let rollouts = run(program, &jobs, known, &mut generate).unwrap();
        (rollouts, asked)
    }

    #[test]
    fn a_call_is_asked_once_of_a_wave_and_never_again_where_its_answer_is_known() {
        let program = two_modules();
        let example = Example { id: "1".into(), fields: serde_json::from_str(r#"{"q": "why?"}"#).unwrap() };
        let (one, other) = (Candidate::new(["A.", "B."]), Candidate::new(["A.", "C."]));
        let (first, asked) = counted(&program, &[one.clone(), other], &Known::default());
        assert_eq!(asked, [1, 2]);
        let mut known = Known::default();
        known.learn(&program, &[(&one, &example, &first[0])]);
        let (again, asked) = counted(&program, &[one, Candidate::new(["A.", "D."]), Candidate::new(["E.", "B."])], &known);
        // The first is known; the third's first module says the same, and so its second is asked the same.
        assert_eq!(asked, [1, 1]);
        let saved = |reused| Usage { reused, ..Usage::default() };
        assert_eq!((again[0].usage(), again[1].steps[0].usage), (saved(20), saved(10)));
        let told = |rollout: &Rollout| rollout.steps.iter().map(|step| step.outputs.clone()).collect::<Vec<_>>();
        assert_eq!(told(&again[0]), told(&first[0]));
    }

    #[test]
    fn drawn_answers_are_drawn_anew() {
        let mut program = two_modules();
        program.modules[0].temperature = 0.7;
        let candidate = Candidate::new(["A.", "B."]);
        let (_, asked) = counted(&program, &[candidate.clone(), candidate], &Known::default());
        assert_eq!(asked, [2, 1]);
    }

    #[test]
    fn an_output_that_is_needed_later_and_missing_ends_the_rollout() {
        let rollout = run_with(&["note: x"]);
        assert_eq!(rollout.steps.len(), 1);
        assert!(rollout.failure.unwrap().starts_with("In `first`: The answer could not be read: `plan` is missing"));
    }

    #[test]
    fn a_worked_example_is_not_shown_to_itself() {
        let inputs = |text: &str| vec![("q".to_owned(), text.to_owned())];
        let demonstration = |id: &str| Demonstration { id: id.into(), inputs: inputs(id), answer: String::new() };
        let text = ModuleText { demonstrations: vec![demonstration("1"), demonstration("2")], ..ModuleText::new("A.") };
        let own = |id: &str| serde_json::json!({ "q": id }).as_object().unwrap().clone();
        let example = |id: &str| Example { id: id.into(), fields: own(id) };
        let reads = ["q".to_owned()];
        assert_eq!(without(&text, (&example("1"), &reads), &inputs("x")).demonstrations, [demonstration("2")]);
        assert_eq!(without(&text, (&example("3"), &reads), &inputs("1")).demonstrations, [demonstration("2")]);
        assert_eq!(without(&text, (&example("3"), &reads), &inputs("x")).demonstrations.len(), 2);
        // Line 1 of another file.
        let other = Example { id: "1".into(), fields: serde_json::json!({ "q": "x" }).as_object().unwrap().clone() };
        assert_eq!(without(&text, (&other, &reads), &inputs("x")).demonstrations.len(), 2);
    }

    #[test]
    fn an_output_that_nobody_needs_may_be_missing() {
        let rollout = run_with(&["plan: think", "42"]);
        assert_eq!(rollout.failure, None);
        assert!(rollout.steps[0].problem.as_ref().unwrap().contains("`note` is missing"));
    }
}
