//! The command `gepard models`: adding, finding, listing, verifying and inspecting model files.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;

use gepard::gguf::{self, Header};
use gepard::models::{self, Catalog, FoundModel, ModelFileError, NameSource, VerifiedModel, VerifyOutcome};

use super::error::CliError;
use super::progress::LARGE_FILE_BYTES;
use super::terminal::{one_line, print_to_stderr, printable};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum ModelsCommand {
    /// Add a GGUF file to the cache, so that task files can use it by name
    Add {
        /// The model file, which is copied, or another program's name for one (see `find`), which is linked where possible
        file: PathBuf,
        /// The model's name in the cache [default: the file's name in lower case; a known model keeps its own]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Find the model files of Ollama, LM Studio, the Hugging Face hub and llama.cpp on this machine
    Find,
    /// List the models that have a name, and whether they are on this machine
    List,
    /// Hash the files in the cache and compare them with their pinned hashes
    Verify {
        /// Verify only the model with this name
        name: Option<String>,
    },
    /// Show the metadata of a model file
    Inspect {
        /// The model file, or the name of a model in the cache
        file: String,
    },
}

/// Runs `gepard models` and writes its result to `out`.
pub(super) fn run(command: &ModelsCommand, out: &mut dyn Write) -> Result<(), CliError> {
    match command {
        ModelsCommand::Add { file, name } => add(file, name.as_deref(), out),
        ModelsCommand::Find => find(out),
        ModelsCommand::List => list(out),
        ModelsCommand::Verify { name } => verify(name.as_deref(), out),
        ModelsCommand::Inspect { file } => inspect(file, out),
    }
}

/// Prints a line to stderr before a large file is read.
fn print_reading(file: &Path) {
    let bytes = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    if bytes >= LARGE_FILE_BYTES {
        print_to_stderr(&format!("reading {} ({}) …", file.display(), size(bytes)));
    }
}

fn add(file: &Path, name: Option<&str>, out: &mut dyn Write) -> Result<(), CliError> {
    let found = models::find_named(&file.to_string_lossy());
    let remark = found.as_ref().and_then(FoundModel::remark);
    let added = match found {
        Some(found) => {
            print_reading(&found.path);
            let default_name = models::name_in_cache(&found.name);
            models::link(&found.path, Some(name.unwrap_or(&default_name)))?
        }
        None => {
            print_reading(file);
            models::add(file, name)?
        }
    };
    let result = match (added.was_present, added.is_linked) {
        (true, _) => "is already here",
        (false, true) => "was added without a copy",
        (false, false) => "was added",
    };
    let mut lines = vec![
        format!("{} {result}: {}", added.name, added.path.display()),
        format!("Its sha256 is {}; `gepard models verify` compares the file with it.", added.sha256),
    ];
    if added.is_in_catalog && name.is_some_and(|name| name != added.name) {
        lines.push("It is a known model and keeps its name.".to_owned());
    }
    lines.extend(remark.map(|remark| format!("It {remark}.")));
    lines.push(format!("Use it in a task file: gguf = \"{}\"", added.name));
    lines.iter().try_for_each(|line| writeln!(out, "{line}")).map_err(CliError::Output)
}

fn find(out: &mut dyn Write) -> Result<(), CliError> {
    let found = models::find();
    if found.is_empty() {
        let none = "No model files of Ollama, LM Studio, the hub or llama.cpp were found.";
        return writeln!(out, "{none}").map_err(CliError::Output);
    }
    let mut rows = vec![["NAME", "SIZE", "OF", "FILE", ""].map(str::to_owned)];
    rows.extend(found.into_iter().map(|file| {
        let remark = file.remark().unwrap_or_default().to_owned();
        [file.name, size(file.bytes), file.store.to_string(), file.path.display().to_string(), remark]
    }));
    write_table(&rows, "\nAdd one to the cache: gepard models add NAME\n", out).map_err(CliError::Output)
}

fn list(out: &mut dyn Write) -> Result<(), CliError> {
    let mut rows = vec![["NAME", "HERE", "SIZE", "LICENCE", "SOURCE"].map(str::to_owned)];
    for model in models::list()? {
        rows.push([
            model.name,
            if model.is_present { "yes" } else { "no" }.to_owned(),
            if model.source == NameSource::Hub { "-".to_owned() } else { size(model.bytes) },
            model.licence.unwrap_or_else(|| "-".to_owned()),
            match model.source {
                NameSource::Catalog => "catalog",
                NameSource::Added => "added",
                NameSource::LooseFile => "put there by hand",
                NameSource::Hub => "the hub; get it, then `gepard models add FILE`",
            }
            .to_owned(),
        ]);
    }
    let below = format!("\nThe files are in {}\n", models::cache_dir()?.display());
    write_table(&rows, &below, out).map_err(CliError::Output)
}

fn verify(name: Option<&str>, out: &mut dyn Write) -> Result<(), CliError> {
    if let Some(path) = name.filter(|name| models::is_path(name)) {
        let remedy = "give the name of a model in the cache; `gepard models inspect` shows the sha256 of any file";
        return Err(CliError::Usage(format!("{path} is a path: {remedy}")));
    }
    let all = models::list()?;
    let selected = all.iter().filter(|model| model.is_present && name.is_none_or(|name| model.name == name));
    let bytes: u64 = selected.map(|model| model.bytes).sum();
    if bytes >= LARGE_FILE_BYTES {
        print_to_stderr(&format!("reading {} of model files …", size(bytes)));
    }
    let verified = models::verify(name)?;
    let rows: Vec<_> = verified
        .iter()
        .map(|model| {
            let result = match &model.outcome {
                VerifyOutcome::Ok => "ok".to_owned(),
                VerifyOutcome::Mismatch { expected, actual } => {
                    format!("MISMATCH: sha256 {actual}, but {expected} is pinned")
                }
                VerifyOutcome::Unpinned { actual } => format!("not pinned: sha256 {actual}"),
                VerifyOutcome::Missing => "MISSING: it was added, but its file is gone".to_owned(),
            };
            [model.name.clone(), result]
        })
        .collect();
    let below = match rows.is_empty() {
        true => format!("There are no models in {}\n", models::cache_dir()?.display()),
        false => String::new(),
    };
    write_table(&rows, &below, out).map_err(CliError::Output)?;
    match verified.into_iter().find_map(verification_error) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// Returns the error for a model whose file is missing or has another SHA-256 than the pinned one.
fn verification_error(model: VerifiedModel) -> Option<ModelFileError> {
    match model.outcome {
        VerifyOutcome::Ok | VerifyOutcome::Unpinned { .. } => None,
        VerifyOutcome::Mismatch { expected, actual } => Some(ModelFileError::Mismatch {
            name: model.name,
            path: model.path,
            expected,
            actual,
            is_in_catalog: model.source == NameSource::Catalog,
        }),
        VerifyOutcome::Missing => Some(ModelFileError::Gone { name: model.name, path: model.path }),
    }
}

fn inspect(reference: &str, out: &mut dyn Write) -> Result<(), CliError> {
    // On the command line, the bare name of a file in the working directory is accepted as a path.
    let literal = Path::new(reference);
    let path = if literal.exists() { literal.to_owned() } else { models::resolve(reference, Path::new(""))? };
    let header = gguf::read(&path)?;
    print_reading(&path);
    let sha256 = models::sha256(&path)?;
    let catalog = Catalog::embedded()?;
    let known = catalog.with_sha256(&sha256).map(|model| model.name.as_str());
    let mut rows = vec![["file".to_owned(), path.display().to_string()]];
    rows.extend(header_rows(&header));
    rows.push(["sha256".to_owned(), sha256]);
    rows.push(["token counts".to_owned(), one_line(&gepard::engine::describe_token_counting(&header))]);
    rows.push(["in the catalog".to_owned(), known.unwrap_or("no").to_owned()]);
    let below = header.other_kind().map_or(String::new(), |kind| format!("\nThis file {kind}.\n"));
    write_table(&rows, &below, out).map_err(CliError::Output)
}

/// Returns the rows of `gepard models inspect` that come from the header: a label and a value each.
fn header_rows(header: &Header) -> Vec<[String; 2]> {
    let text = |value: Option<&str>| value.unwrap_or("not stated").to_owned();
    let number = |value: Option<u64>| value.map_or_else(|| "not stated".to_owned(), |n| n.to_string());
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
    let of_part = header.part().map(|(part, count)| format!(" in this part, {part} of {count}")).unwrap_or_default();
    [
        ("name", text(header.name())),
        ("architecture", text(header.architecture())),
        ("parameters", parameters(header.parameter_count()) + &of_part),
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
    .map(|(label, value)| [label.to_owned(), one_line(&value)])
    .to_vec()
}

/// Returns the text, cut after `length` characters with an ellipsis.
fn shortened(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let kept: String = text.chars().take(length).collect();
    format!("{kept}…")
}

/// Returns a size in bytes as text in megabytes or gigabytes.
#[allow(clippy::cast_precision_loss)] // at most two decimal digits are shown
fn size(bytes: u64) -> String {
    if bytes >= 1_000_000_000 { format!("{:.2} GB", bytes as f64 / 1e9) } else { format!("{:.1} MB", bytes as f64 / 1e6) }
}

/// Returns a number of weights as text in millions or billions.
#[allow(clippy::cast_precision_loss)] // at most two decimal digits are shown
fn parameters(count: u64) -> String {
    if count >= 1_000_000_000 {
        format!("{:.2} billion", count as f64 / 1e9)
    } else {
        format!("{:.1} million", count as f64 / 1e6)
    }
}

/// Writes rows with aligned columns, and the text `below` after them.
fn write_table<const N: usize>(rows: &[[String; N]], below: &str, out: &mut dyn Write) -> io::Result<()> {
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
    fn columns_are_aligned() {
        let rows = [["a", "long cell", "x"], ["longer", "é", "y"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        let mut out = Vec::new();
        write_table(&rows, "Below.\n", &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a       long cell  x\nlonger  é          y\nBelow.\n");
    }

    #[test]
    fn sizes_are_written_in_large_units() {
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
