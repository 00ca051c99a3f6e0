"""What to do with an online table, by what is there: one table of decisions, without I/O.

``templates/online/macros/mlforge_online_step.sql`` is the same table for dbt; both are tested against
the same cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    """What is done with an online table."""

    PUBLISH = "publish"
    START = "start"
    NOTHING = "nothing"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Published:
    """An online table as the API shows it.

    Attributes:
        state: Its state, without the prefix that all states have.
        message: What the API says about that.
        pipeline: Id of its pipeline; empty while there is none.
        source: Full name of the table that it comes from; empty when the API does not say.
        mode: SNAPSHOT, TRIGGERED or CONTINUOUS; empty when the API does not say.
        database: The Postgres database it is in; empty when the API does not say.
        version: The Delta version of the source that it has; None when it has none yet.
        synced_at: When it got that, in UTC and without a time zone.
    """

    state: str
    message: str = ""
    pipeline: str = ""
    source: str = ""
    mode: str = ""
    database: str = ""
    version: int | None = None
    synced_at: datetime | None = None

    @property
    def failed(self) -> bool:
        """Whether it has stopped; what it had before is still served, if it ever had anything."""
        return "FAILED" in self.state

    @property
    def provisioning(self) -> bool:
        """Whether its first copy is still being made."""
        return self.state.startswith("PROVISIONING")

    @property
    def updating(self) -> bool:
        """Whether rows are on their way, in a mode that does not follow by itself."""
        return self.provisioning or self.state in {
            "ONLINE_TRIGGERED_UPDATE",
            "ONLINE_UPDATING_PIPELINE_RESOURCES",
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """An online table as the profile wants it.

    Attributes:
        source: Full name of the table that it comes from.
        name: Its own full name.
        mode: SNAPSHOT, TRIGGERED or CONTINUOUS.
    """

    source: str
    name: str
    mode: str


@dataclass(frozen=True, slots=True)
class Step:
    """What to do.

    Attributes:
        action: What.
        full_refresh: For an update: whether everything is copied again.
        reason: Why.
    """

    action: Action
    reason: str
    full_refresh: bool = False


def next_step(table: Published | None, wanted: Wanted, *, full_refresh: bool) -> Step:
    """What to do with an online table.

    Args:
        table: What is there; None if nothing is.
        wanted: What should be there.
        full_refresh: Whether everything is to be copied again.

    Examples:
        >>> wanted = Wanted("c.s.f_current", "c.o.f_current", "TRIGGERED")
        >>> next_step(None, wanted, full_refresh=False).action
        <Action.PUBLISH: 'publish'>
        >>> next_step(Published("ONLINE_PIPELINE_FAILED", pipeline="p"), wanted, full_refresh=False)
        Step(action=<Action.START: 'start'>, reason='it was ONLINE_PIPELINE_FAILED', full_refresh=True)
    """
    if table is None:
        return Step(Action.PUBLISH, "not published yet")
    if table.source and table.source.lower() != wanted.source.lower():
        return Step(Action.REFUSE, f"is published from {table.source}, not from {wanted.source}")
    if table.mode and table.mode != wanted.mode:
        return Step(
            Action.REFUSE,
            f"is published as {table.mode}, and the profile says {wanted.mode}: a mode cannot be "
            "changed; delete the online table, then build again",
        )
    if not table.pipeline:
        return Step(Action.NOTHING, "its first copy is on its way")
    if table.failed:
        said = f": {table.message}" if table.message else ""
        return Step(Action.START, f"it was {table.state}{said}", full_refresh=True)
    if table.mode == "CONTINUOUS" and not full_refresh:
        return Step(Action.NOTHING, "it follows every change by itself")
    reason = "asked for" if full_refresh else "its table was built"
    return Step(Action.START, reason, full_refresh=full_refresh)
