"""What every spec model shares: frozen values, no unknown keys, and a note of where it was made."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, KeysView, ValuesView
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
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


_made: ContextVar[list[Made] | None] = ContextVar("mlforge_made", default=None)


@contextmanager
def recording() -> Iterator[list[Made]]:
    """Collect the specs that Python code makes while the context is open."""
    made: list[Made] = []
    token = _made.set(made)
    try:
        yield made
    finally:
        _made.reset(token)


def is_recording() -> bool:
    """True while a project's Python files are being run to collect their specs."""
    return _made.get() is not None


def record(spec: Spec) -> None:
    """Note where a spec was made, when somebody is recording."""
    made = _made.get()
    if made is None:
        return
    frame = user_frame()
    if frame is not None:
        made.append(Made(spec, frame.f_code, frame.f_lasti))


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


def _window(value: object) -> object:
    if value == LIFETIME:
        return None
    duration = _duration(value)
    return _positive(duration) if isinstance(duration, Duration) else duration


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
