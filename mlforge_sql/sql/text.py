"""Layout: steps to the text of a dbt model, the way an analyst would write it."""

from __future__ import annotations

import re
import textwrap
from typing import Any, Protocol

from sqlglot import exp

from mlforge_sql.dialects.base import DOUBLED, ESCAPED, Dialect
from mlforge_sql.sql.query import Call, ModelQuery, NamedWindow, Step

_PARTS = {
    quotes: re.compile(
        rf"""(?P<jinja>\{{\{{.*?\}}\}})|(?P<string>{quotes})|(?P<rest>(?:(?!\{{\{{)[^'"`])+)""",
        re.DOTALL,
    )
    for quotes in (DOUBLED, ESCAPED)
}
_NOT_NULL = re.compile(r"\bnot ([a-z_][\w.]*) is null\b")
_FILTER = re.compile(r"filter\(where\s+")
_VALUES = re.compile(r"\(values\s+(?:\(-?\d+\),?\s*)+\)")
_WHEN = re.compile(r"\b(when '\w+')\s+then ")
_SINGLE = re.compile(r"^( *select(?: distinct)?)\n +(\S|\S.*[^,\n{(])(?=\n *from )", re.MULTILINE)
"""A ``select`` of one thing, which stands beside it."""
_RENDERED = re.compile(r"\{[{%#]|[#}%]\}|[\r\n]")


def layout(query: ModelQuery, dialect: Dialect) -> tuple[str, ...]:
    """The text of a model in parts: import steps first, one thing in a step, ``final`` last.

    The text is the parts with an empty line between them.
    """
    depends_on = "\n".join(f"-- depends_on: {{{{ ref('{model}') }}}}" for model in query.depends_on)
    steps = [_part_of(step, dialect) for step in query.steps]
    last = "final"
    if query.choice is None:
        body, last = _listed(steps), _name(query.steps[-1])
    else:
        chosen = (query.choice.steps, query.choice.others)
        either, other = ([_part_of(step, dialect) for step in found] for found in chosen)
        body = [*(f"{step}," for step in steps), f"{{% if {query.choice.condition} %}}"]
        body += [*_listed(either), "{% else %}", *_listed(other), "{% endif %}"]
    everything = sql_text(exp.select(exp.Star()).from_(exp.table_(last)), dialect, one_line=True)
    before = [part for part in (depends_on, query.setup) if part]
    opening = [query.opening] if query.opening else []
    return (*before, "with", *opening, *body, everything + query.closing)


def _listed(steps: list[str]) -> list[str]:
    """Steps with commas between them."""
    return [*(f"{step}," for step in steps[:-1]), steps[-1]]


def _part_of(step: Step | Call, dialect: Dialect) -> str:
    if isinstance(step, Step):
        return _step(step, dialect)
    comment = _comment(step.comment)
    setup = "".join(f"{line}\n" for line in step.setup)
    return comment + setup + ",\n".join(step.lines)


def _name(step: Step | Call) -> str:
    return step.name if isinstance(step, Step) else "final"


def _comment(text: str | None) -> str:
    return "".join(f"-- {line}\n" for line in (text or "").splitlines())


def _step(step: Step, dialect: Dialect) -> str:
    comment = _comment(step.comment)
    body = _WHEN.sub(r"\1 then ", sql_text(step.query, dialect))
    body = _SINGLE.sub(r"\1 \2", body)
    if _is_import(step.query):
        body = " ".join(body.split())
    if step.windows:
        clause = ",\n".join(
            textwrap.indent(_window(item, dialect), "    ") for item in step.windows
        )
        body += "\nwindow\n" + clause
    return f"{comment}{step.name} as {step.hint}(\n\n{textwrap.indent(body, '    ')}\n\n)"


def _window(window: NamedWindow, dialect: Dialect) -> str:
    keys = ", ".join(sql_text(item, dialect) for item in window.partition_by)
    order = ", ".join(sql_text(item, dialect) for item in window.order_by)
    comment = f"-- {window.comment}\n" if window.comment else ""
    over = f"partition by {keys}" + (f" order by {order}" if order else "")
    if window.frame is None:
        return f"{comment}{window.name} as ({over})"
    return f"{comment}{window.name} as (\n    {over}\n    range between {window.frame}\n)"


def _is_import(query: exp.Query) -> bool:
    """True for ``select * from relation`` and nothing else."""
    parts = {name for name, value in query.args.items() if value} - {"from", "from_"}
    return parts == {"expressions"} and query.expressions == [exp.Star()]


class Printer(Protocol):
    """What has to be known of an engine to print a tree."""

    @property
    def sqlglot(self) -> Any:
        """How sqlglot prints it."""
        ...

    @property
    def quotes(self) -> str:
        """Regular expression of quoted text and names."""
        ...


def sql_text(
    tree: exp.Expr, dialect: Printer, *, in_jinja: bool = False, one_line: bool = False
) -> str:
    """A tree as lower-case text; what a user wrote in quotes keeps its case and never runs as Jinja.

    Args:
        tree: The tree.
        dialect: How to say it.
        in_jinja: Whether the text goes into a Jinja string, where nothing runs.
        one_line: Whether it stands on one line, but for line breaks in quotes.
    """
    text = tree.sql(
        dialect.sqlglot,
        pretty=not one_line,
        indent=4,
        pad=4,
        max_text_width=80,
        comments=False,
        copy=False,
    )
    if dialect.quotes == ESCAPED:
        text = text.replace("${", "\\u0024{")  # else Spark puts a variable in its place
    return "".join(
        _part(match, in_jinja=in_jinja) for match in _PARTS[dialect.quotes].finditer(text)
    )


def _part(match: re.Match[str], *, in_jinja: bool) -> str:
    if match["jinja"]:
        return match["jinja"]
    if match["string"]:
        return match["string"] if in_jinja else escape_jinja(match["string"])
    text = _NOT_NULL.sub(r"\1 is not null", match["rest"].lower())
    text = _FILTER.sub("filter (where ", text)
    return _VALUES.sub(lambda found: " ".join(found[0].split()), text)


def escape_jinja(text: str) -> str:
    """A literal or quoted name that Jinja renders to itself, on one line.

    Examples:
        >>> print(escape_jinja("'plain'"), escape_jinja("'a{{b'"))
        'plain' {{ "'a{{b'" }}
    """
    if not _RENDERED.search(text):
        return text
    body = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'{{{{ "{body}" }}}}'
