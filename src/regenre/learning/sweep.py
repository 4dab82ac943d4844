"""Sweeps by Optuna: settings of a classifier and of families, chosen by what is never tested.

Each fold has a study of its own, which scores candidates on the inner folds of that fold's training clips. The best
candidate is fitted on these clips and tests the fold. So the score of a sweep is that of its whole procedure, on clips
that chose nothing: nested cross-validation (Varma and Simon 2006, https://doi.org/10.1186/1471-2105-7-91). A last study
on all clips chooses the settings of the model.

    Sweep, SweepRecord  a leaf of conf/sweep; what the sweep yielded, on disk
    list_variants       the families' settings that a sweep tries, each of which needs features of its own
    change_leaf         a leaf with other settings
    sweep_fold          one fold's study, fit and test
    digest_sweep        the digest of everything that decides the cell
"""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import md5
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import optuna
from pydantic import BeforeValidator, Field

from regenre.common.errors import UserError
from regenre.common.kinds import Count, strict_dataclass
from regenre.learning import tasks
from regenre.learning.estimator import Learner
from regenre.learning.tasks import Result, Task

Choice = dict[str, Any]
"""Setting -> value."""
Variant = tuple[tuple[str, Any], ...]
"""The part of a choice that families read, sorted."""
_MOST_VARIANTS = 64
_PARAMETER = "classifier.estimator."


@strict_dataclass
class Range:
    """Numbers from `low` to `high`: whole ones if both are; in steps of `step`, or on a logarithmic scale if `log`."""

    low: int | float
    high: int | float
    step: int | float | None = None
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low: less than high ({self.high}) expected, {self.low} found")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log: a low above 0 and no step expected")
        if self.step is not None and self.step <= 0:
            raise ValueError(f"step: greater than 0 expected, {self.step} found")

    @property
    def is_whole(self) -> bool:
        """Whether the values are whole numbers."""
        return all(isinstance(value, int) for value in (self.low, self.high, self.step or 1))

    def suggest(self, trial: optuna.Trial, name: str) -> int | float:
        """Let a trial choose a value."""
        if self.is_whole:
            return trial.suggest_int(name, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)


Values = list[bool | int | float | str]


def _check_kind(values: Any) -> Any:
    if not isinstance(values, (Mapping, Range, list)):
        raise ValueError(f"a range {{low: 1, high: 9}} or a list [1, 3, 9] expected, {values!r} found")
    return values


Choices = Annotated[Range | Values, BeforeValidator(_check_kind)]


@strict_dataclass
class Sweep:
    """A leaf of conf/sweep.

    Parameters
    ----------
    split, features, classifier : names in conf/
    n_trials : candidates for each fold
    space : setting -> its range or its values; settings begin with `classifier.` or `family.<name>.`
    """

    split: str
    features: str
    classifier: str
    n_trials: Count
    space: Annotated[dict[str, Choices], Field(min_length=1)]

    def __post_init__(self) -> None:
        for name, values in self.space.items():
            is_family = name.startswith("family.") and name.count(".") >= 2
            if not is_family and not name.startswith("classifier."):
                raise ValueError(f"space: classifier.<setting> or family.<name>.<setting> expected, {name!r} found")
            if name.startswith("classifier.search."):
                parameter = name.removeprefix("classifier.search.")
                raise ValueError(
                    f"space: classifier.estimator.{parameter} expected, {name} found: a trial has one value"
                )
            if values == []:
                raise ValueError(f"space: {name}: at least one value expected")
            if is_family and isinstance(values, Range) and not values.is_whole:
                raise ValueError(f"space: {name}: values or whole numbers expected: each needs features of its own")

    @property
    def first(self) -> Choice:
        """The first value of every setting."""
        return {name: values.low if isinstance(values, Range) else values[0] for name, values in self.space.items()}

    def suggest(self, trial: optuna.Trial) -> Choice:
        """Let a trial choose every setting."""
        return {
            name: values.suggest(trial, name) if isinstance(values, Range) else trial.suggest_categorical(name, values)
            for name, values in self.space.items()
        }


@strict_dataclass
class SweepRecord:
    """The content of sweep.json.

    Attributes
    ----------
    accuracy : on clips that chose nothing
    inflated : the accuracy if each fold had taken the trial that is best on its tested clips
    """

    FORMAT: ClassVar[int] = 1

    sweep: Sweep
    accuracy: float
    inflated: float


