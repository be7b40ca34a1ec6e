//! `gepard doctor`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use gepard::config;
use gepard::engine::memory::{MemoryPlan, Share, mb};
use gepard::engine::settings::Tuning;
use gepard::hooks::Hooks;
use gepard::run::{self, Diagnosis};

use super::overrides::Overrides;
use super::progress::{Mode, Progress};
use super::terminal::one_line;
use super::{CliError, interrupt_flag};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The task file; without one, only this build and this machine are looked at.
    task: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    if arguments.task.is_none() {
        arguments.overrides.refuse("it goes with a task file")?;
    }
    tell_machine(out).map_err(CliError::Output)?;
    let Some(task) = &arguments.task else { return Ok(()) };
    let plan = config::load(task, &arguments.overrides.settings())?;
    let interrupted = interrupt_flag(false)?;
    let found = {
        let mut progress = Progress::new(Mode::Plain, &interrupted);
        run::diagnose(&plan, &mut Hooks::new(&interrupted, |event| progress.hear(event)))?
    };
    tell(out, &found).map_err(CliError::Output)
}

/// What there is without a task: this build and this machine.
fn tell_machine(out: &mut dyn Write) -> io::Result<()> {
    // Which features are there; that they are is said by naming them.
    writeln!(out, "build     {}", run::build_features().replace(" = 1", ""))?;
    for device in run::devices() {
        writeln!(out, "device    {}, {} MB", device.name, mb(device.memory))?;
    }
    match gepard::metric::sandbox_available() {
        Ok(means) => writeln!(out, "sandbox   {means}: generated code can be run"),
        Err(error) => writeln!(out, "sandbox   none: {error}"),
    }
}

fn tell(out: &mut dyn Write, found: &Diagnosis) -> io::Result<()> {
    let [train, val, test] = found.examples;
    writeln!(out, "data      {train} train, {val} val, {test} test examples")?;
    if let Some((memory, machine)) = &found.memory {
        tell_memory(out, memory, machine.ram)?;
        tell_tuning(out, memory, found)?;
    }
    tell_seed(out, found)?;
    tell_findings(out, found)
}

fn tell_memory(out: &mut dyn Write, memory: &MemoryPlan, ram: u64) -> io::Result<()> {
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
    let how = if memory.in_turns { "one model at a time, for there is no room for all" } else { "all models together" };
    writeln!(out, "memory    {} of {} MB that models may take; {how}", mb(memory.ram()), mb(ram))
}

fn tell_tuning(out: &mut dyn Write, memory: &MemoryPlan, found: &Diagnosis) -> io::Result<()> {
    for share in &memory.shares {
        if let Some(Tuning { threads, chunk }) = Tuning::from_fingerprint(&found.seed.engine, &share.name) {
            writeln!(out, "speed     {}: {threads} threads, batches of {chunk} tokens", share.name)?;
        }
    }
    Ok(())
}

fn tell_seed(out: &mut dyn Write, found: &Diagnosis) -> io::Result<()> {
    let seed = &found.seed;
    let mean = seed.mean().map_or_else(|| "nothing could be scored".to_owned(), |mean| format!("scores {mean:.3}"));
    let failed = seed.rollouts.iter().filter(|scored| scored.rollout.failure.is_some()).count();
    if let Some(constant) = &found.constant {
        let said: Vec<String> = constant.outputs.iter().map(|(output, value)| format!("{output} = {value}")).collect();
        writeln!(out, "constant  {} scores {:.3} on validation", one_line(&said.join(", ")), constant.score)?;
    }
    let unread = if failed > 0 { format!(", {failed} of them without a readable answer") } else { String::new() };
    writeln!(out, "seed      {mean} on {} training examples{unread}", seed.rollouts.len())?;
    for agreement in &seed.agreement {
        writeln!(
            out,
            "judge     {}{agreement}",
            if agreement.judge.is_empty() { String::new() } else { format!("`{}` ", agreement.judge) }
        )?;
    }
    let pace = found.pace();
    let test = if found.examples[2] > 0 { " and the test" } else { "" };
    let budget = match (found.most_rollouts, found.minutes()) {
        (Some(most), Some(minutes)) => format!("about {:.0} min for {most}{test}", minutes.ceil()),
        (None, Some(minutes)) => format!("about {:.0} min with the time given{test}", minutes.ceil()),
        (_, None) => format!("about {:.0} in 10 min", pace * 600.0),
    };
    writeln!(out, "pace      {pace:.2} rollouts a second with the seed, {budget}; longer prompts and reflections come on top")?;
    writeln!(out, "disk      about {:.1} MB for the run directory, which holds the data that was read", found.disk() as f64 / 1e6)
}

fn tell_findings(out: &mut dyn Write, found: &Diagnosis) -> io::Result<()> {
    if found.findings.is_empty() {
        writeln!(out, "\nNothing stands in the way that could be seen from here.")?;
    }
    for finding in &found.findings {
        write!(out, "\n- {}", one_line(&finding.to_string()))?;
    }
    if !found.findings.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}
