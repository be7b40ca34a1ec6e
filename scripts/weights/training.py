"""What both trainings share: the folder of a training, its curve, its time, and its end."""

import argparse
import json
import pathlib
import time

# Before transformers, because it sets what transformers reads when it is imported.
import base_model
from transformers import TrainerCallback
from transformers.trainer_utils import get_last_checkpoint

import adapter_gguf
import energy
import lora_settings
import rows

# The exit code of a training that was stopped by --minutes and goes on with the same command.
UNFINISHED = 3


def parser(what):
    """Returns the parser of a training's arguments, with those that both have."""
    made = argparse.ArgumentParser(description=what, formatter_class=argparse.RawDescriptionHelpFormatter)
    rows.add_arguments(made)
    made.add_argument("--run", type=pathlib.Path, required=True, metavar="DIR",
                      help="the folder of the training; a training that was stopped goes on")
    lora_settings.add_arguments(made)
    made.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"], help="the type of the model's weights")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--validate-every", type=int, default=20, metavar="STEPS",
                      help="scores the greedy answers to the validation rows after every so many steps; 0: never [20]")
    made.add_argument("--val-limit", type=int, default=50, metavar="N", help="of the validation rows, takes the first N [50]")
    made.add_argument("--minutes", type=float, metavar="N",
                      help=f"stops after N minutes with a checkpoint and the exit code {UNFINISHED}")
    return made


class Folder:
    """The folder of a training."""

    def __init__(self, arguments):
        self.path = arguments.run
        self.path.mkdir(parents=True, exist_ok=True)
        outside = ("run", "minutes")
        self.settings = {name: value for name, value in vars(arguments).items() if name not in outside}
        stored = self.path / "settings.json"
        if stored.exists() and json.loads(stored.read_text()) != self.settings:
            raise SystemExit(f"{self.path} is the folder of a training with other settings; give another --run, or remove it")
        stored.write_text(json.dumps(self.settings, indent=1) + "\n")

    def is_finished(self):
        return (self.path / "adapter.gguf").exists()

    def checkpoint(self):
        """Returns the newest checkpoint; None if there is none."""
        return get_last_checkpoint(str(self.path))

    def figures(self):
        """Returns what the training took up to its newest checkpoint: `seconds`, and `joules` where they can be read."""
        checkpoint = self.checkpoint()
        stored = pathlib.Path(checkpoint) / "figures.json" if checkpoint else None
        return json.loads(stored.read_text()) if stored and stored.exists() else {"seconds": 0.0, "joules": 0.0}

    def write_curve(self, points):
        (self.path / "curve.jsonl").write_text("".join(json.dumps(point) + "\n" for point in points))

    def curve(self, step):
        """Returns the points of the curve up to a step. Later ones were not kept by a checkpoint, and are computed again."""
        file = self.path / "curve.jsonl"
        points = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [point for point in points if point["step"] <= step]


class Progress(TrainerCallback):
    """Writes the curve, scores the validation rows, and stops when the time of the command is over."""

    def __init__(self, folder, arguments, tokenizer, val, judge, rollouts_per_step):
        self.folder, self.arguments, self.tokenizer = folder, arguments, tokenizer
        self.val, self.val_judge, self.rollouts_per_step = val, judge, rollouts_per_step
        self.before = folder.figures()
        self.started, self.joules = time.monotonic(), energy.joules()
        self.points = []

    def figures(self):
        """Returns the seconds and joules of the training with those of earlier commands. None: no joules can be read."""
        now = energy.joules()
        is_read = None not in (now, self.joules, self.before["joules"])
        return {
            "seconds": round(self.before["seconds"] + time.monotonic() - self.started, 1),
            "joules": round(self.before["joules"] + now - self.joules, 1) if is_read else None,
        }

    def point(self, step, **values):
        if self.points and self.points[-1]["step"] == step:
            self.points[-1].update(values)
        else:
            self.points.append({"step": step, "rollouts": step * self.rollouts_per_step, **self.figures(), **values})
        self.folder.write_curve(self.points)
        print(json.dumps(self.points[-1]), flush=True)

    def validate(self, model, step):
        score = base_model.mean_score(model, self.tokenizer, self.val, self.val_judge)
        self.point(step, validation=score)

    def on_train_begin(self, args, state, control, model=None, **_):
        self.points = self.folder.curve(state.global_step)
        if state.global_step == 0 and self.arguments.validate_every > 0:
            self.validate(model, 0)

    def on_log(self, args, state, control, logs=None, **_):
        names = ("loss", "reward", "reward_std", "kl", "completions/mean_length", "entropy")
        values = {name: round(float(logs[name]), 5) for name in names if name in logs}
        if values:
            self.point(state.global_step, **values)

    def on_step_end(self, args, state, control, model=None, **_):
        every = self.arguments.validate_every
        if every > 0 and (state.global_step % every == 0 or state.global_step == state.max_steps):
            self.validate(model, state.global_step)
        is_over = self.arguments.minutes is not None and time.monotonic() - self.started > 60 * self.arguments.minutes
        if is_over and state.global_step < state.max_steps:
            control.should_save = control.should_training_stop = True
        return control

    def on_save(self, args, state, control, **_):
        checkpoint = self.folder.path / f"checkpoint-{state.global_step}"
        (checkpoint / "figures.json").write_text(json.dumps(self.figures()))


def finish(trainer, folder, progress, base):
    """Writes the adapter, and returns the exit code of the command."""
    state = trainer.state
    if state.global_step < state.max_steps:
        print(f"stopped after {state.global_step} of {state.max_steps} steps; the same command goes on")
        return UNFINISHED
    trainer.model.save_pretrained(str(folder.path / "adapter"))
    # The figures are written before the adapter, whose file says that the training is finished.
    done = {**progress.figures(), "steps": state.global_step, "rollouts": state.global_step * progress.rollouts_per_step}
    (folder.path / "result.json").write_text(json.dumps(done, indent=1) + "\n")
    write_adapter(folder.path / "adapter", base, folder.path / "adapter.gguf")
    print(f"{folder.path / 'adapter.gguf'}: score it with gepard eval TASK --set model.NAME.lora={folder.path / 'adapter.gguf'}")
    return 0


def write_adapter(folder, base, path):
    """Converts the adapter that peft stored in `folder`."""
    from safetensors.torch import load_file

    alpha = json.loads((folder / "adapter_config.json").read_text())["lora_alpha"]
    part = path.with_suffix(".part")
    adapter_gguf.write(str(part), base, load_file(str(folder / "adapter_model.safetensors")), alpha)
    part.rename(path)
