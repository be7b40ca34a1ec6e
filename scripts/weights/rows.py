"""The chats of a task's rows and the scores of answers to them, both from gepard itself."""

import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def program():
    """Returns the path of gepard: that of the variable GEPARD, or the release build of this folder."""
    return os.environ.get("GEPARD", str(ROOT / "target" / "release" / "gepard"))


def add_arguments(parser):
    """Adds the arguments that name the task and its prompt."""
    parser.add_argument("subject", metavar="TASK|RUN", help="a task file (its seed) or a run directory (its best prompt)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="sets a key of the task file")
    parser.add_argument("--train-limit", type=int, metavar="N", help="trains on the first N rows alone")


def subject_arguments(arguments):
    """Returns the arguments of gepard that name the task and its prompt."""
    words = [arguments.subject]
    for setting in arguments.set:
        words += ["--set", setting]
    return words


def chats(arguments, split, limit=None):
    """Returns the rows of a split: for each its id, the text and the tokens of its chat, the right answer, the most tokens of an
    answer, and the model file."""
    words = [program(), "chats", *subject_arguments(arguments), "--split", split]
    if limit is not None:
        words += ["--limit", str(limit)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)} failed with the exit code {done.returncode}")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    if "tokens" not in found[0]:
        raise SystemExit(f"{arguments.subject} names no model file (`gguf`) for its module, and weights are trained from one")
    return found


def evaluate(arguments, split, limit, model, adapter):
    """Returns what `gepard eval` says about the prompt with an adapter for the model of the name `model`; None: without one."""
    is_run = os.path.isdir(arguments.subject)
    task = os.path.join(arguments.subject, "plan.toml") if is_run else arguments.subject
    words = [program(), "eval", task, "--split", split, "--limit", str(limit), "--json", "--progress", "none"]
    words += ["--candidate", arguments.subject] if is_run else []
    settings = [] if adapter is None else [f"model.{model}.lora={os.path.abspath(adapter)}"]
    for setting in [*arguments.set, *settings]:
        words += ["--set", setting]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)} failed with the exit code {done.returncode}")
    return json.loads(done.stdout)


class Judge:
    """A gepard that stays alive and scores answers with the task's metric, by the code that scores a rollout."""

    def __init__(self, arguments, split):
        words = [program(), "judge-lines", *subject_arguments(arguments), "--split", split]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def judge(self, row, answer, cut_off):
        """Returns the judgement of an answer: `score` (None if the metric failed), `feedback` and `outputs`."""
        line = json.dumps({"id": row, "answer": answer, "cut_off": cut_off})
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            judged = self.process.stdout.readline()
        except BrokenPipeError:
            judged = ""
        if not judged:
            raise SystemExit(f"gepard judge-lines ended with the exit code {self.process.wait()}")
        return json.loads(judged)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
