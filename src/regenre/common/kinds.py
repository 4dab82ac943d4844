"""Dataclasses that check their fields, and the kinds of numbers and lists that a setting may be.

Settings of conf/ and records on disk are such dataclasses. When an object is made, a field of another kind and a field
that does not exist are refused.

    strict_dataclass  frozen dataclass with this check
    explain_invalid   the check's error -> "<field>: <what is expected> expected, <value> found"
"""

from dataclasses import field
from typing import Annotated, Any, TypeVar, dataclass_transform

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

T = TypeVar("T")
MIN_RATE, MAX_RATE = 1000, 768_000  # Hz


def _check_jobs(n_jobs: int) -> int:
    if n_jobs < 1 and n_jobs != -1:
        raise ValueError(f"-1 (one for each core) or at least 1 expected, {n_jobs} found")
    return n_jobs


def check_unique(names: list[str]) -> list[str]:
    """Refuse a list that has a name twice."""
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise ValueError(f"each name once expected, {twice[0]!r} found twice")
    return names


def _refuse_bool(value: Any) -> Any:
    """Refuse a truth value, which Python counts as 0 or 1."""
    if isinstance(value, bool):
        raise ValueError(f"a number expected, {value} found")
    return value


_NUMBER = BeforeValidator(_refuse_bool)
Count = Annotated[int, Field(ge=1), _NUMBER]
CountOrZero = Annotated[int, Field(ge=0), _NUMBER]
FoldCount = Annotated[int, Field(ge=2), _NUMBER]
Seed = Annotated[int, Field(ge=0, lt=2**32), _NUMBER]
Rate = Annotated[int, Field(ge=MIN_RATE, le=MAX_RATE), _NUMBER]
"""Of sampling, in Hz."""
ShownRate = Annotated[int, Field(ge=8000, le=96_000), _NUMBER]
"""Of an analysis that is drawn, in Hz: every bank of the panels has its bins."""
Size = Annotated[int, Field(ge=16, le=2**16), _NUMBER]
"""Of a transform, in samples."""
Hop = Annotated[int, Field(ge=32), _NUMBER]
"""From one frame to the next, in samples."""
Width = Annotated[int, Field(ge=1, le=1024), _NUMBER]
"""Of what a family computes for a frame: bands, coefficients."""
WidthOrZero = Annotated[int, Field(ge=0, le=1024), _NUMBER]
Span = Annotated[float, Field(gt=0, le=60), _NUMBER]
"""Of the frames that a family or a pooling looks at together, in seconds."""
Length = Annotated[float, Field(gt=0, le=1e6), _NUMBER]
"""Of a clip, in seconds."""
Finite = Annotated[float, Field(allow_inf_nan=False), _NUMBER]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), _NUMBER]
PositiveOrZero = Annotated[float, Field(ge=0, allow_inf_nan=False), _NUMBER]
Share = Annotated[float, Field(gt=0, lt=1), _NUMBER]
Weights = Annotated[list[Positive], Field(min_length=1)]
Names = Annotated[list[str], Field(min_length=1), AfterValidator(check_unique)]
NamesOrNone = Annotated[list[str], AfterValidator(check_unique)]
Shares = Annotated[list[Share], Field(min_length=1, max_length=1024)]
Jobs = Annotated[int, AfterValidator(_check_jobs), _NUMBER]
"""A number of processes."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def strict_dataclass(kind: type[T]) -> type[T]:
    """Make a frozen dataclass whose fields are checked."""
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    return dataclass(frozen=True, config=config)(kind)  # type: ignore[return-value]


def explain_invalid(error: ValidationError) -> str:
    """Return the first thing that is wrong."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    match first["type"]:
        case "value_error":  # raised by a __post_init__, which names its field
            return f"{name}: {first['ctx']['error']}" if name else str(first["ctx"]["error"])
        case "missing":
            return f"{name} is missing"
        case "unexpected_keyword_argument" | "extra_forbidden":
            return f"{name} is unknown"
        case "literal_error":
            return f"{name}: {first['ctx']['expected']} expected, {first['input']!r} found".removeprefix(": ")
        case "too_short":
            return f"{name}: at least {first['ctx']['min_length']} expected, {first['ctx']['actual_length']} found"
        case "too_long":
            return f"{name}: at most {first['ctx']['max_length']} expected, {first['ctx']['actual_length']} found"
    kind = first["msg"].removeprefix("Input should be ").partition(", ")[0]
    return f"{name}: {kind} expected, {first['input']!r} found".removeprefix(": ")
