//! Runs a program on many examples in lockstep: all rollouts take their next step together.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::call::{CachedAnswers, CallKey, call_key, reused};
use super::candidate::{Candidate, ModuleText};
use super::flow::Next;
use super::structure::Program;
use super::tools::{Fault, Input, Made, Tool};
use super::trace::{Rollout, Step};
use super::{parse, render};
use crate::data::{Example, to_text};
use crate::engine::{Completion, Decoding, Ended, EngineError, Request, Shape};

/// A function that answers a list of requests, in order.
pub type Generate<'a> = dyn FnMut(&[Request]) -> Result<Vec<Completion>, EngineError> + 'a;

/// A rollout to be run.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The candidate whose texts are used.
    pub candidate: &'a Candidate,
    /// The example that the program runs on.
    pub example: &'a Example,
    /// The seed of the answers that are drawn at random.
    pub seed: u64,
    /// The temperature at which every module's answer is drawn; None: each module's own. An answer that is drawn at it is neither
    /// taken from the answer cache nor given to an equal call.
    pub temperature: Option<f32>,
}

/// The most steps of a rollout. A rollout that goes on after them has failed.
pub const MOST_STEPS: usize = 200;

/// A call of a module that a rollout waits for.
struct PendingCall<'t> {
    rollout_index: usize,
    module_index: usize,
    inputs: Vec<(String, String)>,
    text: Cow<'t, ModuleText>,
    source: Source,
}

/// Where the answer to a call comes from.
enum Source {
    /// The answer cache.
    Cached(Completion),
    /// The request at this index.
    Request(usize),
    /// The request at this index, which an equal call of another rollout makes.
    Shared(usize),
}

