"""What an aggregate function is: a declaration, which the rest of the compiler reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.functions.parameters import Argument, Parameter, share_label, written
from mlforge_sql.types import ColumnType


class Form(StrEnum):
    """How the value of a column is made of the measures of its window.

    Attributes:
        COUNT: The number; 0 for an empty window.
        TOTAL: The sum, in its type.
        MEAN: The sum by the number.
        EXTREME: The measure itself.
        SPREAD: Squared distances from the mean.
        DISTINCT: The number of different values; 0 for an empty window.
        PLACE: The first or the last value in the order of events.
        MODE: The most frequent value.
        ORDER: The value at a place in the order of size.
        BESIDE: The value beside the largest or the smallest of another column.
        WEIGHTED: The sum of the weighted values by the sum of the weights.
    """

    COUNT = "count"
    TOTAL = "total"
    MEAN = "mean"
    EXTREME = "extreme"
    SPREAD = "spread"
    DISTINCT = "distinct"
    PLACE = "place"
    MODE = "mode"
    ORDER = "order"
    BESIDE = "beside"
    WEIGHTED = "weighted"


_OF_EVENTS = frozenset({Form.DISTINCT, Form.PLACE, Form.MODE, Form.ORDER, Form.BESIDE})


@dataclass(frozen=True, slots=True)
class Spread:
    """A function of squared distances from the mean: of doubles, it needs the events themselves.

    Attributes:
        name: Its name, which columns of steps have in theirs.
        root: Whether it is a deviation, and not a variance.
        population: Whether it is the mean of the squared distances, and not the sample form.
    """

    name: str
    root: bool
    population: bool = False

    @property
    def fewest(self) -> int:
        """How many values there have to be."""
        return 1 if self.population else 2


@dataclass(frozen=True, slots=True)
class Function:
    """An aggregate function.

    Attributes:
        name: Its word.
        about: What its value is, in a line.
        form: How its value is made.
        result: Type of the value, by that of the column; None where the function does not fit it.
        needs: Which columns it fits, in words that go on with "column".
        measures: What of a column it is put together from; of doubles a spread needs none.
        spread: Which spread it is.
        counts_rows: Whether ``*`` can stand in the place of a column.
        shows_values: Whether a value of the function tells values of the column.
        keeps_type: Whether a value of the function is a value of the column.
        has_type: Whether a user may choose the type of the value.
        of_missing: Whether it counts the rows without a value, and not the values.
        last: Whether it is the last value, where it is one of a place, or the one beside the largest.
        plain: What engines call it where they have it as an aggregate of a group.
        parameter: What it is told besides its column.
        share: Which share of the values is below it, where it is told none.
        synonyms: Further words for it.
        others: What it is called elsewhere.
    """

    name: str
    about: str
    form: Form
    result: Callable[[ColumnType], ColumnType | None]
    needs: str
    measures: Callable[[ColumnType], tuple[MeasureKind, ...]]
    spread: Spread | None = None
    counts_rows: bool = False
    shows_values: bool = True
    keeps_type: bool = False
    has_type: bool = False
    of_missing: bool = False
    last: bool = False
    plain: str = ""
    parameter: Parameter | None = None
    share: Decimal | None = None
    synonyms: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def zero(self) -> bool:
        """Whether an empty window is 0, and not NULL."""
        return self.form in {Form.COUNT, Form.DISTINCT}

    @property
    def signature(self) -> str:
        """How it is written."""
        return f"{self.name}({self.parameter.name})" if self.parameter else self.name

    @property
    def example(self) -> str:
        """It as somebody may write it."""
        return f"{self.name}({self.parameter.example})" if self.parameter else self.name

    @property
    def ordered(self) -> bool:
        """Whether it needs the order of events."""
        return self.form in {Form.PLACE, Form.BESIDE}

    @property
    def of_events(self) -> bool:
        """Whether it is made of single events, and not of measures of ticks."""
        return self.form in _OF_EVENTS


@dataclass(frozen=True, slots=True)
class Call:
    """A function as a user writes it.

    Attributes:
        function: The function.
        argument: What it is told.
    """

    function: Function
    argument: Argument | None = None

    def __str__(self) -> str:
        name = self.function.name
        return name if self.argument is None else f"{name}({written(self.argument)})"

    @property
    def column(self) -> str | None:
        """The other column that it is told, as the user names it."""
        return self.argument if isinstance(self.argument, str) else None

    @property
    def share(self) -> Decimal | None:
        """Of a percentile, the share of the values that are below it."""
        return self.argument if isinstance(self.argument, Decimal) else self.function.share

    @property
    def label(self) -> str:
        """Its part of the name of a column."""
        if isinstance(self.argument, Decimal):
            return share_label(self.argument)
        name = self.function.name
        return name if self.argument is None else f"{name}_{self.argument}"
