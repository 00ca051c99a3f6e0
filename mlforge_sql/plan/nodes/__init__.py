"""What to compute, without a dialect. One node is one dbt model, or one test of a training set."""

from __future__ import annotations

from mlforge_sql.plan.nodes.audits import Account, Audit, AuditColumn, AuditedLabels, FeatureAccount
from mlforge_sql.plan.nodes.changes import Incremental, Ledger
from mlforge_sql.plan.nodes.features import (
    Latest,
    Observation,
    Rolling,
    RollingColumn,
    Series,
    Window,
)
from mlforge_sql.plan.nodes.published import NEVER, NOBODY, UNTIL, Current, Upcoming
from mlforge_sql.plan.nodes.reading import Dedupe, Reading, SurrogateKey, Typed
from mlforge_sql.plan.nodes.sources import Input, Staging
from mlforge_sql.plan.nodes.tiles import Measure, Tiles, Use
from mlforge_sql.plan.nodes.training import Joinable, JoinedColumn, Labels, TrainingSet
from mlforge_sql.plan.nodes.whole import Model, Node, Plan

__all__ = [
    "NEVER",
    "NOBODY",
    "UNTIL",
    "Account",
    "Audit",
    "AuditColumn",
    "AuditedLabels",
    "Current",
    "Dedupe",
    "FeatureAccount",
    "Incremental",
    "Input",
    "Joinable",
    "JoinedColumn",
    "Labels",
    "Latest",
    "Ledger",
    "Measure",
    "Model",
    "Node",
    "Observation",
    "Plan",
    "Reading",
    "Rolling",
    "RollingColumn",
    "Series",
    "Staging",
    "SurrogateKey",
    "Tiles",
    "TrainingSet",
    "Typed",
    "Upcoming",
    "Use",
    "Window",
]