/// Runs `program` for every job. In each round, every rollout takes its next step: `generate` gets one request for each call, in
/// the order of the jobs. Calls whose answers are in `cached` are left out, and equal greedy calls are requested once. Steps that
/// ask no model run in parallel between the rounds.
///
/// # Errors
/// Those of `generate`.
pub fn run(
    program: &Program,
    jobs: &[Job<'_>],
    cached: &dyn CachedAnswers,
    generate: &mut Generate<'_>,
) -> Result<Vec<Rollout>, EngineError> {
    let mut rollouts: Vec<Rollout> = jobs.iter().map(|_| Rollout::default()).collect();
    loop {
        let next: Vec<Option<usize>> =
            rollouts.par_iter_mut().zip(jobs).map(|(rollout, job)| advance(program, rollout, job)).collect();
        let mut requests = Vec::new();
        let mut pending: Vec<PendingCall<'_>> = Vec::new();
        let mut first_request: BTreeMap<CallKey, usize> = BTreeMap::new();
        for (rollout_index, (next, job)) in next.into_iter().zip(jobs).enumerate() {
            let Some(module_index) = next else { continue };
            let rollout = &rollouts[rollout_index];
            let inputs = gather(program, &program.modules[module_index].inputs, rollout, job.example);
            let text = job.candidate.0[module_index].for_call(job.example, &program.reads, &inputs);
            let key = match job.temperature {
                None => call_key(program, module_index, &text, &inputs),
                Some(_) => None,
            };
            let source = if let Some(answer) = key.and_then(|key| cached.answer(&key)) {
                Source::Cached(answer)
            } else if let Some(&request) = key.and_then(|key| first_request.get(&key)) {
                Source::Shared(request)
            } else {
                let seed = job.seed.wrapping_add(rollout.steps.len() as u64);
                let mut request = request(program, module_index, &text, &inputs, seed);
                request.decoding.temperature = job.temperature.unwrap_or(request.decoding.temperature);
                first_request.extend(key.map(|key| (key, requests.len())));
                requests.push(request);
                Source::Request(requests.len() - 1)
            };
            pending.push(PendingCall { rollout_index, module_index, inputs, text, source });
        }
        if pending.is_empty() {
            return Ok(rollouts);
        }
        let started = Instant::now();
        let answers = if requests.is_empty() { Vec::new() } else { generate(&requests)? };
        let seconds = to_milliseconds(started.elapsed());
        for PendingCall { rollout_index, module_index, inputs, text, source } in pending {
            let (answer, seconds) = match source {
                Source::Cached(answer) => (Some(answer), 0.0),
                Source::Request(request) => (answers.get(request).cloned(), seconds),
                Source::Shared(request) => (answers.get(request).map(reused), seconds),
            };
            let Some(answer) = answer else {
                return Err(EngineError::MissingAnswers { requests: requests.len(), answers: answers.len() });
            };
            take_step(program, module_index, &text, &mut rollouts[rollout_index], inputs, answer, seconds);
        }
    }
}

/// Returns the request of one call of the module at `index`.
fn request(program: &Program, index: usize, text: &ModuleText, inputs: &[(String, String)], seed: u64) -> Request {
    let module = &program.modules[index];
    let prompt = render::prompt(module, text, inputs);
    Request {
        model: module.model,
        messages: prompt.messages,
        breakpoints: prompt.breakpoints,
        decoding: Decoding {
            temperature: module.temperature,
            top_p: module.top_p,
            grammar: render::grammar(module, text),
            ..Decoding::greedy(module.max_tokens)
        },
        seed,
    }
}

/// Returns a time in seconds, rounded to milliseconds.
fn to_milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Runs the steps of a rollout that ask no model, up to the next call of a module. Returns the index of that module; None if the
/// rollout has ended.
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

/// Runs a step that asks no model, and appends it to the trace. A step that fails ends the rollout.
fn use_tool(program: &Program, tool: &Tool, rollout: &mut Rollout, example: &Example) {
    let typed = typed_inputs(program, &tool.inputs, rollout, example);
    let inputs: Vec<(String, String)> = typed.iter().map(|input| (input.name.clone(), input.text())).collect();
    let started = Instant::now();
    let mut broken = None;
    let made = tool.action.act(&typed).unwrap_or_else(|fault| {
        rollout.failure = Some(format!("The step `{}` failed: {fault}", tool.name));
        if let Fault::Broken(cause) = fault {
            broken = Some(format!("the step `{}`: {cause}", tool.name));
        }
        Made::default()
    });
    let Made { outputs, retrieved } = made;
    let seconds = to_milliseconds(started.elapsed());
    rollout.steps.push(Step { module: tool.name.clone(), inputs, outputs, retrieved, broken, seconds, ..Step::default() });
}

/// Returns the inputs of a step: what [`gather`] returns, with the types of the example's fields. What a module has written is text,
/// unless the task file declares its shape.
fn typed_inputs(program: &Program, names: &[String], rollout: &Rollout, example: &Example) -> Vec<Input> {
    let typed = |(name, text): (String, String)| {
        let value = match rollout.output(&name) {
            Some(_) => program.output_value(&name, &text),
            None => {
                let field = example.fields.get(&name).filter(|value| !value.is_null() && to_text(value) == text);
                field.cloned().unwrap_or_else(|| text.into())
            }
        };
        Input { name, value }
    };
    gather(program, names, rollout, example).into_iter().map(typed).collect()
}

/// Returns the names and values of inputs: what the rollout has written last under each name, otherwise the example's field.
///
/// A field that only the program writes, and that was not written yet, is empty: an example's field of that name may be the right
/// answer.
fn gather(program: &Program, names: &[String], rollout: &Rollout, example: &Example) -> Vec<(String, String)> {
    let from_example =
        |name: &String| if program.reads.contains(name) || !program.writes(name) { example.input(name) } else { None };
    let value = |name: &String| rollout.output(name).map(str::to_owned).or_else(|| from_example(name)).unwrap_or_default();
    names.iter().map(|name| (name.clone(), value(name))).collect()
}

/// Reads the answer to a call of the module at `index`, and appends the step to the trace. The rollout fails if the answer has no
/// output at all, or lacks one that another module or step reads.
fn take_step(
    program: &Program,
    index: usize,
    text: &ModuleText,
    rollout: &mut Rollout,
    inputs: Vec<(String, String)>,
    completion: Completion,
    seconds: f64,
) {
    let module = &program.modules[index];
    let answer = render::whole_answer(module, text, &completion.text);
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
    let told = |first: String, other: Option<String>| other.map_or(first.clone(), |other| format!("{first} {other}"));
    let mut problem = parse::missing(&module.outputs, &outputs, &completion.text);
    match &completion.ended {
        Ended::Refused(reason) => problem = Some(format!("The request was refused: {reason}.")),
        _ if completion.usage.repeated > 0 => {
            problem = Some(told("The model repeated the same words again and again, and was ended.".into(), problem));
        }
        Ended::Length => {
            let cut = format!("The answer was cut off after {} tokens; it must be shorter.", module.max_tokens);
            problem = Some(told(cut, problem));
        }
        Ended::Stop | Ended::Grammar => {}
    }
    let is_needed_and_missing = |name: &String| !outputs.contains_key(name) && program.is_read_by_others(index, name);
    if outputs.is_empty() || module.outputs.iter().any(is_needed_and_missing) {
        let cause = problem.clone().unwrap_or_else(|| "The answer was empty.".into());
        rollout.failure = Some(match program.modules.len() {
            1 => cause,
            _ => format!("In `{}`: {cause}", module.name),
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
        served: completion.served,
        seconds,
        ..Step::default()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Usage;
    use crate::program::candidate::Demonstration;
    use crate::program::tests_support::module;

    /// A cache without answers.
    struct EmptyCache;

    impl CachedAnswers for EmptyCache {
        fn answer(&self, _: &CallKey) -> Option<Completion> {
            None
        }
    }

    fn two_modules() -> Program {
        Program::from_modules(vec![module("first", &["q"], &["plan", "note"]), module("second", &["q", "plan"], &["answer"])])
    }

    fn answer(text: &str) -> Completion {
        Completion { text: text.into(), reasoning: None, ended: Ended::Stop, usage: Usage::default(), served: None }
    }

    fn run_with(replies: &[&str]) -> Rollout {
        let example = Example { id: "1".into(), fields: serde_json::from_str(r#"{"q": "why?"}"#).unwrap() };
        let candidate = Candidate::new(["A.", "B."]);
        let mut replies = replies.iter();
        let mut generate = |requests: &[Request]| -> Result<Vec<Completion>, EngineError> {
            Ok(requests.iter().map(|_| answer(replies.next().unwrap())).collect())
        };
        let job = Job { candidate: &candidate, example: &example, seed: 7, temperature: None };
        run(&two_modules(), &[job], &EmptyCache, &mut generate).unwrap().remove(0)
    }

    #[test]
    fn a_model_that_repeats_itself_is_told() {
        let example = Example { id: "1".into(), fields: serde_json::from_str(r#"{"q": "why?"}"#).unwrap() };
        let candidate = Candidate::new(["A.", "B."]);
        let usage = Usage { repeated: 200, ..Usage::default() };
        let mut generate = |requests: &[Request]| -> Result<Vec<Completion>, EngineError> {
            Ok(requests.iter().map(|_| Completion { usage, ..answer("plan: a\nnote: b\nanswer: c") }).collect())
        };
        let job = Job { candidate: &candidate, example: &example, seed: 7, temperature: None };
        let rollout = run(&two_modules(), &[job], &EmptyCache, &mut generate).unwrap().remove(0);
        let problem = rollout.steps[0].problem.as_deref();
        assert_eq!(problem, Some("The model repeated the same words again and again, and was ended."));
        assert_eq!(rollout.failure, None);
    }

    #[test]
    fn an_output_that_was_not_written_is_not_read_from_the_row() {
        use crate::program::flow::{Condition, Flow, Op, Test};
        // The row holds the right answer under the name of the first module's output.
        let fields = serde_json::from_str(r#"{"q": "why?", "answer": "42"}"#).unwrap();
        let example = Example { id: "1".into(), fields };
        let when = |field: &str, test: Test| Some(Condition { field: field.into(), test, not: false });
        let ops = vec![
            Op::Call { next: Next::Module(0), when: when("q", Test::Equals("never".into())) },
            Op::Call { next: Next::Module(1), when: when("answer", Test::Empty(true)) },
        ];
        let modules = vec![module("first", &["q"], &["answer"]), module("second", &["answer"], &["final"])];
        let program = Program::from_flow(modules, Vec::new(), Flow::new(ops));
        let candidate = Candidate::new(["A.", "B."]);
        let mut generate =
            |requests: &[Request]| -> Result<Vec<Completion>, EngineError> { Ok(requests.iter().map(|_| answer("x")).collect()) };
        let job = Job { candidate: &candidate, example: &example, seed: 7, temperature: None };
        let rollout = run(&program, &[job], &EmptyCache, &mut generate).unwrap().remove(0);
        assert_eq!(rollout.steps.len(), 1);
        assert_eq!(rollout.steps[0].inputs, [("answer".to_owned(), String::new())]);
    }

    #[test]
    fn a_module_or_a_step_that_does_not_exist_fails_the_rollout() {
        use crate::program::flow::Control;
        use std::sync::Arc;

        /// Returns the same call every time.
        #[derive(Debug)]
        struct Always(Next);

        impl Control for Always {
            fn next(&self, _: &Example, _: &Rollout) -> Next {
                self.0.clone()
            }
        }

        let failure = |next: Next| {
            let modules = vec![module("first", &["q"], &["a"])];
            let program = Program::with_control(modules, Vec::new(), Arc::new(Always(next)), vec!["q".into()]);
            let example = Example { id: "1".into(), fields: serde_json::Map::new() };
            let candidate = Candidate::new(["A."]);
            let mut generate = |_: &[Request]| -> Result<Vec<Completion>, EngineError> { panic!("nothing is asked") };
            let job = Job { candidate: &candidate, example: &example, seed: 7, temperature: None };
            run(&program, &[job], &EmptyCache, &mut generate).unwrap().remove(0).failure
        };
        assert_eq!(failure(Next::Module(1)).as_deref(), Some("There is no module 1."));
        assert_eq!(failure(Next::Tool(0)).as_deref(), Some("There is no step 0."));
    }

    #[test]
    fn a_null_in_a_row_is_read_as_an_empty_text() {
        let fields = serde_json::from_str(r#"{"q": null}"#).unwrap();
        let example = Example { id: "1".into(), fields };
        let program = Program::from_modules(vec![module("first", &["q"], &["a"])]);
        let rollout = Rollout::default();
        assert_eq!(gather(&program, &["q".to_owned()], &rollout, &example), [("q".to_owned(), String::new())]);
    }

    #[test]
    fn the_prompt_of_a_step_can_be_rendered_again() {
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
        let job = Job { candidate: &candidate, example: &example, seed: 7, temperature: None };
        let rollout = run(&program, &[job], &EmptyCache, &mut generate).unwrap().remove(0);
        let told: Vec<_> =
            rollout.steps.iter().map(|step| program.prompt(&candidate, &example, step).unwrap().messages).collect();
        assert_eq!((told.len(), told), (2, asked));
    }

    #[test]
    fn a_rollout_may_take_the_most_steps_and_no_more() {
        use crate::program::flow::{Flow, Op};
        let run_rounds = |most: usize| {
            let ops = vec![Op::Call { next: Next::Module(0), when: None }, Op::Again { to: 0, most, until: None }];
            let program = Program::from_flow(vec![module("first", &["q"], &["a"])], Vec::new(), Flow::new(ops));
            let example = Example { id: "1".into(), fields: serde_json::Map::new() };
            let candidate = Candidate::new(["A."]);
            let mut generate = |requests: &[Request]| -> Result<Vec<Completion>, EngineError> {
                Ok(requests.iter().map(|_| answer("x")).collect())
            };
            let job = Job { candidate: &candidate, example: &example, seed: 7, temperature: None };
            run(&program, &[job], &EmptyCache, &mut generate).unwrap().remove(0)
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

    #[test]
    fn an_output_that_is_needed_later_and_missing_ends_the_rollout() {
        let rollout = run_with(&["note: x"]);
        assert_eq!(rollout.steps.len(), 1);
        assert!(rollout.failure.unwrap().starts_with("In `first`: The answer could not be read: `plan` is missing"));
    }

    #[test]
    fn an_output_that_no_other_module_reads_may_be_missing() {
        let rollout = run_with(&["plan: think", "42"]);
        assert_eq!(rollout.failure, None);
        assert!(rollout.steps[0].problem.as_ref().unwrap().contains("`note` is missing"));
    }
}
