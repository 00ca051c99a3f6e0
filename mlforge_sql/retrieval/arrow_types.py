"""Arrow columns that DuckDB does not take, or takes and changes: as types in which no value is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.functions.results import MAX_DIGITS

if TYPE_CHECKING:
    import pyarrow as pa


Rows = TypeVar("Rows", "pa.Table", "pa.RecordBatch")


def held_columns(batch: Rows) -> Rows:
    """The same rows, their columns in types that DuckDB holds exactly.

    Raises:
        RetrievalError: A column has a value that no such type holds.
    """
    import pyarrow as pa

    for number, item in enumerate(batch.schema):
        wanted = held_type(item.type)
        _check_interval(item, batch.column(number))
        if wanted == item.type:
            continue
        try:
            column = batch.column(number).cast(wanted)
        except pa.ArrowException:
            message = f"column `{item.name}` of the labels is {item.type}, and not all of it fits {wanted}"
            problem = Diagnostic("MF061", message, hint=_next_step(item.type))
            raise RetrievalError([problem]) from None
        batch = batch.set_column(number, item.name, column)
    return batch


def held_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of what ``held_columns`` gives."""
    import pyarrow as pa

    return pa.schema([pa.field(item.name, held_type(item.type)) for item in schema])


def held_type(kind: pa.DataType) -> pa.DataType:
    """The type that DuckDB holds exactly for one of Arrow; the same one where it does.

    Examples:
        >>> import pyarrow as pa
        >>> held_type(pa.list_(pa.float16()))
        ListType(list<item: float>)
        >>> held_type(pa.decimal256(50, 2)), held_type(pa.int8())
        (Decimal128Type(decimal128(38, 2)), DataType(int8))
    """
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return pa.struct([item.with_type(held_type(item.type)) for item in kind])
    if pa.types.is_map(kind):
        return pa.map_(held_type(kind.key_type), held_type(kind.item_type))
    if _is_list(kind):
        return _held_list(kind)
    if pa.types.is_decimal(kind) and (pa.types.is_decimal256(kind) or kind.scale < 0):
        digits = kind.precision - min(kind.scale, 0)
        return pa.decimal128(min(digits, MAX_DIGITS), max(kind.scale, 0))
    exact = {
        pa.float16(): pa.float32(),
        pa.date64(): pa.date32(),
        pa.duration("ns"): pa.duration("us"),
    }
    return exact.get(kind, kind)


def _held_list(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    item = kind.value_field.with_type(held_type(kind.value_type))
    if item.type == kind.value_type:
        return kind
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(item, kind.list_size)
    return pa.large_list(item) if pa.types.is_large_list(kind) else pa.list_(item)


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests)


def _check_interval(item: pa.Field, column: pa.Array) -> None:
    """Refuse intervals of nanoseconds: DuckDB's are of microseconds, and no type of Arrow says so."""
    if not _has_interval(item.type):
        return
    if any(value.nanoseconds % 1000 for value in _intervals(column.to_pylist())):
        message = f"column `{item.name}` of the labels has intervals finer than microseconds"
        raise RetrievalError([Diagnostic("MF061", message, hint="round them, or pass on text")])


def _has_interval(kind: pa.DataType) -> bool:
    """Whether a type is an interval, or has one inside."""
    import pyarrow as pa

    inside = (kind.field(number).type for number in range(kind.num_fields))
    return pa.types.is_interval(kind) or any(_has_interval(item) for item in inside)


def _intervals(values: Iterable[Any]) -> Iterator[pa.MonthDayNano]:
    """The intervals in values of lists, structs and maps."""
    for value in values:
        if isinstance(value, dict):
            yield from _intervals(value.values())
        elif hasattr(value, "nanoseconds"):
            yield value
        elif isinstance(value, list | tuple):
            yield from _intervals(value)


def _next_step(kind: pa.DataType) -> str:
    import pyarrow as pa

    if pa.types.is_date64(kind):
        return "it has times of the day: make it a timestamp, or a date of whole days"
    if pa.types.is_duration(kind):
        return "it is finer than microseconds: round it, or pass it on as an integer"
    return "it has more digits than decimal(38) has room for: pass it on as text"
