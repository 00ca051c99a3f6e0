"""Labels: whether a table can be joined to features, by its columns and their types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlforge_sql.errors import Diagnostic, suggest
from mlforge_sql.project.model import KeyColumn, Requested
from mlforge_sql.project.requests import output_names
from mlforge_sql.project.times import Place, timestamp_fits
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.types import UNKNOWN, ColumnType, Kind


class LabelColumns:
    """The columns of a label table, compared without regard to case.

    Attributes:
        types: Types by name.
    """

    def __init__(self, types: Mapping[str, ColumnType]) -> None:
        self.types = dict(types)
        self._spelling = {name.casefold(): name for name in types}

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._spelling

    def spelling(self, name: str) -> str:
        """The name as the table has it."""
        return self._spelling[name.casefold()]

    def type(self, name: str) -> ColumnType:
        """The column's type."""
        return self.types[self.spelling(name)]

    @property
    def names(self) -> list[str]:
        """All names."""
        return list(self.types)


def check_labels(
    columns: LabelColumns,
    timestamp: Timestamp | None,
    requests: Sequence[Requested],
    place: Place,
    problems: list[Diagnostic],
) -> None:
    """Note everything that keeps features from being joined to a table.

    Args:
        columns: The table's columns.
        timestamp: Its time; None when the features are wanted as of now.
        requests: The features.
        place: Where the training set was written.
        problems: Where problems go.
    """
    if timestamp is not None:
        missing = [name for name in timestamp.columns if name not in columns]
        for name in missing:
            hint = suggest(name, columns.names)
            message = f"the labels have no column `{name}`, their timestamp"
            problems.append(Diagnostic("MF060", message, place("timestamp"), hint))
        kinds = {name: columns.type(name) for name in timestamp.columns if name in columns}
        if not missing and not any(is_null_type(kind) for kind in kinds.values()):
            timestamp_fits(timestamp, kinds, place, problems, iso_text=True)
    seen: set[str] = set()
    for request in requests:
        for key in request.feature.keys:
            if key.name.casefold() not in seen:
                seen.add(key.name.casefold())
                _check_key(columns, key, request.feature.name, place, problems)
    taken: set[str] = set()
    for name in output_names(requests):
        if name.casefold() in taken:
            message = f"two features give a column `{name}`"
            hint = "leave one of them out, or rename the feature or its column"
            problems.append(Diagnostic("MF037", message, place("features"), hint))
        taken.add(name.casefold())
        if name in columns:
            message = f"the labels have a column `{columns.spelling(name)}`, as the feature has"
            hint = "rename the column of the labels, or do not ask for the feature's"
            problems.append(Diagnostic("MF062", message, place("features"), hint))


def is_null_type(kind: ColumnType) -> bool:
    """True for a column that holds nothing but NULLs, so that its type is not known."""
    return kind == UNKNOWN or (
        kind.family is Kind.OTHER and kind.text.strip('"').casefold() == "null"
    )


def _check_key(
    columns: LabelColumns,
    key: KeyColumn,
    feature: str,
    place: Place,
    problems: list[Diagnostic],
) -> None:
    if key.name in columns:
        if not _equal_values(columns.type(key.name), key.type):
            _check_type(columns, key.name, key.type, place, problems)
        return
    missing = [name for name, _ in key.parts if name not in columns]
    if key.parts and not missing:
        for name, kind in key.parts:
            _check_type(columns, name, kind, place, problems)
        return
    message = f"the labels have no column `{key.name}`, a key of feature `{feature}`"
    hint = suggest(key.name, columns.names)
    if key.parts and len(missing) < len(key.parts):
        message += f", nor `{missing[0]}` to compute it from"
        hint = suggest(missing[0], columns.names)
    elif key.parts:
        message += f", nor {_listed([name for name, _ in key.parts])} to compute it from"
    problems.append(Diagnostic("MF060", message, place("labels"), hint))


def _listed(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return " and ".join([", ".join(quoted[:-1])] * (len(quoted) > 1) + quoted[-1:])


def _check_type(
    columns: LabelColumns,
    name: str,
    wanted: ColumnType,
    place: Place,
    problems: list[Diagnostic],
) -> None:
    found = columns.type(name)
    if is_null_type(found) or _compares(found, wanted):
        return
    message = (
        f"column `{columns.spelling(name)}` of the labels is {found}, the feature's is {wanted}"
    )
    at = place("labels")
    hint = f"cast it to {wanted}: keys of different types are never silently converted"
    if at is None and wanted.family is Kind.DATE:
        hint += "; in pandas with `pd.to_datetime(...).dt.date`"
    problems.append(Diagnostic("MF061", message, at, hint))


def _equal_values(found: ColumnType, wanted: ColumnType) -> bool:
    """Whether engines compare two types exactly although they are of different kinds."""
    whole = {Kind.INTEGER, Kind.DECIMAL}
    return {found.family, wanted.family} == whole and found.scale == wanted.scale == 0


def is_uuid(kind: ColumnType) -> bool:
    """True for UUIDs, whose text is always written alike."""
    return kind.family is Kind.OTHER and kind.text.casefold() in {"uuid", "guid"}


def _compares(found: ColumnType, wanted: ColumnType) -> bool:
    """Whether equal values of both types have the same text, and compare equal."""
    if found.family is Kind.DECIMAL and wanted.family is Kind.DECIMAL:
        return found.scale == wanted.scale
    if found.is_numeric and wanted.is_numeric:  # whole numbers have one text, whatever their type
        return (_is_whole(found) and _is_whole(wanted)) or found.family is wanted.family
    return found.family is wanted.family or (is_uuid(found) and wanted.family is Kind.TEXT)


def _is_whole(kind: ColumnType) -> bool:
    return kind.family in {Kind.INTEGER, Kind.DECIMAL} and kind.scale == 0
