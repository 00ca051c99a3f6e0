"""Pivots of metrics: a filter for each value of another column."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from mlforge_sql.errors import Diagnostic, Location, suggest, written
from mlforge_sql.expressions import Expr, both, equal, is_null, is_other
from mlforge_sql.project.defaults import default_fits
from mlforge_sql.project.scope import Columns, ExpressionReader, bare
from mlforge_sql.spec.base import Origin
from mlforge_sql.spec.pivot import MISSING, OTHER, By
from mlforge_sql.types import ColumnType, Kind

_KINDS = (Kind.TEXT, Kind.BOOLEAN, Kind.INTEGER, Kind.DECIMAL)


class Pivots:
    """Turns the pivot of a metric into filters."""

    def __init__(
        self,
        origin: Origin,
        columns: Columns,
        reader: ExpressionReader,
        problems: list[Diagnostic],
    ) -> None:
        self._origin = origin
        self._columns = columns
        self._reader = reader
        self._problems = problems

    def filters(self, index: int, by: By, where: Expr | None) -> dict[str, Expr]:
        """The filters by the labels of values; none where the pivot cannot be.

        Args:
            index: Of the metric.
            by: Its pivot.
            where: Its own filter.
        """
        path = ("metrics", index, "by")
        place = self._origin.at(*path, "column")
        if by.column not in self._columns:
            hint = suggest(by.column, self._columns.names)
            message = f"unknown column `{by.column}`"
            self._problems.append(Diagnostic("MF022", message, place, hint))
            return {}
        name = self._columns.spelling(by.column)
        kind = self._columns.type(name)
        if kind.family not in _KINDS:
            message = f"`by` needs a text, boolean, integer or decimal column, `{name}` is {kind}"
            hint = "select its text, such as `kind: cast(... as text)`"
            self._problems.append(Diagnostic("MF163", message, place, hint))
            return {}
        fitting = [self._fits(path, item, by, kind) for item in by.values]
        if not all(fitting):
            return {}
        return self._read(bare(name), by, where, self._origin.at(*path))

    def _fits(self, path: tuple[str | int, ...], item: str, by: By, kind: ColumnType) -> bool:
        value = by.values[item]
        if default_fits(value, kind) and _has_room(value, kind):
            return True
        message = f"`{written(value)}` is no value of `{by.column}`, which is {kind}"
        position = list(by.values).index(item)
        place = self._origin.at(*path, "values", item)
        if place == self._origin.at(*path, "values"):
            place = self._origin.at(*path, "values", position)
        self._problems.append(Diagnostic("MF163", message, place, _way_out(value, kind)))
        return False

    def _read(self, name: Expr, by: By, where: Expr | None, place: Location) -> dict[str, Expr]:
        found: dict[str, Expr] = {}
        for item, condition in self._conditions(name, by):
            wanted = condition if where is None else both(where, condition)
            read = self._reader.check(wanted, self._columns, place, boolean=True)
            if read is None:
                return {}
            found[item] = read[0]
        return found

    @staticmethod
    def _conditions(name: Expr, by: By) -> Iterator[tuple[str, Expr]]:
        for item, value in by.values.items():
            yield item, equal(name, value)
        if by.other:
            yield OTHER, is_other(name, list(by.values.values()))
        if by.missing:
            yield MISSING, is_null(name)


def _way_out(value: bool | int | float | str, kind: ColumnType) -> str:
    """What to write where a value is of another type than its column."""
    if kind.family is Kind.TEXT:
        return "write it in quotes"
    if kind.is_numeric and isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
        return f"write it without quotes: `{int(value)}`"
    return "write values of that type"


def _has_room(value: object, kind: ColumnType) -> bool:
    """Whether a number has no more digits behind the point than a decimal column."""
    if kind.family is not Kind.DECIMAL:
        return True
    exponent = Decimal(str(value)).normalize().as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= kind.scale
