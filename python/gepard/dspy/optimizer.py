"""`GEPA` with the arguments of `dspy.GEPA`."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from typing import Any, Callable, Optional, Union

import dspy
from dspy.teleprompt.teleprompt import Teleprompter

from ..events import OnEvent
from ..search import Options, Scale, search
from . import arguments
from .program import components, with_texts
from .reflection import reflector
from .result import detailed_results
from .scoring import Scoring, check_metric

logger = logging.getLogger(__name__)

#: The threads where the model of the program is a `gepard.LM`: as many as the rollouts of a sub-wave, which are then one wave.
WAVE = 32

#: The most merges where `max_merge_invocations=None` asks for no limit.
UNLIMITED = 100_000


class GEPA(Teleprompter):
    """Searches for better instructions and demos of a program of DSPy, with the search of gepard.

    The arguments are those of `dspy.GEPA`. Those that cannot apply are refused by name. There are five more: `demonstrations`
    is whether worked examples may be added to the predictors' demos; `on_event` is called with every event of the run;
    `rollout_timeout` are the seconds after which a run of the program counts as failed
    (None: never); `reflection_context` are the tokens of prompt and answer together that `reflection_lm` takes, if it is not a
    `gepard.LM`; `settings` replaces keys of `[optimize]` in a task file.

    `log_dir` is the run directory: a run that is there already goes on, and nothing that was run is run again. Without it the
    run is in a new temporary folder, whose path is logged.
    """

    def __init__(
        self,
        metric: Callable[..., Any],
        *,
        auto: Optional[str] = None,
        max_full_evals: Optional[int] = None,
        max_metric_calls: Optional[int] = None,
        reflection_minibatch_size: int = 3,
        candidate_selection_strategy: str = "pareto",
        reflection_lm: Any = None,
        skip_perfect_score: bool = True,
        add_format_failure_as_feedback: bool = False,
        instruction_proposer: Any = None,
        code_proposer: Any = None,
        component_selector: str = "round_robin",
        use_merge: bool = True,
        max_merge_invocations: Optional[int] = 5,
        num_threads: Optional[int] = None,
        failure_score: float = 0.0,
        perfect_score: float = 1.0,
        log_dir: Union[str, "os.PathLike[str]", None] = None,
        track_stats: bool = False,
        use_wandb: bool = False,
        wandb_api_key: Optional[str] = None,
        wandb_init_kwargs: Optional[dict[str, Any]] = None,
        track_best_outputs: bool = False,
        warn_on_score_mismatch: bool = True,
        use_mlflow: bool = False,
        seed: Optional[int] = 0,
        gepa_kwargs: Optional[dict[str, Any]] = None,
        demonstrations: bool = True,
        on_event: Optional[OnEvent] = None,
        rollout_timeout: Optional[float] = None,
        reflection_context: int = 32768,
        settings: Optional[dict[str, Any]] = None,
    ):
        given = locals()
        for name in arguments.REFUSED:
            arguments.refuse(name, given[name])
        check_metric(metric)
        arguments.check_budget(auto, max_full_evals, max_metric_calls)
        if reflection_lm is None:
            raise ValueError("reflection_lm is missing: the model that reads feedback and writes instructions")
        if track_best_outputs and not track_stats:
            raise ValueError("track_best_outputs=True needs track_stats=True")
        if seed is None:
            raise ValueError("gepard.dspy.GEPA does not support seed=None: a run needs a seed to go on after it was ended")
        self.metric_fn = metric
        self.auto, self.max_full_evals, self.max_metric_calls = auto, max_full_evals, max_metric_calls
        self.reflection_minibatch_size = reflection_minibatch_size
        self.selection = arguments.chosen("candidate_selection_strategy", candidate_selection_strategy, arguments.SELECTIONS)
        self.modules = arguments.chosen("component_selector", component_selector, arguments.MODULES)
        self.reflection_lm = reflection_lm
        self.add_format_failure_as_feedback = add_format_failure_as_feedback
        self.use_merge, self.max_merge_invocations = use_merge, max_merge_invocations
        self.num_threads = num_threads
        self.scale = Scale(failure_score, perfect_score)
        self.log_dir = log_dir
        self.track_stats, self.track_best_outputs = track_stats, track_best_outputs
        self.warn_on_score_mismatch = warn_on_score_mismatch
        self.seed = seed
        self.demonstrations = demonstrations
        self.on_event = on_event
        self.rollout_timeout = rollout_timeout
        self.reflection_context = reflection_context
        self.settings = settings or {}

    def compile(
        self,
        student: dspy.Module,
        *,
        trainset: Sequence[dspy.Example],
        teacher: Optional[dspy.Module] = None,
        valset: Optional[Sequence[dspy.Example]] = None,
    ) -> dspy.Module:
        """Returns the program with the best instructions found. Without `valset`, `trainset` is used for both."""
        if not trainset:
            raise ValueError("trainset is missing or empty")
        if teacher is not None:
            raise ValueError("gepard.dspy.GEPA does not support teacher: the search has no use for another program")
        validation = valset or trainset
        threads = self.num_threads or _threads()
        scoring = Scoring(
            student,
            self.metric_fn,
            trainset,
            validation,
            scale=self.scale,
            threads=threads,
            timeout=self.rollout_timeout,
            tells_format=self.add_format_failure_as_feedback,
            warns=self.warn_on_score_mismatch,
        )
        found = search(
            components(student),
            [dict(example.items()) for example in trainset],
            [dict(example.items()) for example in validation],
            scoring.run,
            reflector(self.reflection_lm, self.reflection_context, threads),
            self._options(len(trainset) + len(valset or [])),
            self._folder(),
            self.on_event,
        )
        program = with_texts(student, found.best.texts, found.best.demonstrations)
        if self.track_stats:
            program.detailed_results = detailed_results(found, scoring, self.seed, self.track_best_outputs)
        return program

    def _options(self, rows: int) -> Options:
        merges = self.max_merge_invocations
        return Options(
            budget=arguments.budget(self.auto, self.max_full_evals, self.max_metric_calls, rows),
            seed=self.seed,
            minibatch=self.reflection_minibatch_size,
            candidate_selection=self.selection,
            module_selection=self.modules,
            merge=self.use_merge,
            max_merges=UNLIMITED if merges is None else merges,
            demonstrations=self.demonstrations,
            settings=self.settings,
        )

    def _folder(self) -> Union[str, "os.PathLike[str]"]:
        if self.log_dir is not None:
            return self.log_dir
        folder = tempfile.mkdtemp(prefix="gepard-")
        logger.info("the run is in %s; give it as log_dir to go on with it", folder)
        return folder


def _threads() -> int:
    """Returns the number of threads of a caller that names none."""
    # `gepard.LM` itself is not imported for this: it is there if it is used.
    return WAVE if hasattr(dspy.settings.lm, "gepard_model") else dspy.settings.num_threads or 1
