//! The filter of system calls, for what Landlock or an older version of it does not restrict: sockets, signals, processes,
//! permissions and dates of files, the memory of other processes, and rarely used interfaces of the kernel.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// The processes that a program may signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signals {
    /// The process with this id, which is the program's own.
    ToItself(u32),
    /// Those in the sandbox; Landlock restricts signals to them.
    Scoped,
    /// None.
    None,
}

/// The reason why the filter could not be installed.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilterError {
    #[error("there is no filter for this processor")]
    Processor,
    #[error(transparent)]
    Build(#[from] seccompiler::BackendError),
    #[error(transparent)]
    Apply(#[from] seccompiler::Error),
}

/// The system calls that are denied whatever their arguments.
#[rustfmt::skip]
const DENIED: &[i64] = &[
    // Network and local sockets. Pairs of connected sockets are allowed, because they lead to no other process.
    libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4,
    libc::SYS_sendmsg, libc::SYS_sendmmsg,
    // Memory and queues that outlive a process or are not counted towards a limit.
    libc::SYS_shmget, libc::SYS_shmat, libc::SYS_shmctl, libc::SYS_semget, libc::SYS_semctl, libc::SYS_semtimedop,
    libc::SYS_semop, libc::SYS_msgget, libc::SYS_msgctl, libc::SYS_msgsnd, libc::SYS_msgrcv, libc::SYS_mq_open,
    libc::SYS_mq_unlink, libc::SYS_memfd_create, libc::SYS_memfd_secret, libc::SYS_add_key, libc::SYS_request_key,
    libc::SYS_keyctl,
    // Other processes.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_process_madvise,
    libc::SYS_process_mrelease, libc::SYS_kcmp, libc::SYS_pidfd_open, libc::SYS_pidfd_getfd, libc::SYS_pidfd_send_signal,
    libc::SYS_tkill, libc::SYS_setpriority, libc::SYS_ioprio_set, libc::SYS_migrate_pages, libc::SYS_move_pages,
    // The process group is killed in the end, so no process may leave it.
    libc::SYS_setpgid, libc::SYS_setsid,
    // Permissions, owners and dates of files, which Landlock does not restrict.
    libc::SYS_fchmod, libc::SYS_fchmodat, libc::SYS_fchmodat2, libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_utimensat,
    libc::SYS_setxattr, libc::SYS_lsetxattr, libc::SYS_fsetxattr, libc::SYS_removexattr, libc::SYS_lremovexattr,
    libc::SYS_fremovexattr, libc::SYS_truncate, libc::SYS_mknodat, libc::SYS_inotify_add_watch, libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark, libc::SYS_name_to_handle_at, libc::SYS_open_by_handle_at,
    // The machine.
    libc::SYS_mount, libc::SYS_umount2, libc::SYS_move_mount, libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount,
    libc::SYS_fspick, libc::SYS_open_tree, libc::SYS_mount_setattr, libc::SYS_pivot_root, libc::SYS_chroot, libc::SYS_unshare,
    libc::SYS_setns, libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter, libc::SYS_io_uring_register, libc::SYS_init_module, libc::SYS_finit_module,
    libc::SYS_delete_module, libc::SYS_kexec_load, libc::SYS_kexec_file_load, libc::SYS_reboot, libc::SYS_swapon,
    libc::SYS_swapoff, libc::SYS_sethostname, libc::SYS_setdomainname, libc::SYS_settimeofday, libc::SYS_clock_settime,
    libc::SYS_clock_adjtime, libc::SYS_adjtimex, libc::SYS_quotactl, libc::SYS_quotactl_fd, libc::SYS_syslog, libc::SYS_acct,
    libc::SYS_personality, libc::SYS_vhangup, libc::SYS_setrlimit,
];

/// The system calls of this processor only that are denied whatever their arguments.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const DENIED_HERE: &[i64] = &[
    libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat,
    libc::SYS_mknod, libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[i64] = &[];

/// The system calls that seem not to exist, so that the C library uses an older one whose arguments a filter can read, or none. The
/// last three put memory into a pipe by reference, where no limit counts it.
const UNKNOWN: [i64; 5] = [libc::SYS_clone3, libc::SYS_openat2, libc::SYS_vmsplice, libc::SYS_splice, libc::SYS_tee];

/// The numbers of system calls that were added to the kernel after this list was written.
const LATER: std::ops::RangeInclusive<i64> = 463..=511;

/// The bit in the numbers of system calls of the x32 ABI, which would pass a filter for the numbers without it.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Denies `call` where all conditions on its arguments hold.
fn deny(rules: &mut Rules, call: i64, conditions: &[(u8, Len, Op, u64)]) -> Result<(), FilterError> {
    let conditions =
        conditions.iter().map(|(argument, len, op, value)| SeccompCondition::new(*argument, len.clone(), op.clone(), *value));
    let rule = SeccompRule::new(conditions.collect::<Result<_, _>>()?)?;
    rules.entry(call).or_default().push(rule);
    Ok(())
}

/// Returns the rules for what a program may not do. `processes` is whether it may start processes.
fn denied(processes: bool, signals: Signals) -> Result<Rules, FilterError> {
    let mut rules: Rules = DENIED.iter().chain(DENIED_HERE).map(|&call| (call, Vec::new())).collect();
    let rules_of = &mut rules;
    if processes {
        // Processes are allowed, but no namespaces, in which a program could be root.
        for bit in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWPID, libc::CLONE_NEWNET, libc::CLONE_NEWIPC] {
            let bit = bit as u64;
            deny(rules_of, libc::SYS_clone, &[(0, Len::Qword, Op::MaskedEq(bit), bit)])?;
        }
    } else {
        // Threads are allowed, but no processes.
        deny(rules_of, libc::SYS_clone, &[(0, Len::Qword, Op::MaskedEq(libc::CLONE_THREAD as u64), 0)])?;
        #[cfg(target_arch = "x86_64")]
        rules_of.extend([(libc::SYS_fork, Vec::new()), (libc::SYS_vfork, Vec::new())]);
    }
    // All threads of a process have the same open files, so that looking at one thread is enough.
    let (thread, both) = (libc::CLONE_THREAD as u64, (libc::CLONE_THREAD | libc::CLONE_FILES) as u64);
    deny(rules_of, libc::SYS_clone, &[(0, Len::Qword, Op::MaskedEq(both), thread)])?;
    let unshare = libc::CLOSE_RANGE_UNSHARE.into();
    deny(rules_of, libc::SYS_close_range, &[(2, Len::Dword, Op::MaskedEq(unshare), unshare)])?;
    let signalling = [libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo];
    for call in signalling {
        match signals {
            Signals::ToItself(own) => deny(rules_of, call, &[(0, Len::Dword, Op::Ne, own.into())])?,
            Signals::Scoped => {}
            Signals::None => drop(rules_of.insert(call, Vec::new())),
        }
    }
    // A program may read its own limits and scheduling, and change none.
    for call in [libc::SYS_prlimit64, libc::SYS_sched_setaffinity, libc::SYS_sched_setparam, libc::SYS_sched_setscheduler] {
        deny(rules_of, call, &[(0, Len::Dword, Op::Ne, 0)])?;
    }
    deny(rules_of, libc::SYS_sched_setattr, &[(0, Len::Dword, Op::Ne, 0)])?;
    deny(rules_of, libc::SYS_prlimit64, &[(2, Len::Qword, Op::Ne, 0)])?;
    // The program must end when gepard ends, and its open files must remain readable.
    for option in [libc::PR_SET_PDEATHSIG, libc::PR_SET_DUMPABLE] {
        deny(rules_of, libc::SYS_prctl, &[(0, Len::Dword, Op::Eq, option as u64)])?;
    }
    // A datagram with an address could be sent to any process.
    deny(rules_of, libc::SYS_sendto, &[(4, Len::Qword, Op::Ne, 0)])?;
    // Space that is reserved behind the end of a file counts towards no limit on most file systems.
    let keep = libc::FALLOC_FL_KEEP_SIZE as u64;
    deny(rules_of, libc::SYS_fallocate, &[(1, Len::Dword, Op::MaskedEq(keep), keep)])?;
    // These choose the process and the signal for events on a file. A lease blocks other processes.
    for command in [libc::F_SETOWN, F_SETOWN_EX, F_SETSIG, libc::F_SETLEASE] {
        deny(rules_of, libc::SYS_fcntl, &[(1, Len::Dword, Op::Eq, command as u64)])?;
    }
    // These choose the process for events on a socket, insert text into a terminal's input, and set flags of files that are open for
    // reading only, such as the one that makes a file immutable.
    for request in [FIOSETOWN, SIOCSPGRP, TIOCSTI, TIOCLINUX, FS_IOC_SETFLAGS, FS_IOC32_SETFLAGS, FS_IOC_FSSETXATTR] {
        deny(rules_of, libc::SYS_ioctl, &[(1, Len::Dword, Op::Eq, request)])?;
    }
    // A file that is opened for reading with this flag is emptied, which Landlock before Linux 6.2 does not restrict.
    let emptied = Op::MaskedEq((libc::O_ACCMODE | libc::O_TRUNC) as u64);
    deny(rules_of, libc::SYS_openat, &[(2, Len::Dword, emptied.clone(), libc::O_TRUNC as u64)])?;
    #[cfg(target_arch = "x86_64")]
    deny(rules_of, libc::SYS_open, &[(1, Len::Dword, emptied, libc::O_TRUNC as u64)])?;
    Ok(rules)
}

