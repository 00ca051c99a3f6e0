"""Validators: what must hold for the rows that go into a feature."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from mlforge_sql.spec.base import Spec, Whole

Number = Whole | Annotated[float, Field(allow_inf_nan=False)]
Scalar = bool | Number | str

PARAMETERS: dict[str, tuple[str, ...]] = {
    "not_null": (),
    "unique": (),
    "greater_than": ("value",),
    "less_than": ("value",),
    "greater_than_or_equal": ("value",),
    "less_than_or_equal": ("value",),
    "in_range": ("min", "max"),
    "matches_regex": ("pattern",),
    "is_in": ("values",),
}
"""The nine validators and their parameters."""

ValidatorName = Literal[
    "not_null",
    "unique",
    "greater_than",
    "less_than",
    "greater_than_or_equal",
    "less_than_or_equal",
    "in_range",
    "matches_regex",
    "is_in",
]


class Validator(Spec):
    """A rule for one column of a feature's input. NULL passes every rule but ``not_null``."""

    test: ValidatorName = Field(description="Which rule.")
    value: Number | str | None = Field(default=None, description="Bound of a comparison.")
    min: Number | str | None = Field(default=None, description="Smallest allowed value.")
    max: Number | str | None = Field(default=None, description="Largest allowed value.")
    pattern: str | None = Field(
        default=None, description="Regular expression that must match somewhere in the text."
    )
    values: tuple[Scalar, ...] | None = Field(default=None, description="Allowed values.")

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: Any) -> Any:
        """Read ``not_null``, ``{less_than: 5}``, ``{in_range: [0, 1]}`` or ``{is_in: [a, b]}``."""
        if isinstance(value, str):
            value = {value: None}
        if not isinstance(value, dict) or "test" in value:
            return value
        if len(value) != 1:
            raise _problem(
                "MF012",
                "a validator has one name",
                "write each validator as a list item of its own",
            )
        ((name, argument),) = value.items()
        if name not in PARAMETERS:
            import difflib

            near = difflib.get_close_matches(str(name), PARAMETERS, n=1)
            hint = (
                f"did you mean `{near[0]}`?"
                if near
                else "expected one of: " + ", ".join(PARAMETERS)
            )
            raise _problem("MF012", f"unknown validator `{name}`", hint)
        return {"test": name, **_arguments(name, argument)}

    @model_validator(mode="after")
    def _complete(self) -> Validator:
        allowed = PARAMETERS[self.test]
        given = {
            key
            for key in ("value", "min", "max", "pattern", "values")
            if getattr(self, key) is not None
        }
        extra = sorted(given - set(allowed))
        if extra:
            raise _problem("MF012", f"`{self.test}` takes no `{extra[0]}`", _usage(self.test))
        if self.test == "in_range" and not given:
            raise _problem("MF012", "`in_range` needs `min`, `max` or both", _usage(self.test))
        if self.test != "in_range" and set(allowed) - given:
            raise _problem("MF012", f"`{self.test}` needs a value", _usage(self.test))
        return self

    @property
    def arguments(self) -> dict[str, Any]:
        """The parameters that are set, as plain values."""
        found = {key: getattr(self, key) for key in PARAMETERS[self.test]}
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in found.items()
            if value is not None
        }


def _arguments(name: str, argument: Any) -> dict[str, Any]:
    names = PARAMETERS[name]
    if isinstance(argument, dict):
        extra = [key for key in argument if key not in names]
        if extra:
            raise _problem("MF012", f"`{name}` takes no `{extra[0]}`", _usage(name))
        return argument
    if not names:
        if argument in (None, True):
            return {}
        raise _problem("MF012", f"`{name}` takes no value", _usage(name))
    if name == "in_range" and isinstance(argument, (list, tuple)):
        if len(argument) != len(names):
            raise _problem("MF012", "`in_range` takes two values", _usage(name))
        return dict(zip(names, argument, strict=True))
    if name == "is_in" and isinstance(argument, list):
        argument = tuple(argument)
    return {names[0]: argument}


def _usage(name: str) -> str:
    usages = {
        "in_range": "write `{in_range: {min: 0, max: 1}}`",
        "is_in": "write `{is_in: [a, b]}`",
        "matches_regex": "write `{matches_regex: '^[A-Z]+$'}`",
    }
    return usages.get(name, f"write `{{{name}: 0}}`" if PARAMETERS[name] else f"write `{name}`")


def _problem(code: str, message: str, hint: str) -> PydanticCustomError:
    return PydanticCustomError(
        "mlforge_validator", "{message}", {"message": message, "code": code, "hint": hint}
    )


def not_null() -> Validator:
    """The column has no NULL."""
    return Validator(test="not_null")


def unique() -> Validator:
    """No value occurs twice; NULLs do not count."""
    return Validator(test="unique")


def greater_than(value: float | str) -> Validator:
    """Every value is above ``value``."""
    return Validator(test="greater_than", value=value)


def less_than(value: float | str) -> Validator:
    """Every value is below ``value``."""
    return Validator(test="less_than", value=value)


def greater_than_or_equal(value: float | str) -> Validator:
    """No value is below ``value``."""
    return Validator(test="greater_than_or_equal", value=value)


def less_than_or_equal(value: float | str) -> Validator:
    """No value is above ``value``."""
    return Validator(test="less_than_or_equal", value=value)


def in_range(min: float | str | None = None, max: float | str | None = None) -> Validator:  # noqa: A002 - mlforge's words
    """Every value lies between ``min`` and ``max``, both included."""
    return Validator(test="in_range", min=min, max=max)


def matches_regex(pattern: str) -> Validator:
    """The pattern matches somewhere in every text; anchor it with ``^`` and ``$``."""
    return Validator(test="matches_regex", pattern=pattern)


def is_in(values: list[Scalar] | tuple[Scalar, ...]) -> Validator:
    """Every value is one of ``values``."""
    return Validator(test="is_in", values=tuple(values))
