//! `gepard compare TASK.toml --adapter …`: scores prompts and adapters on the same examples.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use gepard::config::{self, Plan};
use gepard::data::split::Split;
use gepard::hooks::Hooks;
use gepard::report::paired::Conclusion;
use gepard::run::comparison::{Contender, ContenderResult, Estimate, compare_adapters};

use super::compare_optimizers::{self, estimate_cell};
use super::error::CliError;
use super::eval::read_candidate;
use super::interrupt::interrupt_flag;
use super::progress::{Mode, ProgressReporter};
use super::screen::printable_json;
use super::split::SplitName;
use super::terminal::{one_line, print_to_stderr};

/// The name of the first row: the seed of the task file, with the models as it has them.
const FIRST: &str = "seed";

#[derive(Debug, Args)]
pub(super) struct AdapterOptions {
    /// A row of the comparison: the adapter (LoRA, GGUF) of the model that the modules ask, with the seed or the prompt that --candidate
    /// gives the same name; may be repeated.
    #[arg(long = "adapter", value_name = "NAME=FILE", conflicts_with = "optimizers")]
    adapters: Vec<String>,
    /// A row of the comparison: the best prompt of a run, a best.json, or a text file with an instruction; may be repeated.
    #[arg(long = "candidate", value_name = "NAME=RUN|FILE", conflicts_with = "optimizers")]
    candidates: Vec<String>,
    /// With --adapter or --candidate: the examples [default: test].
    #[arg(long, value_enum)]
    split: Option<SplitName>,
    /// With --adapter or --candidate: score only the first N examples.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl AdapterOptions {
    /// Whether prompts and adapters are to be compared.
    pub(super) fn has_contenders(&self) -> bool {
        !self.adapters.is_empty() || !self.candidates.is_empty()
    }

    /// Refuses the other options where prompts and adapters are not compared.
    pub(super) fn refuse_others(&self) -> Result<(), CliError> {
        let given = self.split.map(|_| "--split").or(self.limit.map(|_| "--limit"));
        given.map_or(Ok(()), |option| Err(CliError::Usage(format!("{option} changes nothing here: it goes with --adapter"))))
    }

    /// Returns the rows: the seed, those of --candidate, and those that --adapter alone names.
    fn contenders(&self, plan: &Plan) -> Result<Vec<Contender>, CliError> {
        let candidates = named("--candidate", &self.candidates)?;
        let adapters = named("--adapter", &self.adapters)?;
        let adapter_of = |name: &str| adapters.iter().find(|(own, _)| *own == name).map(|(_, file)| PathBuf::from(file));
        let mut rows = vec![Contender { name: FIRST.into(), candidate: plan.seed_candidate(), adapter: None }];
        for (name, reference) in &candidates {
            let candidate = read_candidate(reference, plan)?;
            rows.push(Contender { name: (*name).to_owned(), candidate, adapter: adapter_of(name) });
        }
        for (name, file) in adapters.iter().filter(|(name, _)| candidates.iter().all(|(own, _)| own != name)) {
            let (candidate, adapter) = (plan.seed_candidate(), Some(PathBuf::from(file)));
            rows.push(Contender { name: (*name).to_owned(), candidate, adapter });
        }
        Ok(rows)
    }
}

/// Divides each value of an option into a name and what it names.
fn named<'v>(option: &str, values: &'v [String]) -> Result<Vec<(&'v str, &'v str)>, CliError> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for value in values {
        let wrong = |cause: String| CliError::Usage(format!("{option} {value}: {cause}"));
        let (name, file) = value.split_once('=').ok_or_else(|| wrong("give NAME=FILE".into()))?;
        if name.trim().is_empty() || file.trim().is_empty() {
            return Err(wrong("give NAME=FILE".into()));
        }
        if name == FIRST {
            return Err(wrong(format!("`{FIRST}` is the first row, the task file as it is; give another name")));
        }
        if found.iter().any(|(own, _)| *own == name) {
            return Err(wrong(format!("`{name}` is given twice")));
        }
        found.push((name, file));
    }
    Ok(found)
}

pub(super) fn run(
    task: &Path,
    options: &AdapterOptions,
    common: &compare_optimizers::Options,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    if options.limit == Some(0) {
        return Err(CliError::Usage("--limit 0 leaves nothing to score; give 1 or more".into()));
    }
    let plan = config::load(task, &common.settings())?;
    let contenders = options.contenders(&plan)?;
    let split = options.split.map_or(Split::Test, Split::from);
    let mode = common.mode();
    let interrupted = interrupt_flag(mode == Mode::Bar)?;
    let reporter = RefCell::new(ProgressReporter::new(mode, &interrupted));
    let mut on_contender = |name: &str| {
        *reporter.borrow_mut() = ProgressReporter::new(mode, &interrupted);
        if matches!(mode, Mode::Plain | Mode::Bar) {
            print_to_stderr(&format!("── {name} ──"));
        }
    };
    let mut hooks = Hooks::new(&interrupted, |event| reporter.borrow_mut().on_event(event));
    let results = compare_adapters(&plan, &contenders, split, options.limit, &mut on_contender, &mut hooks)?;
    drop(hooks);
    // The view must be cleared before the table is printed.
    drop(reporter);
    let printed = match json {
        true => printable_json(&serde_json::json!({ "split": split, "rows": results })).and_then(|text| writeln!(out, "{text}")),
        false => print_table(&results, split, out),
    };
    printed.map_err(CliError::Output)
}

/// Prints the results as a table in Markdown.
fn print_table(results: &[ContenderResult], split: Split, out: &mut dyn Write) -> io::Result<()> {
    let examples = results.first().map_or(0, |first| first.scores.len());
    writeln!(out, "| | adapter | {split}, {examples} examples | against {FIRST} | | prompt tokens | seconds |")?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for row in results {
        let adapter = row.adapter.as_ref().map_or(String::new(), |path| format!("`{}`", one_line(&path.display().to_string())));
        let score = row.score.map(|mean| Estimate { mean, interval: row.interval_95 });
        let difference =
            row.against_first.as_ref().map(|paired| Estimate { mean: paired.difference, interval: paired.interval_95 });
        let words = match row.conclusion {
            None => "",
            Some(Conclusion::Better) => "better",
            Some(Conclusion::Worse) => "worse",
            Some(Conclusion::Unclear) => "unclear",
        };
        let prompt = (row.tokens.prefilled + row.tokens.reused) as f64 / row.scores.len().max(1) as f64;
        writeln!(
            out,
            "| {} | {adapter} | {} | {} | {words} | {prompt:.0} | {:.1} |",
            one_line(&row.name),
            estimate_cell(score, ""),
            estimate_cell(difference, "+"),
            row.seconds
        )?;
    }
    Ok(())
}