/// The `fcntl` command that chooses the thread that is signalled for events on a file.
const F_SETOWN_EX: i32 = 15;
/// The `fcntl` command that chooses the signal for events on a file.
const F_SETSIG: i32 = 10;
/// The `ioctl` request that chooses the process that is signalled for events on a socket.
const FIOSETOWN: u64 = 0x8901;
/// The older `ioctl` request that chooses the process that is signalled for events on a socket.
const SIOCSPGRP: u64 = 0x8902;
/// The `ioctl` request that inserts a character into a terminal's input.
const TIOCSTI: u64 = 0x5412;
/// The `ioctl` request that pastes text into a console.
const TIOCLINUX: u64 = 0x541c;
/// The `ioctl` request that sets a file's flags, such as the one that makes it immutable.
const FS_IOC_SETFLAGS: u64 = 0x4008_6602;
/// The 32-bit form of the `ioctl` request that sets a file's flags.
const FS_IOC32_SETFLAGS: u64 = 0x4004_6602;
/// The `ioctl` request that sets a file's flags and other attributes.
const FS_IOC_FSSETXATTR: u64 = 0x401c_5820;

/// Installs a filter that lets the system calls of `rules` fail with `errno`.
fn install(mut rules: Rules, errno: i32) -> Result<(), FilterError> {
    #[cfg(target_arch = "x86_64")]
    rules.extend(rules.keys().map(|call| (call | X32, Vec::new())).collect::<Vec<_>>());
    let processor = TargetArch::try_from(std::env::consts::ARCH).map_err(|_| FilterError::Processor)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno as u32), processor)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

/// Installs the filter for this process, the program that it executes and all descendants.
pub(super) fn apply(processes: bool, signals: Signals) -> Result<(), FilterError> {
    install(UNKNOWN.into_iter().chain(LATER).map(|call| (call, Vec::new())).collect(), libc::ENOSYS)?;
    install(denied(processes, signals)?, libc::EPERM)
}
