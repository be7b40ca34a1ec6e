//! What a program uses, with all that it started: as the system tells it of each process.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Limits;

/// What processes use.
#[derive(Debug, Clone, Default)]
pub(super) struct Usage {
    /// Processes and threads.
    pub tasks: u64,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of each file that is held and in no folder any more, by its inode.
    pub unlinked: HashMap<u64, u64>,
    /// Whether one of them does not show what it holds: programs that may be run and not read do not.
    pub hidden: bool,
}

/// What the system tells of a task in numbers.
struct Stat(Vec<u64>);

impl Stat {
    fn read(task: &Path) -> Option<Self> {
        let stat = std::fs::read_to_string(task.join("stat")).ok()?;
        // The name of a program may hold anything; what follows its last parenthesis are a letter and numbers.
        Some(Self(stat.rsplit_once(')')?.1.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect()))
    }

    fn number(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or(0)
    }

    /// Its process group.
    fn group(&self) -> u64 {
        self.number(2)
    }

    /// Threads of its process.
    fn tasks(&self) -> u64 {
        self.number(17)
    }

    /// Whether it has any memory: who has none has ended, or is about to.
    fn lives(&self) -> bool {
        self.number(20) > 0
    }

    /// Pages of memory.
    fn pages(&self) -> u64 {
        self.number(21)
    }
}

/// Processes and threads of the whole system; 0 where it does not tell.
pub(super) fn tasks_of_all() -> u64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    // Three means, then those that run, a slash, and all.
    let all = load.split_whitespace().nth(3).and_then(|tasks| tasks.split_once('/')?.1.parse().ok());
    all.unwrap_or(0)
}

/// What a process group uses: its leader only, where it is alone. Of one with too many tasks, which are counted
/// first, no more is looked at.
pub(super) fn usage(group: u32, alone: bool, scratch: &Path, limits: Limits) -> Usage {
    let page = rustix::param::page_size() as u64;
    let member = |process: PathBuf| {
        let stat = Stat::read(&process).filter(|stat| stat.group() == u64::from(group))?;
        Some((process, stat))
    };
    let of = |(process, first): (PathBuf, Stat)| {
        let tasks = first.tasks();
        let Some((task, stat)) = living(process, first) else { return Usage { tasks, ..Usage::default() } };
        let unlinked = unlinked(&task, scratch, limits.disk);
        let hidden = unlinked.is_none();
        Usage { tasks, memory: stat.pages().saturating_mul(page), unlinked: unlinked.unwrap_or_default(), hidden }
    };
    if alone {
        return member(PathBuf::from(format!("/proc/{group}"))).map(of).unwrap_or_default();
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
    for one in members.into_iter().map(of) {
        sum.memory += one.memory;
        sum.hidden |= one.hidden;
        for (inode, bytes) in one.unlinked {
            // Who has it open knows its size.
            let known = sum.unlinked.entry(inode).or_insert(bytes);
            *known = bytes.min(*known);
        }
    }
    sum
}

/// A thread of a process that lives: all have the same memory and open files, and the first may have ended before the others.
fn living(process: PathBuf, first: Stat) -> Option<(PathBuf, Stat)> {
    if first.lives() {
        return Some((process, first));
    }
    let tasks = std::fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| Some((task.path(), Stat::read(&task.path())?))).find(|(_, stat)| stat.lives())
}

/// Bytes of each file that a task holds, open or mapped, and that is in no folder any more, by its inode: all are in the file
/// system of the scratch folder. The size of one that is mapped only is told to root alone; else it counts as the largest. None
/// where they are hidden from us.
fn unlinked(task: &Path, scratch: &Path, largest: u64) -> Option<HashMap<u64, u64>> {
    let listed = std::fs::read_dir(task.join("fd"));
    // Who has ended meanwhile shows nothing either.
    if listed.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        && Stat::read(task).is_some_and(|stat| stat.lives())
    {
        return None;
    }
    let files = listed.into_iter().flatten().flatten().filter_map(|file| std::fs::metadata(file.path()).ok());
    let deleted = files.filter(|file| file.is_file() && file.nlink() == 0);
    let mut held: HashMap<u64, u64> = deleted.map(|file| (file.ino(), file.len())).collect();
    let maps = std::fs::read(task.join("maps")).unwrap_or_default();
    let inside = format!(" {}/", scratch.display());
    // Addresses, rights, offset, device, inode, path.
    for line in String::from_utf8_lossy(&maps).lines().filter(|line| line.ends_with(" (deleted)")) {
        let Some((fields, _)) = line.split_once(&inside) else { continue };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let inode = fields.get(4).and_then(|inode| inode.parse::<u64>().ok());
        let (Some(addresses), Some(inode)) = (fields.first(), inode) else { continue };
        held.entry(inode).or_insert_with(|| match std::fs::metadata(task.join("map_files").join(addresses)) {
            // It has another name, where it is counted.
            Ok(file) if file.nlink() > 0 => 0,
            Ok(file) => file.len(),
            Err(_) => largest,
        });
    }
    Some(held)
}
