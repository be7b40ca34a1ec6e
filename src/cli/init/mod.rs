//! `gepard init`: creates a project that runs without changes.

mod model;
mod new_file;
mod rows;
mod templates;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use gepard::config::ConfigError;

use self::model::choose_model;
use self::new_file::NewFile;
use self::templates::Template;
use super::error::CliError;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of the project. It must be new or empty.
    folder: PathBuf,
    /// What the project begins with.
    #[arg(long, value_enum, default_value_t = Template::Classify, conflicts_with = "data")]
    template: Template,
    /// Begin with rows of your own: JSONL, with a JSON object in each line, or CSV, with the names of the fields in the first line. They are split into train, val and test.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The fields of the rows that the program reads [default: all but the answer].
    #[arg(long, value_name = "FIELD,FIELD", requires = "data", value_delimiter = ',')]
    inputs: Vec<String>,
    /// The field of the rows that holds the answer, or several fields with commas between them [default: found by its name, else the only one with few different values, else the last].
    #[arg(long, value_name = "FIELD", requires = "data")]
    output: Option<String>,
    /// The model: a name from `gepard models list`, or a path [default: a model that is on this machine].
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<String>,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    let folder = &arguments.folder;
    refuse_used_folder(folder)?;
    let model = choose_model(arguments.model.as_deref())?;
    let (files, notes) = match &arguments.data {
        Some(data) => rows::project(data, &arguments.inputs, arguments.output.as_deref(), &model)?,
        None => (arguments.template.files(&model.reference), Vec::new()),
    };
    let task = folder.join("gepard.toml");
    if let Err(error) = write_files(folder, &files, arguments.data.as_deref()) {
        // Otherwise the folder would not be empty, and the next attempt would be refused.
        files.iter().for_each(|file| drop(std::fs::remove_file(folder.join(&file.name))));
        drop(std::fs::remove_dir(folder));
        return Err(error);
    }
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let mut lines = vec![format!("{} has {}", folder.display(), names.join(", "))];
    lines.extend(notes);
    lines.push(model.note);
    lines.push(format!("\nNext:\n  gepard doctor {}\n  gepard optimize {0}", task.display()));
    lines.iter().try_for_each(|line| writeln!(out, "{line}")).map_err(CliError::Output)
}

/// Writes the files. A task file that was inferred from `data` is then read, because a name of its fields may be one that a task file
/// cannot have. The error names the data then: the task file is removed.
fn write_files(folder: &Path, files: &[NewFile], data: Option<&Path>) -> Result<(), CliError> {
    std::fs::create_dir_all(folder).map_err(CliError::file("make", folder))?;
    for NewFile { name, content } in files {
        let path = folder.join(name);
        let write = |content: &str| File::create_new(&path)?.write_all(content.as_bytes());
        write(content).map_err(CliError::file("write", &path))?;
    }
    let Some(data) = data else { return Ok(()) };
    match gepard::config::load(&folder.join("gepard.toml"), &[]) {
        Ok(_) => Ok(()),
        Err(ConfigError::Invalid { problems, .. }) => {
            let causes: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
            let (data, causes) = (data.display(), causes.join("; "));
            Err(CliError::Usage(format!(
                "--data {data}: {causes}; rename the field in the file, or leave it out by --inputs and --output"
            )))
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses a folder that is not empty.
fn refuse_used_folder(folder: &Path) -> Result<(), CliError> {
    let refuse = |why: &str| Err(CliError::Usage(format!("{} {why}; give a new folder", folder.display())));
    match std::fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            Some(_) => refuse("is not empty, and nothing is overwritten"),
            None => Ok(()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => refuse(&format!("cannot be used: {error}")),
    }
}
