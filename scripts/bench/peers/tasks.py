"""Tasks of gepard with one module, as the peers see them: rows, fields, and a metric with gepard's rules and words."""

import json
import pathlib
import re
import tomllib


class Task:
    """A task file with one module and a metric of the kinds `label`, `number` or `json`."""

    def __init__(self, path, settings):
        """`settings` are `data.SPLIT=PATH`, as `scripts/bench/quality --prepare` prints them; others are refused."""
        path = pathlib.Path(path)
        plan = tomllib.loads(path.read_text(encoding="utf-8"))
        data = {split: path.parent / plan["data"][split] for split in ("train", "val", "test") if split in plan["data"]}
        for setting in settings:
            key, _, value = setting.partition("=")
            if key == "data.allow_overlap":
                continue
            if key not in ("data.train", "data.val", "data.test"):
                raise SystemExit(f"peers: --set {key}: only data.train, data.val and data.test can be set")
            data[key.removeprefix("data.")] = pathlib.Path(value)
        if len(plan["module"]) != 1 or "step" in plan:
            raise SystemExit(f"peers: {path}: only tasks with one module and no steps can be run")
        module, self.metric = plan["module"][0], plan["metric"]
        if self.metric["kind"] not in ("label", "number", "json"):
            raise SystemExit(f"peers: {path}: the metric {self.metric['kind']} is not known here, only label, number and json")
        # `prepare` puts its files into a folder with the task's name.
        self.name = data["train"].parent.name
        self.instruction, self.inputs = module["instruction"], module["inputs"]
        self.outputs = [output if isinstance(output, str) else output["name"] for output in module["outputs"]]
        self.max_tokens = module.get("max_tokens", 256)
        self.train, self.val, self.test = (rows(data.get(split)) for split in ("train", "val", "test"))

    def expected(self, row):
        """The right outputs of a row."""
        if self.metric["kind"] == "json" and "field" not in self.metric:
            return {name: row[name] for name in self.outputs}
        return {self.outputs[0]: row[self.metric["field"]]}

    def judge(self, row, given):
        """The score of outputs, and what is wrong with them in words. `given` are texts by the name of the output."""
        expected = self.expected(row)
        if self.metric["kind"] == "json" and "field" in self.metric:
            [(name, expected)] = expected.items()
            given = as_object(given.get(name, ""))
        weights = self.metric.get("weights", {name: 1 for name in expected})
        score, wrong = 0.0, []
        for name, weight in weights.items():
            got = given.get(name)
            if got is not None and self.equal(expected[name], got):
                score += weight
            else:
                words = f"was `{got}`" if got is not None else "was not given"
                wrong.append(f"Wrong. `{name}` should be exactly `{expected[name]}` and nothing else, but {words}.")
        return score / sum(weights.values()), " ".join(wrong) or "Correct."

    def equal(self, expected, given):
        if self.metric["kind"] == "number":
            return last_number(str(expected)) is not None and last_number(str(expected)) == last_number(str(given))
        return normal(expected) == normal(given)


def rows(path):
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def normal(value):
    value = json.dumps(value) if isinstance(value, (bool, type(None))) else str(value)
    return " ".join(value.split()).strip("\"'`*.").casefold()


def as_object(answer):
    begin, end = answer.find("{"), answer.rfind("}")
    try:
        found = json.loads(answer[begin : end + 1])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def last_number(answer):
    """The last number behind the last `####`, else the last of all."""
    found = re.findall(r"-?\d[\d,]*(?:\.\d+)?", answer.rpartition("####")[2])
    return float(found[-1].replace(",", "")) if found else None
