//! The inside: a process gives up its rights and becomes the program.

use std::convert::Infallible;
use std::ffi::OsString;
use std::net::UdpSocket;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
    path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::filter::{self, Signals};
use super::{Cell, Limits, SandboxError};

/// The newest Landlock that is asked for; of an older one, what it has is taken, and the filter of system calls covers the rest.
const NEWEST: ABI = ABI::V7;

/// What any program needs to start. Of the system, nothing of the user's.
const SYSTEM: [&str; 13] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/localtime",
    "/etc/mime.types",
];

/// The priority of programs that may start others.
const NICE: i32 = 10;

/// Devices without a machine behind them.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"];

fn unavailable(what: &str, cause: impl std::fmt::Display) -> SandboxError {
    SandboxError::Unavailable(format!("{what}: {cause}"))
}

/// Gives up the rights of this process, and of all that it becomes and starts.
///
/// # Errors
/// [`SandboxError::Unavailable`]; this process must end then.
fn give_up(cell: &Cell) -> Result<ABI, SandboxError> {
    // Who ends gepard ends the program; the filter keeps it from taking that back.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| unavailable("its end cannot be tied to ours", e))?;
    close_inherited();
    drop_capabilities()?;
    limit(cell)?;
    if cell.processes {
        // However many they become, whoever watches them is sooner. Nobody but root may raise it: under a lower one it stays.
        let own = rustix::process::getpriority_process(None).unwrap_or(NICE);
        rustix::process::setpriority_process(None, own.max(NICE))
            .map_err(|e| unavailable("the priority cannot be lowered", e))?;
    }
    let abi = landlock(cell)?;
    let signals = match cell.processes {
        false => Signals::ToItself(std::process::id()),
        true if abi >= ABI::V6 => Signals::Scoped,
        true => Signals::None,
    };
    filter::apply(cell.processes, signals).map_err(|e| unavailable("seccomp cannot be used", e))?;
    Ok(abi)
}

/// Shuts this process in and becomes the program `argv`, with an empty environment but for a few names.
///
/// # Errors
/// [`SandboxError`]; this process must end then, for it has lost its rights.
pub fn enter(cell: &Cell, argv: &[OsString]) -> Result<Infallible, SandboxError> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(SandboxError::Start { program: String::new(), cause: "no program is named".into() });
    };
    give_up(cell)?;
    let error = command(Path::new(program), &cell.scratch).args(arguments).exec();
    let hint = match error.kind() {
        std::io::ErrorKind::PermissionDenied => " (does it lie outside of what the sandbox lets be read?)",
        _ => "",
    };
    Err(SandboxError::Start { program: program.display().to_string(), cause: format!("{error}{hint}") })
}

/// A program with the environment of the sandbox. Nothing of ours is in it: it may hold secrets.
pub(super) fn command(program: &Path, scratch: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(scratch).env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("HOME", scratch).env("TMPDIR", scratch).env("LANG", "C.UTF-8").env("PYTHONHASHSEED", "0");
    // A thread for each core, each with its memory, is what these libraries start at once.
    command.env("OMP_NUM_THREADS", "1").env("OPENBLAS_NUM_THREADS", "1").env("MKL_NUM_THREADS", "1");
    // Room for each thread's memory is set aside at once, and counts where addresses do.
    command.env("MALLOC_ARENA_MAX", "1");
    command
}

/// Shuts this process in, with `scratch` to write into, and tries to break out.
///
/// # Errors
/// [`SandboxError::Unavailable`] with what does not hold.
pub fn probe(scratch: &Path) -> Result<String, SandboxError> {
    let limits = Limits { memory: 1 << 40, cpu: 3600, output: 0, disk: 1 << 20, tasks: 1 };
    let cell = Cell { scratch: scratch.to_owned(), read: Vec::new(), processes: false, limits, refusal: String::new() };
    let abi = give_up(&cell)?;
    let broken = |what: &str| Err(SandboxError::Unavailable(format!("it does not hold: {what} is possible")));
    if std::fs::read_dir("/").is_ok() {
        return broken("reading files");
    }
    if std::fs::write(scratch.with_extension("outside"), "").is_ok() {
        return broken("writing files");
    }
    if UdpSocket::bind("127.0.0.1:0").is_ok() {
        return broken("the network");
    }
    if Command::new("/bin/sh").args(["-c", "exit"]).status().is_ok() {
        return broken("starting processes");
    }
    std::fs::write(scratch.join("inside"), "").map_err(|e| unavailable("the scratch folder cannot be written", e))?;
    Ok(format!("Landlock {}, seccomp", abi as i32))
}

/// Files that whoever started us left open are none of the program's.
fn close_inherited() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers: Vec<i32> = open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|&number| number > 2) {
        // The listing itself is among them, and closed already.
        let _ = nix::unistd::close(number);
    }
}

/// Root in the sandbox is nobody: its powers are gone when it becomes the program, and what could be inherited, by whomever, is gone
/// at once (the ambient set is a part of that).
fn drop_capabilities() -> Result<(), SandboxError> {
    for capability in CapabilitySet::all().iter() {
        // Who is not root has none to drop, and may not.
        let _ = rustix::thread::remove_capability_from_bounding_set(capability);
    }
    let failed = |e| unavailable("what may be inherited of root's powers cannot be given up", e);
    let own = rustix::thread::capabilities(None).map_err(failed)?;
    if own.inheritable.is_empty() {
        return Ok(());
    }
    rustix::thread::set_capabilities(None, CapabilitySets { inheritable: CapabilitySet::empty(), ..own }).map_err(failed)
}

fn limit(cell: &Cell) -> Result<(), SandboxError> {
    let Limits { memory, cpu, disk, .. } = cell.limits;
    let both = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    // One interpreter needs the addresses that it uses. Compilers and other runtimes set more aside than they touch.
    let of_memory = if cell.processes { Resource::Data } else { Resource::As };
    let mut limits =
        vec![(of_memory, memory), (Resource::Cpu, cpu), (Resource::Fsize, disk), (Resource::Core, 0), (Resource::Nofile, 256)];
    // The kernel counts all tasks of the user, and none of root's: a last resort, the watcher's count is what holds.
    if let Some(tasks) = tasks_of_all() {
        limits.push((Resource::Nproc, tasks + cell.limits.tasks));
    }
    for (resource, most) in limits {
        let have = rustix::process::getrlimit(resource).maximum;
        let most = have.map_or(most, |have| have.min(most));
        setrlimit(resource, both(most)).map_err(|e| unavailable("a limit cannot be set", e))?;
    }
    Ok(())
}

/// Tasks on this machine.
fn tasks_of_all() -> Option<u64> {
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    load.split_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

fn landlock(cell: &Cell) -> Result<ABI, SandboxError> {
    let failed = |e: landlock::RulesetError| unavailable("Landlock cannot be used", e);
    let read = AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir;
    let devices: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::WriteFile;
    let write = AccessFs::from_all(NEWEST) & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeSock);
    let system = SYSTEM.iter().map(PathBuf::from).chain(cell.read.iter().cloned());
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rules(path_beneath_rules(system, read)))
        .and_then(|rules| rules.add_rules(path_beneath_rules(DEVICES, devices)))
        .and_then(|rules| rules.add_rules(path_beneath_rules([&cell.scratch], write)))
        .and_then(|rules| rules.restrict_self())
        .map_err(failed)?;
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. } if status.ruleset != RulesetStatus::NotEnforced => Ok(effective_abi),
        _ => Err(SandboxError::Unavailable("this kernel has no Landlock, or it is not switched on (Linux 5.13 or newer)".into())),
    }
}
