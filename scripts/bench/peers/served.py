"""Models behind servers that speak the API of OpenAI, and a count of what they were asked."""

import json
import threading
import urllib.request


class Spent:
    """Calls and tokens by model, and rollouts. Several threads may count."""

    def __init__(self):
        self.models, self.rollouts, self.lock = {}, 0, threading.Lock()

    def call(self, model, usage):
        with self.lock:
            of = self.models.setdefault(model, {"calls": 0, "tokens": 0})
            of["calls"] += 1
            of["tokens"] += int((usage or {}).get("total_tokens") or 0)

    def rollout(self):
        with self.lock:
            self.rollouts += 1


class Served:
    """A model behind a server. `role` is the name under which its calls are counted."""

    def __init__(self, role, url, name, max_tokens, temperature, spent):
        self.role, self.url, self.name = role, url.rstrip("/").removesuffix("/v1"), name
        self.max_tokens, self.temperature, self.spent = max_tokens, temperature, spent

    def ask(self, messages):
        """The text of an answer. Raises OSError where the server does not give one."""
        body = {"model": self.name, "messages": messages, "max_tokens": self.max_tokens, "temperature": self.temperature}
        data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/v1/chat/completions", data, headers)
        with urllib.request.urlopen(request, timeout=600) as response:
            answer = json.load(response)
        self.spent.call(self.role, answer.get("usage"))
        return answer["choices"][0]["message"]["content"] or ""
