"""The types of outputs as shapes of gepard, from which grammars are made."""

from __future__ import annotations

import enum
from typing import Any, Literal, get_args, get_origin

from pydantic import TypeAdapter


def shape(annotation: Any) -> Any:
    """Returns the shape of an output. A type that has no JSON schema is text."""
    if annotation is str or annotation is None:
        return "text"
    if annotation is bool:
        return "flag"
    if annotation is float:
        return "number"
    if isinstance(annotation, enum.EnumMeta):
        return {"values": [str(member.value) for member in annotation.__members__.values()]}
    if _are_texts(annotation):
        return {"values": list(get_args(annotation))}
    if get_origin(annotation) is list:
        (item,) = get_args(annotation) or (Any,)
        if item is str:
            return {"list": []}
        if _are_texts(item):
            return {"list": list(get_args(item))}
    if _is_wordy(annotation):
        return "text"
    try:
        return {"json": TypeAdapter(annotation).json_schema()}
    except Exception:
        return "text"


def _are_texts(annotation: Any) -> bool:
    return get_origin(annotation) is Literal and all(isinstance(value, str) for value in get_args(annotation))


def _is_wordy(annotation: Any) -> bool:
    """Whether a type stands for words, such as an optional text or DSPy's reasoning."""
    return str in get_args(annotation) or getattr(annotation, "__name__", "") == "Reasoning"
