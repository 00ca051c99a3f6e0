"""The time of labels as users say it: a column, how it is stored, and the zone of local times."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.spec.source import Timestamp


def label_timestamp(timestamp: str | Timestamp | None, **said: str | None) -> Timestamp | None:
    """The labels' time; None for the values as of now.

    Args:
        timestamp: Its column, or all that is known of it.
        said: ``format``, ``unit`` and ``timezone`` that were given beside it.

    Raises:
        RetrievalError: They do not go together, or there is no such zone.

    Examples:
        >>> label_timestamp("sold_at", timezone="Europe/Berlin").timezone
        'Europe/Berlin'
    """
    given = {name: value for name, value in said.items() if value is not None}
    if timestamp is None and given:
        message = f"`{next(iter(given))}` is for a label time, and none is named"
        hint = "name its column as `timestamp`, or leave it out for the values as of now"
        raise RetrievalError([Diagnostic("MF115", message, hint=hint)])
    if timestamp is None or (isinstance(timestamp, Timestamp) and not given):
        return timestamp if isinstance(timestamp, Timestamp) else None
    known: dict[str, Any] = {"column": timestamp}
    if isinstance(timestamp, Timestamp):
        known = timestamp.model_dump(exclude_none=True)
    try:
        return Timestamp(**{**known, **given})
    except ValidationError as error:
        raise RetrievalError([_problem(item) for item in error.errors()]) from error


def _problem(item: Any) -> Diagnostic:
    context = item.get("ctx") or {}
    return Diagnostic(context.get("code", "MF012"), item["msg"], hint=context.get("hint"))
