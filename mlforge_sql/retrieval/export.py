"""Training data to a file: streamed, in the order of the labels, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mlforge_sql.dialects.quoting import DUCKDB, Sql
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.formats import WHOLE
from mlforge_sql.retrieval.exact import problem
from mlforge_sql.retrieval.training import TrainingData
from mlforge_sql.scratch import scratch

FORMATS = {".parquet": "parquet", ".csv": "csv", ".json": "json", ".jsonl": "json"}
"""Formats by the ending of a file."""


@dataclass(frozen=True, slots=True)
class NullShare:
    """How much of a feature is NULL.

    Attributes:
        feature: Name of the feature.
        columns: Number of its columns.
        share: Share of NULLs in all of them, 0 to 1.
        worst: The column with the most.
        worst_share: Its share.
    """

    feature: str
    columns: int
    share: float
    worst: str
    worst_share: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written.

    Attributes:
        rows: Number of rows.
        features: How much of each feature is NULL.
    """

    rows: int
    features: tuple[NullShare, ...]


def write_training_data(data: TrainingData, out: Path | None, stdout: BinaryIO) -> Summary:
    """Write training data to a file, or as CSV to ``stdout``.

    The rows go to a parquet file beside ``out`` first, which takes its place when it is complete.

    Args:
        data: What to write.
        out: File with an ending of ``FORMATS``; None for ``stdout``.
        stdout: Where CSV goes.

    Raises:
        RetrievalError: Unknown ending, no room, or values that cannot be read.
    """
    import duckdb

    folder = out.parent if out else Path(tempfile.gettempdir())
    try:
        if out is not None:
            _check_out(data, out)
        with scratch(folder, ".mlforge_rows_") as own:
            staged = own / "rows.parquet"
            data.rows.write_parquet(staged)
            summary = _summary(data, staged)
            if out is None or FORMATS[out.suffix.lower()] != "parquet":
                kind = FORMATS[out.suffix.lower()] if out else "csv"
                text = own / f"rows.{kind}"
                _copy(data, f"(from read_parquet({DUCKDB.text(str(staged))}, {WHOLE}))", text, kind)
                staged = text
            if out is None:
                with staged.open("rb") as rows:
                    shutil.copyfileobj(rows, stdout)
                stdout.flush()
            else:
                os.replace(staged, out)  # noqa: PTH105 - replaces on every system
    except (duckdb.Error, RuntimeError) as error:
        raise problem(error, data.timestamp) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        message = f"cannot write `{out or 'stdout'}`: {error.strerror or error}"
        raise RetrievalError([Diagnostic("MF065", message)]) from error
    finally:
        data.close()
    return summary


def _check_out(data: TrainingData, out: Path) -> None:
    if out.suffix.lower() not in FORMATS:
        message = f"cannot tell the format of `{out}`"
        hint = "use a file that ends in .parquet, .csv, .json or .jsonl"
        raise RetrievalError([Diagnostic("MF065", message, hint=hint)])
    if data.is_input(out):
        message = f"`{out}` is what the training data is made from"
        raise RetrievalError([Diagnostic("MF065", message, hint="write to another file")])


def _copy(data: TrainingData, source: str, file: Path, kind: str) -> None:
    if kind == "json":
        _check_json(data, source)
    options = "format csv, header" if kind == "csv" else f"format {kind}"
    data.store.local.execute(f"copy {source} to {DUCKDB.text(str(file))} ({options})")


def _check_json(data: TrainingData, source: str) -> None:
    """Refuse what JSON has no word for: a bare NaN is read by nobody, or as something else."""
    described = data.store.local.execute(f"describe {source[1:-1]}").fetchall()
    for name, kind, *_ in described:
        if kind not in {"FLOAT", "DOUBLE"}:
            continue
        query = f"select count(*) {source[1:-1]} where not isfinite({DUCKDB.name(name)})"
        rows = int((data.store.local.execute(query).fetchone() or (0,))[0])
        if rows:
            many = f"{rows} row{'s' if rows > 1 else ''}"
            message = f"`{name}` is NaN or infinite in {many}, which JSON has no word for"
            hint = "write parquet or csv"
            raise RetrievalError([Diagnostic("MF065", message, hint=hint)])


def _summary(data: TrainingData, file: Path) -> Summary:
    query = DUCKDB.sql(
        "select count(*), {counts} from read_parquet({file}, {whole})",
        counts=[Sql(f"count({DUCKDB.name(name)})") for name in data.names],
        file=str(file),
        whole=Sql(WHOLE),
    )
    row = data.store.local.execute(query).fetchone() or (0,)
    rows = int(row[0])
    nulls = {
        name: (rows - int(count)) / rows if rows else 0.0
        for name, count in zip(data.names, row[1:], strict=True)
    }
    by_feature: dict[str, dict[str, float]] = {}
    for name, share in nulls.items():
        feature, column = data.names[name]
        by_feature.setdefault(feature, {})[column] = share
    return Summary(rows, tuple(_null_share(item, shares) for item, shares in by_feature.items()))


def _null_share(feature: str, shares: dict[str, float]) -> NullShare:
    worst = max(shares, key=lambda name: shares[name])
    mean = sum(shares.values()) / len(shares)
    return NullShare(feature, len(shares), mean, worst, shares[worst])
