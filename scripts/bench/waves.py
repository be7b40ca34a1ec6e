"""Requests for the engine's measurements, and the process that answers them (benches/waves.rs)."""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONTEXT = 8192
WORDS = """river window garden letter winter market engine silver paper bridge candle forest mirror pocket harbour
kitchen ladder meadow needle orange pencil quarry ribbon saddle ticket umbrella valley whistle yellow anchor basket copper
dragon feather glacier hammer island jacket kettle lantern marble notebook oyster pepper quilt rocket shelter thunder
velvet walnut""".split()


def words(random, count):
    return " ".join(random.choice(WORDS) for _ in range(count))


def request(prompt, asked, most):
    """As gepard asks: the prompt and its examples come first, then the name of the first field; requests part behind that."""
    named = len(asked.partition(":")[0]) + 1 if prompt else 0
    return {
        "model": 0,
        "messages": [*prompt, {"role": "user", "content": asked}],
        "breakpoints": [sum(len(message["content"]) for message in prompt) + named],
        "decoding": {"max_tokens": most, "temperature": 0.0, "top_p": 1.0, "stop": []},
        "seed": 0,
    }


def candidate(random):
    """A prompt of about 180 tokens with three worked examples."""
    prompt = [{"role": "system", "content": f"Tell a story with these words. {words(random, 115)}"}]
    for _ in range(3):
        prompt.append({"role": "user", "content": f"words: {words(random, 32)}"})
        prompt.append({"role": "assistant", "content": f"story: {words(random, 6)}"})
    return prompt


class Gepard:
    def __init__(self, options, bench=None, more=()):
        command = [bench or options.bench, options.model, str(options.threads), str(CONTEXT), *more]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("engine: gepard's side ended")
        return json.loads(line)

    def answer(self, wave):
        self.process.stdin.write(json.dumps(wave) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def build(bench="waves"):
    command = ["cargo", "bench", "--bench", bench, "--locked", "--no-run", "--message-format=json"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = [json.loads(line) for line in built.splitlines()]
    return next(item["executable"] for item in found if item.get("target", {}).get("name") == bench and item.get("executable"))
