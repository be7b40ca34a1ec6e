//! `gepard init`: a project that runs as it is.

mod rows;
mod templates;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use gepard::models::{self, ModelFileError};

use self::templates::Template;
use super::CliError;

/// The model of a task file where none is on this machine.
const DEFAULT_MODEL: &str = "qwen2.5-coder-0.5b-instruct-q4_k_m";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder to make; it must be new or empty.
    folder: PathBuf,
    /// What to begin with.
    #[arg(long, value_enum, default_value_t = Template::Classify, conflicts_with = "data")]
    template: Template,
    /// Begin with your own rows: JSONL, a JSON object a line, or CSV with a line of names. They are split into train, val and test.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The fields of the rows that the program reads [default: all but the answer].
    #[arg(long, value_name = "FIELD,FIELD", requires = "data", value_delimiter = ',')]
    inputs: Vec<String>,
    /// The field of the rows that holds the answer [default: found by its name, else the last].
    #[arg(long, value_name = "FIELD", requires = "data")]
    output: Option<String>,
    /// The model: a name from `gepard models list`, or a path [default: one that is on this machine].
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<String>,
}

/// A file to be made.
struct Made {
    name: String,
    content: String,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    let folder = &arguments.folder;
    refuse_what_is_there(folder)?;
    let model = model(arguments.model.as_deref())?;
    let (files, words) = match &arguments.data {
        Some(data) => rows::project(data, &arguments.inputs, arguments.output.as_deref(), &model.reference)?,
        None => (arguments.template.files(&model.reference), Vec::new()),
    };
    let task = folder.join("gepard.toml");
    if let Err(error) = write(folder, &files, arguments.data.is_some()) {
        // Else the next try would find a folder that is not empty.
        files.iter().for_each(|file| drop(std::fs::remove_file(folder.join(&file.name))));
        drop(std::fs::remove_dir(folder));
        return Err(error);
    }
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let mut lines = vec![format!("{} has {}", folder.display(), names.join(", "))];
    lines.extend(words);
    lines.push(model.words);
    lines.push(format!("\nNext:\n  gepard doctor {}\n  gepard optimize {0}", task.display()));
    lines.iter().try_for_each(|line| writeln!(out, "{line}")).map_err(CliError::Output)
}

fn write(folder: &Path, files: &[Made], of_rows: bool) -> Result<(), CliError> {
    std::fs::create_dir_all(folder).map_err(CliError::file("make", folder))?;
    for Made { name, content } in files {
        let path = folder.join(name);
        let write = |content: &str| File::create_new(&path)?.write_all(content.as_bytes());
        write(content).map_err(CliError::file("write", &path))?;
    }
    if of_rows {
        // Fields of a user's own can have names that a task file cannot.
        gepard::config::load(&folder.join("gepard.toml"), &[])?;
    }
    Ok(())
}

fn refuse_what_is_there(folder: &Path) -> Result<(), CliError> {
    let refuse = |why: &str| Err(CliError::Usage(format!("{} {why}; give a new folder", folder.display())));
    match std::fs::read_dir(folder) {
        Ok(mut inside) => match inside.next() {
            Some(_) => refuse("is not empty, and nothing is overwritten"),
            None => Ok(()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => refuse(&format!("cannot be used: {error}")),
    }
}

struct Model {
    /// As a task file names it.
    reference: String,
    /// What there is to say about it.
    words: String,
}

/// The model that was asked for, else the default where it is here, else the first of the cache that is.
fn model(wanted: Option<&str>) -> Result<Model, CliError> {
    if let Some(wanted) = wanted {
        let path = models::resolve(wanted, Path::new(""))?;
        let reference = if models::is_path(wanted) {
            let absolute = std::path::absolute(&path).map_err(CliError::file("find the folder of", &path))?;
            absolute.to_string_lossy().into_owned()
        } else {
            wanted.into()
        };
        return Ok(Model { words: format!("The model is {reference}."), reference });
    }
    let listed = match models::list() {
        Ok(listed) => listed,
        // Without a cache there are no models in it.
        Err(ModelFileError::NoCache) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut here: Vec<String> = listed.into_iter().filter(|model| model.is_present).map(|model| model.name).collect();
    here.sort_by_key(|name| name != DEFAULT_MODEL);
    Ok(match here.into_iter().next() {
        Some(reference) => Model { words: format!("The model is {reference}, which is on this machine."), reference },
        None => Model {
            reference: DEFAULT_MODEL.into(),
            words: format!(
                "No model is in the cache yet: `scripts/fetch-models {DEFAULT_MODEL}` brings the one in the task file, `gepard models find` \
                 looks for files that other programs have brought, and --model takes a GGUF file of your own."
            ),
        },
    })
}
