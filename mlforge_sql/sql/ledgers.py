"""Ledgers: of each entity and day how many events there are, and a fingerprint of them."""

from __future__ import annotations

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    columns,
    from_step,
    jinja,
    jinja_string,
    not_null,
    ref,
    select,
    star_from,
)
from mlforge_sql.expressions import column
from mlforge_sql.plan.nodes import Ledger
from mlforge_sql.sql.query import Call, ModelQuery, Step
from mlforge_sql.types import ColumnType, Kind

DAY = "mlforge_day"
EVENTS = "mlforge_events"
FINGERPRINT = "mlforge_fingerprint"
KNOWN = "mlforge_known"

_DATE = ColumnType(Kind.DATE)


def ledger_query(node: Ledger, dialect: Dialect) -> ModelQuery:
    """The SQL of a ledger."""
    time = column(node.event_time)
    day = dialect.cast(time.copy(), _DATE)
    said = ", ".join(map(jinja_string, (node.event_time, *node.columns)))
    found = select(
        *columns(node.keys),
        aliased(day, DAY),
        aliased(exp.Count(this=exp.Star()), EVENTS),
        aliased(jinja(f"mlforge_fingerprint(mlforge_fingerprinted([{said}]))"), FINGERPRINT),
        aliased(jinja(f"mlforge_fingerprint(mlforge_known_columns([{said}]))"), KNOWN),
    )
    there = [not_null(item) for item in columns(node.keys)]
    found = from_step(found, "events").where(*there, dialect.is_instant(time), copy=False)
    found = found.group_by(*columns(node.keys), day.copy(), copy=False)
    return ModelQuery(
        (
            Step("events", star_from(ref(node.staging))),
            Step("found", found, "a sum of hashes: the same for the same events in any order"),
            Call(
                ("{{ mlforge_ledger_rows() }}",),
                comment="of a first build all days, of a later one those whose events are others",
            ),
        )
    )
