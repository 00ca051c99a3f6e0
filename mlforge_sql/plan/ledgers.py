"""Which models are built incrementally, and the ledgers that tell them what has changed.

A row of a rolling feature at tick ``t`` is a function of the events in its windows: of ticks in ``t - reach`` to ``t``,
and it is there because of one of them. So an event that comes, goes or changes at tick ``e`` changes rows of
``e`` to ``e + reach`` only, and whoever reads all events from ``e - reach`` to ``e + reach`` computes those as a full build
does. That holds for sums, for the spread of doubles and for what is made of single events alike, as long
as the SQL is right for any set of events; ``_PROVEN`` has the forms of which that has been looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields

from mlforge_sql.expressions import Expr
from mlforge_sql.functions.model import Form
from mlforge_sql.plan.nodes import Incremental, Input, Latest, Ledger, Rolling, Staging, Tiles

_PROVEN = frozenset({Form.DISTINCT, Form.PLACE, Form.MODE, Form.ORDER, Form.BESIDE})
"""Forms of single events whose value depends on the events of the window and on nothing else."""

Consumer = Tiles | Rolling | Latest


def ledgers(
    stagings: Sequence[Staging],
    inputs: Sequence[Input],
    consumers: Sequence[Consumer],
    taken: set[str],
) -> tuple[tuple[Ledger, ...], tuple[Incremental, ...]]:
    """The ledgers of a project, one for each source and keys, and the models that they serve.

    Args:
        stagings: The staging models.
        inputs: The inputs of features.
        consumers: Tiles and features.
        taken: Names of other models, case-folded; names of ledgers are added.
    """
    by_input = {item.name: item for item in inputs}
    staged = {item.name: item for item in stagings}
    groups: dict[tuple[str, tuple[str, ...]], list[Consumer]] = {}
    for item in consumers:
        if is_proven(item):
            group = (_staging(item, by_input), tuple(sorted(name for name, _ in item.keys)))
            groups.setdefault(group, []).append(item)
    found: list[Ledger] = []
    served: list[Incremental] = []
    for (name, keys), members in groups.items():
        staging = staged[name]
        used = {column.casefold() for item in members for column in _columns(item, by_input)}
        used -= {column.casefold() for column in (*keys, staging.instant)}
        ledger = Ledger(
            name=_name(staging.source, keys, taken),
            staging=name,
            keys=keys,
            key_types=tuple(kind for _, kind in sorted(members[0].keys, key=lambda key: key[0])),
            event_time=staging.instant,
            columns=tuple(
                sorted(column for _, column in staging.columns if column.casefold() in used)
            ),
            readers=tuple(item.name for item in members),
        )
        found.append(ledger)
        served += [Incremental(item, ledger.name) for item in members]
    return tuple(found), tuple(served)


def is_proven(node: Consumer) -> bool:
    """Whether the rows of a model are known to depend on the events of their windows alone."""
    return not isinstance(node, Rolling) or all(item.form in _PROVEN for item in node.series)


def _staging(node: Consumer, inputs: dict[str, Input]) -> str:
    return node.relation if isinstance(node, Tiles) else inputs[node.input].staging


def _columns(node: Consumer, inputs: dict[str, Input]) -> Iterator[str]:
    """The staging columns that a model reads."""
    if isinstance(node, Tiles):
        yield from _names([node.where])
        for measure in node.measures:
            parts = (getattr(measure, item.name) for item in fields(measure))
            yield from _names(part for part in parts if isinstance(part, Expr))
    else:
        found = inputs[node.input]
        yield from _names([found.where, *(expr for _, expr in found.columns)])


def _names(expressions: Iterable[Expr | None]) -> Iterator[str]:
    for expr in expressions:
        yield from () if expr is None else expr.columns


def _name(source: str, keys: tuple[str, ...], taken: set[str]) -> str:
    name = "int_" + "__".join([source, *keys]) + "_changes"
    while name.casefold() in taken:
        name += "_"
    taken.add(name.casefold())
    return name
