"""Words of mlforge that are said otherwise here: each says how, at the place where it stands."""

from __future__ import annotations

from mlforge_sql.errors import Diagnostic, SpecErrors
from mlforge_sql.spec.base import StandIn, say_otherwise

STORE = (
    "remove it: `mlforge.yaml` says where features are, such as "
    "`profiles: {dev: {offline_store: {KIND: local, path: ./feature_store}}}`"
)
_ENDING = "remove it: the ending of the path says the format, such as `.csv`"
_LOADED = 'write `mlf.load_project().get_training_data(features, entity_df, timestamp="...")`'

WORDS = {
    **dict.fromkeys(
        ["LocalStore", "S3Store", "GCSStore", "UnityCatalogStore", "OfflineStoreKind"], STORE
    ),
    **dict.fromkeys(
        ["OnlineStore", "RedisStore", "DynamoDBStore", "DatabricksOnlineStore"],
        "remove it: `mlforge.yaml` says what serves, such as `online_store: {KIND: postgres}` in a profile",
    ),
    **dict.fromkeys(["ParquetFormat", "CSVFormat", "DeltaFormat"], _ENDING),
    **dict.fromkeys(
        ["DataType", "TypeKind"],
        'write types as text, such as `columns={"amount": "decimal(18,2)"}`',
    ),
    "get_training_data": _LOADED,
    "get_online_features": 'write `mlf.load_project().get_online_features(features, {"user_id": "u1"})`',
    "entity_key": 'write `mlf.Entity(name="user", join_key="user_id", from_columns=["first", "last"])`',
    "FeatureView": "write `@mlf.feature(...)` over a function",
}
"""What to write in the place of names that mlforge exports."""


def foreign(name: str) -> object:
    """What stands for a name that the package does not have while a project is read.

    Raises:
        AttributeError: It is no word of mlforge, or nobody reads a project; the text says what to write.
    """
    hint = WORDS.get(name)
    if hint is None:
        raise AttributeError(f"module `mlforge_sql` has no attribute `{name}`")
    message = f"`{name}` is said otherwise in mlforge-sql"
    if say_otherwise(message, hint):
        return StandIn()
    raise AttributeError(f"{message}: {hint}")


def otherwise(word: str, hint: str) -> None:
    """Say at its place that something of mlforge is said otherwise here.

    Raises:
        SpecErrors: Nobody reads a project.
    """
    message = f"{word} is said otherwise in mlforge-sql"
    if not say_otherwise(message, hint):
        raise SpecErrors([Diagnostic("MF175", message, hint=hint)])
