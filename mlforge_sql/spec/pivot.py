"""Pivots: the columns of a metric once for each value of another column."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from mlforge_sql.spec.base import Spec, Whole, one_or_many

Value = bool | Whole | Annotated[float, Field(allow_inf_nan=False)] | str

OTHER, MISSING = "other", "missing"
"""What the columns of all other values, and of none, are called by."""

_MOST = 200
"""Values of a pivot: each makes a column for each window."""


def label(value: bool | int | float | str) -> str:
    """A part of a name for a value; empty where it has neither letters nor digits.

    Examples:
        >>> label("Gas & Oil"), label(True), label(-1.5), label("?")
        ('gas_oil', 'true', '1_5', '')
    """
    return re.sub(r"[^a-z0-9]+", "_", str(value).lower()).strip("_")


def _part_of_name(value: str) -> str:
    if not re.fullmatch(r"\w+", value, re.ASCII):
        raise PydanticCustomError(
            "mlforge_name",
            "`{value}` is not a usable label",
            {"value": value, "code": "MF014", "hint": "use letters, digits and `_`"},
        )
    return value


Label = Annotated[str, AfterValidator(_part_of_name)]


def _labelled(value: object) -> object:
    """Values by their labels; of a list, those that they make themselves."""
    if isinstance(value, dict):
        return value
    items = one_or_many(value)
    if not isinstance(items, tuple):
        return value
    found: dict[str, object] = {}
    for index, item in enumerate(items):
        name = label(item) if isinstance(item, bool | int | float | str) else str(index)
        if not name or name in found:
            what = f"makes the same names as `{found[name]}`" if name else "makes no name"
            raise _unnamed(f"`{item}` {what}")
        found[name] = item
    return found


def _unnamed(message: str) -> PydanticCustomError:
    hint = "write `values: {label: value}`, such as `values: {unknown: '?'}`"
    return PydanticCustomError("mlforge_pivot", "{message}", {"message": message, "code": "MF162", "hint": hint})  # fmt: skip


class By(Spec):
    """The columns of a metric once for each value of another column.

    Examples:
        >>> By("merchant_category", ["grocery", "travel"], other=True).values
        {'grocery': 'grocery', 'travel': 'travel'}
    """

    column: str = Field(description="Column whose values are told apart.")
    values: Annotated[dict[Label, Value], BeforeValidator(_labelled)] = Field(
        default_factory=dict,
        description=(
            "Values, each with columns of its own; names of columns have it in front of the window, or its label, "
            "as in `{label: value}`."
        ),
        max_length=_MOST,
    )
    other: bool = Field(
        default=False, description="Whether all other values have columns together."
    )
    missing: bool = Field(default=False, description="Whether rows without a value have columns.")

    def __init__(self, column: str | None = None, values: Any = None, /, **named: Any) -> None:
        if column is not None:
            named["column"] = column
        if values is not None:
            named["values"] = values
        super().__init__(**named)

    @model_validator(mode="after")
    def _says_something(self) -> By:
        taken = [word for word in (OTHER, MISSING) if getattr(self, word) and word in self.values]
        if taken:
            raise _unnamed(f"`{taken[0]}` is what the columns of `{taken[0]}: true` are called by")
        if not self.values and not self.other and not self.missing:
            raise PydanticCustomError(
                "mlforge_missing",
                "`by` has no values",
                {"code": "MF011", "hint": "add `values`, such as `values: [grocery, travel]`"},
            )
        return self
