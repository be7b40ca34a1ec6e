"""The packages' runs beside gepard's own, from the file of `gepard compare`."""

import collections
import json
import random
import statistics

#: For each method here, the optimizers of gepard that are its like.
LIKE = {
    "miprov2": ["miprov2"],
    "simba": ["simba"],
    "bootstrap-rs": ["bootstrap-rs"],
    "labelled": ["fewshot"],
    "gepa": ["gepa-paper", "gepa"],
}
RESAMPLES = 2000


def mean(scores):
    return sum(scores) / len(scores)


def interval(ours, theirs):
    """The 95% interval of ours minus theirs: each resample draws runs of both, and rows. Both are lists of runs: the scores of rows."""
    draws, means = random.Random(0), []
    for _ in range(RESAMPLES):
        rows = draws.choices(range(len(ours[0])), k=len(ours[0]))
        one, other = draws.choices(ours, k=len(ours)), draws.choices(theirs, k=len(theirs))
        means.append(mean([mean([run[row] for run in one]) - mean([run[row] for run in other]) for row in rows]))
    means.sort()
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1]


def table(rows, path):
    """The lines of a table: each method of the packages beside its like. `rows` are finished runs of one task, `path` is a compare.json."""
    compared = collections.defaultdict(list)
    for run in json.loads(path.read_text(encoding="utf-8"))["runs"]:
        compared[run["optimizer"]].append(run)
    theirs = collections.defaultdict(list)
    for row in rows:
        theirs[row["method"]].append(row)
    side = "seeds | validation | test | rollouts"
    lines = [f"| package | {side} | gepard | {side} | gepard − package, test (95%) |", "|---" * 11 + "|"]
    for method, of in theirs.items():
        for name in [name for name in LIKE[method] if name in compared]:
            ours = compared[name]
            sizes = {len(run["test"]) for run in ours} | {len(row["test_scores"]) for row in of}
            if len(sizes) > 1 or sizes == {0}:
                raise SystemExit(f"peers: {path} and {method} were not scored on the same test rows: {sorted(sizes)} rows")
            own, other = [run["test"] for run in ours], [row["test_scores"] for row in of]
            low, high = interval(own, other)
            by = mean([mean(run) for run in own]) - mean([mean(run) for run in other])
            cells = [method, len(of), *scores([row["val_score"] for row in of], [row["test_score"] for row in of])]
            cells += [f"{statistics.mean(row['rollouts'] for row in of):.0f}", f"`{name}`", len(ours)]
            cells += scores([mean(run["validation"]) for run in ours], [mean(run) for run in own])
            cells += [f"{statistics.mean(run['summary']['rollouts'] for run in ours):.0f}", f"{by:+.3f} ({low:+.3f} to {high:+.3f})"]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def scores(validation, test):
    return [f"{mean(validation):.3f}", f"{mean(test):.3f}"]
