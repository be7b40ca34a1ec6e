"""`PlainAdapter`: the layout of gepard for programs of DSPy."""

from __future__ import annotations

import contextvars
import json
from collections.abc import Mapping, Sequence
from typing import Any

import dspy
from dspy.adapters.types import History
from dspy.adapters.utils import parse_value
from dspy.utils.exceptions import AdapterParseError

from .. import _native
from ..lm import LM
from ..lm.engine import under_grammar
from ..search.job import to_text
from .shapes import shape

#: The output that gepard calls reasoning, where it stands first.
REASONING = "reasoning"

#: Whether the model continues a begun answer.
_is_begun: contextvars.ContextVar[bool] = contextvars.ContextVar("gepard_begun", default=False)


class PlainAdapter(dspy.Adapter):
    """Shows a model plain lines `name: value` instead of sections in brackets, which models of a few billion parameters break.

    The instruction stands at the top of the first turn, demonstrations and history are earlier turns, and with a `gepard.LM`
    the model's turn begins with the name of the first output. Typed outputs (`Literal`, `bool`, numbers, lists, Pydantic
    models) are decoded under a grammar by a `gepard.LM`; any answer is read by their types.
    """

    def __call__(self, lm: Any, lm_kwargs: dict, signature: Any, demos: list, inputs: dict) -> list[dict[str, Any]]:
        """Renders the chat, asks the model and reads its answers."""
        if not isinstance(lm, LM):
            return super().__call__(lm, lm_kwargs, signature, demos, inputs)
        context = contextvars.copy_context()
        return context.run(self._begun, super().__call__, lm, lm_kwargs, signature, demos, inputs)

    async def acall(self, lm: Any, lm_kwargs: dict, signature: Any, demos: list, inputs: dict) -> list[dict[str, Any]]:
        """Renders the chat, awaits the model and reads its answers."""
        token = _is_begun.set(isinstance(lm, LM))
        try:
            with under_grammar(_grammar(signature) if isinstance(lm, LM) else None):
                return await super().acall(lm, lm_kwargs, signature, demos, inputs)
        finally:
            _is_begun.reset(token)

    def format(self, signature: Any, demos: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Returns the chat of a call."""
        rendered = json.loads(_native.render_call(json.dumps(_call(signature, demos, inputs))))
        messages = rendered["messages"]
        if messages[-1]["role"] == "assistant" and not _is_begun.get():
            messages.pop()
        return messages

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        """Reads an answer. Raises `AdapterParseError` if an output is missing or has another type."""
        read = json.loads(_native.read_answer(json.dumps(_call(signature, [], {})), completion))
        texts = dict(read["outputs"])
        if read["reasoning"] is not None:
            texts[REASONING] = read["reasoning"]
        if read["missing"] is not None:
            raise _unreadable(signature, completion, read["missing"], texts)
        values = {}
        for name, field in signature.output_fields.items():
            try:
                values[name] = parse_value(texts[name], field.annotation)
            except Exception as error:
                raise _unreadable(signature, completion, f"`{name}` has another type: {error}", texts) from error
        return values

    def format_field_structure(self, signature: Any) -> str:
        """Returns the form of an answer."""
        return "\n".join(f"{name}: …" for name in signature.output_fields)

    def _begun(self, call: Any, lm: Any, lm_kwargs: dict, signature: Any, demos: list, inputs: dict) -> list[dict[str, Any]]:
        _is_begun.set(True)
        with under_grammar(_grammar(signature)):
            return call(lm, lm_kwargs, signature, demos, inputs)


def _grammar(signature: Any) -> Any:
    return json.loads(_native.render_call(json.dumps(_call(signature, [], {}))))["grammar"]


def _unreadable(signature: Any, completion: str, message: str, texts: Mapping[str, str]) -> AdapterParseError:
    return AdapterParseError(
        adapter_name="PlainAdapter",
        signature=signature,
        lm_response=completion,
        message=message,
        parsed_result=texts or None,
    )


def _call(signature: Any, demos: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a call in the form of the native part."""
    outputs, reasons = list(signature.output_fields), _reasons(signature)
    histories = [name for name, field in signature.input_fields.items() if field.annotation is History]
    read = [name for name in signature.input_fields if name not in histories]
    earlier = [turn for name in histories if inputs.get(name) is not None for turn in inputs[name].messages]
    shown = [_demonstration(demo, read, outputs, reasons) for demo in [*demos, *earlier] if _is_whole(demo, outputs)]
    return {
        "instruction": _instruction(signature),
        "reasoning": reasons,
        "outputs": [[name, shape(signature.output_fields[name].annotation)] for name in outputs[reasons:]],
        "inputs": [[name, to_text(inputs[name])] for name in read if name in inputs],
        "demonstrations": shown,
    }


def _reasons(signature: Any) -> bool:
    """Whether the outputs begin with reasoning."""
    names = list(signature.output_fields)
    return len(names) > 1 and names[0] == REASONING


def _is_whole(demo: Mapping[str, Any], outputs: Sequence[str]) -> bool:
    """Whether a demonstration has every output. Others show nothing of the form of an answer."""
    return all(name in demo for name in outputs)


def _demonstration(demo: Mapping[str, Any], inputs: Sequence[str], outputs: Sequence[str], reasons: bool) -> dict[str, Any]:
    return {
        "inputs": [[name, to_text(demo[name])] for name in inputs if name in demo],
        "outputs": [[name, to_text(demo[name])] for name in outputs[reasons:]],
        "reasoning": to_text(demo[REASONING]) if reasons else None,
    }


def _instruction(signature: Any) -> str:
    """Returns the instruction, with the descriptions of those fields that have one."""
    lines = [signature.instructions.strip()]
    for name, field in {**signature.input_fields, **signature.output_fields}.items():
        told = (field.json_schema_extra or {}).get("desc") or ""
        if told and told != f"${{{name}}}":
            lines.append(f"`{name}`: {told}")
    return "\n".join(lines)
