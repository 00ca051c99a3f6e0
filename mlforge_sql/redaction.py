"""What engines say, without the values that they say it of.

An engine that cannot convert a value shows it: in quotes, bare, or on a line of its own, whatever
characters it has. So nothing is looked for and cut out. Of an error that may be about a row, only the
words before the first character that could begin a value are kept, and from its end a type and a
column where both are known. Errors that are not about rows, and our own, stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LEFT_OUT = "..."
"""Stands where a value was."""

_CLASSES = (
    "Binder|Catalog|Connection|Constraint|Conversion|Dependency|Fatal|HTTP|INTERNAL|IO|Interrupt|"
    "Invalid Configuration|Invalid Input|Invalid type|Invalid|Mismatch Type|Missing Extension|"
    "Not implemented|Object Size|Out of Memory|Out of Range|Parameter Not Allowed|"
    "Parameter Not Resolved|Parser|Permission|Serialization|Settings|Syntax|TransactionContext"
)
"""How DuckDB's errors begin, each followed by ``Error: ``."""

_WITHOUT_ROWS = frozenset(
    [
        "Binder",
        "Catalog",
        "Connection",
        "Dependency",
        "HTTP",
        "IO",
        "Interrupt",
        "Invalid Configuration",
        "Missing Extension",
        "Not implemented",
        "Out of Memory",
        "Parser",
        "Permission",
        "Settings",
        "Syntax",
        "TransactionContext",
    ]
)
"""Those of them that are about statements, files and the machine."""

_BEFORE = r"""\A[^'"]*?"""
"""No value stands before the class: what imitates one inside of a value comes after a quote."""

_DUCKDB = re.compile(rf"{_BEFORE}\b(?P<kind>{_CLASSES}) Error: (?P<said>.*)", re.DOTALL)
_SPARK = re.compile(
    _BEFORE + r"\[(?P<kind>[A-Z][A-Z0-9_]+(?:\.[A-Z0-9_]+)*)\]:? *(?P<said>.*?)"
    r"(?:\s*SQLSTATE: (?P<state>[0-9A-Z]{5})\b.*)?$",
    re.DOTALL,
)
_ENGINE = re.compile(rf"\b(?:{_CLASSES}) Error: |\[[A-Z][A-Z0-9_.]+\]")
"""Words of an engine, wherever they stand."""

_RAISED = "USER_RAISED_EXCEPTION"
"""Spark's class of ``raise_error``: the words are those of the SQL."""

_ABOUT_ROWS = ("21", "22", "23", "38", "XX", "P0")
"""Beginnings of the SQLSTATEs of errors that are about rows, or about anything."""

_OURS = re.compile(r"(?:[A-Za-z]+ )*`[^`\n]+`[^\n]*")
"""A sentence of ours: words, then a name in backquotes, with which no engine begins."""

_NODE = re.compile(r"\A\s*(?:[A-Z]\w+ )+Error in \w+ [^\n]*(?:\n|\Z)")
"""dbt's line above an error: what it was doing."""

_AFTER = re.compile(r"\n\s*compiled code at [^\n]*\.(?:sql|py|yml)\s*\Z")
"""dbt's line below it."""

_BEGINS_A_VALUE = re.compile(r"""['":;=(\[{<>\n\\`]|(?<![A-Za-z_0-9])[-+.]?\d|[^\x00-\x7f]""")
_TYPES = (
    "U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|U?INT(?:8|16|32|64|128)|BOOL(?:EAN)?|DOUBLE|FLOAT|REAL|"
    r"VARCHAR|STRING|DATE|TIME|TIMESTAMP(?:_NTZ|_LTZ|_NS|_MS|_S)?(?: WITH TIME ZONE)?|INTERVAL|UUID|"
    r"BLOB|BINARY|JSON|DECIMAL(?:\(\d+, ?\d+\))?"
)
_END = re.compile(
    rf"""(?: (?:to|for) (?:the destination type |type )?['"]?(?P<type>{_TYPES})['"]?)?"""
    r"(?: (?:when|while) casting from source column (?P<column>[^\n]+))?"
    r"(?: because it is malformed)?[.!]?\s*\Z"
)
_WHERE = re.compile(r"\n\s*\n?\s*(?:LINE \d+: |== SQL)")
_ADVICE = re.compile(r" (?:Correct the value|Use `try_)")
"""Where Spark begins to say what to do."""

