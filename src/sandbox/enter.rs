//! The launcher's part: a process gives up its rights and executes the program.

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

use super::cell::{Cell, Limits};
use super::error::SandboxError;
use super::filter::{self, Signals};

/// The newest version of Landlock that is requested. Of an older one, its features are used, and the filter of system calls covers
/// the others.
const NEWEST: ABI = ABI::V7;

/// The paths of the system that any program may read. Nothing of the user's is among them.
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

/// The niceness of programs that may start others.
const NICE: i32 = 10;

/// The devices that a program may read and write; none of them is hardware.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"];

fn unavailable(what: &str, cause: impl std::fmt::Display) -> SandboxError {
    SandboxError::Unavailable(format!("{what}: {cause}"))
}

/// Gives up the rights of this process, for the program that it executes and for all descendants. Returns the version of Landlock.
///
/// # Errors
/// [`SandboxError::Unavailable`]; this process must end then, because it may have lost only a part of its rights.
fn give_up(cell: &Cell) -> Result<ABI, SandboxError> {
    // The program ends when gepard ends. The filter of system calls prevents it from changing that.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| unavailable("its end cannot be tied to ours", e))?;
    close_inherited();
    drop_capabilities()?;
    limit(cell)?;
    if cell.processes {
        // With a higher priority than theirs, the watching process gets processor time however many they are. Only root may raise a
        // priority, so a lower one than this is kept.
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

/// Isolates this process and executes the program `argv` with a minimal environment.
///
/// # Errors
/// [`SandboxError`]; this process must end then, because it has lost its rights.
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

/// Returns a command with the environment of the sandbox. Nothing of gepard's environment is in it, which may contain secrets.
pub(super) fn command(program: &Path, scratch: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(scratch).env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("HOME", scratch).env("TMPDIR", scratch).env("LANG", "C.UTF-8").env("PYTHONHASHSEED", "0");
    // Without these, the libraries start a thread for each core at once, each with memory of its own.
    command.env("OMP_NUM_THREADS", "1").env("OPENBLAS_NUM_THREADS", "1").env("MKL_NUM_THREADS", "1");
    // Without this, glibc reserves addresses for each thread, which count where the limit is one of addresses.
    command.env("MALLOC_ARENA_MAX", "1");
    command
}

/// Isolates this process with `scratch` as its folder, and tests the isolation. Returns the means of isolation as text.
///
/// # Errors
/// [`SandboxError::Unavailable`] with the right that was not lost.
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

/// Closes the files that were inherited from the process that started this one.
fn close_inherited() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers: Vec<i32> = open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|&number| number > 2) {
        // One of the numbers is that of the listing, which is closed already.
        let _ = nix::unistd::close(number);
    }
}

/// Drops all capabilities, so that root has none in the sandbox: those of the bounding set when the program is executed, and the
/// inheritable ones, with the ambient ones among them, at once.
fn drop_capabilities() -> Result<(), SandboxError> {
    for capability in CapabilitySet::all().iter() {
        // This fails for a user other than root, who has no capabilities to drop.
        let _ = rustix::thread::remove_capability_from_bounding_set(capability);
    }
    let failed = |e| unavailable("what may be inherited of root's powers cannot be given up", e);
    let own = rustix::thread::capabilities(None).map_err(failed)?;
    if own.inheritable.is_empty() {
        return Ok(());
    }
    rustix::thread::set_capabilities(None, CapabilitySets { inheritable: CapabilitySet::empty(), ..own }).map_err(failed)
}

/// Sets the resource limits, none above the present ones.
fn limit(cell: &Cell) -> Result<(), SandboxError> {
    let Limits { memory, cpu, disk, .. } = cell.limits;
    let both = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    // A single interpreter reserves about the addresses that it uses, so these are limited. Compilers and other runtimes reserve
    // many more than they use.
    let of_memory = if cell.processes { Resource::Data } else { Resource::As };
    let mut limits =
        vec![(of_memory, memory), (Resource::Cpu, cpu), (Resource::Fsize, disk), (Resource::Core, 0), (Resource::Nofile, 256)];
    // The kernel counts all tasks of the user and none of root's, so this limit is a last resort behind the watching process.
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

/// Returns the number of tasks on this machine.
fn tasks_of_all() -> Option<u64> {
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    load.split_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

/// Restricts the access to files, network and other processes with Landlock. Returns its version.
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
