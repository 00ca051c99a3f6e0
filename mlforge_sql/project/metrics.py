"""Metrics: rolling and single aggregates to feature columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from mlforge_sql.durations import Duration, multiples_near
from mlforge_sql.errors import Diagnostic, Location, reading, suggest, written
from mlforge_sql.expressions import Expr, both, is_null
from mlforge_sql.functions import called
from mlforge_sql.functions.model import Call
from mlforge_sql.project.defaults import default_fits
from mlforge_sql.project.model import Scoped, WindowColumn
from mlforge_sql.project.pivots import Pivots
from mlforge_sql.project.result_types import narrowing, summed_type
from mlforge_sql.project.scope import Columns, ExpressionReader, bare
from mlforge_sql.spec.feature import Aggregate, Feature, Metric, Rolling
from mlforge_sql.spec.specs import Located
from mlforge_sql.types import BIGINT, TEXT, ColumnType, Kind, next_step

ROWS = "*"


@dataclass(frozen=True, slots=True)
class _Item:
    """One field and function of a metric, with their places; of a pivot, for the rows of one value."""

    field: str
    call: Call
    place: Location
    told: Location
    label: str | None
    name: str | None
    description: str | None
    unit: str | None
    value: str | None = None
    where: Scoped | None = None


class MetricResolver:
    """Turns the metrics of one feature into columns.

    Attributes:
        columns: The feature's input, each column with its meaning over the staging model.
        personal: Source columns of surrogate keys, case-folded, to their entity.
    """

    def __init__(
        self,
        feature: Located[Feature],
        columns: Columns,
        personal: dict[str, str],
        reader: ExpressionReader,
        problems: list[Diagnostic],
        why_text: Callable[[str], str | None],
    ) -> None:
        self._feature = feature
        self._columns = columns
        self._personal = personal
        self._reader = reader
        self._problems = problems
        self._why_text = why_text

    def resolve(self) -> list[tuple[WindowColumn, Location]]:
        """All columns of all metrics, in the order they are written, and where they are."""
        found: list[tuple[WindowColumn, Location]] = []
        for index, metric in enumerate(self._feature.spec.metrics):
            self._check_grid(index, metric)
            where = self._where(index, metric)
            for item in self._pivoted(index, metric, where):
                made = self._columns_of(index, metric, item, item.where)
                found += [(column, self._named_at(index, item)) for column in made]
        return found

    def _named_at(self, index: int, item: _Item) -> Location:
        """Where a column got its name."""
        if item.name is not None:
            return self._feature.origin.at("metrics", index, "name")
        return item.place

    def _check_grid(self, index: int, metric: Metric) -> None:
        interval = self._feature.spec.interval
        if interval is None:
            return
        lengths = [(("windows", at), item) for at, item in enumerate(metric.windows)]
        for path, length in [*lengths, (("offset",), metric.offset)]:
            if length is None or length.microseconds % interval.microseconds == 0:
                continue
            near = [f"`{text}`" for text in multiples_near(length, interval)]
            self._problems.append(
                Diagnostic(
                    "MF030",
                    f"{str(path[0]).removesuffix('s')} `{length}` is not a multiple of the interval `{interval}`",
                    self._feature.origin.at("metrics", index, *path),
                    f"use {' or '.join(near)}, or another interval",
                )
            )

    def _where(self, index: int, metric: Metric) -> Scoped | None:
        if metric.where is None:
            return None
        place = self._feature.origin.at("metrics", index, "where")
        read = self._reader.read(metric.where, self._columns, place, boolean=True)
        return self._scoped(read[0]) if read else None

    def _scoped(self, expr: Expr) -> Scoped:
        return Scoped(expr, expr.substitute(self._columns.substitution()))

    def _missing(self, value: Scoped, where: Scoped | None, place: Location) -> Scoped | None:
        """The filter of the rows whose value is NULL."""
        found = is_null(value.input)
        wanted = found if where is None else both(where.input, found)
        read = self._reader.check(wanted, self._columns, place, boolean=True)
        return self._scoped(read[0]) if read else None

    def _items(self, index: int, metric: Metric) -> Iterator[_Item]:
        origin = self._feature.origin
        if isinstance(metric, Aggregate):
            place = origin.at("metrics", index, "field")
            named = metric.name
            call, told = called(metric.function), metric.description
            at = origin.at("metrics", index, "function")
            yield _Item(metric.field, call, place, at, named, named, told, metric.unit)
        elif isinstance(metric, Rolling):
            for field, functions in metric.aggregations.items():
                place = origin.key("metrics", index, "aggregations", field)
                for number, function in enumerate(functions):
                    at = origin.at("metrics", index, "aggregations", field, number)
                    yield _Item(field, called(function), place, at, None, None, None, None)

    def _pivoted(self, index: int, metric: Metric, where: Scoped | None) -> Iterator[_Item]:
        """The items, of a pivot once for each value."""
        if metric.by is None:
            yield from (replace(item, where=where) for item in self._items(index, metric))
            return
        origin = self._feature.origin
        pivots = Pivots(origin, self._columns, self._reader, self._problems)
        filters = pivots.filters(index, metric.by, where.input if where else None)
        scoped = {value: self._scoped(expr) for value, expr in filters.items()}
        for item in self._items(index, metric):
            for value, condition in scoped.items():
                yield replace(item, value=value, where=condition)

    def _columns_of(
        self, index: int, metric: Metric, item: _Item, where: Scoped | None
    ) -> Iterator[WindowColumn]:
        function = item.call.function
        if item.field == ROWS and not function.counts_rows:
            message = f"`*` can only be counted, not aggregated with `{item.call}`"
            self._problems.append(Diagnostic("MF032", message, item.place, "name a column"))
            return
        value, kind = self._value(item)
        if value is None and item.field != ROWS:
            return
        if value is not None and function.of_missing:
            where, value, kind = self._missing(value, where, item.place), None, None
            if where is None:
                return
        by, by_type = self._told(item)
        if item.call.column is not None and by is None:
            return
        result = self._result(index, metric, item, kind)
        if result is None or not self._default_fits(index, metric, item.call, result):
            return
        label = _label(item)
        for window in metric.windows:
            yield WindowColumn(
                name=column_name(
                    item.name, item.field, item.call, window, metric.offset, item.value
                ),
                label=label,
                function=item.call,
                value=value,
                value_type=kind,
                where=where,
                window=window,
                offset=metric.offset,
                default=metric.default,
                type=result,
                description=item.description,
                unit=item.unit,
                by=by,
                by_type=by_type,
            )

    def _result(
        self, index: int, metric: Metric, item: _Item, kind: ColumnType | None
    ) -> ColumnType | None:
        """Type of the columns; None where the function does not fit the field."""
        function = item.call.function
        result = BIGINT if kind is None else function.result(kind)
        if result is None:
            message = f"`{item.call}` needs {function.needs} column, `{item.field}` is {kind}"
            why = self._why_text(item.field) if kind == TEXT else None
            hint = why or (next_step(kind, "use `count`, or another column") if kind else None)
            self._problems.append(Diagnostic("MF032", message, item.place, hint))
        elif isinstance(metric, Aggregate) and metric.type is not None:
            return self._typed(index, metric, metric.type, kind, result)
        return result

    def _typed(
        self,
        index: int,
        metric: Aggregate,
        text: str,
        kind: ColumnType | None,
        usual: ColumnType,
    ) -> ColumnType | None:
        """The type that the user wants of a sum; None where it cannot have it."""
        wanted, hint = summed_type(text), None
        if wanted is None:
            code, message = "MF120", f"a sum cannot be `{text}`"
            hint = "write bigint, double, or a decimal of at most 38 digits, such as decimal(38,0)"
        elif wanted == usual:
            return wanted
        elif not called(metric.function).function.has_type or kind is None:
            code, message = "MF121", f"`{metric.function}` is {usual}; only a sum has a `type`"
            hint = "leave `type` out, or cast the column in `select`"
        else:
            hint = narrowing(metric.field, kind, wanted)
            code, message = "MF121", f"a sum of {kind} loses digits as {wanted}"
        if hint is None:
            return wanted
        place = self._feature.origin.at("metrics", index, "type")
        self._problems.append(Diagnostic(code, message, place, hint))
        return None

    def _value(self, item: _Item) -> tuple[Scoped | None, ColumnType | None]:
        if item.field == ROWS:
            return None, None
        if item.field not in self._columns:
            hint = suggest(item.field, self._columns.names)
            self._problems.append(
                Diagnostic("MF022", f"unknown column `{item.field}`", item.place, hint)
            )
            return None, None
        name = self._columns.spelling(item.field)
        value = self._scoped(bare(name))
        if item.call.function.shows_values:
            self._check_personal(value.staging, item.field, item.place)
        return value, self._columns.type(name)

    def _told(self, item: _Item) -> tuple[Scoped | None, ColumnType | None]:
        """The other column that a function is told; none where it is told none, or cannot have it."""
        name, parameter = item.call.column, item.call.function.parameter
        if name is None or parameter is None or parameter.fits is None:
            return None, None
        if name not in self._columns:
            hint = suggest(name, self._columns.names)
            self._problems.append(Diagnostic("MF022", f"unknown column `{name}`", item.told, hint))
            return None, None
        name = self._columns.spelling(name)
        value, kind = self._scoped(bare(name)), self._columns.type(name)
        self._check_personal(value.staging, name, item.told)
        if parameter.fits(kind):
            return value, kind
        told = f"{parameter.about} for its `{parameter.name}`"
        message = f"`{item.call}` needs {told}, `{name}` is {kind}"
        hint = next_step(kind, f"{item.call.function.signature}: name another column")
        self._problems.append(Diagnostic("MF015", message, item.told, hint))
        return None, None

    def _check_personal(self, expr: Expr, name: str, place: Location) -> None:
        self._problems.extend(personal_problems(expr, name, self._personal, place))

    def _default_fits(self, index: int, metric: Metric, call: Call, kind: ColumnType) -> bool:
        value = metric.default
        place = self._feature.origin.at("metrics", index, "default")
        if value is not None and call.function.of_missing:
            message = f"`{call}` has no default: 0 says that every value is there, too"
            hint = "leave `default` out; a count of `*` tells whether a window is empty"
            self._problems.append(Diagnostic("MF044", message, place, hint))
            return False
        if value is None or default_fits(value, kind):
            return True
        message = f"default `{written(value)}` does not fit a column of type {kind}"
        unquoted = self._feature.origin.unquoted("metrics", index, "default")
        meant_text = kind.family is Kind.TEXT and unquoted is not None
        hint = reading(unquoted or "", value) if meant_text else _default_hint(kind)
        self._problems.append(Diagnostic("MF044", message, place, hint))
        return False


def _label(item: _Item) -> str:
    """What tiles call the field of an aggregate: its own name, or that of its field."""
    name = item.label or ("rows" if item.field == ROWS else item.field)
    if item.label is None and item.call.function.of_missing:
        name = f"{name}_null"
    return name if item.value is None else f"{name}_{item.value}"


def _default_hint(kind: ColumnType) -> str:
    if kind.is_numeric:
        whole = f"write a whole number of {kind.bits} bits"
        return whole if kind.family is Kind.INTEGER else "write a number"
    hints = {Kind.TEXT: "write text", Kind.BOOLEAN: "write true or false"}
    return hints.get(kind.family, "leave it out")


def personal_problems(
    expr: Expr, name: str, personal: dict[str, str], place: Location
) -> list[Diagnostic]:
    """A diagnostic when a feature column would hold a source column of a surrogate key."""
    used = [item for item in expr.columns if item.casefold() in personal]
    if not used:
        return []
    entity = personal[used[0].casefold()]
    message = f"`{name}` would put `{used[0]}` into a feature table; it identifies a `{entity}`"
    hint = f"the source columns of a surrogate key stay out of features; count it, or drop `from_columns` of `{entity}`"
    return [Diagnostic("MF035", message, place, hint)]


def column_name(
    name: str | None,
    field: str,
    call: Call,
    window: Duration | None,
    offset: Duration,
    value: str | None = None,
) -> str:
    """Name of a feature column; that of a pivot has the label of its value.

    Examples:
        >>> week = Duration.parse("7d")
        >>> column_name(None, "amount", called("sum"), week, Duration.parse("0d"))
        'amount_sum_7d'
        >>> column_name(None, "*", called("count"), None, week)
        'count_lifetime_offset_7d'
        >>> by_weight = called("weighted_mean(quantity)")
        >>> column_name(None, "amount", by_weight, week, Duration.parse("0d"))
        'amount_weighted_mean_quantity_7d'
        >>> column_name(None, "amount", called("sum"), week, Duration.parse("0d"), "grocery")
        'amount_sum_grocery_7d'
    """
    base = name or (call.label if field == ROWS else f"{field}_{call.label}")
    base += f"_{value}" if value is not None else ""
    shifted = f"_offset_{offset}" if offset.microseconds else ""
    return f"{base}_{window or 'lifetime'}{shifted}"
