"""`LM`, a language model of DSPy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Optional, Union

import dspy

from .. import _native
from .engine import InProcess, InProcessAsync
from .loaded import ENGINE_KEYS, MODEL_KEYS, Script


class LM(dspy.LM):
    """A GGUF file as a language model of DSPy, run by llama.cpp in this process.

    `model` is a path, or a name of `gepard models list`. `context`, `gpu_layers`, `kv_cache` and `thinking` are the keys of
    `[model.NAME]` in a task file (`kv_cache` is `cache` there), and `threads`, `sequences`, `chunk` and `memory` those of
    `[engine]`. With `engine="scripted"`, `script` has the rules by which the scripted engine answers: a path, or a list of dicts.

    Calls that several threads make within `window` seconds of each other are one wave of the engine. A greedy answer, the
    default, depends on its request alone. `max_tokens` is 512 unless it is given. DSPy's cache is not used unless `cache=True`.
    """

    def __init__(
        self,
        model: Union[str, "os.PathLike[str]"] = "",
        *,
        engine: Union[str, InProcess] = "llama",
        script: Optional[Script] = None,
        temperature: float = 0.0,
        max_tokens: Optional[int] = None,
        cache: bool = False,
        window: float = 0.004,
        kv_cache: Optional[str] = None,
        **kwargs: Any,
    ):
        if not isinstance(engine, InProcess):
            given = {key: kwargs.pop(key) for key in (*MODEL_KEYS, *ENGINE_KEYS) if kwargs.get(key) is not None}
            if kv_cache is not None:
                given["cache"] = kv_cache
            engine = InProcess({**_source(os.fspath(model), engine, script), **given}, window)
        name = Path(os.fspath(model)).name or "scripted"
        super().__init__(
            model=name,
            temperature=temperature,
            max_tokens=max_tokens,
            cache=cache,
            engine=engine,
            async_engine=InProcessAsync(engine),
            **kwargs,
        )

    @property
    def gepard_model(self) -> _native.Model:
        """The model in memory."""
        return self._engine_spec.model

    def answer(self, messages: list, settings: dict) -> str:
        """Answers a request to a reflector."""
        decoding = {key: value for key, value in settings.items() if key != "seed"}
        return self._engine_spec.answer(messages, decoding, settings["seed"])

    def dump_state(self) -> dict[str, Any]:
        """Returns what `load_state` needs to load the model again."""
        state = super().dump_state()
        # The engine for awaited calls is the same model, which must not be loaded twice.
        state.pop("async_engine", None)
        return state

    @property
    def supports_response_schema(self) -> bool:
        """True: answers are decoded under the grammar of the schema."""
        return True

    @property
    def supports_function_calling(self) -> bool:
        """False: an adapter describes tools in the prompt."""
        return False

    @property
    def supported_params(self) -> set[str]:
        """The parameters of a call that have an effect."""
        return {"max_tokens", "temperature", "top_p", "stop", "seed", "n", "response_format", "logprobs"}


def _source(model: str, engine: str, script: Optional[Script]) -> dict[str, Any]:
    """Returns the keys that say where the answers come from."""
    if engine == "scripted":
        if script is None:
            raise ValueError("engine='scripted' needs script: a path, or a list of rules")
        return {"engine": "scripted", "script": script}
    if engine != "llama":
        raise ValueError(f"there is no engine {engine!r}; there are 'llama' and 'scripted'")
    if script is not None:
        raise ValueError("script has an effect only with engine='scripted'")
    if not model:
        raise ValueError("model is missing: the path of a GGUF file, or a name of `gepard models list`")
    # A path is relative to the folder of this process, and a name of the catalog stays as it is.
    return {"gguf": os.path.abspath(model) if os.path.exists(model) else model}
