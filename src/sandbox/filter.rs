//! Which system calls a program may not make. What Landlock knows nothing of, or an older one does not: sockets, signals,
//! processes, rights and dates of files, other processes' memory, the kernel's rarer doors.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// Whom a program may signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signals {
    /// The process with this number, which is itself.
    ToItself(u32),
    /// Landlock sees to it that it is only those in the sandbox.
    Scoped,
    /// Nobody.
    None,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum FilterError {
    #[error("there is no filter for this processor")]
    Processor,
    #[error(transparent)]
    Build(#[from] seccompiler::BackendError),
    #[error(transparent)]
    Apply(#[from] seccompiler::Error),
}

/// Denied whatever the arguments.
#[rustfmt::skip]
const DENIED: &[i64] = &[
    // Network, and sockets of the machine. Pairs of sockets are allowed, but lead nowhere else.
    libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4,
    libc::SYS_sendmsg, libc::SYS_sendmmsg,
    // Memory and queues that outlive a process, or that no limit counts.
    libc::SYS_shmget, libc::SYS_shmat, libc::SYS_shmctl, libc::SYS_semget, libc::SYS_semctl, libc::SYS_semtimedop,
    libc::SYS_semop, libc::SYS_msgget, libc::SYS_msgctl, libc::SYS_msgsnd, libc::SYS_msgrcv, libc::SYS_mq_open,
    libc::SYS_mq_unlink, libc::SYS_memfd_create, libc::SYS_memfd_secret, libc::SYS_add_key, libc::SYS_request_key,
    libc::SYS_keyctl,
    // Other processes.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_process_madvise,
    libc::SYS_process_mrelease, libc::SYS_kcmp, libc::SYS_pidfd_open, libc::SYS_pidfd_getfd, libc::SYS_pidfd_send_signal,
    libc::SYS_tkill, libc::SYS_setpriority, libc::SYS_ioprio_set, libc::SYS_migrate_pages, libc::SYS_move_pages,
    // The process group is what is killed in the end; nobody leaves it.
    libc::SYS_setpgid, libc::SYS_setsid,
    // Rights, owners and dates of files: Landlock does not guard them.
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

/// The same, of calls that only this processor has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const DENIED_HERE: &[i64] = &[
    libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat,
    libc::SYS_mknod, libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[i64] = &[];

/// Said not to exist, so that the C library takes an older call whose arguments a filter can read, or does without. What lies in
/// a pipe by reference is memory that no limit counts.
const UNKNOWN: [i64; 5] = [libc::SYS_clone3, libc::SYS_openat2, libc::SYS_vmsplice, libc::SYS_splice, libc::SYS_tee];

/// Calls that came after this was written.
const LATER: std::ops::RangeInclusive<i64> = 463..=511;

/// Calls of the x32 ABI have this bit, and would pass a filter that knows only their numbers.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Denies `call` where all conditions hold.
fn deny(rules: &mut Rules, call: i64, conditions: &[(u8, Len, Op, u64)]) -> Result<(), FilterError> {
    let conditions =
        conditions.iter().map(|(argument, len, op, value)| SeccompCondition::new(*argument, len.clone(), op.clone(), *value));
    let rule = SeccompRule::new(conditions.collect::<Result<_, _>>()?)?;
    rules.entry(call).or_default().push(rule);
    Ok(())
}

fn denied(processes: bool, signals: Signals) -> Result<Rules, FilterError> {
    let mut rules: Rules = DENIED.iter().chain(DENIED_HERE).map(|&call| (call, Vec::new())).collect();
    let rules_of = &mut rules;
    if processes {
        // Processes, but no namespaces: in one of its own a program is root.
        for bit in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWPID, libc::CLONE_NEWNET, libc::CLONE_NEWIPC] {
            let bit = bit as u64;
            deny(rules_of, libc::SYS_clone, &[(0, Len::Qword, Op::MaskedEq(bit), bit)])?;
        }
    } else {
        // Threads, but no processes.
        deny(rules_of, libc::SYS_clone, &[(0, Len::Qword, Op::MaskedEq(libc::CLONE_THREAD as u64), 0)])?;
        #[cfg(target_arch = "x86_64")]
        rules_of.extend([(libc::SYS_fork, Vec::new()), (libc::SYS_vfork, Vec::new())]);
    }
    // The threads of a process have the same open files: who looks at one has seen all.
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
    // Of limits and schedules, one may look at one's own.
    for call in [libc::SYS_prlimit64, libc::SYS_sched_setaffinity, libc::SYS_sched_setparam, libc::SYS_sched_setscheduler] {
        deny(rules_of, call, &[(0, Len::Dword, Op::Ne, 0)])?;
    }
    deny(rules_of, libc::SYS_sched_setattr, &[(0, Len::Dword, Op::Ne, 0)])?;
    deny(rules_of, libc::SYS_prlimit64, &[(2, Len::Qword, Op::Ne, 0)])?;
    // It ends when gepard ends, and its open files can be counted.
    for option in [libc::PR_SET_PDEATHSIG, libc::PR_SET_DUMPABLE] {
        deny(rules_of, libc::SYS_prctl, &[(0, Len::Dword, Op::Eq, option as u64)])?;
    }
    // A datagram with an address goes anywhere.
    deny(rules_of, libc::SYS_sendto, &[(4, Len::Qword, Op::Ne, 0)])?;
    // Room set aside beyond a file's end counts towards no limit on most file systems.
    let keep = libc::FALLOC_FL_KEEP_SIZE as u64;
    deny(rules_of, libc::SYS_fallocate, &[(1, Len::Dword, Op::MaskedEq(keep), keep)])?;
    // Files that ask for a signal to somebody: whom, and which. Sockets are asked by requests as well. A lease keeps others out.
    for command in [libc::F_SETOWN, F_SETOWN_EX, F_SETSIG, libc::F_SETLEASE] {
        deny(rules_of, libc::SYS_fcntl, &[(1, Len::Dword, Op::Eq, command as u64)])?;
    }
    // The same, text pushed into a terminal, and what makes a file unchangeable, its owner's too, though it is open for reading only.
    for request in [FIOSETOWN, SIOCSPGRP, TIOCSTI, TIOCLINUX, FS_IOC_SETFLAGS, FS_IOC32_SETFLAGS, FS_IOC_FSSETXATTR] {
        deny(rules_of, libc::SYS_ioctl, &[(1, Len::Dword, Op::Eq, request)])?;
    }
    // Opened for reading, emptied all the same: a Landlock before 6.2 sees only the reading.
    let emptied = Op::MaskedEq((libc::O_ACCMODE | libc::O_TRUNC) as u64);
    deny(rules_of, libc::SYS_openat, &[(2, Len::Dword, emptied.clone(), libc::O_TRUNC as u64)])?;
    #[cfg(target_arch = "x86_64")]
    deny(rules_of, libc::SYS_open, &[(1, Len::Dword, emptied, libc::O_TRUNC as u64)])?;
    Ok(rules)
}

/// The command that gives a file an owner to signal, by thread.
const F_SETOWN_EX: i32 = 15;
/// The command that says which signal that is.
const F_SETSIG: i32 = 10;
/// Gives a socket an owner to signal.
const FIOSETOWN: u64 = 0x8901;
/// The same by its older name.
const SIOCSPGRP: u64 = 0x8902;
/// Pushes a character into a terminal's input.
const TIOCSTI: u64 = 0x5412;
/// Pastes into a console.
const TIOCLINUX: u64 = 0x541c;
/// Gives a file flags, such as that nobody can change it.
const FS_IOC_SETFLAGS: u64 = 0x4008_6602;
/// The same in its narrow form.
const FS_IOC32_SETFLAGS: u64 = 0x4004_6602;
/// The same, and more.
const FS_IOC_FSSETXATTR: u64 = 0x401c_5820;

fn install(mut rules: Rules, errno: i32) -> Result<(), FilterError> {
    #[cfg(target_arch = "x86_64")]
    rules.extend(rules.keys().map(|call| (call | X32, Vec::new())).collect::<Vec<_>>());
    let processor = TargetArch::try_from(std::env::consts::ARCH).map_err(|_| FilterError::Processor)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno as u32), processor)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

/// Holds for this process and all that it becomes.
pub(super) fn apply(processes: bool, signals: Signals) -> Result<(), FilterError> {
    install(UNKNOWN.into_iter().chain(LATER).map(|call| (call, Vec::new())).collect(), libc::ENOSYS)?;
    install(denied(processes, signals)?, libc::EPERM)
}
