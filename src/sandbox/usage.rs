//! Measuring what a program and its descendants use, from `/proc`.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::cell::Limits;

/// What a group of processes uses.
#[derive(Debug, Clone, Default)]
pub(super) struct Usage {
    /// The number of processes and threads.
    pub tasks: u64,
    /// The resident memory in bytes.
    pub memory: u64,
    /// The size in bytes of each file that is open or mapped and has no name any more, by its inode.
    pub unlinked: HashMap<u64, u64>,
    /// Whether the open files of one of the processes cannot be read. This is so for a program that the user may execute and not
    /// read.
    pub hidden: bool,
}

/// The numbers of `/proc/TASK/stat` behind the name.
struct Stat(Vec<u64>);

impl Stat {
    fn read(task: &Path) -> Option<Self> {
        let stat = std::fs::read_to_string(task.join("stat")).ok()?;
        // The name may contain blanks and parentheses; behind its last parenthesis are a letter and numbers.
        Some(Self(stat.rsplit_once(')')?.1.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect()))
    }

    fn number(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or(0)
    }

    /// Returns the process group.
    fn group(&self) -> u64 {
        self.number(2)
    }

    /// Returns the number of threads of the process.
    fn tasks(&self) -> u64 {
        self.number(17)
    }

    /// Returns whether the task has any memory. One without has ended or is about to end.
    fn is_alive(&self) -> bool {
        self.number(20) > 0
    }

    /// Returns the resident memory in pages.
    fn pages(&self) -> u64 {
        self.number(21)
    }
}

/// Returns the number of processes and threads of the whole system; 0 where it cannot be read.
pub(super) fn tasks_of_all() -> u64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    // The file has three load averages, then the number of running tasks, a slash, and the number of all tasks.
    let all = load.split_whitespace().nth(3).and_then(|tasks| tasks.split_once('/')?.1.parse().ok());
    all.unwrap_or(0)
}

/// Measures a process group. Where `is_alone`, the group consists of its leader. Of a group with more tasks than `limits` allow,
/// only the tasks are counted.
pub(super) fn usage(group: u32, is_alone: bool, scratch: &Path, limits: Limits) -> Usage {
    let page = rustix::param::page_size() as u64;
    let member = |process: PathBuf| {
        let stat = Stat::read(&process).filter(|stat| stat.group() == u64::from(group))?;
        Some((process, stat))
    };
    let measure = |(process, first): (PathBuf, Stat)| {
        let tasks = first.tasks();
        let Some((task, stat)) = living_thread(process, first) else { return Usage { tasks, ..Usage::default() } };
        let unlinked = unlinked(&task, scratch, limits.disk);
        let hidden = unlinked.is_none();
        Usage { tasks, memory: stat.pages().saturating_mul(page), unlinked: unlinked.unwrap_or_default(), hidden }
    };
    if is_alone {
        return member(PathBuf::from(format!("/proc/{group}"))).map(measure).unwrap_or_default();
    }
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = all.filter(|entry| entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit));
    let mut sum = Usage::default();
    let mut members = Vec::new();
    for (process, stat) in numbers.filter_map(|entry| member(entry.path())) {
        sum.tasks += stat.tasks();
        if sum.tasks > limits.tasks {
            return sum;
        }
        members.push((process, stat));
    }
    for member in members.into_iter().map(measure) {
        sum.memory += member.memory;
        sum.hidden |= member.hidden;
        for (inode, bytes) in member.unlinked {
            // The size is exact from a process that has the file open, and the largest possible one from others.
            let known = sum.unlinked.entry(inode).or_insert(bytes);
            *known = bytes.min(*known);
        }
    }
    sum
}

/// Returns a thread of a process that has not ended. All threads have the same memory and open files, and the first may have ended
/// before the others.
fn living_thread(process: PathBuf, first: Stat) -> Option<(PathBuf, Stat)> {
    if first.is_alive() {
        return Some((process, first));
    }
    let tasks = std::fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| Some((task.path(), Stat::read(&task.path())?))).find(|(_, stat)| stat.is_alive())
}

/// Returns the size in bytes of each file without a name that a task has open or mapped, by its inode. All are in the file system of
/// the scratch folder. Only root can read the size of a file that is mapped and not open; for others it counts as `largest`. `None`
/// where the open files cannot be read.
fn unlinked(task: &Path, scratch: &Path, largest: u64) -> Option<HashMap<u64, u64>> {
    let listed = std::fs::read_dir(task.join("fd"));
    // The files of a task that has ended cannot be read either.
    if listed.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        && Stat::read(task).is_some_and(|stat| stat.is_alive())
    {
        return None;
    }
    let files = listed.into_iter().flatten().flatten().filter_map(|file| std::fs::metadata(file.path()).ok());
    let deleted = files.filter(|file| file.is_file() && file.nlink() == 0);
    let mut held: HashMap<u64, u64> = deleted.map(|file| (file.ino(), file.len())).collect();
    let maps = std::fs::read(task.join("maps")).unwrap_or_default();
    let inside = format!(" {}/", scratch.display());
    // The fields are addresses, permissions, offset, device, inode and path.
    for line in String::from_utf8_lossy(&maps).lines().filter(|line| line.ends_with(" (deleted)")) {
        let Some((fields, _)) = line.split_once(&inside) else { continue };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let inode = fields.get(4).and_then(|inode| inode.parse::<u64>().ok());
        let (Some(addresses), Some(inode)) = (fields.first(), inode) else { continue };
        held.entry(inode).or_insert_with(|| match std::fs::metadata(task.join("map_files").join(addresses)) {
            // The file has another name in the folder, under which it is counted.
            Ok(file) if file.nlink() > 0 => 0,
            Ok(file) => file.len(),
            Err(_) => largest,
        });
    }
    Some(held)
}
