"""A program of DSPy: its predictors, its copies with other texts, and its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import dspy
from dspy.adapters.utils import parse_value
from dspy.utils.exceptions import AdapterParseError, LMError

from ..search import Component, Demonstration, Rollout, Step

#: What a run of a predictor leaves in the trace of DSPy.
Call = "tuple[Any, dict[str, Any], dspy.Prediction]"


def components(student: dspy.Module) -> list[Component]:
    """Returns the predictors of a program. Raises `ValueError` if there are none, or there is code to be evolved."""
    flex = [name for name, part in student.named_parameters() if type(part).__name__ == "Flex"]
    if flex:
        raise ValueError(f"gepard.dspy.GEPA does not support dspy.Flex (`{flex[0]}`): only instructions are searched for")
    found = [_component(name, predictor.signature) for name, predictor in student.named_predictors()]
    if not found:
        raise ValueError("the program has no predictors, so there is nothing to optimize")
    return found


def _component(name: str, signature: Any) -> Component:
    # A predictor without inputs or outputs still has to be described to a reflector.
    inputs, outputs = list(signature.input_fields), list(signature.output_fields)
    return Component(name, signature.instructions.strip() or "Do the task.", inputs or ["input"], outputs or ["output"])


def with_texts(
    student: dspy.Module, texts: Mapping[str, str], demonstrations: Mapping[str, Sequence[Demonstration]]
) -> dspy.Module:
    """Returns a copy of a program whose predictors have other instructions, and more worked examples after their own."""
    program = student.deepcopy()
    for name, predictor in program.named_predictors():
        if name in texts:
            predictor.signature = predictor.signature.with_instructions(texts[name])
            shown = [_demo(predictor.signature, one) for one in demonstrations.get(name, ())]
            predictor.demos = [*predictor.demos, *shown]
    return program


def _demo(signature: Any, shown: Demonstration) -> dspy.Example:
    fields, values = {**signature.input_fields, **signature.output_fields}, {**shown.inputs, **shown.outputs}
    known = {name: _value(text, fields[name].annotation) for name, text in values.items() if name in fields}
    return dspy.Example(**known).with_inputs(*(name for name in known if name in signature.input_fields))


def _value(text: str, annotation: Any) -> Any:
    """Returns a text as a value of its type. A text that is none of them stays as it is."""
    try:
        return parse_value(text, annotation)
    except Exception:
        return text


class Run:
    """One run of a program on an example, with its trace."""

    def __init__(self, program: dspy.Module, example: dspy.Example, tells_format: bool):
        self.example = example
        self.prediction: Optional[dspy.Prediction] = None
        self.trace: list[Any] = []
        self.rollout = Rollout()
        self._names = {id(predictor): name for name, predictor in program.named_predictors()}
        with dspy.context(trace=[]):
            try:
                self.prediction = program(**example.inputs())
            except AdapterParseError as error:
                self._note_unreadable(program, error, tells_format)
            except LMError as error:
                # A model that cannot be asked says nothing about the instructions.
                self.rollout.broken = f"the model failed: {type(error).__name__}: {error}"
            except Exception as error:
                self.rollout.failure = f"The program raised {type(error).__name__}: {error}"
            self.trace = list(dspy.settings.trace)
        calls = (self._step(call) for call in self.trace)
        self.rollout.steps = [step for step in calls if step is not None] + self.rollout.steps
        if self.prediction is not None:
            self.rollout.outputs = fields(self.prediction)

    def calls_of(self, name: str) -> Sequence[Any]:
        """Returns the entries of the trace that a predictor made."""
        return [call for call in self.trace if self._names.get(id(call[0])) == name]

    def _step(self, call: Any) -> Optional[Step]:
        predictor, inputs, prediction = call
        name = self._names.get(id(predictor))
        return None if name is None else Step(name, inputs, fields(prediction))

    def _note_unreadable(self, program: dspy.Module, error: AdapterParseError, tells_format: bool) -> None:
        expected = ", ".join(f"`{name}`" for name in error.signature.output_fields)
        problem = f"The answer could not be read: it must have {expected} in the form that was asked for."
        if tells_format:
            problem += f" The form is:\n{_form(error.signature)}"
        self.rollout.failure = problem
        for name, predictor in program.named_predictors():
            if predictor.signature == error.signature:
                inputs = {field: self.example.get(field, "") for field in error.signature.input_fields}
                self.rollout.steps.append(Step(name, inputs, {}, answer=str(error.lm_response), problem=problem))
                return


def fields(prediction: Any) -> dict[str, Any]:
    """Returns what a program or a predictor returned, by name. Anything but a prediction is one field, `output`."""
    items = getattr(prediction, "items", None)
    return dict(items()) if callable(items) else {"output": prediction}


def _form(signature: Any) -> str:
    adapter = dspy.settings.adapter or dspy.ChatAdapter()
    form = getattr(adapter, "format_field_structure", None)
    return form(signature) if callable(form) else ", ".join(signature.output_fields)
