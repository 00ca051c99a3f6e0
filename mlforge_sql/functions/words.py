"""Functions that are told something, for Python files: each gives the text that YAML has."""

from __future__ import annotations

from mlforge_sql.functions.parameters import written


def weighted_mean(w: str) -> str:
    """The mean of a column, each value counted as often as the column ``w`` says.

    Examples:
        >>> weighted_mean("quantity")
        'weighted_mean(quantity)'
    """
    return _told("weighted_mean", w)


def _told(function: str, argument: str) -> str:
    return f"{function}({written(argument)})"
