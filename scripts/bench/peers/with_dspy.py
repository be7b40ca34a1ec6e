"""MIPROv2, SIMBA, BootstrapFewShotWithRandomSearch and LabeledFewShot of the package dspy (3.4.1), over gepard's layout."""

import inspect
import os
import random

# litellm would ask a server for prices otherwise.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import dspy  # noqa: E402
from dspy.adapters.utils import parse_value  # noqa: E402
from dspy.utils.exceptions import AdapterParseError  # noqa: E402

import plain  # noqa: E402

#: Errors of single rollouts, such as unreadable answers, score 0 and never end a search.
NO_LIMIT = 1_000_000


class PlainAdapter(dspy.Adapter):
    """Renders and reads chats in gepard's layout. DSPy's own has sections in brackets, which small models break."""

    def format(self, signature, demos, inputs):
        reads, writes = list(signature.input_fields), list(signature.output_fields)
        shown = [demo for demo in demos if all(name in demo for name in writes)]
        return plain.chat(instruction(signature), reads, writes, shown, inputs)

    def parse(self, signature, completion):
        found = plain.read(completion, list(signature.output_fields))
        values = {}
        for name, field in signature.output_fields.items():
            try:
                values[name] = parse_value(found[name], field.annotation)
            except Exception as error:
                raise AdapterParseError("PlainAdapter", signature, completion, f"`{name}`: {error}", str(found)) from error
        return values


def instruction(signature):
    """The instruction, with the descriptions of those fields that have one."""
    told = [signature.instructions.strip()]
    for name, field in {**signature.input_fields, **signature.output_fields}.items():
        words = (field.json_schema_extra or {}).get("desc") or ""
        if words and words != f"${{{name}}}":
            told.append(f"`{name}`: {words}")
    return "\n".join(told)


def counted(served):
    """The model of dspy for a server. It counts its calls and failures, and so do its copies."""

    class Counted(dspy.LM):
        def forward(self, *given, **named):
            try:
                return super().forward(*given, **named)
            except Exception as error:
                served.spent.fail(served.role, error)
                raise

        def update_history(self, entry):
            super().update_history(entry)
            served.spent.call(served.role, entry.get("usage"))

    return Counted(
        f"openai/{served.name}",
        api_base=f"{served.url}/v1",
        api_key="none",
        temperature=served.temperature,
        max_tokens=served.max_tokens,
        cache=False,
    )


def program_of(task, spent):
    """The task as a program. Copies of it count their rollouts in the same place."""
    reads = {name: (str, dspy.InputField(desc="")) for name in task.inputs}
    writes = {name: (str, dspy.OutputField(desc="")) for name in task.outputs}
    signature = dspy.Signature({**reads, **writes}, task.instruction)

    class Program(dspy.Module):
        def __init__(self):
            super().__init__()
            self.main = dspy.Predict(signature)

        def forward(self, **inputs):
            spent.rollout()
            return self.main(**inputs)

    return Program()


def compiled(method, program, metric, teacher, train, val, seed, threads, numbers):
    """The program that an optimizer makes. `numbers` are arguments of its constructor or of `compile`, which go before the package's."""
    teleprompt = dspy.teleprompt
    metrics = {"metric": metric, "num_threads": threads}
    if method in ("labelled", "bootstrap-rs"):
        # Both draw with seeds of their own, the same in each run. The order of the rows takes the place of a seed.
        train = random.Random(seed).sample(train, len(train))
    kind, given, data = {
        "labelled": (teleprompt.LabeledFewShot, {}, {"trainset": train}),
        "bootstrap-rs": (
            teleprompt.BootstrapFewShotWithRandomSearch,
            metrics | {"max_errors": NO_LIMIT},
            {"trainset": train, "valset": val},
        ),
        "simba": (
            teleprompt.SIMBA,
            metrics | {"prompt_model": teacher, "bsize": min(32, len(train))},
            {"trainset": train, "seed": seed},
        ),
        # Its seed 0 counts as none.
        "miprov2": (
            teleprompt.MIPROv2,
            metrics | {"prompt_model": teacher, "max_errors": NO_LIMIT, "seed": seed + 1},
            {"trainset": train, "valset": val},
        ),
    }[method]
    of_constructor, of_compile = inspect.signature(kind).parameters, inspect.signature(kind.compile).parameters
    for name, value in numbers.items():
        if name not in of_constructor and name not in of_compile:
            raise SystemExit(f"peers: {kind.__name__} has no argument {name}; it has {', '.join([*of_constructor, *of_compile])}")
        (given if name in of_constructor else data)[name] = value
    return kind(**given).compile(program, **data)


def run(method, task, models, seed, threads, numbers):
    """Runs a method. Returns the found prompt, and its scores on validation and test rows."""
    spent = models["task"].spent
    model, teacher = (counted(models[role]) for role in ("task", "reflector"))
    dspy.configure(lm=model, adapter=PlainAdapter())
    examples = [[example(task, row) for row in split] for split in (task.train, task.val, task.test)]
    train, val, test = examples

    def metric(gold, given, trace=None):
        texts = {name: getattr(given, name) for name in task.outputs if given is not None and getattr(given, name, None) is not None}
        return task.judge(gold.row, texts)[0]

    program = program_of(task, spent)
    found = compiled(method, program, metric, teacher, train, val, seed, threads, numbers)
    searched = {"rollouts": spent.rollouts, "models": {name: dict(of) for name, of in spent.models.items()}}

    def score(rows):
        evaluation = dspy.Evaluate(devset=rows, metric=metric, num_threads=threads, max_errors=NO_LIMIT, display_progress=False)(found)
        return [value for _, _, value in evaluation.results]

    predictor = found.predictors()[0]
    prompt = {"instruction": predictor.signature.instructions, "examples": len(predictor.demos)}
    return prompt, searched, score(val), score(test)


def example(task, row):
    """A row of the task with its right outputs, and the row itself for the metric."""
    fields = {name: row[name] for name in task.inputs} | {name: plain.text(value) for name, value in task.expected(row).items()}
    return dspy.Example(**fields, row=row).with_inputs(*task.inputs)
