"""All models and tests of a project."""

from __future__ import annotations

from dataclasses import dataclass

from mlforge_sql.plan.nodes.audits import Account, Audit, FeatureAccount
from mlforge_sql.plan.nodes.changes import Incremental, Ledger
from mlforge_sql.plan.nodes.features import Latest, Rolling
from mlforge_sql.plan.nodes.published import Current, Upcoming
from mlforge_sql.plan.nodes.reading import SurrogateKey
from mlforge_sql.plan.nodes.sources import Input, Staging
from mlforge_sql.plan.nodes.tiles import Tiles
from mlforge_sql.plan.nodes.training import Joinable, Labels, TrainingSet

Model = (
    Staging | Input | Tiles | Rolling | Latest | Current | Upcoming | Labels | Ledger | Incremental
)

Node = Model | Audit | Account | FeatureAccount


@dataclass(frozen=True, slots=True)
class Plan:
    """Every model of a project, in an order in which each reads only earlier ones."""

    stagings: tuple[Staging, ...]
    inputs: tuple[Input, ...]
    tiles: tuple[Tiles, ...]
    features: tuple[Rolling | Latest, ...]
    currents: tuple[Current, ...]
    upcomings: tuple[Upcoming, ...] = ()
    joinables: tuple[Joinable, ...] = ()
    surrogates: tuple[SurrogateKey, ...] = ()
    labels: tuple[Labels, ...] = ()
    training_sets: tuple[TrainingSet, ...] = ()
    audits: tuple[Audit, ...] = ()
    accounts: tuple[Account, ...] = ()
    feature_accounts: tuple[FeatureAccount, ...] = ()
    ledgers: tuple[Ledger, ...] = ()
    incremental: tuple[Incremental, ...] = ()

    @property
    def nodes(self) -> tuple[Model, ...]:
        """All models of features."""
        return (
            *self.stagings,
            *self.inputs,
            *self.tiles,
            *self.features,
            *self.currents,
            *self.upcomings,
        )
