"""Why files cannot be read, in words that show no line of them."""

from __future__ import annotations

import re
from pathlib import Path

from mlforge_sql.errors import SchemaUnreadable
from mlforge_sql.redaction import without_values

SAME_COLUMNS = "write all files with the same columns, or read them as two sources"

_NOT_UTF8 = re.compile(r"not utf-8 encoded|invalid UTF-8", re.IGNORECASE)
_IN_FILE = re.compile(r'\bfile = ([^\n]+)|\bin file "([^"\n]+)')
_COLUMN_MISSING = re.compile(
    r"Schema mismatch.*?Current file: (?P<file>[^\n]+)\nColumn with name: \"(?P<name>[^\n]*)\" is missing",
    re.DOTALL,
)


def not_utf8(file: str) -> SchemaUnreadable:
    """The error for a file that is not UTF-8."""
    hint = f"convert it, such as with `iconv -f latin1 -t utf-8 {file} > ...`"
    return SchemaUnreadable(f"`{file}` is not UTF-8", code="MF110", hint=hint)


def unreadable(path: str, root: Path, said: str) -> SchemaUnreadable:
    """Why DuckDB cannot read files, in words that show no line of them."""
    text = said.replace(f"{root}/", "")
    if _NOT_UTF8.search(text):
        return not_utf8(found[1] or found[2] if (found := _IN_FILE.search(text)) else path)
    if missing := _COLUMN_MISSING.search(text):
        return SchemaUnreadable(
            f"cannot read `{path}`: `{missing['file']}` has no column `{missing['name']}`, other files have",
            code="MF112",
            hint=SAME_COLUMNS,
        )
    told = without_values(text).splitlines()[0]
    return SchemaUnreadable(f"cannot read `{path}`: {told}", hint="mend the file")
