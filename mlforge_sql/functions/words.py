"""Functions that are told something, for Python files: each gives the text that YAML has."""

from __future__ import annotations

from mlforge_sql.functions.parameters import written


def percentile(p: float) -> str:
    """The value that a share ``p`` of the others, from 0 to 1, is below; between two, as far between them.

    Examples:
        >>> percentile(0.95)
        'percentile(0.95)'
    """
    return f"percentile({p})"


def weighted_mean(w: str) -> str:
    """The mean of a column, each value counted as often as the column ``w`` says.

    Examples:
        >>> weighted_mean("quantity")
        'weighted_mean(quantity)'
    """
    return _told("weighted_mean", w)


def arg_max(by: str) -> str:
    """The value beside the largest of the column ``by``; of equal ones the later event's."""
    return _told("arg_max", by)


def arg_min(by: str) -> str:
    """The value beside the smallest of the column ``by``; of equal ones the later event's."""
    return _told("arg_min", by)


def _told(function: str, argument: str) -> str:
    return f"{function}({written(argument)})"
