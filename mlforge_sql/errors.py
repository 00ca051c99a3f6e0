"""Diagnostics and the exception root: what went wrong, where, and what to do next."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a diagnostic weighs: an error stops the compile, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


LONGEST_SHOWN = 500
"""Characters of a user's value that a message repeats."""

CODES: dict[str, str] = {
    "MF001": "file cannot be read",
    "MF002": "duplicate key in YAML",
    "MF003": "Python file raised",
    "MF004": "no project here",
    "MF010": "unknown key",
    "MF011": "missing key",
    "MF012": "invalid value",
    "MF013": "duplicate name",
    "MF014": "invalid name",
    "MF015": "unknown function",
    "MF016": "invalid duration",
    "MF017": "keys that do not go together",
    "MF020": "unknown entity",
    "MF021": "unknown source",
    "MF022": "unknown column",
    "MF023": "schema cannot be read",
    "MF024": "declared type differs from the real one",
    "MF025": "unknown profile",
    "MF030": "window or offset does not fit the interval",
    "MF031": "boundary on a gridded feature",
    "MF032": "function does not fit the column type",
    "MF033": "column type cannot be part of a surrogate key",
    "MF034": "join key and its source columns in one source",
    "MF035": "source column of a surrogate key in a feature",
    "MF036": "column name is reserved or not portable",
    "MF037": "two feature columns of one name",
    "MF038": "timestamp column of the wrong type",
    "MF039": "feature without columns",
    "MF040": "SQL cannot be parsed",
    "MF041": "more than one SQL statement",
    "MF042": "SQL that is not row by row",
    "MF043": "SQL does not fit the columns",
    "MF044": "default does not fit the column type",
    "MF045": "ttl shorter than a window",
    "MF050": "file in the way",
    "MF051": "unknown feature or tag",
    "MF052": "not on this engine",
    "MF053": "cannot write",
    "MF060": "column missing in the labels",
    "MF061": "key types that differ",
    "MF062": "label column with the name of a feature column",
    "MF063": "labels cannot be read",
    "MF064": "feature table cannot be read",
    "MF065": "file cannot be written",
    "MF070": "SQL that Databricks cannot say exactly",
    "MF071": "regular expression that Databricks reads differently",
    "MF072": "time format that Databricks reads differently",
    "MF073": "column type that Databricks does not have",
    "MF075": "dbt-databricks missing or too old",
    "MF076": "environment variable missing",
    "MF077": "host does not answer",
    "MF078": "login refused",
    "MF079": "refused by Databricks",
    "MF080": "online store not set up",
    "MF081": "online store cannot be reached",
    "MF082": "online table missing or not of this definition",
    "MF083": "not allowed in the online store",
    "MF084": "entities cannot be read",
    "MF085": "key value that does not fit",
    "MF086": "table that the online store cannot hold",
    "MF087": "online table in use",
    "MF088": "instant that the online store does not hold",
    "MF090": "pinned version where tables have none",
    "MF091": "one feature in two versions",
    "MF092": "version that a table does not have",
    "MF095": "databricks-sql-connector missing",
    "MF096": "statement failed on the SQL warehouse",
    "MF097": "labels cannot be put on the SQL warehouse",
    "MF100": "online store that does not fit its profile",
    "MF101": "name too long for an online table",
    "MF102": "refused by Databricks",
    "MF103": "online table that is published otherwise",
    "MF104": "online table not brought up to date",
    "MF110": "file that is not UTF-8",
    "MF111": "columns without a value to tell their types",
    "MF112": "files of one source that differ",
    "MF113": "source that is not as it was compiled",
    "MF115": "time zone of times that have their own",
    "MF116": "unknown time zone",
    "MF117": "feature that would see events before they are known",
    "MF118": "timestamps that look like dates",
    "MF119": "instant that cannot be read",
    "MF120": "type that no sum can have",
    "MF121": "type that does not fit the aggregate",
    "MF122": "sum of more than 38 digits",
    "MF123": "instant past the horizon of the online tables",
    "MF124": "deep examination of a profile that is not on Databricks",
    "MF125": "bundle of a profile that is not on Databricks",
    "MF126": "bundle that is there already",
    "MF128": "setting of the engine that could change values",
    "MF129": "number that YAML reads as another",
    "MF132": "spec file that is not a file",
    "MF133": "system without locks",
    "MF140": "broken journal of a compile",
    "MF141": "compiled file that somebody has edited",
    "MF142": "link in the compiled project",
    "MF143": "folder that the compiled project cannot have",
    "MF144": "feature store in use",
    "MF145": "expression too large",
    "MF146": "source on the network",
    "MF147": "out of memory",
    "MF158": "file that a new project would overwrite",
    "MF159": "file that nothing can be proposed for",
    "MF160": "dbt model that is not there",
    "MF161": "value that a setting of the engine does not take",
    "MF162": "value of a pivot that makes no name of its own",
    "MF163": "value that the column of a pivot cannot have",
    "MF170": "incremental builds where there are none",
    "MF175": "mlforge's word for what is said otherwise here",
    "MF176": "store of mlforge that is none here",
    "MF177": "value that the environment does not give",
    "MF178": "selection that nothing fits",
}
"""Every diagnostic code and its title. Codes are permanent: never renumbered, never reused."""


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a user's file; ``line`` and ``column`` count from 1."""

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{visible(self.path)}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem: a permanent code, a sentence, a place, and the next step."""

    code: str
    message: str
    location: Location | None = None
    hint: str | None = None
    severity: Severity = Severity.ERROR

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise KeyError(self.code)


class MlforgeError(Exception):
    """Root of every exception this package raises on purpose."""


class SpecErrors(MlforgeError):  # noqa: N818 - the public name from the design
    """The specs have problems; all of them are in ``diagnostics``."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = sort_diagnostics(diagnostics)
        super().__init__("\n".join(plain(item) for item in self.diagnostics))


