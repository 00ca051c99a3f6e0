"""The features that a caller asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.project.model import Project, Requested
from mlforge_sql.project.requests import resolve_requests
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.training_set import FeatureSpec, requested

Wanted = str | FeatureSpec | Feature


def resolve_wanted(project: Project, wanted: Iterable[Wanted]) -> tuple[Requested, ...]:
    """What somebody asks for, in a project.

    Raises:
        RetrievalError: Something that is not known, or nothing at all.
    """
    specs = [_feature_spec(item) for item in wanted]
    if not specs:
        message = "no features are asked for"
        raise RetrievalError([Diagnostic("MF051", message, hint="name at least one")])
    problems: list[Diagnostic] = []
    known = {feature.name: feature for feature in project.features}
    requests = resolve_requests(specs, known, nowhere, problems)
    if problems:
        raise RetrievalError(problems)
    return requests


def several(features: Sequence[Wanted] | Wanted) -> Iterable[Wanted]:
    """One or several as several."""
    one = isinstance(features, str) or not isinstance(features, Sequence)
    return (features,) if one else features  # type: ignore[return-value]  # one is not a sequence


def nowhere(*_path: str | int) -> None:
    """The place of what was written in no file."""
    return


def _feature_spec(item: Wanted) -> FeatureSpec:
    if isinstance(item, FeatureSpec):
        return item
    values = requested(item)
    if isinstance(item, dict) or not isinstance(values, dict):
        message = f"a feature cannot be a {type(item).__name__}"
        hint = "name it, or give a FeatureSpec"
        raise RetrievalError([Diagnostic("MF051", message, hint=hint)])
    columns = values.get("columns")
    return FeatureSpec.model_construct(  # a name that cannot be one is simply not known
        name=values["name"], columns=tuple(columns) if columns else None
    )
