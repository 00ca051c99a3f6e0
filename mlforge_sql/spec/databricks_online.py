"""The online feature store of Databricks, as a profile names it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator
from pydantic_core import PydanticCustomError

from mlforge_sql.durations import Duration
from mlforge_sql.spec.base import Spec, positive_duration

OnlineName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,63}$")]
"""A catalog or schema of online tables: Postgres and the API take no other names."""

_PART = "[A-Za-z_][A-Za-z0-9_]{0,254}"
_CONNECTION = rf"^({_PART}\.{_PART}\.)?{_PART}$"

ALL = "all"
"""A horizon without an end."""


def _horizon(value: object) -> object:
    return None if value is None or value == ALL else positive_duration(value)


Horizon = Annotated[
    Duration | None,
    BeforeValidator(_horizon),
    PlainSerializer(lambda value: ALL if value is None else value.text, return_type=str),
]
"""How far later rows are published; None is ``all``."""


class DatabricksOnlineStore(Spec):
    """A Databricks online feature store."""

    KIND: Literal["databricks_online"]
    catalog: OnlineName = Field(description="Catalog of the online tables.")
    schema_: OnlineName = Field(
        alias="schema",
        description="Schema of the online tables; another one than that of the feature tables.",
    )
    sync_mode: Literal["snapshot", "triggered", "continuous"] = Field(
        default="triggered",
        description=(
            "How the online tables follow the offline ones: `snapshot` copies them whole and "
            "`triggered` copies what has changed, both after each build; `continuous` follows "
            "every change by itself."
        ),
    )
    store: Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")] | None = Field(
        default=None,
        description=(
            "Name of the online store: lower-case letters, digits and hyphens. By default the "
            "project's name, with hyphens."
        ),
    )
    capacity: Literal["CU_1", "CU_2", "CU_4", "CU_8"] = Field(
        default="CU_1", description="Size of the online store, when the setup creates it."
    )
    connection: Annotated[str, Field(pattern=_CONNECTION)] = Field(
        default="mlforge_api",
        description=(
            "Unity Catalog connection through which dbt calls the workspace's API: of the metastore, or of a "
            "schema as `catalog.schema.name`."
        ),
    )
    publish_via: Literal["hook", "cli"] = Field(
        default="hook",
        description=(
            "Who keeps the online tables fresh: dbt itself (`hook`), or `mlforge online sync` "
            "(`cli`), which needs no connection."
        ),
    )
    publish_when: Literal["tests_pass", "built"] = Field(
        default="tests_pass",
        description=(
            "When dbt does it: at the end of the run for tables of which no test failed "
            "(`tests_pass`), or as soon as a table is built, before its tests (`built`)."
        ),
    )
    on_error: Literal["fail", "warn"] = Field(
        default="fail",
        description="What a refusal of the API does to the dbt run.",
    )
    warehouse_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] | None = Field(
        default=None,
        description=(
            "SQL warehouse through which lookups read the feature tables while the online store "
            "cannot be reached: exact, and slow. By default such a lookup is an error."
        ),
    )
    foreign_catalog: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,255}$")] | None = Field(
        default=None,
        description=(
            "Foreign catalog through which SQL reads the online store (Lakehouse Federation). With "
            "it, `dbt test` compares every online table with the table that it is published from."
        ),
    )
    horizon: Horizon = Field(
        default=Duration.parse("3d"),
        description=(
            "How long after a build its online values are exact: rows that begin later are not "
            "published. Twice the time between builds is a good choice; `all` publishes every row."
        ),
    )
    past_horizon: Literal["fail", "warehouse"] = Field(
        default="fail",
        description=(
            "What a lookup does at an instant past the horizon of the last build: it fails, or reads "
            "the feature tables through `warehouse_id`."
        ),
    )
    pool_size: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=16, description="How many connections one process may have open at once."
    )
    connect_timeout: Annotated[int, Field(ge=2, le=600)] = Field(
        default=10, description="Seconds after which the store counts as unreachable."
    )

    @model_validator(mode="after")
    def _warehouse(self) -> Self:
        if self.past_horizon == "warehouse" and self.warehouse_id is None:
            raise PydanticCustomError(
                "mlforge_past_horizon",
                "`past_horizon: warehouse` needs a warehouse",
                {"code": "MF016", "hint": "name one with `warehouse_id`"},
            )
        return self

    @property
    def mode(self) -> str:
        """The API's word for ``sync_mode``.

        Examples:
            >>> DatabricksOnlineStore(KIND="databricks_online", catalog="c", schema="s").mode
            'TRIGGERED'
        """
        return self.sync_mode.upper()


def default_store(project: str) -> str:
    """Name of the online store of a project that names none.

    Examples:
        >>> default_store("fraud_features"), default_store("_2024")
        ('fraud-features', 'mlforge-2024')
    """
    name = project.lower().replace("_", "-").strip("-")
    named = name if name[:1].isalpha() else f"mlforge-{name}"
    return named[:63].rstrip("-")
