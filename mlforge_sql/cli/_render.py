"""What users see: diagnostics, tables, progress; in colour only on a terminal that wants it."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from mlforge_sql.errors import Diagnostic, Location, Severity, flat

_NARROWEST = 12
_LONGEST = 1_000_000
_TOKEN = re.compile(r"[\w.\-%$@']+|\S")


def width() -> int:
    """Columns to write in, at most 100."""
    return min(shutil.get_terminal_size((80, 24)).columns, 100)


def table_width() -> int:
    """Columns for tables on stdout: no limit where another program reads them."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return width()
    return sys.maxsize


def say(text: str = "", *, style: str | None = None) -> None:
    """Talk to the user, on stderr."""
    click.secho(text, err=True, fg=style)


def say_filled(text: str) -> None:
    """Talk to the user in lines of the terminal's width."""
    say(filled(text, width()))


def filled(text: str, room: int, indent: int = 0) -> str:
    r"""A text in lines of at most ``room`` columns, all but the first indented; no word is broken.

    Examples:
        >>> filled("merges: 7d = 1d + 6d", 15, 8)
        'merges: 7d = 1d\n        + 6d'
    """
    space = " " * indent
    return textwrap.fill(
        text,
        min(room, _LONGEST),
        subsequent_indent=space,
        break_long_words=False,
        break_on_hyphens=False,
    )


def print_json(value: Any) -> None:
    """Print data as JSON, on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], below: Sequence[str] = ()
) -> None:
    """Print data in columns, on stdout; the widest columns are wrapped to fit the terminal.

    Args:
        headings: Names of the columns.
        rows: Their cells.
        below: A text under each row.
    """
    cells = [list(headings), *(list(row) for row in rows)]
    columns = list(zip(*cells, strict=True))
    widths = fit(
        [max(map(len, column)) for column in columns],
        table_width(),
        [max(max(map(len, cell.split()), default=0) for cell in column) for column in columns],
    )
    for number, row in enumerate(cells):
        wrapped = [
            textwrap.wrap(cell, size, break_on_hyphens=False) or [""]
            for cell, size in zip(row, widths, strict=True)
        ]
        for line in itertools.zip_longest(*wrapped, fillvalue=""):
            padded = (part.ljust(size) for part, size in zip(line, widths, strict=True))
            click.secho("  ".join(padded).rstrip(), bold=number == 0)
        if below and number and below[number - 1]:
            margin = "    "
            click.echo(
                textwrap.fill(
                    below[number - 1], width(), initial_indent=margin, subsequent_indent=margin
                )
            )


def print_described(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print data of which the last column is prose: under each row where it has no room beside it."""
    widths = (max(map(len, column)) for column in zip(headings, *rows, strict=True))
    if sum(widths) + 2 * (len(headings) - 1) <= table_width():
        print_table(headings, rows)
        return
    print_table(headings[:-1], [row[:-1] for row in rows], [row[-1] for row in rows])


def fit(widths: Sequence[int], room: int, words: Sequence[int] = ()) -> list[int]:
    """Column widths that fit into a line, two spaces apart: the widest give way first.

    Args:
        widths: What the columns would need.
        room: Columns of the terminal.
        words: The longest word of each column: none is broken where the others can give way.

    Examples:
        >>> fit([10, 60, 30], 80)
        [10, 36, 30]
        >>> fit([28, 30, 40], 60, [28, 9, 12])
        [28, 14, 14]
    """
    fitted = list(widths)
    for floors in (words or [0] * len(fitted), [0] * len(fitted)):
        while sum(fitted) + 2 * (len(fitted) - 1) > room:
            wide = [
                (width, -at)
                for at, (width, floor) in enumerate(zip(fitted, floors, strict=True))
                if width > max(floor, _NARROWEST)
            ]
            if not wide:
                break
            fitted[-max(wide)[1]] -= 1
    return fitted


def show_diagnostics(
    root: Path | None, diagnostics: Sequence[Diagnostic], end: str = "; nothing was written"
) -> None:
    """Show problems, each with the line it is in, and count them."""
    for item in diagnostics:
        show_diagnostic(root, item)
    errors = sum(item.severity is Severity.ERROR for item in diagnostics)
    if errors:
        say(f"{errors} error{'s' if errors != 1 else ''}{end}", style="red")


def show_diagnostic(root: Path | None, item: Diagnostic) -> None:
    """Show one problem with its place, the line, and the next step."""
    color = "red" if item.severity is Severity.ERROR else "yellow"
    head = f"{item.severity}[{item.code}]: "
    body = textwrap.fill(
        head + flat(item.message),
        width(),
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    click.echo(click.style(head, fg=color, bold=True) + body[len(head) :], err=True)
    if item.location is not None:
        say(f"  --> {item.location}")
        _excerpt(root, item.location)
    if item.hint:
        say(
            textwrap.fill(
                f"  = {flat(item.hint)}",
                width(),
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    say()


def _excerpt(root: Path | None, place: Location) -> None:
    line = _line(root, place)
    if line is None or not line.strip():
        return
    number = str(place.line)
    gutter = " " * len(number)
    text = "".join(char if char.isprintable() else " " for char in line)
    start = place.column - 1
    token = _TOKEN.match(text, start)
    marks = "^" * (len(token[0]) if token else 1)
    room = width() - len(number) - 4
    if len(text) > room:
        shift = max(0, min(start - room // 2, len(text) - room))
        text, start = text[shift : shift + room], start - shift
    say(f" {gutter} |")
    say(f" {number} | {text}")
    say(f" {gutter} | {' ' * start}{marks[: max(1, room - start)]}")


def _line(root: Path | None, place: Location) -> str | None:
    if root is None:
        return None
    try:
        lines = (root / place.path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return lines[place.line - 1] if 0 < place.line <= len(lines) else None
