//! The sandbox against programs that mean harm. Each is a model's answer, judged as a run judges it: it must not get what it
//! wants, its feedback must name what stopped it, and nothing of it may be left.

#![cfg(target_os = "linux")]

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::support::unchecked::not_checked;
use gepard::data::Example;
use gepard::metric::{Code, CodeSettings, Judgement, Language, Metric, MetricError, Passing};
use gepard::program::{Rollout, Step};
use gepard::sandbox::Sandbox;
use serde_json::json;

fn settings(language: Language) -> CodeSettings {
    CodeSettings {
        output: "code".into(),
        field: "tests".into(),
        setup: None,
        entry: None,
        language,
        score: Passing::Share,
        timeout: 1.0,
        memory: 512,
        prints: 64,
        disk: 8,
        read: Vec::new(),
        without_sandbox: false,
    }
}

/// Python with a second for each test, and more on a machine that is slower than the reference at the moment.
fn python_in_its_time() -> Code {
    let settings = settings(Language::Python { python: "python3".into() });
    metric(CodeSettings { timeout: settings.timeout * crate::support::slowness::slowness(), ..settings })
}

fn python() -> Code {
    metric(settings(Language::Python { python: "python3".into() }))
}

fn command(command: &[&str], build: &[&str], file: &str) -> Code {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let (command, build) = (texts(command), texts(build));
    metric(settings(Language::Command { command, build, file: file.into(), test_file: "test".into() }))
}

fn metric(settings: CodeSettings) -> Code {
    Code::with_sandbox(settings, Sandbox::with_launcher(Path::new(env!("CARGO_BIN_EXE_gepard"))).unwrap()).unwrap()
}

fn judge(metric: &Code, code: &str, tests: &[&str]) -> Judgement {
    judged(metric, code, tests).unwrap()
}

fn judged(metric: &Code, code: &str, tests: &[&str]) -> Result<Judgement, MetricError> {
    let fields = json!({ "tests": tests, "entry": "f" }).as_object().unwrap().clone();
    let step = Step { module: "write".into(), outputs: [("code".into(), code.into())].into(), ..Step::default() };
    metric.judge(&Example { id: "1".into(), fields }, &Rollout { steps: vec![step], failure: None }, &[])
}

/// What is left is looked for in the whole process, so that only one test may run in it.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Scratch folders of this process, and processes that run in one, deleted or not.
fn nothing_is_left() {
    let mark = format!("gepard-code-{}-", std::process::id());
    let folders = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let folders: Vec<_> = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with(&mark)).collect();
    assert!(folders.is_empty(), "{folders:?}");
    let runs_in = |entry: &fs::DirEntry| {
        fs::read_link(entry.path().join("cwd")).is_ok_and(|folder| folder.to_string_lossy().contains(&mark))
    };
    let processes: Vec<_> = fs::read_dir("/proc").unwrap().flatten().filter(runs_in).collect();
    assert!(processes.is_empty(), "{processes:?}");
}

/// Python whose `f` returns "done" if these lines get through.
fn f(lines: &str) -> String {
    let body: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "```python\nimport ctypes, os, signal, socket, sys, threading, time\nC = ctypes.CDLL(None, use_errno=True)\n\n\
             def need(result):\n    if result < 0: raise OSError(ctypes.get_errno(), 'denied')\n\n\
             def f():\n{body}    return 'done'\n```\nThat will do."
    )
}

const DENIED: &str = "PermissionError";

/// The system call that ends a thread.
const EXIT: u32 = if cfg!(target_arch = "x86_64") { 60 } else { 93 };

