"""The package gepa (0.1.4), over gepard's layout."""

from concurrent.futures import ThreadPoolExecutor

import gepa
from gepa.core.adapter import EvaluationBatch, GEPAAdapter

import plain


class Adapter(GEPAAdapter):
    """Runs the task's only module."""

    def __init__(self, task, model, threads):
        self.task, self.model, self.threads = task, model, threads

    def rollout(self, instruction, row):
        self.model.spent.rollout()
        answer = self.model.ask(plain.chat(instruction, self.task.inputs, self.task.outputs, [], row))
        score, feedback = self.task.judge(row, plain.read(answer, self.task.outputs))
        return answer, score, feedback

    def evaluate(self, batch, candidate, capture_traces=False):
        with ThreadPoolExecutor(self.threads) as pool:
            done = list(pool.map(lambda row: self.rollout(candidate["instruction"], row), batch))
        traces = [(row, *of) for row, of in zip(batch, done)] if capture_traces else None
        return EvaluationBatch(outputs=[answer for answer, _, _ in done], scores=[score for _, score, _ in done], trajectories=traces)

    def make_reflective_dataset(self, candidate, eval_batch, components_to_update):
        shown = [
            {"Inputs": {name: row[name] for name in self.task.inputs}, "Generated Outputs": answer, "Feedback": feedback}
            for row, answer, _, feedback in eval_batch.trajectories
        ]
        return {name: shown for name in components_to_update}


def run(task, models, seed, threads, numbers, budget):
    """Runs gepa. Returns the found prompt, what the search spent, and the prompt's scores on validation and test rows."""
    spent = models["task"].spent
    adapter = Adapter(task, models["task"], threads)
    reflect = lambda prompt: models["reflector"].ask([{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt)
    given = {"max_metric_calls": budget, "seed": seed, **numbers}
    start = {"instruction": task.instruction}
    found = gepa.optimize(start, task.train, task.val, adapter=adapter, reflection_lm=reflect, **given).best_candidate
    searched = {"rollouts": spent.rollouts, "models": {name: dict(of) for name, of in spent.models.items()}}
    score = lambda rows: adapter.evaluate(rows, found).scores
    return {"instruction": found["instruction"], "examples": 0}, searched, score(task.val), score(task.test)