_FILE = re.compile(
    r"""(?:Error when sniffing|No magic bytes found at end of) file ["'][^"'\n]+["']"""
)
_LINE = re.compile(r"CSV Error on Line: (?P<line>\d+)\n")
_COLUMN = re.compile(r'Error when converting column "(?P<column>[^"\n]+)"\.')


def without_values(text: str, names: Iterable[str] = (), *, plain: bool = False) -> str:
    """An engine's error without any value of a row.

    Args:
        text: The error, with or without what dbt writes around it.
        names: Columns that may be named.
        plain: Whether a text that no engine wrote stays as it is.

    Examples:
        >>> said = "Conversion Error: Could not convert string 'Ann' to INT32"
        >>> without_values(f"{said} when casting from source column age", ["age"])
        'Conversion Error: Could not convert string ... to INT32 when casting from source column age'
    """
    if plain and not _ENGINE.search(text):
        return text
    node, after = _NODE.match(text), _AFTER.search(text)
    body = text[node.end() if node else 0 : after.start() if after else len(text)]
    told = _told(body.strip(), frozenset(names))
    parts = (node[0].strip() if node else "", told, after[0].strip() if after else "")
    return "\n".join(part for part in parts if part)


def _told(body: str, names: frozenset[str]) -> str:
    duckdb, spark = _DUCKDB.search(body), _SPARK.search(body)
    if spark is not None and (duckdb is None or spark.start("kind") < duckdb.start("kind")):
        return _of_spark(body, spark, names)
    if duckdb is None:
        return _cut(body, names)
    kind, said = duckdb["kind"], duckdb["said"]
    if kind in _WITHOUT_ROWS:
        return body
    if kind == "Invalid Input" and (ours := _OURS.match(said)):
        return ours[0].strip()
    if file := _FILE.match(said):
        return f"{kind} Error: {file[0]}"
    if line := _LINE.match(said):
        return f"{kind} Error: CSV Error on Line: {line['line']}{_of_column(said, names)}"
    return f"{kind} Error: {_cut(said, names)}"


def _of_column(said: str, names: frozenset[str]) -> str:
    """The column that a line of a csv file cannot be read in; the line stands before it."""
    found = [item["column"] for item in _COLUMN.finditer(said)]
    return f", column {found[-1]}" if found and found[-1] in names else ""


def _of_spark(body: str, found: re.Match[str], names: frozenset[str]) -> str:
    kind, said, state = found["kind"], found["said"], found["state"]
    if kind == _RAISED:
        return said.split("\n")[0].strip()
    if state is not None and not state.startswith(_ABOUT_ROWS):
        return body
    return f"[{kind}] {_cut(said, names)}"


def _cut(said: str, names: frozenset[str]) -> str:
    """The words before the first character that may begin a value, and a known end."""
    where = _WHERE.search(said)
    if where is not None and "\n" not in said[: where.start()]:
        said = said[: where.start()]
    said = _ADVICE.split(said)[0].strip()
    begin = _BEGINS_A_VALUE.search(said)
    if begin is None:
        return said
    head = said[: begin.start()].rstrip()
    if not said[begin.start() :].strip(".!: \n"):
        return said
    end = _END.search(said, begin.start())
    kind = f" to {end['type']}" if end and end["type"] else ""
    column = end["column"] if end else None
    source = f" when casting from source column {column}" if column in names and column else ""
    return f"{head} {LEFT_OUT}{kind}{source}".strip()


__all__ = ["LEFT_OUT", "without_values"]
