"""`gepard.optimize` and `gepard.evaluate` on the scripted engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

import gepard
import pytest
from conftest import RULES, TASK, write_rules


def test_a_task_is_optimized_and_its_events_are_heard(task: Path, tmp_path: Path) -> None:
    events: list[gepard.Event] = []
    summary = gepard.optimize(task, run=tmp_path / "run", on_event=events.append)
    assert summary.seed_score == 0.0 and summary.best_score == 1.0 and summary.best_candidate == 1
    assert summary.instructions == {"answer": "Say yes."}
    assert summary.run == tmp_path / "run" and summary.report.is_file()
    kinds = [event.kind for event in events]
    assert kinds[0] == "started" and "stopped" in kinds
    accepted = [event for event in events if event.kind == "accepted"]
    assert accepted[-1].mean == 1.0 and accepted[-1]["instructions"] == [["answer", "Say yes."]]
    with pytest.raises(AttributeError, match="has no 'nothing'"):
        _ = accepted[-1].nothing


def test_a_notebook_shows_the_report(task: Path, tmp_path: Path) -> None:
    summary = gepard.optimize(task, run=tmp_path / "run")
    page = summary._repr_html_()
    assert page.startswith("<iframe srcdoc=") and "Say yes." in page
    summary.report.unlink()
    assert "Summary(" in summary._repr_html_()


def test_a_finished_run_is_read_from_its_journal(task: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = gepard.optimize(task, run=run, budget=60)
    journal = (run / "journal.jsonl").read_bytes()
    events: list[gepard.Event] = []
    again = gepard.optimize(task, run=str(run), budget="60", on_event=events.append)
    assert (run / "journal.jsonl").read_bytes() == journal
    assert again.figures["rollouts"] == first.figures["rollouts"]
    assert [event.kind for event in events].count("resumed") == 1


def test_the_default_run_directory_is_that_of_the_command(task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    summary = gepard.optimize(task, seed=3, settings={"optimize.minibatch": 2})
    assert summary.run == Path("runs/task-seed3")
    assert "minibatch = 2" in (summary.run / "plan.toml").read_text()


def test_errors_have_a_class_for_each_exit_code_and_the_words_of_the_command(task: Path, tmp_path: Path) -> None:
    with pytest.raises(gepard.ConfigError, match="there is no key `nothing`|unknown|nothing") as error:
        gepard.optimize(task, run=tmp_path / "run", settings={"optimize.nothing": 1})
    assert error.value.exit_code == 2
    command = [sys.executable, "-m", "gepard.command", "optimize", str(task), "--set", "optimize.nothing=1"]
    printed = subprocess.run(command, capture_output=True, text=True)
    assert printed.returncode == 2 and str(error.value) in printed.stderr
    (task.parent / "train.jsonl").write_text("{")
    with pytest.raises(gepard.DataError, match="not valid JSON"):
        gepard.optimize(task, run=tmp_path / "run")
    assert issubclass(gepard.Interrupted, gepard.Error) and issubclass(gepard.Interrupted, KeyboardInterrupt)


def test_candidates_are_evaluated(task: Path, tmp_path: Path) -> None:
    assert gepard.evaluate(task, split="val").score == 0.0
    told = gepard.evaluate(task, split="val", candidate={"answer": "Say yes."}, limit=2)
    assert told.score == 1.0 and len(told.rows) == 2 and told.rows[0].outputs == {"answer": "yes"}
    run = gepard.optimize(task, run=tmp_path / "run").run
    assert gepard.evaluate(task, split="train", candidate=run).score == 1.0
    with pytest.raises(gepard.ConfigError, match="there is no module `other`"):
        gepard.evaluate(task, split="val", candidate={"other": "x"})
    with pytest.raises(gepard.ConfigError, match="no split `all`"):
        gepard.evaluate(task, split="all")
    with pytest.raises(gepard.ConfigError, match="has no `test` data"):
        gepard.evaluate(task)


def test_an_exception_of_the_listener_ends_the_run_and_nothing_is_lost(task: Path, tmp_path: Path) -> None:
    def on_event(event: gepard.Event) -> None:
        if event.kind == "iteration":
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        gepard.optimize(task, run=tmp_path / "run", on_event=on_event)
    assert gepard.optimize(task, run=tmp_path / "run").best_score == 1.0


def test_ctrl_c_ends_a_run_which_goes_on_later(task: Path, tmp_path: Path) -> None:
    write_rules(task.parent, [{**rule, "milliseconds": 150} for rule in RULES])
    # A shell ignores the signal for what it starts in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    with pytest.raises(gepard.Interrupted, match="the same call goes on from there"):
        gepard.optimize(task, run=tmp_path / "run")
    assert time.monotonic() - started < 5
    assert (tmp_path / "run" / "journal.jsonl").is_file()


def test_ctrl_c_ends_the_command_with_its_exit_code(task: Path, tmp_path: Path) -> None:
    write_rules(task.parent, [{**rule, "milliseconds": 300} for rule in RULES])
    command = [sys.executable, "-m", "gepard.command", "optimize", str(task), "--run", str(tmp_path / "run")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(200):
        if (tmp_path / "run" / "journal.jsonl").is_file():
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130, told
    assert "stopping after the running step" in told and "interrupted" in told


def test_other_threads_of_python_run_meanwhile(task: Path, tmp_path: Path) -> None:
    write_rules(task.parent, [{**rule, "milliseconds": 20} for rule in RULES])
    counted, done = [0], threading.Event()

    def count() -> None:
        while not done.wait(0.01):
            counted[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    gepard.optimize(task, run=tmp_path / "run")
    done.set()
    thread.join()
    assert counted[0] > 20


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")
def test_generated_code_is_judged_in_the_sandbox(tmp_path: Path) -> None:
    if not (Path(sysconfig.get_path("scripts")) / "gepard").is_file():
        pytest.skip("the package is not installed, so the command that shuts code in is not there")
    rows = [{"task": f"add {n}", "tests": [f"assert add(1) == {1 + n}"]} for n in range(2)]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    write_rules(tmp_path, [{"contains": ["add 0"], "text": "def add(n):\n    return n"}, {"text": "import os"}])
    code = TASK.replace("train.jsonl", "rows.jsonl").replace("val.jsonl", "rows.jsonl")
    code = code.replace('inputs = ["text"]', 'inputs = ["task"]')
    code = code.replace('kind = "exact"', 'kind = "code"').replace('field = "answer"', 'field = "tests"\noutput = "answer"')
    (tmp_path / "gepard.toml").write_text(code)
    scores = gepard.evaluate(tmp_path / "gepard.toml", split="val")
    assert [row.score for row in scores.rows] == [1.0, 0.0], scores


def test_the_command_is_in_the_package(task: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gepard.command"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True)
    assert version.returncode == 0 and version.stdout.startswith("gepard ")
    run = subprocess.run([*command, "optimize", str(task), "--run", str(tmp_path / "run")], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "validation   0.000   1.000" in run.stdout
