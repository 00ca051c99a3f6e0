"""Frames in, the same kind out: whatever narwhals takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.redaction import without_values

if TYPE_CHECKING:
    import pyarrow as pa

Output = Literal["same", "pandas", "polars", "pyarrow", "relation", "reader"]
"""What comes back: the kind that was given, a frame of a named kind, a lazy DuckDB relation or an
Arrow record batch reader."""


def output_for(output: Output, labels: Any) -> Output:
    """What comes back for these labels: streams and lazy DuckDB relations give their like."""
    if output == "same" and is_relation(labels):
        return "relation"
    if output == "same" and is_stream(labels):
        return "reader"
    return output


@dataclass(frozen=True)
class LabelFrame:
    """A frame of the user's, held in memory.

    Attributes:
        native: The frame, as it was given or collected.
        lazy: Whether it was lazy.
        noun: What its rows are, for messages.
    """

    native: Any
    lazy: bool = False
    noun: str = "labels"

    @property
    def names(self) -> list[str]:
        """Names of its columns."""
        return list(_eager(self.native).columns)

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Some of its columns as Arrow.

        Raises:
            RetrievalError: A column cannot be an Arrow array, such as one of mixed types, or two
            columns differ by case alone.
        """
        import pyarrow as pa

        check_names(names, self.noun)
        frame = _eager(self.native)
        arrays = {}
        for name in names:
            try:
                table = frame.select(name).to_arrow()
            except (pa.ArrowException, OverflowError, TypeError, UnicodeError) as error:
                message = f"column `{name}` of the {self.noun} cannot be read as one type"
                hint = f"give it one; Arrow says: {without_values(str(error))}"
                raise RetrievalError([Diagnostic("MF061", message, hint=hint)]) from None
            arrays[name] = table.column(name)
            if pa.types.is_date(arrays[name].type) and _has_datetimes(self.native, name):
                message = f"column `{name}` of the {self.noun} has dates and times of day"
                hint = "give it one type, such as `pd.to_datetime(...)`"
                raise RetrievalError([Diagnostic("MF061", message, hint=hint)])
        return pa.table(arrays)

    def with_columns(self, features: pa.Table) -> Any:
        """The frame with further columns; its own are not touched.

        Args:
            features: As many rows as the frame, in its order.
        """
        import narwhals as nw

        frame = _eager(self.native)
        if frame.implementation.is_pandas():
            return _beside(self.native, features)
        added = nw.from_arrow(features, backend=frame.implementation)
        joined = nw.concat([frame, added], how="horizontal").to_native()
        return joined.lazy() if self.lazy else joined


def label_frame(value: Any, noun: str = "labels") -> LabelFrame | None:
    """The frame that a value is; None when it is a stream or a lazy relation of DuckDB.

    Args:
        value: What the user gave.
        noun: What its rows are, for messages.

    Raises:
        RetrievalError: It is nothing that can be read.
    """
    import narwhals as nw

    if is_stream(value) or is_relation(value):
        return None
    value = nw.to_native(value, pass_through=True)
    try:
        frame = nw.from_native(value)
    except (TypeError, ValueError) as error:
        message = f"{noun} cannot be a {type(value).__name__}"
        hint = "give a pandas, polars or pyarrow frame, a path, or the name of a table"
        if isinstance(error, ValueError):
            message, hint = f"the {noun} cannot be read: {error}", "rename the columns"
        raise RetrievalError([Diagnostic("MF063", message, hint=hint)]) from error
    if not all(isinstance(name, str) for name in frame.columns):
        message = f"the {noun} have columns whose names are not text"
        raise RetrievalError([Diagnostic("MF063", message, hint="rename them")])
    if isinstance(frame, nw.DataFrame):
        return LabelFrame(value, noun=noun)
    if frame.implementation.is_polars():
        return LabelFrame(value.collect(), lazy=True, noun=noun)
    message = f"{noun} cannot be a lazy frame of {frame.implementation.value}"
    raise RetrievalError([Diagnostic("MF063", message, hint="collect it first")])


def check_names(names: Iterable[str], noun: str = "labels") -> None:
    """See that no two columns differ by case alone: DuckDB would take the first for both.

    Raises:
        RetrievalError: Two do.
    """
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(name.casefold(), name)
        if other != name:
            message = f"columns `{other}` and `{name}` of the {noun} differ by case alone"
            raise RetrievalError([Diagnostic("MF063", message, hint="rename one")])


def _has_datetimes(native: Any, name: str) -> bool:
    """Whether a pandas column of Python objects has times of day among its dates."""
    values = native[name] if hasattr(native, "iloc") else ()
    return any(isinstance(value, datetime) for value in values)


def is_relation(value: Any) -> bool:
    """Whether labels are a lazy relation of DuckDB."""
    import duckdb

    return isinstance(value, duckdb.DuckDBPyRelation)


def is_stream(value: Any) -> bool:
    """Whether labels are a stream of Arrow batches."""
    import pyarrow as pa

    return isinstance(value, pa.RecordBatchReader)


def _eager(native: Any) -> Any:
    import narwhals as nw

    return nw.from_native(native, eager_only=True)


def _beside(frame: Any, features: pa.Table) -> Any:
    """A pandas frame with further columns; integers with NULLs stay integers."""
    import pandas as pd

    added = to_pandas(features)
    added.index = frame.index
    return pd.concat([frame, added], axis=1)


def to_pandas(table: pa.Table) -> Any:
    """A pandas frame of an Arrow table; integers with NULLs become pandas' nullable integers."""
    import pandas as pd
    import pyarrow as pa

    nullable = {
        field.name
        for field, column in zip(table.schema, table.columns, strict=True)
        if pa.types.is_integer(field.type) and column.null_count
    }
    plain = table.select([name for name in table.column_names if name not in nullable]).to_pandas()
    integers = {
        name: pd.array(
            table.column(name).to_pylist(),
            dtype="UInt64" if pa.types.is_uint64(table.schema.field(name).type) else "Int64",
        )
        for name in sorted(nullable)
    }
    return plain.assign(**integers)[table.column_names]
