"""A language model of DSPy as the model that reflects."""

from __future__ import annotations

import json
from typing import Any

import dspy

from ..search import Reflector


def reflector(model: Any, context_length: int, threads: int) -> Reflector:
    """Returns a reflector over a language model of DSPy, or over any function from a prompt to a text."""
    own = Reflector.in_process(model, threads)
    if own is not None:
        return own
    is_drawn = isinstance(model, dspy.LM) and bool(model.kwargs.get("temperature"))

    def answer(messages: list, settings: dict) -> str:
        # With the number of the draw, the cache of DSPy does not give the same answer to the same question asked again.
        extra = {"rollout_id": settings["seed"]} if is_drawn else {}
        if len(messages) == 1 and messages[0]["role"] == "user":
            return text_of(model(messages[0]["content"], **extra))
        return text_of(model(messages=messages, **extra))

    return Reflector(answer, identity=identity(model), context_length=context_length, threads=threads)


def text_of(answers: Any) -> str:
    """Returns the text of the first answer of a language model."""
    first = answers[0] if isinstance(answers, (list, tuple)) else answers
    text = first.get("text") if isinstance(first, dict) else first
    return text if isinstance(text, str) else ""


def identity(model: Any) -> str:
    """Returns the name of a model with its settings. A run does not go on with another model."""
    name = getattr(model, "model", None) or getattr(model, "__qualname__", type(model).__qualname__)
    hidden = ("api_key", "api_base", "base_url")
    settings = {key: value for key, value in getattr(model, "kwargs", {}).items() if key not in hidden}
    return f"{name} {json.dumps(settings, sort_keys=True, default=str)}"
