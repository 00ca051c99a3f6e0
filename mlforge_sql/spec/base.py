"""What every spec model shares: frozen values, no unknown keys, and a note of where it was made."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, KeysView, ValuesView
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from types import CodeType, FrameType
from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic_core import PydanticCustomError

from mlforge_sql.durations import Duration
from mlforge_sql.errors import Location

LIFETIME = "lifetime"
"""The window without a lower end."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _with_digits(value: int) -> int:
    if value.bit_length() > _MOST_BITS:
        raise PydanticCustomError(
            "mlforge_number",
            "the number has more digits than any column has room for",
            {"code": "MF012", "hint": "write a number of at most 300 digits"},
        )
    return value


_MOST_BITS = 1000
Whole = Annotated[int, AfterValidator(_with_digits)]
"""A whole number; one of thousands of digits cannot even be written down."""


class Origin(Protocol):
    """Where a spec was written."""

    @property
    def path(self) -> str:
        """The file, relative to the project."""
        ...

    def at(self, *path: str | int) -> Location:
        """The place of the value at ``path`` inside the spec, or of the nearest parent."""
        ...

    def key(self, *path: str | int) -> Location:
        """The place of the key at ``path``, or of the nearest parent."""
        ...

    def unquoted(self, *path: str | int) -> str | None:
        """What stands at ``path`` where YAML takes it for something else than text, such as ``no``."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """A spec object made by Python code, with the user's code and the instruction it was at."""

    spec: Spec
    code: CodeType
    instruction: int


@dataclass(frozen=True, slots=True)
class Foreign:
    """A word of mlforge that is said otherwise here, with the user's code and the instruction it was at."""

    message: str
    hint: str
    code: CodeType
    instruction: int


@dataclass(frozen=True, slots=True)
class Recording:
    """What Python code made and said.

    Attributes:
        made: The specs.
        foreign: What has to be said otherwise.
        groups: Names of the features of each ``Definitions``.
    """

    made: list[Made] = field(default_factory=list)
    foreign: list[Foreign] = field(default_factory=list)
    groups: list[frozenset[str]] = field(default_factory=list)


_recording: ContextVar[Recording | None] = ContextVar("mlforge_recording", default=None)


@contextmanager
def recording() -> Iterator[Recording]:
    """Collect the specs that Python code makes while the context is open."""
    found = Recording()
    token = _recording.set(found)
    try:
        yield found
    finally:
        _recording.reset(token)


def is_recording() -> bool:
    """True while a project's Python files are being run to collect their specs."""
    return _recording.get() is not None


def record(spec: Spec) -> None:
    """Note where a spec was made, when somebody is recording."""
    found, frame = _recording.get(), user_frame()
    if found is not None and frame is not None:
        found.made.append(Made(spec, frame.f_code, frame.f_lasti))


def record_group(names: Iterable[str]) -> None:
    """Note the features that belong together, when somebody is recording."""
    found = _recording.get()
    if found is not None:
        found.groups.append(frozenset(names))


def say_otherwise(message: str, hint: str) -> bool:
    """Note a word of mlforge that is said otherwise here; False when nobody is recording."""
    found, frame = _recording.get(), user_frame()
    if found is None or frame is None:
        return False
    found.foreign.append(Foreign(message, hint, frame.f_code, frame.f_lasti))
    return True


class StandIn:
    """What a foreign word gives while a project is read: anything can be done with it, to no effect."""

    def __call__(self, *_arguments: object, **_named: object) -> StandIn:
        """The same again."""
        return self

    def __getattr__(self, name: str) -> StandIn:
        """The same again; nothing that Python itself asks for."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self


def user_frame() -> FrameType | None:
    """The nearest frame outside this package and pydantic."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to the caller's line
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.split(".")[0] not in {"mlforge_sql", "pydantic"}:
            return frame
        frame = frame.f_back
    return None


class Spec(BaseModel):
    """A frozen value written by a user."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        arbitrary_types_allowed=True,
        populate_by_name=True,
    )


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise PydanticCustomError(
            "mlforge_name",
            "`{value}` is not a usable name",
            {
                "value": value,
                "code": "MF014",
                "hint": "use letters, digits and `_`, not a digit first",
            },
        )
    return value


def _duration(value: object) -> object:
    if not isinstance(value, (str, timedelta, Duration)):
        raise PydanticCustomError(
            "mlforge_duration",
            "`{value}` is not a duration",
            {"value": str(value), "code": "MF016", "hint": _DURATION_HINT},
        )
    try:
        return Duration.parse(value)
    except ValueError as error:
        raise PydanticCustomError(
            "mlforge_duration",
            "{why}",
            {"why": str(error), "code": "MF016", "hint": _DURATION_HINT},
        ) from error


_DURATION_HINT = "write a whole number and s, m, h, d or w, such as `7d`"


def _positive(value: Duration) -> Duration:
    if value.microseconds == 0:
        raise PydanticCustomError(
            "mlforge_duration",
            "`{value}` is empty",
            {"value": value.text, "code": "MF016", "hint": _DURATION_HINT},
        )
    return value


def positive_duration(value: object) -> object:
    """A duration above zero; anything that is none as it is, for pydantic to refuse."""
    duration = _duration(value)
    return _positive(duration) if isinstance(duration, Duration) else duration


def _window(value: object) -> object:
    return None if value == LIFETIME else positive_duration(value)


def one_or_many(value: object) -> object:
    """Accept one value where a list is expected."""
    if isinstance(value, (list, Iterator, KeysView, ValuesView)):
        return tuple(value)
    return value if isinstance(value, tuple) else (value,)


Name = Annotated[str, AfterValidator(_name)]
"""A name that becomes part of a table, file or column name."""

_json_duration = PlainSerializer(lambda value: value.text, return_type=str)

DurationField = Annotated[Duration, BeforeValidator(_duration), _json_duration]
"""A duration; YAML text or a ``timedelta``."""

PositiveDuration = Annotated[
    Duration, BeforeValidator(_duration), AfterValidator(_positive), _json_duration
]
"""A duration above zero."""

Names = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]
"""Names, written as one text or a list."""

WindowField = Annotated[Duration | None, BeforeValidator(_window)]
"""Length of a window; None is ``lifetime``."""
