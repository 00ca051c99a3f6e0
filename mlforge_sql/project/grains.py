"""How exactly the time of an event is known: what has only a date is not known before its day is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from mlforge_sql.durations import Duration
from mlforge_sql.errors import Diagnostic, Severity
from mlforge_sql.project.model import ResolvedFeature, ResolvedSource
from mlforge_sql.project.type_reader import TypeReader
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.source import DIRECTIVE, Source, Timestamp
from mlforge_sql.types import DATE, ColumnType, Kind, parse_type
from mlforge_sql.zones import UTC_NAME, has_whole_hours, longest_day, longest_hour

_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)

_LETTERS = (
    ("MSfT", None),
    ("HI", "hour"),
    ("dj", "day"),
    ("mbB", "month"),
    ("Yy", "year"),
)
"""Directives of formats, the finest first, and what a time is known to that has none of the finer."""


@dataclass(frozen=True, slots=True)
class Grain:
    """What a time is known to: an hour, a day, a month or a year.

    Attributes:
        word: What it is called.
        zone: By whose clocks; None for those of UTC, and of the offsets that times have.
        in_utc: Whether each one ends with one of UTC.
    """

    word: str
    zone: str | None
    in_utc: bool

    @property
    def longest(self) -> Duration:
        """How long after its start each one is over."""
        if self.word == "hour":
            return Duration.parse(longest_hour(self.zone) if self.zone else timedelta(hours=1))
        more = longest_day(self.zone) - _DAY if self.zone else timedelta(0)
        days = {"day": 1, "month": 31, "year": 366}[self.word]
        return Duration.parse(days * _DAY + more)

    @property
    def interval(self) -> Duration | None:
        """The interval whose ticks are where each one is over; None where there is none."""
        units = {"hour": "1h", "day": "1d"}
        return Duration.parse(units[self.word]) if self.in_utc and self.word in units else None


def grain_of(timestamp: Timestamp, kind: ColumnType) -> Grain | None:
    """What an event's time is known to; None where it is known to the minute or better.

    Args:
        timestamp: How it is stored.
        kind: The type of its column, the one with the date where there are two.
    """
    letters = set(DIRECTIVE.findall(timestamp.format or ""))
    word = None
    if letters:
        word = next((word for finer, word in _LETTERS if letters & set(finer)), None)
    elif timestamp.unit == "d" or (kind.family is Kind.DATE and timestamp.column is not None):
        word = "day"
    return None if word is None else _grain(timestamp, word)


def day_of(timestamp: Timestamp) -> Grain:
    """The grain of times that turn out to be dates."""
    return _grain(timestamp, "day")


def _grain(timestamp: Timestamp, word: str) -> Grain:
    zone = None if timestamp.timezone == UTC_NAME else timestamp.timezone
    if zone is None:
        return Grain(word, None, in_utc="z" not in DIRECTIVE.findall(timestamp.format or ""))
    return Grain(word, zone, in_utc=word == "hour" and has_whole_hours(zone))


def is_early(feature: Feature, source: Source, grain: Grain) -> bool:
    """Whether a feature would see events before the hour, day, month or year that they are known to is over."""
    if source.delay.microseconds >= grain.longest.microseconds:
        return False
    if feature.interval is None or grain.interval is None:
        return True
    return feature.interval.microseconds % grain.interval.microseconds != 0


def ways_out(source: Source, grain: Grain) -> str:
    """What to change, so that events are seen when they are known."""
    delay = f"`delay: {grain.longest}` to source `{source.name}`"
    if grain.zone is not None:
        delay += f", for the longest {grain.word} in `{grain.zone}`"
    if grain.interval is None:
        return f"add {delay}"
    return f"give the feature an `interval` of whole {grain.word}s, such as `interval: {grain.interval}`, or add {delay}"


def check_times(
    features: Iterable[ResolvedFeature], types: TypeReader, problems: list[Diagnostic]
) -> None:
    """Look at the times in files that a feature sees at once: a date among them is not known yet.

    Text that is a date is a problem; where all times are midnights they may be dates, which is a warning.

    Args:
        features: The features, as far as they are understood.
        types: Reads files.
        problems: Where problems go.
    """
    seen: set[str] = set()
    for feature in features:
        source, time = feature.source, feature.source.spec.timestamp
        path, column = source.spec.path, source.time_columns[0]
        if source.spec.name in seen or path is None or time.column is None:
            continue
        if grain_of(time, known_type(source, column)) or source.schema[column].is_numeric:
            continue
        grain = day_of(time)
        if not is_early(feature.spec, source.spec, grain):
            continue
        seen.add(source.spec.name)
        place = source.origin.at("timestamp")
        if _is_text(source, column) and types.has_dates(path, column):
            message = (
                f"times in `{column}` of source `{source.spec.name}` are dates without a time of the day: "
                f"`{feature.name}` would see their events before the day is over"
            )
            problems.append(Diagnostic("MF117", message, place, ways_out(source.spec, grain)))
            continue
        if not types.only_midnights(path, column, time.format):
            continue
        message = (
            f"every time in `{column}` of source `{source.spec.name}` is a midnight, as if it were a date: "
            f"`{feature.name}` would see events before their day is over"
        )
        hint = f"{ways_out(source.spec, grain)}; if events do happen at midnight, all is well"
        problems.append(Diagnostic("MF118", message, place, hint, Severity.WARNING))


def sees_dates_early(features: Iterable[ResolvedFeature]) -> frozenset[str]:
    """Sources whose events features see at once, so that each needs a time of the day."""
    return frozenset(
        feature.source.spec.name
        for feature in features
        if is_early(feature.spec, feature.source.spec, day_of(feature.source.spec.timestamp))
    )


def _is_text(source: ResolvedSource, column: str) -> bool:
    held = source.files.columns.get(column) if source.files else None
    return held is not None and held.instant and source.spec.timestamp.format is None


def known_type(source: ResolvedSource, column: str) -> ColumnType:
    """The type of a source's column: dates are dates, in whatever text they are stored."""
    held = source.files.columns.get(column) if source.files else None
    if held is not None and held.dated:
        return DATE
    declared = {name.casefold(): text for name, text in (source.spec.columns or {}).items()}
    said = parse_type(declared.get(column.casefold(), ""))
    return said if said.family is Kind.DATE else source.schema[column]
