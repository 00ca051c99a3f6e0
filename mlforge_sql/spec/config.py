"""The project file, ``mlforge.yaml``."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from mlforge_sql.spec.base import Name, Spec, Whole
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore, default_store

_LONGEST_NAME = 255


def _plain(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError(
            "mlforge_folder",
            "a folder's name has a NUL character, which no file system takes",
            {"code": "MF012", "hint": "remove it"},
        )
    if any(len(part.encode()) > _LONGEST_NAME for part in value.split("/")):
        raise PydanticCustomError(
            "mlforge_folder",
            "a folder's name has more than {longest} bytes, which no file system takes",
            {"longest": _LONGEST_NAME, "code": "MF012", "hint": "choose a shorter one"},
        )
    return value


class LocalStore(Spec):
    """A DuckDB file."""

    KIND: Literal["local"]
    path: Annotated[str, AfterValidator(_plain)] = Field(
        description="Folder of the DuckDB file `features.duckdb`, relative to the project."
    )
    settings: dict[str, str | Whole | float | bool] = Field(
        default_factory=dict,
        description="DuckDB settings that cannot change values, such as `memory_limit: 4GB`.",
    )


class UnityCatalogStore(Spec):
    """Delta tables in Unity Catalog."""

    KIND: Literal["unity_catalog"]
    catalog: str = Field(description="Catalog of the feature tables.")
    schema_: str = Field(alias="schema", description="Schema of the feature tables.")
    auth: Literal["token", "oauth", "browser"] | None = Field(
        default=None,
        description=(
            "How to log in: `token` (DATABRICKS_TOKEN), `oauth` (a service principal's "
            "DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET) or `browser` (a person; no secret). "
            "Without it: `oauth` where DATABRICKS_CLIENT_ID is set, `token` where it is not."
        ),
    )
    warehouse_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] | None = Field(
        default=None,
        description=(
            "SQL warehouse that dbt runs on. Without it the environment says which: "
            "DATABRICKS_HTTP_PATH or, where that is not set, DATABRICKS_WAREHOUSE_ID."
        ),
    )
    scratch_schema: str | None = Field(
        default=None,
        description=(
            "Schema, or `catalog.schema`, for labels that Python sends to the warehouse while it "
            "reads a training set. Without it they go into a temporary table of the session or, "
            "where the warehouse has none, into `schema`."
        ),
    )
    tags: bool = Field(
        default=True,
        description=(
            "Whether the tags of features become tags of their tables in Unity Catalog, and the units "
            "of columns the tag `unit` of a column."
        ),
    )
    tag_prefix: Annotated[str, Field(pattern=r"^\w{0,64}$")] = Field(
        default="",
        description=(
            "Goes in front of the names of these tags, such as `mlforge_`: where the account has "
            "governed tags of the same names."
        ),
    )
    optimize: bool = Field(
        default=False,
        description=(
            "Whether dbt runs OPTIMIZE after every build of a table. Predictive optimization, which "
            "is on for managed tables, does that by itself when it pays."
        ),
    )


class LocalOnlineStore(Spec):
    """The DuckDB file of the offline store, read as it is."""

    KIND: Literal["local"]


class PostgresOnlineStore(Spec):
    """Tables in a Postgres database, which ``mlforge online sync`` fills."""

    KIND: Literal["postgres"]
    dsn_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = Field(
        default="MLFORGE_POSTGRES_DSN",
        description="Environment variable with the address, such as `postgresql://user:password@host/db`.",
    )
    schema_: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")] = Field(
        default="mlforge_online", alias="schema", description="Schema of the online tables."
    )
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        default=None,
        description=(
            "How the connection is encrypted, unless the address says something stricter; "
            "`require` by default for every host but this one."
        ),
    )
    pool_size: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=16, description="How many connections one process may have open at once."
    )
    connect_timeout: Annotated[int, Field(ge=2, le=600)] = Field(
        default=5, description="Seconds after which the server counts as unreachable."
    )


OnlineStore = Annotated[
    LocalOnlineStore | PostgresOnlineStore | DatabricksOnlineStore, Field(discriminator="KIND")
]
OfflineStore = Annotated[LocalStore | UnityCatalogStore, Field(discriminator="KIND")]


class Profile(Spec):
    """Where features are stored; a dbt target of the same name."""

    offline_store: OfflineStore = Field(description="Where the feature tables are.")
    online_store: OnlineStore | None = Field(
        default=None,
        description="Where current values are served from; the offline store itself when it is local.",
    )
    description: str | None = Field(default=None, description="What the profile is for.")

    @model_validator(mode="after")
    def _stores_fit(self) -> Profile:
        online, offline = self.online_store, self.offline_store
        if not isinstance(online, DatabricksOnlineStore):
            return self
        if not isinstance(offline, UnityCatalogStore):
            raise PydanticCustomError(
                "mlforge_online",
                "a Databricks online store is filled from feature tables in Unity Catalog",
                {
                    "code": "MF100",
                    "at": "online_store",
                    "hint": "write `offline_store: {KIND: unity_catalog, ...}`, or an online store "
                    "of KIND postgres or local",
                },
            )
        place = f"{online.catalog}.{online.schema_}"
        if place.casefold() == f"{offline.catalog}.{offline.schema_}".casefold():
            raise PydanticCustomError(
                "mlforge_online",
                "the online tables need a schema of their own: `{place}` has the feature tables",
                {
                    "place": place,
                    "code": "MF100",
                    "at": "online_store",
                    "hint": f"write another one, such as `schema: {online.schema_}_online`",
                },
            )
        return self


def _apart_from_git(value: str) -> str:
    if ".git" in (part.casefold() for part in PurePosixPath(value).parts):
        raise PydanticCustomError(
            "mlforge_folder",
            "`{value}` is a folder of git's own",
            {"value": value, "code": "MF143", "hint": "name another folder, such as `dbt`"},
        )
    return value


def _inside(value: str) -> str:
    path = PurePosixPath(_plain(value))
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in value:
        raise PydanticCustomError(
            "mlforge_folder",
            "`{value}` is not a folder inside the project",
            {"value": value, "code": "MF012", "hint": "write a relative path, such as `dbt`"},
        )
    return value


class ProjectConfig(Spec):
    """What ``mlforge.yaml`` says."""

    name: Name = Field(
        default_factory=lambda: "project",
        description="Name of the project and of the dbt project; the folder's, if there is none.",
    )
    default_profile: str | None = Field(
        default=None, description="Profile to use when none is named; the first one by default."
    )
    profiles: dict[Name, Profile] = Field(description="Profiles by name.", min_length=1)
    features_dir: Annotated[str, AfterValidator(_inside)] = Field(
        default="features", description="Folder of the specs."
    )
    dbt_project_dir: Annotated[str, AfterValidator(_inside), AfterValidator(_apart_from_git)] = (
        Field(default="dbt", description="Folder of the compiled dbt project.")
    )
    incremental: bool = Field(
        default=False,
        description=(
            "Whether a build computes only the rows of feature tables that changed events can have "
            "changed. Every table equals the full rebuild, also after late, updated and deleted rows. "
            "On DuckDB; on Databricks tables are rebuilt."
        ),
    )
    surrogate_key_salt_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = (
        Field(
            default=None,
            description=(
                "Environment variable whose value goes in front of every surrogate key. On DuckDB the "
                "value is in no file; with profiles on Databricks it is in the SQL that dbt writes to "
                "target/ and logs/, and in the warehouse's query history: keep them private."
            ),
        )
    )

    @model_validator(mode="after")
    def _apart(self) -> ProjectConfig:
        specs, dbt = PurePosixPath(self.features_dir), PurePosixPath(self.dbt_project_dir)
        if specs.is_relative_to(dbt) or dbt.is_relative_to(specs):
            raise PydanticCustomError(
                "mlforge_folder",
                "the specs and the dbt project need folders of their own",
                {"code": "MF012", "at": "dbt_project_dir", "hint": "name another folder"},
            )
        return self

    @model_validator(mode="after")
    def _default_exists(self) -> ProjectConfig:
        if self.default_profile is not None and self.default_profile not in self.profiles:
            raise PydanticCustomError(
                "mlforge_profile",
                "default profile `{name}` is not one of the profiles",
                {
                    "name": self.default_profile,
                    "code": "MF025",
                    "at": "default_profile",
                    "hint": "expected one of: " + ", ".join(sorted(self.profiles)),
                },
            )
        return self

    @model_validator(mode="after")
    def _is_no_package(self) -> ProjectConfig:
        if self.name in {"dbt", "dbt_duckdb", "dbt_databricks", "dbt_spark"}:
            raise PydanticCustomError(
                "mlforge_name",
                "`{name}` is the name of one of dbt's own packages",
                {"name": self.name, "code": "MF014", "hint": "give the project another name"},
            )
        return self

    @property
    def on_databricks(self) -> bool:
        """Whether a profile keeps its features on Databricks."""
        stores = [profile.offline_store for profile in self.profiles.values()]
        return any(isinstance(store, UnityCatalogStore) for store in stores)

    @property
    def is_incremental(self) -> bool:
        """Whether some profile brings its tables up to date."""
        stores = [profile.offline_store for profile in self.profiles.values()]
        return self.incremental and any(isinstance(store, LocalStore) for store in stores)

    @property
    def published(self) -> dict[str, DatabricksOnlineStore]:
        """The profiles whose features go to an online store of Databricks, with that."""
        stores = {name: profile.online_store for name, profile in self.profiles.items()}
        return {
            name: store
            for name, store in stores.items()
            if isinstance(store, DatabricksOnlineStore)
        }

    def store_name(self, store: DatabricksOnlineStore) -> str:
        """Name of an online store of Databricks."""
        return store.store or default_store(self.name)

    @property
    def default(self) -> str:
        """Name of the profile to use when none is named."""
        return self.default_profile or next(iter(self.profiles))
