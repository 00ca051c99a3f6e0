"""Feast's point-in-time join of the same files; `training.py` runs it in Feast's environment.

    .venv-feast/bin/python feast_training.py FOLDER LABELS

It is what Feast's documentation gives for files: feature views over parquet FileSources, and the
DuckDB offline store. Views are registered and labels are in memory before the clock starts.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import sys
import time
from pathlib import Path

os.environ["TZ"] = "UTC"  # what timestamps without a zone mean to it

import pyarrow.compute
import pyarrow.parquet
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64, Int64
from histories import COUNTS, DOUBLES, KEYS, VALUES


def store_of(root: Path) -> FeatureStore:
    """A feature store with the three features."""
    folder = root / "feast"
    folder.mkdir(exist_ok=True)
    (folder / "registry.db").unlink(missing_ok=True)
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=str(folder / "registry.db"),
        repo_path=folder,
        offline_store={"type": "duckdb"},
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        entity_key_serialization_version=3,
    )
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
    store = FeatureStore(config=config)
    store.apply([*entities.values(), *views])
    return store


def main(root: Path, count: int) -> None:
    """Join, print what it took, and write the result."""
    store = store_of(root)
    labels = pyarrow.parquet.read_table(root / "labels.parquet").slice(0, count).to_pandas()
    labels["label_time"] = labels["label_time"].dt.tz_localize("UTC")
    wanted = [f"{feature}:{name}" for feature in KEYS for name in VALUES]
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    job = store.get_historical_features(labels, wanted, full_feature_names=True)
    table = job.to_arrow()
    for name in [f"{feature}__{count}" for feature in KEYS for count in COUNTS]:
        filled = pyarrow.compute.fill_null(table.column(name), 0)
        table = table.set_column(table.schema.get_field_index(name), name, filled)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak_mb = after.ru_maxrss // (1024 if sys.platform != "darwin" else 1024 * 1024)
    pyarrow.parquet.write_table(table, root / "e.parquet")
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
