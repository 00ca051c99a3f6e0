"""Versions of Delta tables: which one a pin means, and whether the table has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlforge_sql.dialects.quoting import DATABRICKS, Sql
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.spec.pin import Pin
from mlforge_sql.stores.store import METADATA

if TYPE_CHECKING:
    from mlforge_sql.stores.databricks.session import Session


def settle(session: Session, feature: str, relation: Sql, pin: Pin) -> Pin:
    """The version that a pin means: an instant after the last version is that version.

    The macro ``mlforge_check_version`` does the same in dbt.

    Args:
        session: The session.
        feature: Name of the feature.
        relation: SQL name of its table.
        pin: The pin.

    Raises:
        RetrievalError: The table does not have it, or has no history.
    """
    at = Sql("cast(null as timestamp)")
    if pin.at:
        at = DATABRICKS.sql("timestamp {text}", text=f"{pin.at.isoformat(sep=' ')}+00:00")
    query = DATABRICKS.sql(
        "select min(version), max(version), cast(min(timestamp) as string), "
        "cast(max(timestamp) as string), {at} < min(timestamp), {at} >= max(timestamp), "
        "{at} > current_timestamp() from (describe history {relation})",
        at=at,
        relation=relation,
    )
    ((first, last, since, until, early, late, future),) = session.rows(query)
    if pin.version is not None and not first <= pin.version <= last:
        message = f"feature `{feature}` has no version {pin.version}"
    elif early:
        message = f"feature `{feature}` had no version yet at {pin.instant}"
    elif future:
        message = f"`version_at` of feature `{feature}` is in the future: {pin.instant}"
    else:
        return Pin(int(last)) if late else pin
    hint = f"its table has versions {first} ({since}) to {last} ({until}); `{METADATA}` says which build wrote which"
    raise RetrievalError([Diagnostic("MF092", message, hint=hint)])
