"""Columns that an expression may use: their spelling, their meaning, their types."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from mlforge_sql.dialects.translation import Untranslatable, translate
from mlforge_sql.errors import Diagnostic, InvalidExpression, Location, suggest
from mlforge_sql.expressions import Expr, ExpressionError, annotate, own, parse_expression
from mlforge_sql.project.portability import typed
from mlforge_sql.project.type_reader import TypeReader
from mlforge_sql.types import ColumnType, Kind


class Columns:
    """Columns by name, compared without regard to case."""

    def __init__(self, columns: Iterable[tuple[str, Expr, ColumnType]]) -> None:
        self._by_name = {name.casefold(): (name, expr, kind) for name, expr, kind in columns}

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._by_name

    def spelling(self, name: str) -> str:
        """The name as declared."""
        return self._by_name[name.casefold()][0]

    def expr(self, name: str) -> Expr:
        """What the column is computed from."""
        return self._by_name[name.casefold()][1]

    def type(self, name: str) -> ColumnType:
        """The column's type."""
        return self._by_name[name.casefold()][2]

    @property
    def names(self) -> list[str]:
        """All names, as declared."""
        return [name for name, _, _ in self._by_name.values()]

    @property
    def types(self) -> dict[str, ColumnType]:
        """Types by name."""
        return {name: kind for name, _, kind in self._by_name.values()}

    def items(self) -> list[tuple[str, Expr, ColumnType]]:
        """Name, meaning and type of every column."""
        return list(self._by_name.values())

    def overlaid(self, columns: Iterable[tuple[str, Expr, ColumnType]]) -> Columns:
        """These columns with others in front of them."""
        return Columns([*self.items(), *columns])

    def substitution(self) -> dict[str, Expr]:
        """Meaning by case-folded name, for ``Expr.substitute``."""
        return {key: expr for key, (_, expr, _) in self._by_name.items()}


def bare(name: str) -> Expr:
    """A reference to a column of this very name."""
    return Expr.of_column(name)


class ExpressionReader:
    """Reads user SQL over known columns and collects what is wrong with it.

    Args:
        types: Asks DuckDB.
        problems: Where problems are noted.
        owner: Whose SQL it is, for messages.
        databricks: Whether Databricks has to be able to say it too.
    """

    def __init__(
        self,
        types: TypeReader,
        problems: list[Diagnostic],
        owner: str,
        *,
        databricks: bool = False,
    ) -> None:
        self._types = types
        self._problems = problems
        self._owner = owner
        self._databricks = databricks

    def read(
        self, text: str, columns: Columns, place: Location, *, boolean: bool = False
    ) -> tuple[Expr, ColumnType] | None:
        """Parse, check and type one expression; None when it has problems (they are noted)."""
        if text in columns:
            name = columns.spelling(text)
            return self._fitting(bare(name), columns.type(name), place, boolean=boolean)
        try:
            parsed = parse_expression(text)
        except ExpressionError as error:
            self._problems.append(Diagnostic(error.code, error.message, place, error.hint))
            return None
        return self.check(parsed, columns, place, boolean=boolean)

    def check(
        self, parsed: Expr, columns: Columns, place: Location, *, boolean: bool = False
    ) -> tuple[Expr, ColumnType] | None:
        """Check and type a parsed expression; its columns take their declared spelling."""
        unknown = [name for name in parsed.columns if name not in columns]
        for name in unknown:
            hint = suggest(name, columns.names)
            self._problems.append(Diagnostic("MF022", f"unknown column `{name}`", place, hint))
        if unknown or self._is_volatile(parsed, place):
            return None
        spelled = parsed.substitute(
            {name.casefold(): bare(columns.spelling(name)) for name in parsed.columns}
        )
        if spelled.column_name is not None:
            kind = columns.type(spelled.column_name)
            return self._fitting(spelled, kind, place, boolean=boolean)
        return self._typed(spelled, columns, place, boolean=boolean)

    def _typed(
        self, expr: Expr, columns: Columns, place: Location, *, boolean: bool
    ) -> tuple[Expr, ColumnType] | None:
        used = {columns.spelling(name): columns.type(name) for name in expr.columns}
        try:
            kind = self._types.infer(expr.sql, used)
        except InvalidExpression as error:
            self._problems.append(Diagnostic("MF043", f"`{expr.sql}`: {error}", place))
            return None
        for item in expr.tree.find_all(exp.Column):
            annotate(item, used[item.name])
        own(expr.tree, self._owner)
        if self._databricks:
            expr = typed(expr, used, self._types)
            try:
                translate(expr.tree)
            except Untranslatable as error:
                problem = Diagnostic("MF070", error.message, place, error.hint)
                self._problems.append(problem)
                return None
        return self._fitting(expr, kind, place, boolean=boolean)

    def _fitting(
        self, expr: Expr, kind: ColumnType, place: Location, *, boolean: bool
    ) -> tuple[Expr, ColumnType] | None:
        """The expression and its type, unless a filter is expected and it is none."""
        if boolean and kind.family is not Kind.BOOLEAN:
            message = f"`{expr.sql}` is {kind}, a filter is true or false"
            self._problems.append(Diagnostic("MF043", message, place, "write a comparison"))
            return None
        return expr, kind

    def _is_volatile(self, parsed: Expr, place: Location) -> bool:
        found = self._types.volatile(parsed.functions)
        for name in found:
            message = f"`{name}()` gives another value in every run"
            hint = "features must depend on the source's rows alone"
            self._problems.append(Diagnostic("MF042", message, place, hint))
        return bool(found)
