"""Feast's online lookups from Postgres; `online.py` runs it in Feast's environment.

    .venv-feast/bin/python feast_online.py load|values|measure FOLDER ENTITIES SEED

It is what Feast's documentation gives for Postgres: feature views, `write_to_online_store`, and
`get_online_features(...).to_dict()`, with a pool of connections. The registry is kept in memory.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

os.environ["TZ"] = "UTC"  # what timestamps without a zone mean to it

import pyarrow.parquet
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64, Int64
from histories import COUNTS, DOUBLES, KEYS, VALUES
from online import CLIENTS, DSN, SIZES, entity, measure, sampled

CHUNK = 20_000
"""Rows that are written at once."""


def store_of(root: Path) -> FeatureStore:
    """A feature store with the three features, whose online store is the benchmark's server."""
    address = urlsplit(os.environ[DSN])
    folder = root / "feast"
    folder.mkdir(exist_ok=True)
    return FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry={"path": str(folder / "registry.db"), "cache_ttl_seconds": 0},
            repo_path=folder,
            offline_store={"type": "duckdb"},
            online_store={
                "type": "postgres",
                "host": address.hostname,
                "port": address.port,
                "database": address.path.strip("/"),
                "db_schema": "public",
                "user": address.username,
                "password": unquote(address.password or ""),
                "sslmode": "disable",
                "conn_type": "pool",
                "min_conn": CLIENTS,
                "max_conn": CLIENTS,
            },
            entity_key_serialization_version=3,
        )
    )


def load(root: Path) -> None:
    """Register the features, and write their values through Feast's API."""
    store = store_of(root)
    kinds = {"customer_key": ValueType.STRING, "merchant_key": ValueType.INT64}
    entities = {
        key: Entity(name=key.removesuffix("_key"), join_keys=[key], value_type=kind)
        for key, kind in kinds.items()
    }
    views = [
        FeatureView(
            name=feature,
            entities=[entities[key]],
            ttl=dt.timedelta(0),
            schema=[Field(name=name, dtype=Float64) for name in DOUBLES]
            + [Field(name=name, dtype=Int64) for name in COUNTS],
            source=FileSource(
                name=f"{feature}_file",
                path=str(root / f"{feature}.parquet"),
                timestamp_field="feature_timestamp",
            ),
        )
        for feature, key in KEYS.items()
    ]
    store.apply([*entities.values(), *views])
    for feature in KEYS:
        table = pyarrow.parquet.read_table(root / f"{feature}.parquet")
        for start in range(0, table.num_rows, CHUNK):
            store.write_to_online_store(feature, table.slice(start, CHUNK).to_pandas())


def main(step: str, root: Path, entities: int, seed: int) -> None:
    """Do one step; print what it found as JSON."""
    if step == "load":
        load(root)
        print(json.dumps(None))
        return
    store = store_of(root)
    wanted = [f"{feature}:{name}" for feature in KEYS for name in VALUES]

    def lookup(numbers: list[int]) -> Any:
        rows = [entity(number) for number in numbers]
        return store.get_online_features(wanted, rows, full_feature_names=True).to_dict()

    if step == "measure":
        print(json.dumps(measure(lookup, entities, seed, SIZES)))
        return
    found = lookup(sampled(entities))
    columns = [found[f"{feature}__{name}"] for feature in KEYS for name in VALUES]
    print(json.dumps([list(row) for row in zip(*columns, strict=True)]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
