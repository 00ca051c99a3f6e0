"""Aggregate functions of rolling windows: each is a declaration, and is named nowhere else.

A module for each family declares the functions; what their values are made of (`measures`), and how (`form`), are
words that the plan and the SQL know. To add a function is to declare it here, to write its loop into ``tests/oracle.py``
and its line into the docs.
"""

from __future__ import annotations

import difflib
import re

from mlforge_sql.functions.best import BESIDES, MODE
from mlforge_sql.functions.counts import COUNT, COUNT_NULL, DISTINCTS
from mlforge_sql.functions.extremes import EXTREMES, TRUTHS
from mlforge_sql.functions.model import Call, Function
from mlforge_sql.functions.moments import SPREADS
from mlforge_sql.functions.orders import MEDIAN, PERCENTILE
from mlforge_sql.functions.places import PLACES
from mlforge_sql.functions.sums import MEAN, SUM, WEIGHTED_MEAN

_IN_ORDER = (
    *(SUM, COUNT, MEAN, *EXTREMES, *SPREADS, *TRUTHS, COUNT_NULL, *DISTINCTS, *PLACES, MODE),
    *(MEDIAN, PERCENTILE, WEIGHTED_MEAN, *BESIDES),
)

FUNCTIONS: dict[str, Function] = {function.name: function for function in _IN_ORDER}
"""All functions by their names, in the order in which they are listed."""

WORDS = {word: item for item in _IN_ORDER for word in (item.name, *item.synonyms)}
"""The same by every word that stands for one."""

_OTHERS = frozenset({"mad", "mean_abs", "minmax"})
"""Functions that others have, and that are near in their letters only."""


class CallError(ValueError):
    """A call that cannot be.

    Attributes:
        message: Why; ``{value}`` stands for the text of the call.
        hint: What to write instead.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def called(text: str) -> Call:
    """The call that a text is.

    Raises:
        CallError: There is no such function, or it is told what it cannot be told.

    Examples:
        >>> str(called("sum")), str(called("weighted_mean( quantity )"))
        ('sum', 'weighted_mean(quantity)')
    """
    parts = _CALL.fullmatch(text)
    word = parts["word"] if parts else text
    if parts and word in WORDS:
        return _told(WORDS[word], parts["argument"])
    raise _unknown(word)


_CALL = re.compile(r"\s*(?P<word>\w+)\s*(?:\((?P<argument>.*)\))?\s*", re.DOTALL)


def _told(function: Function, text: str | None) -> Call:
    parameter = function.parameter
    if parameter is None:
        if text is None:
            return Call(function)
        raise CallError(
            f"`{{value}}`: `{function.name}` takes no argument", f"write `{function.name}`"
        )
    hint = f"{function.signature}, such as `{function.example}`: `{parameter.name}` is {parameter.about}"
    if text is None or not text.strip():
        raise CallError(f"`{{value}}` lacks its argument `{parameter.name}`", hint)
    argument = parameter.read(text)
    if argument is None:
        raise CallError(f"`{{value}}` is no `{function.signature}`", hint)
    return Call(function, argument)


def _unknown(text: str) -> CallError:
    elsewhere = {other: item.name for item in FUNCTIONS.values() for other in item.others}
    near = [elsewhere[text]] if text in elsewhere else []
    if not near and text not in _OTHERS:
        near = difflib.get_close_matches(text, FUNCTIONS, n=1)
    listed = ", ".join(item.signature for item in FUNCTIONS.values())
    hint = f"did you mean `{FUNCTIONS[near[0]].example}`?" if near else f"expected one of: {listed}"
    return CallError("unknown function `{value}`", hint)


def listed() -> str:
    """The names of all functions, in a line."""
    *most, last = (item.signature for item in FUNCTIONS.values())
    return f"{', '.join(most)} or {last}"
