"""Training sets: labels, and the features that are joined to them as of each label's time."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from mlforge_sql.spec.base import Name, Names, Spec, Whole, one_or_many, record
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.pin import Instant, Pin
from mlforge_sql.spec.source import Source, Timestamp, timestamp_by_name

AUDITED_ROWS = 1000
"""Label rows that the leakage audit recomputes, unless a training set says otherwise."""


class FeatureSpec(Spec):
    """A feature, all of its columns or some of them, as it is or as its table was.

    Examples:
        >>> FeatureSpec("merchant_spend", columns=["amount_sum_7d"]).columns
        ('amount_sum_7d',)
        >>> str(FeatureSpec("merchant_spend", version=12).pin)
        'version 12'
    """

    name: Name = Field(description="Name of the feature.")
    columns: Annotated[Names, Field(min_length=1)] | None = Field(
        default=None, description="Columns of the feature; all of them by default."
    )
    version: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None,
        description="Databricks: version of the feature's Delta table to read; the newest by default.",
    )
    version_at: Instant | None = Field(
        default=None,
        description="Databricks: read the version that the table had at this instant, instead of `version`.",
    )

    def __init__(self, name: str | None = None, /, **values: Any) -> None:
        if name is not None:
            values["name"] = name
        super().__init__(**values)

    @model_validator(mode="after")
    def _one_version(self) -> FeatureSpec:
        if self.version is not None and self.version_at is not None:
            raise PydanticCustomError(
                "mlforge_conflict",
                "`version` and `version_at` both say which version is read",
                {"code": "MF017", "at": "version_at", "hint": "keep one"},
            )
        return self

    @property
    def pin(self) -> Pin | None:
        """The version of the feature's table that is read; None for the newest."""
        if self.version is None and self.version_at is None:
            return None
        return Pin(self.version, self.version_at)


def requested(value: object) -> object:
    """A feature as users name it: its name, ``name:column``, a ``Feature`` or a ``FeatureSpec``.

    Examples:
        >>> requested("merchant_spend:amount_sum_7d")
        {'name': 'merchant_spend', 'columns': ['amount_sum_7d']}
    """
    if isinstance(value, Feature):
        return {"name": value.name}
    if not isinstance(value, str):
        return value
    name, colon, column = value.partition(":")
    return {"name": name, "columns": [column]} if colon else {"name": name}


def _requested_all(value: object) -> object:
    items = one_or_many(value)
    return tuple(requested(item) for item in items) if isinstance(items, tuple) else items


def _some(value: str) -> str:
    if not value.strip().strip(";").strip():
        raise PydanticCustomError(
            "mlforge_empty", "the query is empty", {"code": "MF012", "hint": "write a select"}
        )
    return value


class Labels(Spec):
    """The rows of a training set, before features are joined to them. One of three.

    Examples:
        >>> Labels(source="chargebacks").source
        'chargebacks'
    """

    source: Annotated[
        str | None,
        BeforeValidator(lambda value: value.name if isinstance(value, Source) else value),
    ] = Field(default=None, description="Name of a source.")
    model: Name | None = Field(default=None, description="A dbt model of the compiled project.")
    sql: Annotated[str, AfterValidator(_some)] | None = Field(
        default=None, description="A query; it may use `{{ ref('...') }}` and `{{ source(...) }}`."
    )
    columns: dict[str, str] | None = Field(
        default=None,
        description="Column names and types, for a model or a query: neither is read while compiling.",
    )
    select: Annotated[Names, Field(min_length=1)] | None = Field(
        default=None,
        description=(
            "For a source: the columns that the training set has of it; all of them by default. The "
            "keys and the label's time are among them."
        ),
    )
    pseudonymize: bool = Field(
        default=False,
        description=(
            "For a source: put surrogate keys in the place of the columns they are computed from, "
            "so that names and the like do not reach the training set."
        ),
    )

    @model_validator(mode="after")
    def _one_place(self) -> Labels:
        given = [name for name in ("source", "model", "sql") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(f"`{name}`" for name in given) or "none of them"
            raise PydanticCustomError(
                "mlforge_conflict",
                "labels are one of `source`, `model` and `sql`; here is {found}",
                {
                    "found": found,
                    "code": "MF017" if given else "MF011",
                    "hint": "keep one" if given else "name one, such as `source: my_labels`",
                },
            )
        if self.source is not None and self.columns is not None:
            raise PydanticCustomError(
                "mlforge_conflict",
                "the source already says what its columns are",
                {"code": "MF017", "at": "columns", "hint": "declare `columns` at the source"},
            )
        if self.source is None and self.select:
            raise PydanticCustomError(
                "mlforge_conflict",
                "`select` is for the columns of a source",
                {"code": "MF017", "at": "select", "hint": "leave the columns out yourself"},
            )
        if self.source is None and self.pseudonymize:
            raise PydanticCustomError(
                "mlforge_conflict",
                "`pseudonymize` is for the rows of a source",
                {"code": "MF017", "at": "pseudonymize", "hint": "leave the columns out yourself"},
            )
        return self


class Owner(Spec):
    """Who answers for a training set."""

    name: str | None = Field(default=None, description="Name of a person or team.")
    email: str | None = Field(default=None, description="Their address.")


def _labels(value: object) -> object:
    if isinstance(value, Source):
        return {"source": value.name}
    return {"source": value} if isinstance(value, str) else value


class TrainingSet(Spec):
    """A table with every label once, and its features as they were at the label's time."""

    name: Name = Field(description="Name of the training set and of its table.")
    description: str | None = Field(default=None, description="What the training set is for.")
    labels: Annotated[Labels, BeforeValidator(_labels)] = Field(
        description="The labels: the name of a source, or a mapping."
    )
    timestamp: Timestamp | None = Field(
        default=None,
        description="Label time: a column name, or a mapping; the source's own timestamp by default.",
    )
    features: Annotated[tuple[FeatureSpec, ...], BeforeValidator(_requested_all)] = Field(
        description="Features: a name, `name:column`, or a name and its columns.", min_length=1
    )
    audit_rows: Annotated[int, Field(ge=1)] = Field(
        default=AUDITED_ROWS,
        description="How many label rows the leakage audit recomputes for each feature.",
    )
    owner: Owner | None = Field(default=None, description="Who answers for it.")
    tags: Names = Field(default=(), description="Tags of its model.")

    @model_validator(mode="before")
    @classmethod
    def _timestamp_by_name(cls, values: Any) -> Any:
        return timestamp_by_name(values)

    @model_validator(mode="after")
    def _not_itself(self) -> TrainingSet:
        if self.labels.model is not None and self.labels.model.casefold() == self.name.casefold():
            raise PydanticCustomError(
                "mlforge_conflict",
                "the labels of `{name}` cannot be `{name}` itself",
                {"name": self.name, "code": "MF017", "at": "labels", "hint": "name another model"},
            )
        return self

    @model_validator(mode="after")
    def _recorded(self) -> TrainingSet:
        """Note where it was made; last, so that only valid ones are noted."""
        record(self)
        return self
