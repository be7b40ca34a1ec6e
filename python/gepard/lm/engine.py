"""The engine behind `LM`: requests of DSPy as requests of gepard."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Optional

from dspy.lm15 import (
    ContextLengthError,
    Message,
    Request,
    Response,
    TextPart,
    ThinkingPart,
    TokenLogprob,
    UnsupportedFeatureError,
    Usage,
)

from .. import _native
from .loaded import load

#: The grammar of the calls that are made now, in llguidance's dialect of Lark. None: that of the response format, if any.
_grammar: contextvars.ContextVar[Optional[str]] = contextvars.ContextVar("gepard_grammar", default=None)

MAX_TOKENS = 512

FINISHED = {"stop": "stop", "grammar": "stop", "length": "length"}


@contextlib.contextmanager
def under_grammar(grammar: Optional[str]) -> Iterator[None]:
    """Decodes the answers of the calls in this block under a grammar."""
    token = _grammar.set(grammar)
    try:
        yield
    finally:
        _grammar.reset(token)


class InProcess:
    """Answers requests with a model in this process. Calls of several threads that come together are one wave.

    `settings` are the keys of the model and of the engine in a task file. `window` are the seconds that a wave waits for
    another call.
    """

    def __init__(self, settings: Mapping[str, Any], window: float = 0.004):
        self.settings = dict(settings)
        self.window = window
        self.model = load(settings, window)
        self._draws: dict[str, int] = {}
        self._lock = threading.Lock()

    def complete(self, request: Request) -> Response:
        """Answers one request. Raises an error of `dspy.lm15` for what the engine cannot do."""
        asked = self._request(request)
        completion = json.loads(self.model.generate(json.dumps(asked)))
        ended = completion["ended"]
        if not isinstance(ended, str):
            reason = ended["refused"]
            raise ContextLengthError(reason) if "context" in reason else UnsupportedFeatureError(reason)
        logprobs = None if request.config.logprobs is None else self._logprobs(asked["messages"], completion)
        return _response(request.model, completion, FINISHED[ended], logprobs)

    def answer(self, messages: list, decoding: Mapping[str, Any], seed: int) -> str:
        """Answers a chat in the form of the journal. Returns an empty text for a chat that is refused."""
        asked = {"model": 0, "messages": messages, "breakpoints": [], "decoding": dict(decoding), "seed": seed}
        return json.loads(self.model.generate(json.dumps(asked)))["text"]

    def dump_state(self) -> dict[str, Any]:
        """Returns what `load_state` needs to load the model again."""
        return {"settings": self.settings, "window": self.window}

    @classmethod
    def load_state(cls, state: Mapping[str, Any]) -> InProcess:
        """Loads the model that `dump_state` names."""
        return cls(state["settings"], state["window"])

    def __deepcopy__(self, memo: dict) -> InProcess:
        # A copy of a program asks the same model.
        return self

    def _request(self, request: Request) -> dict[str, Any]:
        config = request.config
        if request.tools:
            raise UnsupportedFeatureError("gepard.LM has no native tools; an adapter can describe them in the prompt")
        if config.logprobs:
            raise UnsupportedFeatureError("gepard.LM gives no log-probabilities of other tokens; leave top_logprobs out")
        decoding: dict[str, Any] = {
            "max_tokens": config.max_tokens or MAX_TOKENS,
            "temperature": config.temperature or 0.0,
            "top_p": 1.0 if config.top_p is None else config.top_p,
            "stop": list(config.stop),
        }
        grammar = _grammar.get() or _format_grammar(config.response_format)
        if grammar is not None:
            decoding["grammar"] = grammar
        messages = _messages(request)
        seed = config.seed if config.seed is not None else self._draw(messages, decoding)
        return {"model": 0, "messages": messages, "breakpoints": [], "decoding": decoding, "seed": seed}

    def _logprobs(self, messages: list, completion: Mapping[str, Any]) -> tuple[TokenLogprob, ...]:
        """Returns the tokens of an answer with their log-probabilities, at temperature 1 and without grammar."""
        if completion.get("reasoning"):
            raise UnsupportedFeatureError("gepard.LM gives no log-probabilities of an answer with reasoning before it")
        if not completion["text"]:
            return ()
        asked = {"model": 0, "messages": messages, "breakpoints": [], "first_token_only": False}
        scored = json.loads(self.model.score(json.dumps({**asked, "continuations": [completion["text"]]})))["continuations"]
        if "Err" in scored:
            raise UnsupportedFeatureError(f"the answer has no log-probabilities: {scored['Err']}")
        (score,) = scored["Ok"]
        return tuple(_token(token, read) for token, read in zip(score["tokens"], score["bytes"]))

    def _draw(self, messages: list, decoding: Mapping[str, Any]) -> int:
        """Returns the seed of a request: another one each time that the same request is drawn at random."""
        if not decoding["temperature"]:
            return 0
        key = hashlib.sha256(json.dumps([messages, decoding]).encode()).hexdigest()
        with self._lock:
            number = self._draws.get(key, 0)
            self._draws[key] = number + 1
        return int(key[:12], 16) + number


class InProcessAsync:
    """The same engine for programs that await their calls."""

    def __init__(self, engine: InProcess):
        self.engine = engine

    async def complete(self, request: Request) -> Response:
        """Answers one request on a thread."""
        return await asyncio.to_thread(self.engine.complete, request)

    def __deepcopy__(self, memo: dict) -> InProcessAsync:
        return self

    def dump_state(self) -> dict[str, Any]:
        """Returns nothing: the engine is saved with its model, and `LM` makes this one again."""
        return {}

    @classmethod
    def load_state(cls, state: Mapping[str, Any]) -> InProcessAsync:
        """Raises `TypeError`: `LM.load_state` makes this engine."""
        raise TypeError("load the LM, which makes its engine for awaited calls")


def _messages(request: Request) -> list[dict[str, str]]:
    messages = []
    if request.system is not None:
        parts = [request.system] if isinstance(request.system, str) else [part.text for part in request.system]
        messages.append({"role": "system", "content": "\n\n".join(parts)})
    for message in request.messages:
        if not all(isinstance(part, TextPart) for part in message.parts):
            raise UnsupportedFeatureError("gepard.LM reads text only")
        role = "system" if message.role == "developer" else message.role
        messages.append({"role": role, "content": "".join(part.text for part in message.parts)})
    return messages


def _format_grammar(response_format: Optional[Mapping[str, Any]]) -> Optional[str]:
    if response_format is None:
        return None
    schema = response_format.get("schema") if response_format["type"] == "json_schema" else {"type": "object"}
    try:
        return _native.json_grammar(json.dumps(schema))
    except ValueError as error:
        raise UnsupportedFeatureError(f"the response format cannot be enforced: {error}") from None


def _token(token: Mapping[str, Any], read: list[int]) -> TokenLogprob:
    # A token may end within a character.
    text = bytes(read).decode("utf-8", errors="replace")
    return TokenLogprob(token=text, logprob=float(token["log_probability"]), bytes=tuple(read))


def _response(model: str, completion: Mapping[str, Any], finished: Any, logprobs: Optional[tuple[TokenLogprob, ...]]) -> Response:
    usage = completion["usage"]
    read, written = usage["prefilled"] + usage["reused"], usage["decoded"]
    parts: list[Any] = [TextPart(completion["text"])]
    if completion.get("reasoning"):
        parts.insert(0, ThinkingPart(completion["reasoning"]))
    return Response(
        id=None,
        model=model,
        message=Message.assistant(parts),
        finish_reason=finished,
        usage=Usage(input_tokens=read, output_tokens=written, total_tokens=read + written),
        logprobs=logprobs,
    )
