"""How old the newest event of a source may be, as dbt's source freshness asks for it."""

from __future__ import annotations

from typing import Any

from mlforge_sql.dbt.escape import jinja_safe, jinja_text
from mlforge_sql.dialects.base import Dialect
from mlforge_sql.durations import MICROSECONDS, Duration
from mlforge_sql.plan.stagings import source_time
from mlforge_sql.project.model import ResolvedSource
from mlforge_sql.sql.branches import Branches
from mlforge_sql.sql.instants import instant
from mlforge_sql.sql.text import sql_text

_PERIODS = (("d", "day"), ("h", "hour"), ("m", "minute"))


def freshness(source: ResolvedSource, branches: Branches) -> dict[str, Any]:
    """The ``config`` of a source's table; empty where nothing is asked for."""
    wanted = source.spec.freshness
    if wanted is None:
        return {}
    limits = {"warn_after": wanted.warn_after, "error_after": wanted.error_after}
    return {
        "loaded_at_field": _instant(source, branches),
        "freshness": {name: _period(limit) for name, limit in limits.items() if limit},
    }


def _instant(source: ResolvedSource, branches: Branches) -> str:
    """SQL of the event time in UTC."""

    def text(dialect: Dialect) -> str:
        return sql_text(instant(source_time(source), dialect), dialect, in_jinja=True)

    texts = branches.texts(text)
    if len(set(texts.values())) == 1:
        return jinja_safe(next(iter(texts.values())))
    listed = ", ".join(f"{jinja_text(name)}: {jinja_text(item)}" for name, item in texts.items())
    return f"{{{{ {{{listed}}}[target.type] }}}}"


def _period(limit: Duration) -> dict[str, Any]:
    """A duration in dbt's words: a count of days, hours or minutes."""
    for unit, period in _PERIODS:
        count, rest = divmod(limit.microseconds, MICROSECONDS[unit])
        if rest == 0:
            return {"count": count, "period": period}
    raise ValueError(f"{limit} is not a whole number of minutes")
