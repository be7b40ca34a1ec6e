"""Models behind servers that speak the API of OpenAI, and a count of what they were asked."""

import json
import threading
import urllib.error
import urllib.request

#: Statuses of a request that the server understood and refuses, such as one that is too long. Its rollout scores 0, as in gepard.
REFUSED = (400, 413, 422)


class Spent:
    """Calls and tokens by model, rollouts, and failures of servers. Several threads may count."""

    def __init__(self):
        self.models, self.rollouts, self.failures, self.lock = {}, 0, [], threading.Lock()

    def call(self, model, usage):
        with self.lock:
            of = self.models.setdefault(model, {"calls": 0, "tokens": 0})
            of["calls"] += 1
            of["tokens"] += int((usage or {}).get("total_tokens") or 0)

    def rollout(self):
        with self.lock:
            self.rollouts += 1

    def fail(self, model, error):
        """Notes that a server did not answer. The packages go on after that, with a score of 0; such a run does not count."""
        status = getattr(error, "status_code", None) or getattr(error, "code", None)
        if status not in REFUSED:
            with self.lock:
                self.failures.append(f"{model}: {type(error).__name__}: {error}")


class Served:
    """A model behind a server. `role` is the name under which its calls are counted."""

    def __init__(self, role, url, name, max_tokens, temperature, spent):
        self.role, self.url, self.name = role, url.rstrip("/").removesuffix("/v1"), name
        self.max_tokens, self.temperature, self.spent = max_tokens, temperature, spent

    def missing(self):
        """What the server cannot do that a comparison needs, in words; None if it can. Raises OSError where it does not answer."""
        question = {"role": "user", "content": "Count from 1 to 12, with commas between the numbers."}
        messages = [question, {"role": "assistant", "content": "1, 2, 3, 4, 5, 6, 7,"}]
        answer = self.post({"model": self.name, "messages": messages, "temperature": 0.0, "max_completion_tokens": 4})
        text, written = answer["choices"][0]["message"]["content"] or "", (answer.get("usage") or {}).get("completion_tokens")
        if not text.strip().startswith("8"):
            return f"it does not continue an answer that is begun: after `1, 2, 3, 4, 5, 6, 7,` it wrote `{text.strip()[:40]}`"
        if written is None:
            return "its answers do not say how many tokens they have"
        if written > 4:
            return f"it ignores `max_completion_tokens`, which dspy sends: it wrote {written} tokens instead of 4; use a newer one"
        return None

    def ask(self, messages):
        """The text of an answer; empty if the server refuses the request. Raises OSError where the server does not answer."""
        body = {"model": self.name, "messages": messages, "max_tokens": self.max_tokens, "temperature": self.temperature}
        try:
            answer = self.post(body)
        except OSError as error:
            self.spent.fail(self.role, error)
            if isinstance(error, urllib.error.HTTPError) and error.code in REFUSED:
                return ""
            raise
        self.spent.call(self.role, answer.get("usage"))
        return answer["choices"][0]["message"]["content"] or ""

    def post(self, body):
        data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/v1/chat/completions", data, headers)
        with urllib.request.urlopen(request, timeout=600) as response:
            return json.load(response)
