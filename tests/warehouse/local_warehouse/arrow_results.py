"""A result as the connector reads it: a Thrift schema and pages of Arrow batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from databricks.sql.thrift_api.TCLIService import ttypes

BATCH_ROWS = 20_000
"""Rows of one Arrow batch."""

_Types = ttypes.TTypeId
_IDS: tuple[tuple[Callable[[pa.DataType], bool], int], ...] = (
    (pa.types.is_boolean, _Types.BOOLEAN_TYPE),
    (pa.types.is_int8, _Types.TINYINT_TYPE),
    (pa.types.is_int16, _Types.SMALLINT_TYPE),
    (pa.types.is_int32, _Types.INT_TYPE),
    (pa.types.is_int64, _Types.BIGINT_TYPE),
    (pa.types.is_float32, _Types.FLOAT_TYPE),
    (pa.types.is_float64, _Types.DOUBLE_TYPE),
    (pa.types.is_date, _Types.DATE_TYPE),
    (pa.types.is_timestamp, _Types.TIMESTAMP_TYPE),
    (pa.types.is_binary, _Types.BINARY_TYPE),
    (pa.types.is_list, _Types.ARRAY_TYPE),
    (pa.types.is_map, _Types.MAP_TYPE),
    (pa.types.is_struct, _Types.STRUCT_TYPE),
    (pa.types.is_null, _Types.NULL_TYPE),
)


def _type(kind: pa.DataType) -> Any:
    qualifiers = None
    identity = next((value for test, value in _IDS if test(kind)), _Types.STRING_TYPE)
    if pa.types.is_decimal(kind):
        identity = _Types.DECIMAL_TYPE
        numbers = {"precision": kind.precision, "scale": kind.scale}
        qualifiers = ttypes.TTypeQualifiers(
            qualifiers={
                name: ttypes.TTypeQualifierValue(i32Value=value) for name, value in numbers.items()
            }
        )
    entry = ttypes.TPrimitiveTypeEntry(type=identity, typeQualifiers=qualifiers)
    return ttypes.TTypeDesc(types=[ttypes.TTypeEntry(primitiveEntry=entry)])


def success() -> Any:
    """The status of an answered call."""
    return ttypes.TStatus(statusCode=ttypes.TStatusCode.SUCCESS_STATUS)


class Result:
    """A complete result, read page by page."""

    def __init__(self, rows: pa.Table) -> None:
        self._schema = rows.schema
        self._batches = rows.combine_chunks().to_batches(max_chunksize=BATCH_ROWS)
        self._position = 0
        self._offset = 0

    @property
    def metadata(self) -> Any:
        columns = [
            ttypes.TColumnDesc(columnName=field.name, typeDesc=_type(field.type), position=position)
            for position, field in enumerate(self._schema, start=1)
        ]
        return ttypes.TGetResultSetMetadataResp(
            status=success(),
            schema=ttypes.TTableSchema(columns=columns),
            resultFormat=ttypes.TSparkRowSetType.ARROW_BASED_SET,
            lz4Compressed=False,
            arrowSchema=self._schema.serialize().to_pybytes(),
            isStagingOperation=False,
        )

    @property
    def exhausted(self) -> bool:
        return self._position >= len(self._batches)

    def page(self, rows: int) -> Any:
        """The next batches, up to a number of rows and at least one batch."""
        chosen: list[pa.RecordBatch] = []
        while not self.exhausted:
            batch = self._batches[self._position]
            if chosen and sum(item.num_rows for item in chosen) + batch.num_rows > rows:
                break
            chosen.append(batch)
            self._position += 1
        arrow = [
            ttypes.TSparkArrowBatch(batch=item.serialize().to_pybytes(), rowCount=item.num_rows)
            for item in chosen
        ]
        row_set = ttypes.TRowSet(startRowOffset=self._offset, rows=[], arrowBatches=arrow)
        self._offset += sum(item.num_rows for item in chosen)
        return ttypes.TFetchResultsResp(
            status=success(),
            hasMoreRows=not self.exhausted,
            results=row_set,
            resultSetMetadata=self.metadata,
        )
