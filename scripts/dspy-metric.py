#!/usr/bin/env python3
"""Runs a metric written for DSPy as gepard's: the program of `kind = "command"`.

    [metric]
    kind = "command"
    command = ["python3", "path/to/scripts/dspy-metric.py", "my_metrics.py:metric"]

The metric is `metric(gold, pred, trace=None, pred_name=None, pred_trace=None)`, or one that takes fewer of these. It returns a
number, a bool, or an object or dict with `score` and, if it likes, `feedback` (dspy.Prediction(score=..., feedback=...) for one).
`gold` has the example's fields, `pred` the program's outputs, `trace` a list of (predictor, inputs, outputs), one for each call of
a module. Where the metric takes `pred_name`, it is asked again for every module that ran, and what it says then is that module's
feedback. DSPy need not be installed. Whatever the metric prints goes to standard error.

The standard library is all it needs. The protocol, JSON lines, is described in docs/feedback.md.
"""

import importlib
import importlib.util
import inspect
import json
import math
import os
import sys
import traceback


class Fields:
    """Fields by attribute and by item, like dspy.Example and dspy.Prediction."""

    def __init__(self, fields):
        object.__setattr__(self, "_fields", dict(fields))

    def __getattr__(self, name):
        if name.startswith("__") or name not in self._fields:
            raise AttributeError(f"there is no field `{name}`; there are {', '.join(self._fields) or 'none'}")
        return self._fields[name]

    def __setattr__(self, name, value):
        self._fields[name] = value

    def __getitem__(self, name):
        return self._fields[name]

    def __setitem__(self, name, value):
        self._fields[name] = value

    def __contains__(self, name):
        return name in self._fields

    def __iter__(self):
        return iter(self._fields)

    def __len__(self):
        return len(self._fields)

    def __repr__(self):
        return f"Fields({self._fields!r})"

    def get(self, name, default=None):
        return self._fields.get(name, default)

    def keys(self):
        return list(self._fields)

    def values(self):
        return list(self._fields.values())

    def items(self):
        return list(self._fields.items())

    def toDict(self):
        return dict(self._fields)

    def inputs(self):
        return self

    def labels(self):
        return self


class Predictor:
    """Who made a call: its name is all that is known."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"Predictor({self.name!r})"


def load(reference):
    """The function that `file.py:name` or `package.module:name` names; without a name, `metric`."""
    module, _, name = reference.rpartition(":") if ":" in reference else (reference, "", "metric")
    if module.endswith(".py"):
        folder = os.path.dirname(os.path.abspath(module))
        sys.path.insert(0, folder)
        spec = importlib.util.spec_from_file_location(os.path.basename(module)[:-3], module)
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = loaded
        spec.loader.exec_module(loaded)
    else:
        sys.path.insert(0, os.getcwd())
        loaded = importlib.import_module(module)
    metric = getattr(loaded, name)
    if not callable(metric):
        raise TypeError(f"`{name}` in {module} is no function")
    return metric


ARGUMENTS = ["gold", "pred", "trace", "pred_name", "pred_trace"]


def arguments_of(metric):
    """How many of the five arguments the metric takes by place, and which of the last two by name alone."""
    try:
        parameters = inspect.signature(metric).parameters.values()
    except (TypeError, ValueError):
        return 3, set()
    kinds = inspect.Parameter
    if any(p.kind == kinds.VAR_POSITIONAL for p in parameters):
        return len(ARGUMENTS), set()
    places = min(len(ARGUMENTS), sum(p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD) for p in parameters))
    takes_all = any(p.kind == kinds.VAR_KEYWORD for p in parameters)
    by_name = {p.name for p in parameters if p.kind == kinds.KEYWORD_ONLY}
    return places, {name for name in ARGUMENTS[places:] if takes_all or name in by_name}


def part(result, name):
    """`score` or `feedback` of what a metric returned; None where it has none."""
    if isinstance(result, dict):
        return result.get(name)
    try:
        return getattr(result, name)
    except AttributeError:
        pass
    try:
        return result[name]
    except (TypeError, KeyError, IndexError):
        return None


def score_of(result):
    """The score in what a metric returned, as a float from which gepard can tell what is wrong with it."""
    score = part(result, "score")
    score = result if score is None else score
    try:
        number = float(score)
    except (TypeError, ValueError):
        raise TypeError(f"the metric returned {result!r}, not a number, a bool, or something with a score") from None
    if not math.isfinite(number):
        raise ValueError(f"the metric returned the score {number}, not a number from 0 to 1")
    return number


class Metric:
    def __init__(self, function):
        self.function = function
        self.places, self.by_name = arguments_of(function)
        self.takes_names = self.places >= 4 or "pred_name" in self.by_name

    def call(self, *arguments):
        by_name = {name: arguments[ARGUMENTS.index(name)] for name in self.by_name}
        return self.function(*arguments[: self.places], **by_name)

    def judge(self, message):
        gold, pred = Fields(message["example"]), Fields(message["outputs"])
        calls = [(Predictor(s["module"]), s["inputs"], Fields(s["outputs"])) for s in message["trace"]]
        # Without a trace, as DSPy evaluates: with one, many metrics answer yes or no.
        result = self.call(gold, pred, None, None, None)
        verdict = {"id": message["id"], "score": score_of(result)}
        feedback = part(result, "feedback")
        if feedback is not None:
            verdict["feedback"] = str(feedback)
        if self.takes_names:
            # The modules that ran, in order, each once; steps that ask no model have no answer and no prompt to improve.
            modules = dict.fromkeys(s["module"] for s in message["trace"] if s["answer"])
            words = {name: self.words_for(name, gold, pred, calls) for name in modules}
            words = {name: said for name, said in words.items() if said and said != verdict.get("feedback")}
            if words:
                verdict["module_feedback"] = words
        return verdict

    def words_for(self, name, gold, pred, calls):
        own = [call for call in calls if call[0].name == name]
        said = part(self.call(gold, pred, calls, name, own), "feedback")
        return None if said is None else str(said)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: dspy-metric.py FILE.py:FUNCTION")
    # Answers alone go to standard output, whoever prints.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    metric = Metric(load(sys.argv[1]))
    for line in open(0, encoding="utf-8", newline="\n"):
        message = json.loads(line)
        try:
            answer = metric.judge(message)
        except Exception as error:
            traceback.print_exc()
            answer = {"id": message["id"], "error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer, allow_nan=False) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