class SweptFold(NamedTuple):
    """A fold's study.

    Attributes
    ----------
    task : of the best trial on the inner folds
    result : of this task, with the choice and its score on the inner folds
    luckiest : of the trial that is best on the tested clips
    """

    task: Task
    result: Result
    luckiest: Result


def list_variants(sweep: Sweep) -> list[Variant]:
    """Return every combination of the families' settings; one that is empty if no family is swept.

    Raises
    ------
    UserError
        There are more than 64.
    """
    names = sorted(name for name in sweep.space if name.startswith("family."))
    values = [_list_values(sweep.space[name]) for name in names]
    variants = [tuple(zip(names, combination, strict=True)) for combination in itertools.product(*values)]
    if len(variants) > _MOST_VARIANTS:
        raise UserError(
            f"space: at most {_MOST_VARIANTS} combinations of families' settings expected, {len(variants)} found;"
            " give fewer values or a larger step"
        )
    return variants


def _list_values(values: Range | list[Any]) -> list[Any]:
    if isinstance(values, Range):
        return list(range(int(values.low), int(values.high) + 1, int(values.step or 1)))
    return values


def select_variant(choice: Choice) -> Variant:
    """Return the part of a choice that families read."""
    return tuple(sorted((name, value) for name, value in choice.items() if name.startswith("family.")))


def change_leaf(leaf: Mapping[str, Any], changes: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a leaf with other settings.

    Parameters
    ----------
    changes : setting below the leaf -> value
    where : the leaf's file, for errors

    Raises
    ------
    UserError
        A setting has no place in the leaf. An estimator takes parameters that its leaf does not name.
    """
    changed: dict[str, Any] = dict(leaf)
    for name, value in changes.items():
        first, _, rest = name.partition(".")
        if rest:
            inner = changed.get(first)
            if not isinstance(inner, Mapping):
                raise UserError(f"{where}: {first} expected, to set {name}; none found")
            changed[first] = change_leaf(inner, {rest: value}, where)
        elif first in changed or "_target_" in changed:
            changed[first] = value  # building the object refuses what it does not know
        else:
            raise UserError(f"{where}: {name} is no setting; choose from {', '.join(changed)}")
    return changed


def sweep_fold(
    sweep: Sweep,
    task_of: Mapping[Variant, Task],
    make_learner: Callable[[Choice], Learner],
    seed: int,
) -> SweptFold:
    """Choose by the inner folds of one fold, fit the best candidate, and test it.

    Every candidate is tested too, only to say what a choice by the tested clips would have claimed.

    Parameters
    ----------
    task_of : the fold's task with the features of each variant
    make_learner : choice -> learner
    seed : of Optuna's sampler (TPE)
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)  # a trial that fails raises
    results: list[Result] = []

    def make_task(choice: Choice) -> Task:
        learner = make_learner(choice)
        parameters = {name.removeprefix(_PARAMETER): [value] for name, value in choice.items() if _is_parameter(name)}
        # the search over one candidate scores it, as a cell's own search would: without calibration
        return replace(task_of[select_variant(choice)], learner=replace(learner, search=parameters or None))

    def score_trial(trial: optuna.Trial) -> float:
        choice = sweep.suggest(trial)
        task = make_task(choice)
        result = tasks.run_task(replace(task, keep=False))
        results.append(replace(result, chosen=choice))
        return tasks.score_inner(task) if result.score is None else result.score

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(score_trial, n_trials=sweep.n_trials)
    task = make_task(study.best_params)
    result = replace(tasks.run_task(task), chosen=study.best_params, score=study.best_value)
    actual = task.genre[task.fold.test]
    return SweptFold(task, result, max([result, *results], key=lambda other: _count_hits(other, actual)))


def digest_sweep(inputs: str, results: Sequence[Result]) -> str:
    """Return the MD5 of everything that decides a sweep's cell.

    Parameters
    ----------
    inputs : digest of the model's plan and of all tasks
    results : of these tasks; a fold may have chosen what the model did not
    """
    decides = [inputs, [result.chosen for result in results]]
    return md5(json.dumps(decides, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def _is_parameter(name: str) -> bool:
    """Return whether a setting is a parameter that scikit-learn can set."""
    return name.startswith(_PARAMETER) and "." not in name.removeprefix(_PARAMETER)


def _count_hits(result: Result, actual: np.ndarray) -> int:
    return int((result.genres[result.proba.argmax(axis=1)] == actual).sum())
