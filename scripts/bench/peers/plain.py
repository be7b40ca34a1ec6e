"""gepard's default layout of a prompt, for other packages: lines `name: value`, examples as earlier turns, an answer that is begun.

What it renders and reads is described in docs/options.md, "[layout]". It imports nothing of gepard, so that a comparison does not use
gepard's own code on both sides.
"""

import json
import re

ELLIPSIS = "…"


def text(value):
    """A value as a prompt shows it."""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def lines(names, row):
    return "\n".join(f"{name}: {text(row[name])}" for name in names if name in row)


def chat(instruction, inputs, outputs, shown, row):
    """The chat of a call. `shown` are rows with inputs and outputs. The last turn is the beginning of the answer."""
    head = instruction.strip()
    if len(outputs) > 1:
        form = "\n".join(f"{name}: {ELLIPSIS}" for name in outputs)
        head += f"\n\nAnswer with one line for each field, in this form:\n{form}"
    messages = []
    for example in [*shown, row]:
        content = lines(inputs, example)
        messages.append({"role": "user", "content": content if messages else f"{head}\n\n{content}"})
        answer = lines(outputs, example) if example is not row else f"{outputs[0]}:"
        messages.append({"role": "assistant", "content": answer})
    return messages


def unquoted(value):
    """A value without the fence, quotes and emphasis that chat models put around it."""
    value = value.strip()
    fenced = re.fullmatch(r"```[a-z]*\n(.*?)\n?```", value, re.DOTALL)
    value = fenced[1].strip() if fenced else value
    for mark in ("**", "`", '"', "'"):
        if len(value) > 2 * len(mark) and value.startswith(mark) and value.endswith(mark):
            value = value[len(mark) : -len(mark)].strip()
    return value


def read(answer, outputs):
    """The outputs in an answer, by name. An output without a value is left out."""
    answer = answer.strip()
    begin = re.compile(rf"^[ \t]*[*`\"]*({'|'.join(map(re.escape, outputs))})[*`\"]*[ \t]*:[*]*", re.MULTILINE)
    if not begin.match(answer):
        answer = f"{outputs[0]}: {answer}"
    marks = list(begin.finditer(answer))
    found = {}
    for mark, after in zip(marks, [*marks[1:], None]):
        value = unquoted(answer[mark.end() : after.start() if after else len(answer)])
        if value and mark[1] not in found:
            found[mark[1]] = value
    return found
