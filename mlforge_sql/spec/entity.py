"""Entities: who or what features describe."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from mlforge_sql.spec.base import Name, Names, Spec, one_or_many, record


class Entity(Spec):
    """Who or what a feature describes, and the columns that identify it.

    Examples:
        >>> Entity(name="customer", join_key="customer_id").join_key
        ('customer_id',)
    """

    name: Name = Field(description="Name that features refer to.")
    join_key: Annotated[tuple[Name, ...], BeforeValidator(one_or_many)] = Field(
        description="Column, or list of columns, that identifies the entity in every table.",
        min_length=1,
    )
    from_columns: Names = Field(
        default=(),
        description=(
            "Source columns that the join key is computed from, as a SHA-256 surrogate key. "
            "They never reach a feature table."
        ),
    )
    description: str | None = Field(default=None, description="What the entity is.")

    @model_validator(mode="after")
    def _one_surrogate_key(self) -> Entity:
        if self.from_columns and len(self.join_key) > 1:
            raise PydanticCustomError(
                "mlforge_conflict",
                "`from_columns` computes one join key, but `join_key` lists {count}",
                {
                    "count": len(self.join_key),
                    "code": "MF017",
                    "at": "from_columns",
                    "hint": "declare one entity for each key, and one more for the combination",
                },
            )
        return self

    @model_validator(mode="after")
    def _recorded(self) -> Entity:
        """Note where the entity was made; last, so that only valid ones are noted."""
        record(self)
        return self
