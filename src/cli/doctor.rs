//! `gepard doctor`: checks a task on this machine.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use gepard::config;
use gepard::engine::memory::{MemoryPlan, Share, mb};
use gepard::engine::settings::Tuning;
use gepard::hooks::Hooks;
use gepard::run::{self, Diagnosis, Repeatability};

use super::error::CliError;
use super::interrupt::interrupt_flag;
use super::overrides::Overrides;
use super::progress::{Mode, ProgressReporter};
use super::terminal::one_line;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The task file. Without it, only this build and this machine are checked.
    task: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    if arguments.task.is_none() {
        arguments.overrides.refuse("it goes with a task file")?;
    }
    print_machine(out).map_err(CliError::Output)?;
    let Some(task) = &arguments.task else { return Ok(()) };
    let plan = config::load(task, &arguments.overrides.settings())?;
    let interrupted = interrupt_flag(false)?;
    let mut progress = ProgressReporter::new(Mode::Plain, &interrupted);
    let diagnosis = run::diagnose(&plan, &mut Hooks::new(&interrupted, |event| progress.on_event(event)))?;
    print_diagnosis(&diagnosis, out).map_err(CliError::Output)
}

/// Prints what does not depend on a task: the build, the devices and the sandbox.
fn print_machine(out: &mut dyn Write) -> io::Result<()> {
    // llama.cpp lists only the features that it has, so their value 1 is left out.
    writeln!(out, "build     {}", run::build_features().replace(" = 1", ""))?;
    for device in run::devices() {
        writeln!(out, "device    {}, {} MB", device.name, mb(device.memory))?;
    }
    match gepard::metric::sandbox_available() {
        Ok(means) => writeln!(out, "sandbox   {means}: generated code can be run"),
        Err(error) => writeln!(out, "sandbox   none: {error}"),
    }
}

fn print_diagnosis(diagnosis: &Diagnosis, out: &mut dyn Write) -> io::Result<()> {
    let [train, val, test] = diagnosis.examples;
    writeln!(out, "data      {train} train, {val} val, {test} test examples")?;
    if let Some((memory, machine)) = &diagnosis.memory {
        print_memory(memory, machine.ram, out)?;
        if let Some(peak) = diagnosis.peak {
            writeln!(out, "resident  {} MB at most until now, pages of the model files included", mb(peak))?;
        }
        print_tuning(memory, diagnosis, out)?;
    }
    print_seed(diagnosis, out)?;
    print_repeatability(diagnosis, out)?;
    print_pace(diagnosis, out)?;
    print_findings(diagnosis, out)
}

/// Prints the memory plan; `ram` is the memory in bytes that models may take.
fn print_memory(memory: &MemoryPlan, ram: u64, out: &mut dyn Write) -> io::Result<()> {
    for share in &memory.shares {
        let Share { name, context, cache, gpu_layers, weights, cache_bytes, compute, on_gpu } = share;
        let gpu = match gpu_layers {
            0 => String::new(),
            layers => format!("; {layers} layers, {} MB, on the GPU", mb(*on_gpu)),
        };
        writeln!(
            out,
            "model     {name}: {} MB of weights, {} MB for {context} tokens of context ({cache}), {} MB to compute in{gpu}",
            mb(*weights),
            mb(*cache_bytes),
            mb(*compute)
        )?;
    }
    let loaded = match memory.in_turns {
        true => "one model at a time, because they do not fit together",
        false => "all models together",
    };
    writeln!(out, "memory    {} of {} MB that models may take; {loaded}", mb(memory.ram()), mb(ram))
}

fn print_tuning(memory: &MemoryPlan, diagnosis: &Diagnosis, out: &mut dyn Write) -> io::Result<()> {
    for share in &memory.shares {
        if let Some(Tuning { threads, chunk }) = Tuning::from_fingerprint(&diagnosis.seed.engine, &share.name) {
            writeln!(out, "speed     {}: {threads} threads, batches of {chunk} tokens", share.name)?;
        }
    }
    Ok(())
}

/// Prints the scores of the best constant answer and of the seed, and how far judges agree with known grades.
fn print_seed(diagnosis: &Diagnosis, out: &mut dyn Write) -> io::Result<()> {
    if let Some(constant) = &diagnosis.constant {
        let outputs: Vec<String> = constant.outputs.iter().map(|(output, value)| format!("{output} = {value}")).collect();
        writeln!(out, "constant  {} scores {:.3} on validation", one_line(&outputs.join(", ")), constant.score)?;
    }
    let seed = &diagnosis.seed;
    let score = seed.mean().map_or_else(|| "nothing could be scored".to_owned(), |mean| format!("scores {mean:.3}"));
    let unreadable = match seed.rollouts.iter().filter(|scored| scored.rollout.failure.is_some()).count() {
        0 => String::new(),
        count => format!(", {count} of them without a readable answer"),
    };
    writeln!(out, "seed      {score} on {} training examples{unreadable}", seed.rollouts.len())?;
    for agreement in &seed.agreement {
        let judge = if agreement.judge.is_empty() { String::new() } else { format!("`{}` ", agreement.judge) };
        writeln!(out, "judge     {judge}{agreement}")?;
    }
    Ok(())
}

/// Prints how often models on servers answered the same request differently.
fn print_repeatability(diagnosis: &Diagnosis, out: &mut dyn Write) -> io::Result<()> {
    for Repeatability { module, model, requests, different } in &diagnosis.repeatability {
        writeln!(
            out,
            "repeated  {different} of {requests} requests of `{module}` got two different answers of `{model}` when they were sent \
             twice, all at the same time"
        )?;
    }
    Ok(())
}

/// Prints how long the search takes, and the size of its run directory.
fn print_pace(diagnosis: &Diagnosis, out: &mut dyn Write) -> io::Result<()> {
    let pace = diagnosis.pace();
    let test = if diagnosis.examples[2] > 0 { " and the test" } else { "" };
    let budget = match (diagnosis.most_rollouts, diagnosis.minutes()) {
        (Some(most), Some(minutes)) => format!("about {:.0} min for {most}{test}", minutes.ceil()),
        (None, Some(minutes)) => format!("about {:.0} min with the budget given{test}", minutes.ceil()),
        (_, None) => format!("about {:.0} in 10 min", pace * 600.0),
    };
    writeln!(out, "pace      {pace:.2} rollouts a second with the seed, {budget}; longer prompts and reflections come on top")?;
    let megabytes = diagnosis.disk() as f64 / 1e6;
    writeln!(out, "disk      about {megabytes:.1} MB for the run directory, which holds the data that was read")
}

fn print_findings(diagnosis: &Diagnosis, out: &mut dyn Write) -> io::Result<()> {
    if diagnosis.findings.is_empty() {
        return writeln!(out, "\nNo problems were found.");
    }
    for finding in &diagnosis.findings {
        write!(out, "\n- {}", one_line(&finding.to_string()))?;
    }
    writeln!(out)
}
