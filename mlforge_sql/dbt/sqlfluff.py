"""Settings for SQLFluff, so that it reads the models without dbt, a database or a login.

``sqlfluff lint models tests`` reads them as DuckDB's, and with ``--config .sqlfluff-databricks`` as
Databricks'. Macros are stood in for: of most, SQL only needs to know that they are a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from mlforge_sql.dbt.headers import header

SETTINGS = PurePosixPath(".sqlfluff")
IGNORED = PurePosixPath(".sqlfluffignore")

_OTHERS = {
    "training_set": "select 1 as label",
    "asof_join": "select 1 as label",
    "mlforge_audit_rows": "1000",
    "mlforge_at_once": "",
    "mlforge_in_order": "{{ varargs[0] }}",
    "mlforge_merged": (
        "before_{{ varargs[0] }} as (select * from {{ kwargs.read }}), "
        "last_{{ varargs[0] }} as (select * from before_{{ varargs[0] }})"
    ),
    "mlforge_rank_digit": (
        "{{ kwargs.ranks.of }}_digits_{{ varargs[0] }} as (select * from {{ kwargs.ranks.moves }}), "
        "{{ kwargs.ranks.of }}_upto_{{ varargs[0] }} as (select * from {{ kwargs.ranks.of }}_digits_{{ varargs[0] }}), "
        "{{ kwargs.ranks.of }}_found_{{ varargs[0] }} as (select * from {{ kwargs.ranks.of }}_upto_{{ varargs[0] }})"
    ),
    "mlforge_order": "",
    "mlforge_ledger_rows": "final as (select * from found)",
}
"""Macros that are no value."""

_DEFINED = re.compile(r"{%-?\s*macro\s+(\w+)\(")
_FILLED_IN = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_CALLED = re.compile(r"\b(\w+)\(")

_RULES = """\
large_file_skip_byte_limit = 0
# columns, joins and subqueries stand in the order in which they are explained; long lines and indents are those
# of the compiler
exclude_rules = structure.column_order, structure.join_condition_order, structure.subquery, structure.using, \
ambiguous.union, references.keywords, layout.indent, layout.long_lines

[sqlfluff:templater:jinja]
apply_dbt_builtins = True
"""


def sqlfluff_files(
    files: Mapping[PurePosixPath, str], engines: list[str]
) -> dict[PurePosixPath, str]:
    """The settings for a project: for its first engine, and for each other one what differs.

    Args:
        files: All other files of the project.
        engines: Types of adapters, which SQLFluff calls the same.
    """
    first, *others = sorted(engines, key=lambda name: name != "duckdb")
    macros = "".join(
        f"{name} = {{% macro {name}() %}}{{% set _ = (varargs, kwargs) %}}"
        f"{_OTHERS.get(name, 'null')}{{% endmacro %}}\n"
        for name in sorted(_used(files))
    )
    found = {
        SETTINGS: f"{header(SETTINGS)}\n[sqlfluff]\ndialect = {first}\ntemplater = jinja\n{_RULES}"
        f"\n{_target(first)}\n[sqlfluff:templater:jinja:macros]\n{macros}",
        IGNORED: f"{header(IGNORED)}\nmacros/\ntests/generic/\ntarget/\ndbt_packages/\n",
    }
    for name in others:
        path = PurePosixPath(f"{SETTINGS}-{name}")
        found[path] = f"{header(path)}\n[sqlfluff]\ndialect = {name}\n\n{_target(name)}"
    return found


def _target(engine: str) -> str:
    return (
        f'[sqlfluff:templater:jinja:context]\ntarget = {{"type": "{engine}", "name": "{engine}"}}\n'
    )


def _used(files: Mapping[PurePosixPath, str]) -> set[str]:
    """The macros of the project that its models and tests call."""
    known: set[str] = set(_OTHERS)
    called: set[str] = set()
    for path, text in files.items():
        if path.suffix != ".sql":
            continue
        if path.parts[0] == "macros":
            known.update(_DEFINED.findall(text))
        elif path.parts[:2] != ("tests", "generic"):
            for filled_in in _FILLED_IN.findall(text):
                called.update(_CALLED.findall(filled_in))
    return known & (called | {"training_set", "asof_join"})
