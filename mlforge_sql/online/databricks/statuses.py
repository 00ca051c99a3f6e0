"""How an online table is doing: what the API says of it, beside what its source has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from mlforge_sql.errors import RetrievalError
from mlforge_sql.online.databricks.history import Commit, Lag, lag
from mlforge_sql.online.databricks.steps import Published
from mlforge_sql.online.databricks.tables import OnlineTable
from mlforge_sql.online.model import Served, TableStatus
from mlforge_sql.plan.nodes import NEVER
from mlforge_sql.project.model import upcoming_name


@dataclass(frozen=True, slots=True)
class PipelineStatus(TableStatus):
    """What an online store has of one of the tables of a feature, which a pipeline fills.

    Attributes:
        table: The online table.
        mode: How it follows its source; None when it is not known.
        versions_behind: Versions of the source with other rows that it does not have.
        rows_behind: Rows that those wrote, changed or deleted.
        until: Until when its source tells values of the future; None for all of it, or when it is not known.
    """

    table: str = field(kw_only=True)
    mode: str | None = None
    versions_behind: int | None = None
    rows_behind: int | None = None
    until: datetime | None = None


class Sources(Protocol):
    """The feature tables of a profile, on the warehouse."""

    def history(self, model: str) -> Sequence[Commit]:
        """The commits of a table."""

    def until(self, model: str) -> datetime | None:
        """Until when a table of later rows has all of them; None where it does not say."""

    def hashes(self) -> dict[str, str]:
        """Hash of the definition that each feature was last built from."""


OpenSources = Callable[[], AbstractContextManager[Sources]]


def table_status(
    feature: Served,
    table: OnlineTable,
    found: Published | None,
    sources: Sources | None,
    problem: str | None,
) -> PipelineStatus:
    """How one online table is doing.

    Args:
        feature: The feature.
        table: The table.
        found: What the API says; None when it is not there.
        sources: Where it comes from; None when that cannot be read.
        problem: Why it cannot be read.
    """
    if found is None:
        return PipelineStatus(feature.name, "not synced", table=table.model)
    behind: Lag | None = None
    until: datetime | None = None
    older = False
    if sources is not None:
        try:
            behind = lag(sources.history(table.model), found.version)
            if table.model == upcoming_name(feature.name):
                until = sources.until(table.model)
            older = sources.hashes().get(feature.name, feature.spec_hash) != feature.spec_hash
        except RetrievalError as error:
            problem = error.diagnostics[0].message
    return PipelineStatus(
        feature=feature.name,
        state=_state(found, behind, older=older),
        synced_at=found.synced_at,
        detail=_detail(found, table, problem),
        table=table.model,
        mode=found.mode.lower() or None,
        versions_behind=behind.versions if behind else None,
        rows_behind=behind.rows if behind else None,
        until=until if until is None or until < NEVER else None,
    )


def _state(found: Published, behind: Lag | None, *, older: bool) -> str:
    if found.failed:
        return "failed"
    if older:
        return "older definition"
    if found.provisioning:
        return "provisioning"
    if found.updating:
        return "updating"
    if behind is None:
        return "unknown"
    return "behind" if behind.versions else "current"


def _detail(found: Published, table: OnlineTable, problem: str | None) -> str | None:
    parts = [found.state]
    if found.failed and found.message:
        parts.append(found.message.split("\n")[0])
    if found.mode and found.mode != table.wanted.mode:
        parts.append(f"the profile says {table.wanted.mode}")
    if found.source and found.source.lower() != table.wanted.source.lower():
        parts.append(f"published from {found.source}")
    if problem:
        parts.append(f"its source cannot be read: {problem}")
    return "; ".join(parts)
