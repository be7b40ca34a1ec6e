//! `gepard models`: the model files of this machine.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::CliError;
use super::progress::{LARGE, line};
use super::terminal::{one_line, printable};
use gepard::gguf::{self, Header};
use gepard::models::{self, Catalog, ModelFileError, Outcome, Source, Verified};

/// What to do with the model files in the cache.
#[derive(Debug, Clone, Subcommand)]
pub enum ModelsCommand {
    /// Take a GGUF file into the cache, so that task files can use it by name
    Add {
        /// The model file, which is copied, or another program's name for one (see `find`), which is linked where possible
        file: PathBuf,
        /// What to call it [default: the file's name in lower case; a known model keeps its own]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Look for model files that Ollama, LM Studio, the hub and llama.cpp have brought to this machine
    Find,
    /// Show the models that have a name, and which of them are here
    List,
    /// Hash the files in the cache and compare them with what they must be
    Verify {
        /// Only the model of this name
        name: Option<String>,
    },
    /// Show what a model file says about itself
    Inspect {
        /// The model file, or the name of a model in the cache
        file: String,
    },
}

/// Runs `gepard models`, writing what it has to say to `out`.
pub fn run(command: &ModelsCommand, out: &mut dyn Write) -> Result<(), CliError> {
    match command {
        ModelsCommand::Add { file, name } => add(file, name.as_deref(), out),
        ModelsCommand::Find => find(out),
        ModelsCommand::List => list(out),
        ModelsCommand::Verify { name } => verify(name.as_deref(), out),
        ModelsCommand::Inspect { file } => inspect(file, out),
    }
}

/// Tells of a large file before it is read.
fn announce(file: &Path) {
    let bytes = std::fs::metadata(file).map_or(0, |about| about.len());
    if bytes >= LARGE {
        line(&format!("reading {} ({}) …", file.display(), size(bytes)));
    }
}

fn add(file: &Path, name: Option<&str>, out: &mut dyn Write) -> Result<(), CliError> {
    let added = match models::found(&file.to_string_lossy()) {
        Some(found) => {
            announce(&found.path);
            let own = found.name.to_lowercase().replace([':', '/'], "-");
            models::link(&found.path, Some(name.unwrap_or(&own)))?
        }
        None => {
            announce(file);
            models::add(file, name)?
        }
    };
    let how = match (added.already, added.linked) {
        (true, _) => "is already here",
        (false, true) => "was added without a copy",
        (false, false) => "was added",
    };
    let mut lines = vec![
        format!("{} {how}: {}", added.name, added.path.display()),
        format!("Its sha256 is {}; `gepard models verify` will hold it to that.", added.sha256),
    ];
    if added.in_catalog && name.is_some_and(|name| name != added.name) {
        lines.push("It is a known model and keeps its name.".to_owned());
    }
    lines.push(format!("Use it in a task file: gguf = \"{}\"", added.name));
    lines.iter().try_for_each(|line| writeln!(out, "{line}")).map_err(CliError::Output)
}

fn find(out: &mut dyn Write) -> Result<(), CliError> {
    let found = models::find();
    if found.is_empty() {
        let none = "No model files of Ollama, LM Studio, the hub or llama.cpp were found.";
        return writeln!(out, "{none}").map_err(CliError::Output);
    }
    let mut rows = vec![["NAME", "SIZE", "OF", "FILE"].map(str::to_owned)];
    rows.extend(found.into_iter().map(|one| [one.name, size(one.bytes), one.from.to_string(), one.path.display().to_string()]));
    table(&rows, "\nTake one into the cache: gepard models add NAME\n", out).map_err(CliError::Output)
}

fn list(out: &mut dyn Write) -> Result<(), CliError> {
    let mut rows = vec![["NAME", "HERE", "SIZE", "LICENCE", "SOURCE"].map(str::to_owned)];
    for model in models::list()? {
        rows.push([
            model.name,
            if model.present { "yes" } else { "no" }.to_owned(),
            if model.source == Source::Hub { "-".to_owned() } else { size(model.bytes) },
            model.licence.unwrap_or_else(|| "-".to_owned()),
            match model.source {
                Source::Catalog => "catalog",
                Source::Added => "added",
                Source::Unpinned => "put there by hand",
                Source::Hub => "the hub; get it, then `gepard models add FILE`",
            }
            .to_owned(),
        ]);
    }
    let below = format!("\nThe files are in {}\n", models::cache_dir()?.display());
    table(&rows, &below, out).map_err(CliError::Output)
}

fn verify(name: Option<&str>, out: &mut dyn Write) -> Result<(), CliError> {
    if let Some(path) = name.filter(|name| models::is_path(name)) {
        let remedy = "give the name of a model in the cache; `gepard models inspect` shows the sha256 of any file";
        return Err(CliError::Usage(format!("{path} is a path: {remedy}")));
    }
    let all = models::list()?;
    let asked = all.iter().filter(|model| model.present && name.is_none_or(|name| model.name == name));
    let bytes: u64 = asked.map(|model| model.bytes).sum();
    if bytes >= LARGE {
        line(&format!("reading {} of model files …", size(bytes)));
    }
    let verified = models::verify(name)?;
    let rows: Vec<_> = verified
        .iter()
        .map(|one| {
            let said = match &one.outcome {
                Outcome::Ok => "ok".to_owned(),
                Outcome::Mismatch { expected, actual } => {
                    format!("MISMATCH: sha256 {actual}, but {expected} is pinned")
                }
                Outcome::Unpinned { actual } => format!("not pinned: sha256 {actual}"),
                Outcome::Missing => "MISSING: it was added, but its file is gone".to_owned(),
            };
            [one.name.clone(), said]
        })
        .collect();
    let below = match rows.is_empty() {
        true => format!("There are no models in {}\n", models::cache_dir()?.display()),
        false => String::new(),
    };
    table(&rows, &below, out).map_err(CliError::Output)?;
    match verified.into_iter().find_map(amiss) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// The error for a model that is not what it must be.
fn amiss(one: Verified) -> Option<ModelFileError> {
    match one.outcome {
        Outcome::Ok | Outcome::Unpinned { .. } => None,
        Outcome::Mismatch { expected, actual } => Some(ModelFileError::Mismatch {
            name: one.name,
            path: one.path,
            expected,
            actual,
            in_catalog: one.source == Source::Catalog,
        }),
        Outcome::Missing => Some(ModelFileError::Gone { name: one.name, path: one.path }),
    }
}

fn inspect(reference: &str, out: &mut dyn Write) -> Result<(), CliError> {
    // On the command line a file in this folder may be meant by its bare name.
    let bare = Path::new(reference);
    let path = if bare.exists() { bare.to_owned() } else { models::resolve(reference, Path::new(""))? };
    let header = gguf::read(&path)?;
    announce(&path);
    let sha256 = models::sha256(&path)?;
    let known = Catalog::embedded()?;
    let known = known.with_sha256(&sha256).map(|entry| entry.name.as_str());
    let mut rows = vec![["file".to_owned(), path.display().to_string()]];
    rows.extend(facts(&header));
    rows.push(["sha256".to_owned(), sha256]);
    rows.push(["in the catalog".to_owned(), known.unwrap_or("no").to_owned()]);
    let below = match header.is_embedding_model() {
        true => "\nThis model makes vectors of texts and cannot answer a prompt.\n",
        false => "",
    };
    table(&rows, below, out).map_err(CliError::Output)
}

/// What a header says, by label.
fn facts(header: &Header) -> Vec<[String; 2]> {
    let text = |said: Option<&str>| said.unwrap_or("not said").to_owned();
    let number = |said: Option<u64>| said.map_or_else(|| "not said".to_owned(), |n| n.to_string());
    let template = match header.chat_template() {
        None => "no".to_owned(),
        Some(template) => {
            let first = template.trim_start().lines().next().unwrap_or_default();
            format!("yes: {}", shortened(first, 60))
        }
    };
    let heads = match (header.head_count(), header.kv_head_count()) {
        (Some(heads), Some(kv)) => format!("{heads}, {kv} for keys and values"),
        (heads, _) => number(heads),
    };
    [
        ("name", text(header.name())),
        ("architecture", text(header.architecture())),
        ("parameters", parameters(header.parameter_count())),
        ("quantization", text(header.quantization())),
        ("context length", number(header.context_length())),
        ("layers", number(header.block_count())),
        ("width", number(header.embedding_length())),
        ("attention heads", heads),
        ("vocabulary", number(header.vocab_size())),
        ("chat template", template),
        ("licence", text(header.licence())),
        ("size", format!("{} ({} bytes)", size(header.file_bytes), header.file_bytes)),
        ("format", format!("GGUF version {}", header.version)),
    ]
    .map(|(label, said)| [label.to_owned(), one_line(&said)])
    .to_vec()
}

fn shortened(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let kept: String = text.chars().take(length).collect();
    format!("{kept}…")
}

#[allow(clippy::cast_precision_loss)] // shown with one digit
fn size(bytes: u64) -> String {
    if bytes >= 1_000_000_000 { format!("{:.2} GB", bytes as f64 / 1e9) } else { format!("{:.1} MB", bytes as f64 / 1e6) }
}

#[allow(clippy::cast_precision_loss)] // shown with two digits
fn parameters(count: u64) -> String {
    if count >= 1_000_000_000 {
        format!("{:.2} billion", count as f64 / 1e9)
    } else {
        format!("{:.1} million", count as f64 / 1e6)
    }
}

/// Writes rows with their columns aligned, and what is to stand below them.
fn table<const N: usize>(rows: &[[String; N]], below: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.into_iter().zip(row) {
            line.push_str(&format!("{:width$}  ", printable(cell)));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    write!(out, "{below}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [["a", "long cell", "x"], ["longer", "é", "y"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        let mut out = Vec::new();
        table(&rows, "Below.\n", &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a       long cell  x\nlonger  é          y\nBelow.\n");
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(size(98_362_432), "98.4 MB");
        assert_eq!(size(1_117_320_768), "1.12 GB");
        assert_eq!(parameters(134_515_008), "134.5 million");
        assert_eq!(parameters(1_543_714_304), "1.54 billion");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(shortened("äöü", 2), "äö…");
    }
}