#[test]
fn hostile_python_gets_nothing_is_named_and_leaves_nothing() {
    let _alone = alone();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "the password").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let name = format!("gepard-test-{}", std::process::id());
    let abstract_listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let unix_listener = UnixListener::bind(outside.path().join("socket")).unwrap();
    let home = std::env::var("HOME").unwrap();
    let path = |name: &str| outside.path().join(name).display().to_string();
    let (secret_path, socket_path, new_path) = (path("secret"), path("socket"), path("new"));
    let (tcp, udp) = (listener.local_addr().unwrap().port(), datagrams.local_addr().unwrap().port());

    #[rustfmt::skip]
    let programs: Vec<(&str, String, &[&str])> = vec![
        ("reads a file", format!("open('{secret_path}').read()"), &[DENIED, "secret", "without network, processes, and files outside"]),
        ("reads what every system has", "open('/etc/passwd').read()".into(), &[DENIED, "/etc/passwd"]),
        ("lists the home folder", format!("os.listdir('{home}')"), &[DENIED]),
        ("writes a file", format!("open('{new_path}', 'w')"), &[DENIED]),
        ("deletes a file", format!("os.remove('{secret_path}')"), &[DENIED]),
        ("takes a file away", format!("os.rename('{secret_path}', 'mine')"), &["Error"]),
        ("empties a file", format!("os.truncate('{secret_path}', 0)"), &[DENIED]),
        ("empties a file that it may read", "os.open(os.__file__, os.O_RDONLY | os.O_TRUNC)".into(), &[DENIED]),
        ("changes rights", format!("os.chmod('{secret_path}', 0)"), &[DENIED]),
        ("changes dates", format!("os.utime('{secret_path}', (0, 0))"), &[DENIED]),
        ("links out", format!("os.symlink('{secret_path}', 'link')\nopen('link').read()"), &[DENIED]),
        ("links in", format!("os.link('{secret_path}', 'mine')\nopen('mine').read()"), &["Error"]),
        ("reads a process", "open(f'/proc/{os.getppid()}/environ').read()".into(), &[DENIED]),
        ("reads the environment", "os.environ['CARGO_BIN_EXE_gepard']\nos.environ['CARGO_MANIFEST_DIR']".into(), &["KeyError"]),
        ("connects", format!("socket.create_connection(('127.0.0.1', {tcp}))"), &[DENIED]),
        ("sends a datagram", format!("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {udp}))"), &[DENIED]),
        ("connects to a socket file", format!("socket.socket(socket.AF_UNIX).connect('{socket_path}')"), &[DENIED]),
        ("connects to a name", format!("socket.socket(socket.AF_UNIX).connect('\\0{name}')"), &[DENIED]),
        ("connects a pair elsewhere", format!("a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\na.connect('\\0{name}')"), &[DENIED]),
        ("forks", "os.fork()".into(), &[DENIED, "line"]),
        ("forks by another name", "os.posix_spawn('/bin/true', ['true'], {})".into(), &[DENIED]),
        ("is a fork bomb", "while True:\n    os.fork()".into(), &[DENIED]),
        ("becomes a daemon", "if os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)".into(), &[DENIED]),
        ("leaves its group", "os.setpgid(0, 0)\nos.setsid()".into(), &[DENIED]),
        ("runs a program", "import subprocess\nsubprocess.run(['/bin/true'])".into(), &[DENIED]),
        ("becomes a shell", "os.execv('/bin/sh', ['sh', '-c', 'exit 0'])".into(), &["ended the interpreter"]),
        ("is a bomb of threads", "threading.stack_size(65536)\nwhile True:\n    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()".into(), &["thread"]),
        ("kills its parent", "os.kill(os.getppid(), signal.SIGKILL)".into(), &[DENIED]),
        ("kills everybody", "os.kill(-1, signal.SIGKILL)".into(), &[DENIED]),
        ("stops its parent another way", "need(C.tgkill(os.getppid(), os.getppid(), 19))".into(), &[DENIED]),
        ("has a socket signal its parent", "import fcntl\nfcntl.ioctl(socket.socketpair()[0], 0x8901, os.getppid().to_bytes(4, sys.byteorder))".into(), &[DENIED]),
        ("has it done by another name", "import fcntl\nfcntl.ioctl(socket.socketpair()[0], 0x8902, os.getppid().to_bytes(4, sys.byteorder))".into(), &[DENIED]),
        ("says which signal a file sends", "import fcntl\nfcntl.fcntl(socket.socketpair()[0], 10, 9)".into(), &[DENIED]),
        ("takes a lease", "import fcntl\nfcntl.fcntl(os.open(os.__file__, os.O_RDONLY), 1024, fcntl.F_RDLCK)".into(), &[DENIED]),
        ("flags a file", "import fcntl\nfcntl.ioctl(os.open('x', os.O_RDWR | os.O_CREAT), 0x40086602, (64).to_bytes(8, sys.byteorder))".into(), &[DENIED]),
        ("flags it by another name", "import fcntl\nfcntl.ioctl(os.open('x', os.O_RDWR | os.O_CREAT), 0x401c5820, bytes(28))".into(), &[DENIED]),
        ("keeps memory in a pipe", "need(C.vmsplice(os.pipe()[1], None, 0, 0))".into(), &["Errno 38"]),
        ("keeps its files to itself", "need(C.syscall(436, 100, 200, 2))".into(), &[DENIED]),
        ("looks into its parent", "need(C.ptrace(16, os.getppid(), 0, 0))".into(), &[DENIED]),
        ("limits its parent", "import resource\nresource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))".into(), &[DENIED]),
        ("takes its limits off", "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))".into(), &["Error"]),
        ("takes a namespace", "need(C.unshare(0x10000000))".into(), &[DENIED]),
        ("mounts", "need(C.mount(b'none', b'.', b'tmpfs', 0, None))".into(), &[DENIED]),
        ("allocates 10 GB", "bytearray(10 << 30)".into(), &["MemoryError", "more memory than is allowed"]),
        ("allocates bit by bit", "x = []\nwhile True:\n    x.append(bytearray(1 << 20))".into(), &["MemoryError"]),
        ("maps 10 GB", "import mmap\nmmap.mmap(-1, 10 << 30)".into(), &["Error", "memory"]),
        ("prints without end", "while True:\n    print('x' * 1000)".into(), &["printed more than 64 KB"]),
        ("complains without end", "while True:\n    os.write(2, b'x' * 1000)".into(), &["printed more than 64 KB"]),
        ("writes without end", "with open('big', 'wb') as big:\n    while True:\n        big.write(b'x' * 100000)".into(), &["File too large"]),
        ("writes a file with holes", "open('big', 'wb').truncate(10 << 30)".into(), &["Error"]),
        ("writes many files", "n = 0\nwhile True:\n    n += 1\n    open(str(n), 'w').write('x' * 20000)".into(), &["more than 8 MB of files"]),
        ("hides what it writes", "n = 0\nwhile True:\n    n += 1\n    open(str(n), 'wb').write(b'x' * 1000) if n > 100 else None\n    globals()[str(n)] = open('big', 'wb')\n    globals()[str(n)].write(b'x' * 1000000)\n    os.remove('big')".into(), &["more than 8 MB of files"]),
        ("hides what it maps", "C.mmap.restype = ctypes.c_void_p\nfor _ in range(60):\n    file = os.open('big', os.O_RDWR | os.O_CREAT)\n    os.posix_fallocate(file, 0, 1 << 20)\n    C.mmap(None, ctypes.c_size_t(4096), 1, 1, file, ctypes.c_long(0))\n    os.remove('big')\n    os.close(file)\ntime.sleep(0.5)".into(), &["more than 8 MB of files"]),
        ("hides behind a thread", format!("def write():\n    time.sleep(0.2)\n    for n in range(60):\n        file = os.open('big', os.O_RDWR | os.O_CREAT)\n        os.remove('big')\n        os.posix_fallocate(file, 0, 1 << 20)\n    time.sleep(1)\nthreading.Thread(target=write).start()\nC.syscall({EXIT}, 0)"), &["more than 8 MB of files"]),
        ("closes its folder", "os.mkdir('closed', 0o300)\nn = 0\nwhile True:\n    n += 1\n    open(f'closed/{n}', 'w').write('x' * 100000)".into(), &["more than 8 MB of files"]),
        ("digs", "while True:\n    os.mkdir('x')\n    os.chdir('x')".into(), &["too many files"]),
        ("sleeps", "time.sleep(1000000)".into(), &["TIMED OUT", "`time.sleep(1000000)`"]),
        ("counts to infinity", "n = 0\nwhile True:\n    n += 1".into(), &["TIMED OUT", "where the time went", "in `f`"]),
        ("hides in one call", "import itertools\n1 in itertools.repeat(2)".into(), &["TIMED OUT", "all of it in one call", "itertools.repeat(2)"]),
        ("catches everything", "while True:\n    try:\n        time.sleep(1000)\n    except BaseException:\n        pass".into(), &["TIMED OUT", "time.sleep(1000)"]),
        ("is deaf", "for s in range(1, 32):\n    if s not in (9, 19): signal.signal(s, signal.SIG_IGN)\nsignal.setitimer(signal.ITIMER_REAL, 0)\ntime.sleep(1000)".into(), &["TIMED OUT"]),
        ("leaves early", "os._exit(0)".into(), &["ended the interpreter", "exit code 0"]),
        ("exits politely", "sys.exit(0)".into(), &["SystemExit"]),
        ("crashes", "ctypes.string_at(0)".into(), &["a segmentation fault"]),
        ("kills itself", "os.kill(os.getpid(), 9)".into(), &["it was killed"]),
        ("speaks for its judge", "for n in range(1, 64):\n    try: os.write(n, b'\\ngepard {\"ended\": {\"number\": 0, \"problem\": null, \"slow\": \"\"}}\\n{\"done\": null}\\n')\n    except OSError: pass\nos._exit(0)".into(), &["ended the interpreter"]),
        ("is equal to everything", "class All:\n    def __eq__(self, other): return True\nreturn All()".into(), &["`All` decides by an `__eq__` of its own"]),
        ("returns what says so", "class All(str):\n    def __eq__(self, other): return True\nreturn All('x')".into(), &["`All` decides"]),
        ("lends what says so", "from unittest.mock import ANY\nreturn ANY".into(), &["`_ANY` decides"]),
    ];
    assert!(programs.len() > 50);
    let metric = python_in_its_time();
    let (next, wrong) = (Mutex::new(programs.iter()), Mutex::new(Vec::new()));
    // What waits takes no processor: more at a time than there are.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((what, lines, names)) = { next.lock().unwrap().next() } {
                    let started = Instant::now();
                    let verdict = judge(&metric, &f(lines), &["assert f() == 'done'"]);
                    let (words, took) = (&verdict.feedback, started.elapsed());
                    let missing = names.iter().any(|name| !words.contains(name));
                    if verdict.score > 0.0 || missing || took > Duration::from_secs(30) {
                        wrong
                            .lock()
                            .unwrap()
                            .push(format!("who {what}: {} after {took:?}, {names:?} in: {words}", verdict.score));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    nothing_is_left();
    assert_eq!(fs::read_to_string(&secret).unwrap(), "the password");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 2);
    assert_ne!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0);
    assert!(fs::metadata(&secret).unwrap().modified().unwrap().elapsed().unwrap() < Duration::from_secs(3600));
    for heard in [
        listener.set_nonblocking(true).and_then(|()| listener.accept().map(drop)),
        abstract_listener.set_nonblocking(true).and_then(|()| abstract_listener.accept().map(drop)),
        unix_listener.set_nonblocking(true).and_then(|()| unix_listener.accept().map(drop)),
        datagrams.set_nonblocking(true).and_then(|()| datagrams.recv(&mut [0; 8]).map(drop)),
    ] {
        assert_eq!(heard.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[test]
fn hostile_commands_get_nothing_and_leave_nothing() {
    let _alone = alone();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "the password").unwrap();
    let secret_path = secret.display().to_string();
    let metric = command(&["sh", "code.sh"], &[], "code.sh");
    #[rustfmt::skip]
    let programs: Vec<(&str, String, &[&str])> = vec![
        ("reads a file", format!("cat {secret_path}"), &["Permission denied"]),
        ("writes a file", format!("echo x > {secret_path}"), &["Permission denied"]),
        ("kills its parent", "kill -9 $PPID".into(), &["not permitted"]),
        ("is a fork bomb", "b() { b | b & }; b; sleep 100".into(), &["more than 256 threads or processes"]),
        ("sleeps", "sleep 1000".into(), &["TIMED OUT"]),
        ("leaves a daemon that holds its pipes", "sleep 1000 & exit 3".into(), &["exit code 3"]),
        ("leaves a daemon in a session of its own", "setsid sleep 1000 </dev/null >/dev/null 2>&1 || exit 4".into(), &["exit code"]),
        ("prints without end", "yes".into(), &["printed more than 64 KB"]),
        ("reads the environment", "test -n \"$CARGO_MANIFEST_DIR\"".into(), &["exit code 1"]),
    ];
    for (what, code, names) in &programs {
        let verdict = judge(&metric, code, &["a test"]);
        let words = &verdict.feedback;
        assert_eq!(verdict.score, 0.0, "who {what} got through: {words}");
        for name in *names {
            assert!(words.contains(name), "who {what} should read `{name}`, but: {words}");
        }
        nothing_is_left();
    }
    let quiet = judge(&metric, "(sleep 1000 &) </dev/null >/dev/null 2>&1; exit 0", &["a test"]);
    assert_eq!(quiet.score, 1.0, "{}", quiet.feedback);
    nothing_is_left();
    assert_eq!(fs::read_to_string(&secret).unwrap(), "the password");
}

#[test]
fn a_program_that_hides_its_files_is_named() {
    let _alone = alone();
    if rustix::process::geteuid().is_root() {
        not_checked("nothing is hidden from root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("sleep");
    fs::copy("/bin/sleep", &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o111)).unwrap();
    let (name, texts) = (program.display().to_string(), Vec::new());
    let language =
        Language::Command { command: vec![name, "5".into()], build: texts, file: "code".into(), test_file: "test".into() };
    let verdict = judge(&metric(CodeSettings { read: vec![program], ..settings(language) }), "x", &["a test"]);
    assert!(verdict.feedback.contains("does not show which files it holds"), "{}", verdict.feedback);
    nothing_is_left();
}

#[test]
fn tests_are_counted_and_one_that_ends_the_interpreter_costs_itself_alone() {
    let _alone = alone();
    let code = f("").replace("def f():\n", "def f(x):\n    if x == 1: os._exit(0)\n    if x == 2: return 7\n");
    let tests = ["assert f(0) == 'done'", "assert f(1) == 'done'", "assert f(2) == 'done'", "assert f(3) == 'done'"];
    let verdict = judge(&python(), &code, &tests);
    assert_eq!(verdict.score, 0.5, "{}", verdict.feedback);
    assert_eq!((verdict.objectives["share"], verdict.objectives["all"]), (0.5, 0.0));
    let wanted = "2 of 4 tests passed.\n- FAILED: `assert f(1) == 'done'`: the code ended the interpreter (exit code 0)\n\
                  - FAILED: `assert f(2) == 'done'` failed: expected 'done' (str), but `f(2)` is 7 (int)";
    assert_eq!(verdict.feedback, wanted);
    nothing_is_left();
}

#[test]
fn what_fails_between_tests_costs_those_after_it() {
    let _alone = alone();
    let tests = "assert f(1) == 1\nassert f(2) == 2\ny = f(3)\nassert y == 3";
    let check = format!("def check(candidate):\n    {}\n\ncheck(f)", tests.replace('f', "candidate").replace('\n', "\n    "));
    for (then, says) in [
        ("raise ValueError('three')", "ValueError: three; in `f`, line 2: `if x == 3: raise ValueError('three')`"),
        ("__import__('os')._exit(0)", "the code ended the interpreter (exit code 0)"),
        ("\n        while True: pass", "- TIMED OUT: `assert y == 3` took longer than 1 s; where the time went: "),
    ] {
        let code = format!("def f(x):\n    if x == 3: {then}\n    return x");
        for tests in [tests, &check] {
            let verdict = judge(&python(), &code, &[tests]);
            assert_eq!(verdict.score, 2.0 / 3.0, "{}", verdict.feedback);
            assert!(verdict.feedback.contains(says), "{says} not in {}", verdict.feedback);
        }
    }
    let verdict = judge(&python(), "def f(x):\n    return [][0] if x == 3 else x", &[tests]);
    let wanted = "2 of 3 tests passed.\n- FAILED: `assert y == 3`: not reached: `y = f(3)`: IndexError: list index out of range; in `f`, \
                  line 2: `return [][0] if x == 3 else x`";
    assert_eq!(verdict.feedback, wanted);
    let verdict = judge(&python(), "def f(x):\n    return [][0]", &["y = f(3)\nassert y == 3"]);
    assert!(verdict.feedback.contains("no test was reached: before the tests: IndexError"), "{}", verdict.feedback);
}

/// Classes of an answer, as right code has them, and one that forges.
const CLASSES: &str = r#"
import contextlib
import functools
import weakref
from collections import UserDict
from dataclasses import dataclass

@dataclass(frozen=True)
class P:
    x: int
    y: int

def make(x, y):
    return P(x, y)

class Hand:
    def __init__(self): self.cards = [P(1, 2), Rect(1, 2)]
    def __contains__(self, card): return card in self.cards

class Rect:
    def __init__(self, a, b): self.a, self.b = a, b
    def __eq__(self, other): return isinstance(other, Rect) and (self.a, self.b) == (other.a, other.b)

class Square(Rect):
    def __init__(self, a): super().__init__(a, a)

class Bag(list):
    def __eq__(self, other): return sorted(self) == sorted(other)

@functools.total_ordering
class Degrees:
    def __init__(self, value): self.value = value
    def __eq__(self, other): return self.value == getattr(other, 'value', other)
    def __lt__(self, other): return self.value < getattr(other, 'value', other)

class All:
    def __eq__(self, other): return True
    def __hash__(self): return 5

class Lists(list): pass

class Hidden(type):
    __mro__ = property(lambda self: (object,))
    __dict__ = property(lambda self: {})

def forge(kind='plain'):
    if kind == 'str': return type('All', (), {'__eq__': str})()
    if kind == 'partial': return type('All', (), {'__eq__': functools.partial(lambda *_: True)})()
    if kind == 'hidden': return Hidden('All', (), {'__eq__': lambda *_: True})()
    if kind == 'int': return type('All', (int,), {'__eq__': int.__ne__})()
    if kind == 'borrowed': return type('All', (), {'__eq__': contextlib.ContextDecorator.__call__})()
    if kind == 'proxy': return weakref.proxy(ALL)
    return All()

ALL = All()

class Fading(All):
    def __eq__(self, other):
        All.__eq__ = lambda self, other: other is self
        del Fading.__eq__
        return True
"#;

#[test]
fn an_eq_of_its_own_counts_where_it_can_decide() {
    let _alone = alone();
    let good = [
        "make(1, 2) is not None",
        "make(1, 2) != 'a'",
        "make(1, 2) == P(1, 2)",
        "None is not make(1, 2) != 3",
        "[make(1, 2), 3] == [P(1, 2), 3]",
        "make(1, 2) in Hand()",
        "make(1, 2) in Hand().cards",
        "make(1, 2) in {P(1, 2): 1}",
        "make(1, 2) in {P(1, 2): 1}.keys()",
        "make(1, 2) in (p for p in [P(1, 2)])",
        "'a' in {'a': P(1, 2)}",
        "3 in Bag([1, 3])",
        "Square(2) == Rect(2, 2)",
        "Degrees(5) < 6",
        "UserDict(a=1) == {'a': 1}",
    ];
    let forged = [
        "forge() == 5",
        "0 == 0 == forge()",
        "5 in [forge()]",
        "forge() in range(3)",
        "forge() in {5: 1}",
        "{forge()} == {5}",
        "forge() is not None == forge()",
        "Lists([forge()]) == [5]",
        "forge('str') == 5",
        "forge('partial') == 5",
        "forge('hidden') == 5",
        "forge('int') == 5",
        "forge('borrowed') == 5",
    ];
    for (asserted, score) in good.map(|test| (test, 1.0)).into_iter().chain(forged.map(|test| (test, 0.0))) {
        let verdict = judge(&python(), CLASSES, &[&format!("assert {asserted}")]);
        assert_eq!(verdict.score, score, "{asserted}: {}", verdict.feedback);
        assert_eq!(verdict.feedback.contains("`All` decides by an `__eq__` of its own"), score == 0.0, "{}", verdict.feedback);
    }
    // In a loop each comparison counts, and one that is gone when it has decided does.
    let looped = "for x, y in [(forge(), 5), (3, 3)]:\n    assert x == y";
    let verdict = judge(&python(), CLASSES, &[looped, "assert Fading() == 5", "assert forge('proxy') == 5"]);
    assert_eq!(verdict.score, 0.0, "{}", verdict.feedback);
}

#[test]
fn what_the_tests_say_is_equal_is() {
    let _alone = alone();
    let near = "class Near:\n    def __init__(self, value): self.value = value\n    def __eq__(self, other): return abs(self.value - other) < 0.1\n";
    let code = "from dataclasses import dataclass\n@dataclass\nclass P: pass\ndef f(x): return x ** 0.5\ndef g(): return {'id': P(), 'x': 1}";
    let mock = "from unittest.mock import ANY\nassert g() == {'id': ANY, 'x': 1}";
    let set = "from unittest.mock import MagicMock\nmock = MagicMock()\nmock.__eq__.return_value = True\nassert f(4) == mock";
    let verdict = judge(&python(), code, &[&format!("{near}assert f(2) == Near(1.4)"), mock, set]);
    assert_eq!(verdict.score, 1.0, "{}", verdict.feedback);
    // So do classes of a library of the user's.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("nearly.py"), near).unwrap();
    let read = vec![folder.path().join("..").join(folder.path().file_name().unwrap())];
    let metric = metric(CodeSettings { read, ..settings(Language::Python { python: "python3".into() }) });
    let test =
        format!("import sys\nsys.path.append('{}')\nfrom nearly import Near\nassert f(2) == Near(1.4)", folder.path().display());
    let verdict = judge(&metric, code, &[&test]);
    assert_eq!(verdict.score, 1.0, "{}", verdict.feedback);
}

#[test]
fn large_values_are_compared_as_fast_as_python_does_it() {
    let _alone = alone();
    let cube = "[[[0] * 150 for _ in range(150)] for _ in range(150)]";
    let python = python_in_its_time();
    let verdict = judge(&python, &format!("def f(): return {cube}"), &[&format!("assert f() == {cube}")]);
    assert_eq!(verdict.score, 1.0, "{}", verdict.feedback);
    let looped = "a = list(range(1000))\nfor n in range(8000):\n    assert f(n) == a";
    let verdict = judge(&python, "a = list(range(1000))\ndef f(n): return a", &[looped]);
    assert_eq!(verdict.score, 1.0, "{}", verdict.feedback);
}

#[test]
fn many_threads_are_no_memory() {
    let _alone = alone();
    let lines = "end = threading.Event()\nall = [threading.Thread(target=end.wait) for _ in range(200)]\nfor one in all: one.start()\n\
                 end.set()\nfor one in all: one.join()";
    let verdict = judge(&python(), &f(lines), &["assert f() == 'done'"]);
    assert_eq!(verdict.score, 1.0, "{}", verdict.feedback);
}

#[test]
fn a_time_limit_of_the_code_does_not_end_ours() {
    let _alone = alone();
    let lines = "def late(*_): raise TimeoutError\nsignal.signal(signal.SIGALRM, late)\nsignal.alarm(5)\nsignal.alarm(0)";
    let code = format!("{}\n\ndef g():\n    return sum(i for i in range(1000000))", f(lines).replace("\n```\nThat will do.", ""));
    let verdict = judge(&python(), &code.replace("```python\n", ""), &["assert f() == 'done'", "assert g() == 499999500000"]);
    assert_eq!(verdict.score, 1.0, "{}", verdict.feedback);
}

#[test]
fn names_of_a_check_are_not_those_of_the_code() {
    let _alone = alone();
    let check = "def check(candidate):\n    for k in range(3):\n        str = 'abc'\n        assert candidate(k) == '%d' % k\n    assert candidate(7) == '7'\n";
    let verdict = judge(&python(), "def f(x): return str(x)", &[&format!("{check}\ncheck(f)")]);
    assert_eq!(verdict.feedback, "All 1 tests passed.");
    // Where nothing is in the way, each assert is a test.
    let verdict = judge(&python(), "def f(x): return repr(x)", &[&format!("{check}\ncheck(f)")]);
    assert_eq!(verdict.feedback, "All 2 tests passed.");
}

#[test]
fn functions_that_test_are_called() {
    let _alone = alone();
    let one = "import math\n\ndef test_a():\n    assert f(1) == 1\n\ndef test_b():\n    assert f(2) == 4\n\ndef test_c(given): pass\n\n\
               if __name__ == '__main__':\n    test_a()\n";
    let verdict = judge(&python(), "def f(x): return x", &[one]);
    assert_eq!(
        verdict.feedback,
        "1 of 2 tests passed.\n- FAILED: `test_b()`: `assert f(2) == 4` failed: expected 4, but `f(2)` is 2"
    );
    let verdict = judge(&python(), "def f(x): return x", &["def test_a(): assert f(1) == 1", "def test_b(): assert f(2) == 4"]);
    assert_eq!(verdict.score, 0.5, "{}", verdict.feedback);
    // What stands beside them is no reason not to call them, unless it does it.
    let beside = "import random; random.seed(0)\ndef test_a(): assert f(1) == 2";
    assert_eq!(judge(&python(), "def f(x): return x", &[beside]).score, 0.0);
    let run = "calls = []\ndef test_a():\n    calls.append(f(1))\n    assert calls == [1]\n\ndef run(): test_a()\n\nrun()";
    assert_eq!(judge(&python(), "def f(x): return x", &[run]).feedback, "All 1 tests passed.");
    let nothing = judged(&python(), "def f(x): return x", &["def test_a(given): assert f(1) == given"]).unwrap_err().to_string();
    assert!(nothing.contains("no assert is reached (functions `test_…()` that take nothing are called;"), "{nothing}");
    let verdict = judge(&python(), "def f(x): return x", &["assert f(1) == 1", "raise SystemExit(1)"]);
    assert!(verdict.feedback.contains("the test itself ended the interpreter"), "{}", verdict.feedback);
}

#[test]
fn no_test_passes_without_being_run() {
    let _alone = alone();
    let settings = CodeSettings { entry: Some("entry".into()), ..settings(Language::Python { python: "python3".into() }) };
    let metric = metric(settings);
    let check = "def check(candidate): assert candidate(1) == 1";
    let wrong = "def f(x): return 2 # candidate";
    for (tests, says) in [
        (vec![format!("print('x')\n{check}")], "0 of 1 tests passed."),
        (vec![check.into(), check.replace("1)", "2)")], "0 of 2 tests passed."),
        // What only names something is none.
        (vec!["import math".into(), "def helper(): return 3".into(), "assert f(1) == 1".into()], "0 of 1 tests passed."),
        // And one that others call is not called with the code.
        (vec!["def check(x): assert f(x) == 2".into(), "check(7)".into()], "All 1 tests passed."),
        (vec![format!("{check}\ncheck(lambda x: 1)\ncheck(f)")], "1 of 2 tests passed."),
    ] {
        let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
        let verdict = judge(&metric, wrong, &tests);
        assert!(verdict.feedback.starts_with(says), "{tests:?}: {}", verdict.feedback);
    }
}

#[test]
fn each_line_that_prepares_has_its_own_time() {
    let _alone = alone();
    let code = "import time\ndef f(x):\n    time.sleep(0.9)\n    return 2 * x";
    let verdict = judge(&python(), code, &["a = f(1)\nb = f(2)\nc = f(3)\nd = f(4)\nassert a + d == 10\nassert b + c == 10"]);
    assert_eq!(verdict.score, 1.0, "{}", verdict.feedback);
}

#[test]
fn who_finds_the_harness_neither_blames_the_tests_nor_holds_up_the_run() {
    let _alone = alone();
    let find = "import sys, time\ndef find():\n    frame = sys._getframe()\n    while 'tell' not in frame.f_locals: frame = frame.f_back\n    \
                return frame.f_locals['tell']\n";
    let patch = "import ast\nast.NodeTransformer.visit = lambda *_: ast.Pass(lineno=1, col_offset=0)";
    for act in ["find()(broken='the tests cannot be read')", "find()(ready='no numpy')", "find()(tests=[])", patch] {
        let verdict = judge(&python(), &format!("{find}{act}\ndef f(): return 0"), &["assert f() == 1"]);
        assert!(verdict.feedback.contains("expected 1, but `f()` is 0"), "{}", verdict.feedback);
    }
    let hold = "def f():\n    import signal\n    signal.setitimer(signal.ITIMER_REAL, 0)\n    tell = find()\n    while True:\n        \
                tell(begun=0)\n        time.sleep(0.5)\n";
    let started = Instant::now();
    let verdict = judge(&python(), &format!("{find}{hold}"), &["assert f() == 1"]);
    assert!(verdict.feedback.contains("TIMED OUT") && started.elapsed() < Duration::from_secs(20), "{}", verdict.feedback);
}

#[test]
fn feedback_says_which_side_is_expected_and_where_long_values_part() {
    let _alone = alone();
    let code = "class S:\n    def size(self): return 2\nclass N: pass\ndef f(x): return x\ndef g(n): return [i if i != 40 else 0 for i in range(n)]\n\
                def lone(): raise ValueError('\\ud83d')\ndef locked(): raise PermissionError('locked')\ndef expected_value(): return 3\n\
                class M:\n    def __repr__(self): return ','.join([object.__repr__(self)] * 12)";
    for (test, says) in [
        ("assert 3 == S().size()", "expected 3, but `S().size()` is 2"),
        ("expected = 6\nresult = f(3)\nassert expected == result", "expected 6, but `result` is 3"),
        ("assert g(60) == list(range(60))", "; the first difference is at index 40: expected 40, got 0"),
        ("assert 'a' * 300 == f('a' * 299)", "; the first difference is at index 299: expected 'a', got nothing"),
        ("assert f(N()) == 3", "but `f(N())` is <answer.N object> (N)"),
        (
            "try:\n    f(-1)\n    assert False\nexcept ValueError:\n    pass",
            "`assert False` failed: expected `f(-1)` to raise ValueError",
        ),
        ("assert lone() == 1", "ValueError: ?;"),
        ("assert locked() == 1", "PermissionError: locked; in `locked`"),
        ("assert f(1) == 1; assert f(2) == 3", "`assert f(2) == 3` failed: expected 3, but `f(2)` is 2"),
        ("assert f(1) == 2; assert f(2) == 2", "`assert f(1) == 2` failed: expected 2, but `f(1)` is 1"),
        ("assert lone() == 1; assert f(2) == 2", "`assert lone() == 1` could not be decided"),
        ("assert (\n    f(1)\n    == 2\n)", "`assert f(1) == 2` failed: expected 2, but `f(1)` is 1"),
        ("assert f('it is at 0xdeadbeef') == 1", "is 'it is at 0xdeadbeef' (str)"),
        ("import math\nassert [math.nan, *g(60)] == [math.nan, *range(60)]", "at index 41: expected 40, got 0"),
        ("assert expected_value() == sum([2, 3])", "expected 5, but `expected_value()` is 3"),
    ] {
        let verdict = judge(&python(), code, &[test]);
        assert!(verdict.score < 1.0 && verdict.feedback.contains(says), "{says} not in {}", verdict.feedback);
    }
    let same = judge(&python(), code, &["assert f(M()) == 3"]).feedback;
    assert!(same.contains(&["<answer.M object>"; 12].join(",")), "{same}");
    let blocks = "```python\nimport math\n```\n\n```python\ndef f(x): return math.floor(x)\n```";
    let words = judge(&python(), blocks, &["assert f(1) == 1"]).feedback;
    assert!(words.ends_with("\n(only one of 2 code blocks was run)"), "{words}");
}

#[test]
fn a_deleted_file_counts_once_however_it_is_held() {
    let _alone = alone();
    // Four descriptors (Python's mappings keep theirs), two mappings: 3 MB of 8.
    let lines = "import mmap\nfile = os.open('big', os.O_RDWR | os.O_CREAT)\nos.truncate(file, 3 << 20)\nagain = os.dup(file)\n\
                 maps = [mmap.mmap(file, 0), mmap.mmap(file, 4096)]\nos.remove('big')\ntime.sleep(0.3)";
    let verdict = judge(&python(), &f(lines), &["assert f() == 'done'"]);
    assert_eq!(verdict.score, 1.0, "{}", verdict.feedback);
}

#[test]
fn a_setup_that_does_not_run_is_no_fault_of_the_code() {
    let _alone = alone();
    let settings = CodeSettings { setup: Some("imports".into()), ..settings(Language::Python { python: "python3".into() }) };
    let metric = metric(settings);
    let judged = |setup: &str, code: &str| {
        let fields = json!({ "tests": ["assert f(0) == 1", "assert f(1) == 1"], "imports": [setup] });
        let step = Step { module: "write".into(), outputs: [("code".into(), code.into())].into(), ..Step::default() };
        let example = Example { id: "1".into(), fields: fields.as_object().unwrap().clone() };
        metric.judge(&example, &Rollout { steps: vec![step], failure: None }, &[])
    };
    for (setup, says) in [
        ("import nothing_like_this", "`imports` does not run: ModuleNotFoundError: No module named 'nothing_like_this'"),
        ("import math\nimport", "(<setup>, line 2)"),
        ("while True: pass", "`imports` does not run: it took longer than 1 s"),
        ("raise SystemExit", "`imports` does not run: the setup itself ended the interpreter"),
        ("import os; os._exit(3)", "(exit code 3)"),
    ] {
        let error = judged(setup, "def f(x): return 1").unwrap_err().to_string();
        assert!(error.starts_with("example `1`: `imports` does not run: ") && error.contains(says), "{says} not in {error}");
    }
    // What it prepares is there, in each interpreter, and lines are those of the code.
    let code = "def f(x):\n    if x == 0: os._exit(0)\n    return one";
    let verdict = judged("import os\none = 1", code).unwrap();
    assert_eq!(verdict.score, 0.5, "{}", verdict.feedback);
    let verdict = judged("import os\none = 1", "two = 2\nraise ValueError(one)").unwrap();
    let wanted = "The code does not run, so no test was reached: ValueError: 1; line 2: `raise ValueError(one)`.";
    assert_eq!(verdict.feedback, wanted);
    nothing_is_left();
}

#[test]
fn what_does_not_load_is_told_with_its_line() {
    let _alone = alone();
    for (code, says) in [
        ("def f(x) return x", "SyntaxError: expected ':' (line 1: `def f(x) return x`)"),
        ("import nothing_like_this\ndef f(x): return x", "ModuleNotFoundError: No module named 'nothing_like_this'; line 1"),
        ("while True:\n    pass", "took longer than 1 s to load; where the time went: "),
        ("import os\nos._exit(3)", "the code ended the interpreter (exit code 3)"),
    ] {
        let verdict = judge(&python(), code, &["assert f(1) == 1", "assert f(2) == 2"]);
        assert_eq!(verdict.score, 0.0);
        assert!(verdict.feedback.contains(says), "{says} not in {}", verdict.feedback);
    }
    assert_eq!(judge(&python(), "  \n", &["assert f(1) == 1"]).feedback, "The answer holds no code.");
}

#[test]
fn a_language_that_is_compiled() {
    let _alone = alone();
    if std::process::Command::new("cc").arg("--version").output().is_err() {
        not_checked("there is no C compiler");
        return;
    }
    let metric = command(&["./code"], &["cc", "code.c", "-o", "code"], "code.c");
    let tests = ["1", "2"];
    let code = "```c\n#include <stdio.h>\nint main(void) { int n; scanf(\"%d\", &n); printf(\"got %d\", n); return n - 1; }\n```";
    let verdict = judge(&metric, code, &tests);
    assert_eq!(verdict.score, 0.5, "{}", verdict.feedback);
    assert!(verdict.feedback.contains("- FAILED: `2`: it ended with exit code 1 and said: got 2"), "{}", verdict.feedback);
    let verdict = judge(&metric, "int main(void) { return x; }", &tests);
    assert!(
        verdict.feedback.contains("cannot be built") && verdict.feedback.contains("‘x’ undeclared")
            || verdict.feedback.contains("'x'"),
        "{}",
        verdict.feedback
    );
    nothing_is_left();
}

#[test]
fn no_launcher_is_no_sandbox() {
    let missing = Sandbox::with_launcher(Path::new("/bin/true")).unwrap_err().to_string();
    assert!(
        missing.contains("there is no sandbox for generated code here: /bin/true: it is no gepard of this version"),
        "{missing}"
    );
    assert!(Sandbox::with_launcher(Path::new("/no/such/file")).is_err());
}

/// Reads rows of MBPP, replaces the first `return` of each reference by `return None`, and finds out without gepard whether its
/// tests see that: in five rows they do not.
const MUTATE: &str = r#"
import ast, json, signal, sys
def late(*_): raise TimeoutError
signal.signal(signal.SIGALRM, late)
def mutated(code):
    first = min((n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Return)), key=lambda n: (n.lineno, n.col_offset))
    lines, a, b = code.split("\n"), first.lineno - 1, first.end_lineno - 1
    lines[a : b + 1] = [lines[a].encode()[: first.col_offset].decode() + "return None" + lines[b].encode()[first.end_col_offset :].decode()]
    return "\n".join(lines)
for line in sys.stdin:
    row = json.loads(line)
    row["mutant"], row["share"] = mutated(row["reference"]), 0
    for test in row["tests"]:
        space = {}
        signal.alarm(10)
        try:
            exec("\n".join(row["test_imports"]) + "\n" + row["mutant"], space)
            exec(test, space)
            row["share"] += 1 / len(row["tests"])
        except Exception:
            pass
        signal.alarm(0)
    print(json.dumps(row))
"#;

fn mbpp() -> Vec<serde_json::Value> {
    let Some(folder) = std::env::var_os("GEPARD_CONFORMANCE") else {
        not_checked("GEPARD_CONFORMANCE is not set, so MBPP was not read");
        return Vec::new();
    };
    let mut rows = String::new();
    for split in ["train", "val"] {
        let path = Path::new(&folder).join("../data/mbpp").join(format!("{split}.jsonl"));
        match fs::read_to_string(&path) {
            Ok(text) => rows.push_str(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                not_checked(&format!("there is no {}", path.display()));
                return Vec::new();
            }
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rows"), rows).unwrap();
    let input = fs::File::open(folder.path().join("rows")).unwrap();
    let output = std::process::Command::new("python3").args(["-c", MUTATE]).stdin(input).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|row| serde_json::from_str(row).unwrap()).collect()
}

#[test]
fn the_references_of_mbpp_pass_and_what_returns_nothing_fails_with_both_values() {
    use rayon::prelude::*;

    let _alone = alone();
    let rows = mbpp();
    let settings = CodeSettings {
        setup: Some("test_imports".into()),
        entry: Some("entry_point".into()),
        timeout: 10.0,
        ..settings(Language::Python { python: "python3".into() })
    };
    let metric = metric(settings);
    let verdict = |row: &serde_json::Value, code: &str| {
        let example = Example { id: "1".into(), fields: row.as_object().unwrap().clone() };
        let answer = format!("Here it is:\n\n```python\n{}\n```\n", row[code].as_str().unwrap());
        let step = Step { module: "write".into(), outputs: [("code".into(), answer)].into(), ..Step::default() };
        metric.judge(&example, &Rollout { steps: vec![step], failure: None }, &[]).unwrap()
    };
    let failing: usize = rows
        .par_iter()
        .map(|row| {
            let (good, bad) = (verdict(row, "reference"), verdict(row, "mutant"));
            let (id, words) = (&row["id"], &bad.feedback);
            assert_eq!(good.score, 1.0, "{id}: {}", good.feedback);
            assert!((bad.score - row["share"].as_f64().unwrap()).abs() < 1e-9, "{id}: {} {words}", bad.score);
            assert!(bad.score == 1.0 || (words.contains("expected ") && words.contains("None")), "{id}: {words}");
            usize::from(bad.score < 1.0)
        })
        .sum();
    assert!(rows.is_empty() || failing + 5 == rows.len(), "{failing} of {}", rows.len());
    nothing_is_left();
}

#[test]
fn without_a_sandbox_code_is_judged_all_the_same_and_may_do_anything() {
    let _alone = alone();
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("new");
    let code = f(&format!("open('{}', 'w').write('x')", path.display()));
    let settings = settings(Language::Python { python: "python3".into() });
    let free = Code::with_sandbox(settings, Sandbox::none()).unwrap();
    let verdict = judge(&free, &code, &["assert f() == 'done'", "assert f() == 'undone'"]);
    assert_eq!(verdict.score, 0.5, "{}", verdict.feedback);
    assert!(path.exists());
    let late = judge(&free, "import os, time\nif os.fork() == 0: time.sleep(1000)\ntime.sleep(1000)", &["assert True"]);
    assert!(late.feedback.contains("took longer than 1 s to load"), "{}", late.feedback);
    nothing_is_left();
}
