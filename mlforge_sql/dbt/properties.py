"""Properties of models: descriptions, contracts, tests, as dbt's YAML wants them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlforge_sql.dbt.escape import jinja_safe, safe_values
from mlforge_sql.dbt.model_properties import Column, DataTest, ModelConfig, ModelProperties
from mlforge_sql.expressions import needs_quotes
from mlforge_sql.plan.describe import column_text
from mlforge_sql.plan.nodes import UNTIL, Current, Input, Latest, Rolling, Staging, Tiles, Upcoming
from mlforge_sql.project.model import ResolvedFeature
from mlforge_sql.spec.validators import Validator
from mlforge_sql.sql.branches import Branches
from mlforge_sql.types import BIGINT, TIMESTAMP, ColumnType


@dataclass
class TestNames:
    """Gives every test of the project a name of its own."""

    __test__ = False
    taken: set[str] = field(default_factory=set)

    def name(self, *parts: str) -> str:
        """A name from parts, with a number where it is taken."""
        wanted = re.sub(r"[^A-Za-z0-9_]+", "_", "__".join(parts))
        name, number = wanted, 1
        while name.casefold() in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name.casefold())
        return name


def staging_properties(node: Staging) -> ModelProperties:
    """Properties of a staging model."""
    about = node.description or f"Events of `{node.source}`"
    parts = ["event time in UTC"]
    parts += ["surrogate keys"] if node.keys else []
    parts += ["one row for each event"] if node.dedupe else []
    text = f"{about.rstrip('.')}. With {', '.join(parts)}."
    config = replace(
        model_config("staging", source=node.source), pre_hook=source_check(node.source)
    )
    if node.dedupe is not None or any(key.salt_env for key in node.keys):
        # a view's text would keep the salt in the catalog
        config = replace(config, materialized="table")
    return ModelProperties(node.name, jinja_safe(text), config)


def source_check(source: str) -> str:
    """The hook before a model that reads a source: it stops where the source is not as compiled."""
    return f"{{{{ mlforge_check_source('{source}') }}}}"


def input_properties(
    node: Input, feature: ResolvedFeature, branches: Branches, names: TestNames
) -> ModelProperties:
    """Properties of an input model: the feature's validators are its tests."""
    tests = [
        data_test(
            f"mlforge_{validator.test}",
            names.name(node.feature, column, validator.test),
            {"column": column, **validator.arguments, **_pattern(validator, branches)},
        )
        for column, validator in feature.rules
    ]
    counted = {"keys": list(node.keys), "timestamp": node.event_time}
    counted_name = names.name(node.feature, "rows_without_key_or_time")
    tests.append(data_test("mlforge_rows_counted", counted_name, counted, severity="warn"))
    text = f"The rows that go into `{node.feature}`. A failing validator here keeps the feature from being built."
    return ModelProperties(
        name=node.name,
        description=jinja_safe(text),
        config=model_config("input", feature=node.feature),
        data_tests=tuple(tests),
    )


def _pattern(validator: Validator, branches: Branches) -> dict[str, str]:
    """The pattern of a validator in Databricks' words, where they are others."""
    if validator.pattern is None:
        return {}
    said = branches.texts(lambda dialect: dialect.pattern(validator.pattern or ""))
    differs = said.get("databricks", validator.pattern) != validator.pattern
    return {"databricks_pattern": said["databricks"]} if differs else {}


def tiles_properties(node: Tiles, branches: Branches) -> ModelProperties:
    """Properties of a tiles model."""
    used = ", ".join(f"`{name}`" for name in node.features)
    text = f"Events of one entity and tick of {node.clock.interval}, pre-aggregated for {used}."
    columns = [
        *_key_columns(node.keys, branches),
        column_properties(
            node.tick,
            BIGINT,
            branches,
            f"When the events become visible, in steps of {node.clock.interval}",
            required=True,
        ),
        *(
            column_properties(
                item.name, item.type, branches, _measure_text(item.name, str(item.kind), item.where)
            )
            for item in node.measures
        ),
    ]
    return ModelProperties(
        name=node.name,
        description=jinja_safe(text),
        config=replace(model_config("tiles", contract=True), materialized="table"),
        columns=tuple(columns),
    )


def _measure_text(name: str, kind: str, where: Any) -> str:
    return f"{kind} of the tick's events" + (f" where {where.sql}" if where else "") if name else ""


