"""What a feature function is given: the rows of its source, as a sqlglot ``Select``."""

from __future__ import annotations

from typing import Any, cast

from sqlglot import exp

from mlforge_sql.errors import Diagnostic, SpecErrors
from mlforge_sql.expressions import column, identifier
from mlforge_sql.spec.base import say_otherwise


class SaidOtherwise(Exception):  # noqa: N818 - it ends a function whose problem is noted
    """A feature function says something in the words of a data frame."""


class Rows(exp.Select):
    """A ``Select`` that takes lists of columns, and polars' own columns and new names of them."""

    def select(self, *columns: Any, **options: Any) -> Rows:
        """The rows with more columns: SQL texts, lists of them, sqlglot trees, ``pl.col(..)``."""
        flat = [item for each in columns for item in _listed(each)]
        return cast("Rows", super().select(*map(_column, flat), **options))

    def __getattr__(self, name: str) -> Any:
        """Methods of data frames are said otherwise; nothing else is there."""
        hint = _METHODS.get(name)
        if hint is None:
            raise AttributeError(
                f"the rows of a source have no `{name}`: they are a sqlglot Select"
            )
        _say(
            f"`df.{name}(...)` is of a data frame, and the rows of a feature are selected by SQL",
            hint,
        )
        raise SaidOtherwise


_METHODS = {
    **dict.fromkeys(["filter", "query", "drop_nulls"], 'write `df.where("amount > 0")`'),
    **dict.fromkeys(
        ["with_columns", "with_column", "assign", "withColumn"],
        'write `df.select("*", "amount * 2 as twice")`',
    ),
    **dict.fromkeys(
        ["agg", "groupby", "groupBy", "rolling", "group_by_dynamic"],
        'say it as metrics: `metrics=[mlf.Rolling(windows=["7d"], aggregations={"amount": ["sum"]})]`',
    ),
    **dict.fromkeys(
        ["rename", "drop", "cast", "fill_null", "fillna", "astype"],
        'write the columns that are wanted: `df.select("coalesce(amount, 0) as amount")`',
    ),
    **dict.fromkeys(
        ["unique", "drop_duplicates", "dropDuplicates"],
        'say it at the source: `mlf.Source(..., dedupe=mlf.Dedupe(key="event_id"))`',
    ),
    **dict.fromkeys(
        ["sort", "sort_values", "orderBy"],
        "leave it out: the event time orders the rows, and `tie_breaker=` those of one time",
    ),
    **dict.fromkeys(["lazy", "collect", "map_elements", "apply", "toPandas"], "leave it out"),
    **dict.fromkeys(
        ["merge", "vstack", "concat"],
        "join the tables in a dbt model, and declare a source with `model=`",
    ),
}
"""What to write in the place of methods that data frames have."""


def rows_of(source: str) -> Rows:
    """The rows of a source, without columns."""
    return cast("Rows", Rows().from_(exp.Table(this=identifier(source))))


def query_text(returned: object) -> str | None:
    """What a feature function returned, as the text of a query.

    Raises:
        TypeError: It is no ``Select``, no text and not None.
    """
    if returned is None or isinstance(returned, str):
        return returned
    if not isinstance(returned, exp.Select):
        raise TypeError(
            f"a feature function returns a sqlglot Select, SQL text or None, not {type(returned).__name__}"
        )
    if not returned.expressions:
        returned = returned.select("*")
    return returned.transform(_plain).sql(dialect="duckdb", comments=False)


def _plain(node: exp.Expression) -> exp.Expression:
    return exp.Select(**node.args) if isinstance(node, Rows) else node


def _listed(item: Any) -> list[Any]:
    return list(item) if isinstance(item, (list, tuple)) else [item]


def _column(item: Any) -> Any:
    """A column as sqlglot takes it: polars' own are told by what they say of themselves."""
    if not type(item).__module__.startswith(("polars", "pyspark", "pandas")):
        return item
    said = getattr(item, "meta", None)
    if said is None:
        _say(_NOT_SQL, 'write SQL text, such as `df.select("amount * 2 as twice")`')
        raise SaidOtherwise
    name, inner = said.output_name(raise_if_undetermined=False), said.undo_aliases()
    if not inner.meta.is_column() or name is None:
        _say(_NOT_SQL, f'write it as SQL text, such as `"case when ... end as {name or "a_name"}"`')
        raise SaidOtherwise
    (root,) = inner.meta.root_names()
    return exp.Alias(this=column(root), alias=identifier(name)) if name != root else column(root)


_NOT_SQL = (
    "an expression of a data frame cannot be compiled: the rows of a feature are selected by SQL"
)


def _say(message: str, hint: str) -> None:
    if not say_otherwise(message, hint):
        raise SpecErrors([Diagnostic("MF175", message, hint=hint)])
