"""The time of labels as users say it: a column, how it is stored, and the zone of local times."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.project.labels import LabelColumns
from mlforge_sql.project.model import Requested
from mlforge_sql.project.times import has_zone
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.types import Kind
from mlforge_sql.zones import UTC_NAME


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


def local_sources(
    timestamp: Timestamp | None, columns: LabelColumns, requests: Iterable[Requested]
) -> dict[str, str]:
    """Zones of sources whose times are local, by source, where the labels' times are read as UTC.

    Integers, types with a zone and formats with ``%z`` say the instant themselves.

    Args:
        timestamp: The label's time.
        columns: Columns of the labels, which have those of the time.
        requests: The features.
    """
    if timestamp is None or timestamp.timezone is not None or "%z" in (timestamp.format or ""):
        return {}
    kinds = [columns.type(name) for name in timestamp.columns]
    if any(has_zone(kind) or kind.family is Kind.INTEGER for kind in kinds):
        return {}
    sources = [item.feature.source.spec for item in requests]
    zones = {source.name: source.timestamp.timezone for source in sources}
    return {name: zone for name, zone in zones.items() if zone is not None and zone != UTC_NAME}


def _problem(item: Any) -> Diagnostic:
    context = item.get("ctx") or {}
    return Diagnostic(context.get("code", "MF012"), item["msg"], hint=context.get("hint"))