def feature_properties(
    node: Rolling | Latest,
    feature: ResolvedFeature,
    spec_hash: str,
    branches: Branches,
    names: TestNames,
) -> ModelProperties:
    """Properties of a feature table."""
    keys = [name for name, _ in node.keys]
    key = [*keys, "feature_timestamp"]
    tests = [
        data_test("mlforge_unique_key", names.name(node.name, "key", "unique"), {"columns": key})
    ]
    tests += [
        data_test(
            "mlforge_not_null", names.name(node.name, "key", column, "not_null"), {"column": column}
        )
        for column in key
    ]
    filled = _never_null(node)
    if filled:
        tests.append(
            data_test("mlforge_no_nulls", names.name(node.name, "no_nulls"), {"columns": filled})
        )
    about = node.description or f"Feature `{node.name}`"
    text = f"{about.rstrip('.')}. A row holds from its feature_timestamp until the next row of its entity."
    meta = {
        "feature": node.name,
        "entities": list(feature.spec.entities),
        "source": feature.spec.source,
        "version": feature.spec.version,
        "spec_hash": spec_hash,
        "spec": feature.origin.path,
    }
    return ModelProperties(
        name=node.name,
        description=jinja_safe(text),
        config=model_config("feature", contract=True, tags=feature.spec.tags, **meta),
        columns=(*_row_columns(node.keys, branches), *_feature_columns(node, branches)),
        data_tests=tuple(tests),
    )


def _never_null(node: Rolling | Latest) -> list[str]:
    """Columns that have a value where a window is empty: counts, and those with a default."""
    if isinstance(node, Latest):
        return []
    return [item.name for item in node.columns if item.zero or item.default is not None]


def current_properties(
    node: Current,
    source: Rolling | Latest,
    feature: ResolvedFeature,
    branches: Branches,
    names: TestNames,
) -> ModelProperties:
    """Properties of a table of current values."""
    keys = [name for name, _ in node.keys]
    text = f"The row of `{node.feature}` that holds for each entity at the run's `as_of` (now by default)."
    unique = names.name(node.name, "key", "unique")
    return ModelProperties(
        name=node.name,
        description=jinja_safe(text),
        config=model_config("current", contract=True, tags=feature.spec.tags, feature=node.feature),
        columns=(*_row_columns(node.keys, branches), *_feature_columns(source, branches)),
        data_tests=(data_test("mlforge_unique_key", unique, {"columns": keys}),),
    )


def upcoming_properties(
    node: Upcoming,
    source: Rolling | Latest,
    feature: ResolvedFeature,
    branches: Branches,
    names: TestNames,
) -> ModelProperties:
    """Properties of a table of the rows that begin later."""
    text = (
        f"The rows of `{node.feature}` that begin after the run's `as_of` (now by default): "
        "what its online values change to by themselves, up to the online store's `horizon`."
    )
    key = [*(name for name, _ in node.keys), "feature_timestamp"]
    unique = names.name(node.name, "key", "unique")
    return ModelProperties(
        name=node.name,
        description=jinja_safe(text),
        config=model_config(
            "upcoming", contract=True, tags=feature.spec.tags, feature=node.feature
        ),
        columns=(
            *_row_columns(node.keys, branches),
            *_feature_columns(source, branches),
            column_properties(UNTIL, TIMESTAMP, branches, _UNTIL),
        ),
        data_tests=(data_test("mlforge_unique_key", unique, {"columns": key}),),
    )


_UNTIL = "In one row of no entity: until when these are all rows, which is as_of and the online store's horizon"


def model_config(
    kind: str, *, contract: bool = False, tags: Sequence[str] = (), **meta: Any
) -> ModelConfig:
    """The ``config`` of a model; ``meta`` says what it is to us."""
    return ModelConfig(
        meta={"kind": kind, **safe_values(meta)}, contract=contract, tags=safe_values(list(tags))
    )


def _key_columns(keys: Iterable[tuple[str, ColumnType]], branches: Branches) -> list[Column]:
    return [
        column_properties(name, kind, branches, "Join key", required=True) for name, kind in keys
    ]


def _row_columns(keys: Iterable[tuple[str, ColumnType]], branches: Branches) -> list[Column]:
    """The primary key of a step function."""
    about = "Instant (UTC) from which the row holds"
    instant = column_properties("feature_timestamp", TIMESTAMP, branches, about, required=True)
    return [*_key_columns(keys, branches), instant]


def _feature_columns(node: Rolling | Latest, branches: Branches) -> list[Column]:
    if isinstance(node, Latest):
        return [
            column_properties(name, kind, branches, f"{name} of the last event")
            for name, kind in node.columns
        ]
    return [
        column_properties(item.name, item.type, branches, column_text(item), unit=item.unit)
        for item in node.columns
    ]


def column_properties(
    name: str,
    kind: ColumnType,
    branches: Branches,
    description: str,
    *,
    required: bool = False,
    unit: str | None = None,
) -> Column:
    """A column of a model."""
    return Column(
        name=name,
        data_type=branches.type_name(kind),
        description=jinja_safe(description),
        quoted=needs_quotes(name),
        required=required,
        unit=jinja_safe(unit) if unit else None,
    )


def data_test(
    generic: str, name: str, arguments: Mapping[str, Any], *, severity: str = "error"
) -> DataTest:
    """A test of a model: a generic test with its arguments."""
    return DataTest(generic, name, safe_values(dict(arguments)), severity)
