"""The online tables of features: what each is called, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass

from mlforge_sql.online.databricks.steps import Wanted
from mlforge_sql.project.model import current_name, upcoming_name
from mlforge_sql.spec.config import UnityCatalogStore
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore


@dataclass(frozen=True, slots=True)
class OnlineTable:
    """An online table of a feature.

    Attributes:
        feature: The feature.
        model: The model that it comes from.
        wanted: What is asked of the API.
    """

    feature: str
    model: str
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Naming:
    """Names tables as the macros do.

    Attributes:
        offline: Where the feature tables are.
        online: Where the online tables are.
        ahead: Features that have a table of later rows.
    """

    offline: UnityCatalogStore
    online: DatabricksOnlineStore
    ahead: frozenset[str]

    def current(self, feature: str) -> OnlineTable:
        """The table of current values."""
        return self._table(feature, current_name(feature))

    def upcoming(self, feature: str) -> OnlineTable:
        """The table of later rows."""
        return self._table(feature, upcoming_name(feature))

    def of(self, feature: str) -> tuple[OnlineTable, ...]:
        """All tables of a feature, the current one first."""
        later = (self.upcoming(feature),) if feature in self.ahead else ()
        return (self.current(feature), *later)

    def _table(self, feature: str, model: str) -> OnlineTable:
        source = f"{self.offline.catalog}.{self.offline.schema_}.{model}"
        name = f"{self.online.catalog}.{self.online.schema_}.{model}"
        return OnlineTable(feature, model, Wanted(source, name, self.online.mode))