class SchemaUnreadable(MlforgeError):  # noqa: N818 - an answer, not a failure
    """A source's columns cannot be read; the text says why.

    Args:
        message: Why.
        code: The diagnostic's code.
        hint: The next step, where it is not that of a missing file.
        absent: Whether there is nothing to be read, so that what is declared can stand for it.
    """

    def __init__(
        self, message: str, *, code: str = "MF023", hint: str | None = None, absent: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.absent = absent


class InvalidExpression(MlforgeError):  # noqa: N818 - an answer, not a failure
    """DuckDB does not accept an expression over the given columns; the text says why."""


class RetrievalError(SpecErrors):
    """Features cannot be joined to the given labels; ``diagnostics`` says why."""


class OnlineError(RetrievalError):
    """Online values cannot be stored or read; ``diagnostics`` says why."""


class Ended(KeyboardInterrupt):
    """A signal ends the command."""


class DbtError(MlforgeError):
    """A dbt command failed or could not be started."""


def sort_diagnostics(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Diagnostics in the order of their places, without repetitions."""
    unique = dict.fromkeys(diagnostics)
    nowhere = Location("", 0, 0)
    return tuple(sorted(unique, key=lambda item: (item.location or nowhere, item.code)))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """True when at least one diagnostic is an error."""
    return any(item.severity is Severity.ERROR for item in diagnostics)


def plain(diagnostic: Diagnostic) -> str:
    """One diagnostic as a line of text.

    Examples:
        >>> plain(
        ...     Diagnostic(
        ...         "MF020", "unknown entity `usr`", Location("a.yml", 2, 9), "did you mean `user`?"
        ...     )
        ... )
        'a.yml:2:9: error[MF020]: unknown entity `usr`; did you mean `user`?'
    """
    place = f"{diagnostic.location}: " if diagnostic.location else ""
    hint = f"; {flat(diagnostic.hint)}" if diagnostic.hint else ""
    message = flat(diagnostic.message)
    return f"{place}{diagnostic.severity}[{diagnostic.code}]: {message}{hint}"


def visible(text: str) -> str:
    r"""A text in one line, without what a terminal would obey: control characters are escaped.

    Examples:
        >>> visible("features/a\nb.yml"), visible("a\x1b[31m b")
        ('features/a\\nb.yml', 'a\\x1b[31m b')
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable() or unicodedata.category(char) == "Zs"
        else char.encode("unicode_escape").decode()
        for char in text
    )


def flat(text: str) -> str:
    """A sentence that may quote several lines, in one line without control characters."""
    return visible(re.sub(r"[\t\r\n]+", " ", text))


def shown(value: object) -> str:
    """A value in a message, whatever its class makes of ``str``; long ones are cut.

    Examples:
        >>> shown("a" * 1000)[-6:], shown(3)
        ('aaa...', '3')
    """
    try:
        text = str(value)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException:  # noqa: BLE001 - user code may raise anything; so may int, when it is long
        return f"a Python object, {type(value).__name__}"
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def written(value: object) -> str:
    """A value as users write it in YAML.

    Examples:
        >>> written(True), written(0.5)
        ('true', '0.5')
    """
    return str(value).lower() if isinstance(value, bool) else shown(value)


def reading(unquoted: str, value: object) -> str:
    """What YAML makes of something without quotes that may have been meant as text.

    Examples:
        >>> reading("no", False)
        'YAML reads `no` as `false`; put it in quotes: `"no"`'
        >>> reading("~", None)
        'YAML reads `~` as nothing; put it in quotes: `"~"`'
    """
    meant = "nothing" if value is None else f"`{written(value)}`"
    if meant == f"`{unquoted}`":
        meant = "a truth value" if isinstance(value, bool) else "a number"
    return f'YAML reads `{unquoted}` as {meant}; put it in quotes: `"{unquoted}"`'


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The name that may have been meant; None where none is near.

    Examples:
        >>> nearest("custmer", ["customer", "merchant"]), nearest("zzz", ["customer"])
        ('customer', None)
    """
    import difflib

    folded = {name.casefold(): name for name in reversed(known)}
    near = difflib.get_close_matches(word.casefold(), list(folded), n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def suggest(word: str, known: Sequence[str]) -> str:
    """A hint naming the nearest valid name, or all; of more than twenty the first twelve.

    Examples:
        >>> suggest("custmer", ["customer", "merchant"])
        'did you mean `customer`?'
        >>> suggest("zzz", ["customer", "merchant"])
        'expected one of: customer, merchant'
    """
    near = nearest(word, known)
    if near is not None:
        return f"did you mean `{near}`?"
    if not known:
        return "none is declared"
    most = len(known) if len(known) <= _LISTED else _FIRST_LISTED
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return f"expected one of: {', '.join(sorted(known)[:most])}{more}"


_LISTED = 20
_FIRST_LISTED = 12
