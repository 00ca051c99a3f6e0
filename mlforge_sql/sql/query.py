"""A model's SQL before it is text: named steps, each a sqlglot tree with a comment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True, slots=True)
class NamedWindow:
    """A window of a ``window`` clause.

    Attributes:
        name: Its name.
        partition_by: Columns.
        order_by: Columns.
        frame: Text after ``range between``; integers and keywords only. None for the engine's
            own: everything up to the current row and its peers, or all without an order.
        comment: Why the frame is what it is.
    """

    name: str
    partition_by: tuple[exp.Expr, ...]
    order_by: tuple[exp.Expr, ...]
    frame: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One common table expression.

    Attributes:
        name: Its name.
        query: A select or a union; without a ``window`` clause.
        comment: Why the step is there; lines become ``--`` lines.
        windows: The ``window`` clause.
        hint: What stands before its query: Jinja, or nothing.
    """

    name: str
    query: exp.Query
    comment: str | None = None
    windows: tuple[NamedWindow, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """Common table expressions that macros say.

    Attributes:
        lines: Calls of macros, as text of Jinja; each gives one or more steps.
        setup: Jinja that comes before them.
        comment: Why they are there.
    """

    lines: tuple[str, ...]
    setup: tuple[str, ...] = ()
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Steps that one of two ways of computing the same takes, when dbt runs.

    Attributes:
        condition: A condition of Jinja.
        steps: What is computed where it is true.
        others: What is computed elsewhere.
    """

    condition: str
    steps: tuple[Step | Call, ...]
    others: tuple[Step | Call, ...]


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """The SQL of one model.

    Attributes:
        steps: Common table expressions; ``final`` is selected.
        depends_on: Models that must be built and tested before, without being read.
        choice: The steps after those; each way ends with ``final``.
        setup: Jinja before all of it.
        opening: Jinja that gives steps before the first, or nothing.
        closing: Jinja that says which rows of ``final`` are wanted, or nothing.
    """

    steps: tuple[Step | Call, ...]
    depends_on: tuple[str, ...] = ()
    choice: Choice | None = None
    setup: str = ""
    opening: str = ""
    closing: str = ""
