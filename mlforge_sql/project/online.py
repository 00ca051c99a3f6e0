"""What an online store of Databricks asks of the features: names that Postgres takes."""

from __future__ import annotations

from collections.abc import Iterable

from mlforge_sql.errors import Diagnostic
from mlforge_sql.project.model import ResolvedFeature, current_name, upcoming_name
from mlforge_sql.spec.config import ProjectConfig

LONGEST = 63
"""Bytes that a name may have in Postgres."""


def check_online(
    features: Iterable[ResolvedFeature], config: ProjectConfig, problems: list[Diagnostic]
) -> None:
    """Note the names that are too long for an online table, where there are any."""
    if not config.published:
        return
    for feature in features:
        name = (
            upcoming_name(feature.name) if feature.changes_by_itself else current_name(feature.name)
        )
        if len(name) > LONGEST:
            message = (
                f"the online table `{name}` has a name of {len(name)} characters, "
                f"and {LONGEST} are possible"
            )
            room = LONGEST - (len(name) - len(feature.name))
            hint = f"give the feature a name of at most {room} characters"
            problems.append(Diagnostic("MF101", message, feature.origin.at("name"), hint))
        problems += [
            Diagnostic(
                "MF101",
                f"column `{column}` of feature `{feature.name}` has a name of {size} bytes, "
                f"and {LONGEST} are possible in an online table",
                feature.origin.at("name"),
                "give it a shorter name",
            )
            for column in (
                *(key.name for key in feature.keys),
                *(item.name for item in feature.columns),
            )
            if (size := len(column.encode())) > LONGEST
        ]
