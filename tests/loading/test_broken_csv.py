"""Broken rows of csv files: what compile says of them, and never what is in them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from mlforge_sql.errors import SchemaUnreadable
from mlforge_sql.workflows.compile import schema_reader

HEAD = b"id,at,name\n1,2024-01-01 10:00:00,Q7X\n2,2024-01-02 10:00:00,Q7X\n"

BROKEN = {
    "too many": (
        b"3,2024-01-03 10:00:00,Q7X,Q7X,5\n",
        "`a.csv` has 1 row that cannot be read (too many columns), the first in line 4",
    ),
    "too few": (
        b"3\n",
        "`a.csv` has 1 row that cannot be read (missing columns), the first in line 4",
    ),
    "a quote": (
        b'3,2024-01-03 10:00:00,"Q7X\n',
        "`a.csv` has 1 row that cannot be read (unquoted value), the first in line 4",
    ),
    "no row fits": (
        b"",
        "the header of `a.csv` has 4 fields, its rows have another number",
    ),
    "ends of lines": (
        b"3,2024-01-03 10:00:00,Q7X\r\n",
        "`a.csv` has lines that end in CRLF and lines that end in LF",
    ),
    "one name twice": (
        b"",
        "cannot read `a.csv`: `a.csv` has two columns `Name`, in whatever case",
    ),
    "latin1": (b"3,2024-01-03 10:00:00,Q7X\xe9\n", "`a.csv` is not UTF-8"),
}


@pytest.mark.parametrize(("row", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_row_is_counted(row: bytes, said: str, tmp_path: Path) -> None:
    head = HEAD
    if "header" in said:
        head = HEAD.replace(b"name", b"name,more")
    if "two columns" in said:
        head = HEAD.replace(b"id", b"name", 1).replace(b",name", b",Name")
    (tmp_path / "a.csv").write_bytes(head + row)
    with schema_reader(tmp_path) as reader, pytest.raises(SchemaUnreadable) as caught:
        reader.read("a.csv", {}, "at")
    assert str(caught.value) == said
    assert "Q7X" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "id;at;name\n1;2024-01-01 10:00:00;a,b,c\n2;2024-01-01 10:00:00;d\n",
        "A report of, all\n\nid,at,name\n1,2024-01-01 10:00:00,a\n2,2024-01-02 10:00:00,b\n",
        "id|at|name\n1|2024-01-01 10:00:00|a\n",
        'id,at,name\n1,2024-01-01 10:00:00,"two\nlines"\n2,2024-01-02 10:00:00,b\n',
    ],
    ids=["semicolons", "a title", "bars", "lines inside"],
)
def test_other_forms_are_no_broken_rows(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with schema_reader(tmp_path) as reader:
        assert list(reader.read("a.csv", {}, "at").columns) == ["id", "at", "name"]


NUMBER_SIGNS = [
    "id,at,name\n#,2024-01-01 10:00:00,a\nb,2024-01-02 10:00:00,c\n",
    "id,at,name\n#b,2024-01-01 10:00:00,a#1\nb,2024-01-02 10:00:00,c # d\n",
    "# of June\nid,at,name\n#b,2024-01-01 10:00:00,a#1\nb,2024-01-02 10:00:00,c # d\n",
]


@pytest.mark.parametrize("text", NUMBER_SIGNS, ids=["alone", "within", "below a title"])
def test_a_number_sign_is_text(text: str, tmp_path: Path) -> None:
    """DuckDB would take what stands behind it for a comment: a row is gone, or the end of a value."""
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    rows = [line.split(",") for line in text.splitlines()[-2:]]
    with schema_reader(tmp_path) as reader:
        found = reader.read("a.csv", {}, "at")
        options = ", ".join(found.options)
        read = duckdb.sql(f"from read_csv('{tmp_path}/a.csv', {options})")
        assert [list(row) for row in read.fetchall()] == rows


def test_a_comment_between_rows_is_a_broken_row(tmp_path: Path) -> None:
    text = "id,at,name\na,2024-01-01 10:00:00,x\n# Q7X\nb,2024-01-02 10:00:00,x#y\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with schema_reader(tmp_path) as reader, pytest.raises(SchemaUnreadable) as caught:
        reader.read("a.csv", {}, "at")
    assert str(caught.value) == (
        "`a.csv` has 1 row that cannot be read (missing columns), the first in line 3"
    )
    assert caught.value.hint == (
        "mend the file; a line that begins with `#` is a row like any other: take it out"
    )


def test_a_header_with_a_comma_of_another_form(tmp_path: Path) -> None:
    text = "id;at;city, state\n1;2024-01-01;Bonn, NRW\n2;2024-01-02;Bonn, NRW\n3;2024-01-02;Paris\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with schema_reader(tmp_path) as reader:
        assert list(reader.read("a.csv", {}, "at").columns) == ["id", "at", "city, state"]


@pytest.mark.parametrize("rows", [5, 5000])
def test_many_rows_with_lines_inside(rows: int, tmp_path: Path) -> None:
    lines = "".join(f'{row},2024-01-01 10:00:00,"line one\nline two"\n' for row in range(rows))
    (tmp_path / "a.csv").write_text(f"id,at,name\n{lines}", encoding="utf-8")
    with schema_reader(tmp_path) as reader:
        assert list(reader.read("a.csv", {}, "at").columns) == ["id", "at", "name"]


def test_a_file_of_more_than_a_thousand_columns(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(1100)]
    text = f"{','.join(names)},C3\n{','.join('1' for _ in range(1101))}\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with schema_reader(tmp_path) as reader, pytest.raises(SchemaUnreadable) as caught:
        reader.read("a.csv")
    assert "two columns `C3`, in whatever case" in str(caught.value)


def test_json_keys_that_differ_by_case(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"id": 1, "x": 1}\n{"id": 1, "X": 7}\n', encoding="utf-8")
    with schema_reader(tmp_path) as reader, pytest.raises(SchemaUnreadable) as caught:
        reader.read("a.ndjson", {}, "at")
    assert str(caught.value) == (
        "cannot read `a.ndjson`: `a.ndjson` has two columns `x`, in whatever case"
    )


SPACED = "two columns `ID`, in whatever case"


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ('id, at, "name" ', ["id", "at", "name"]),
        (",at,name", ["column0", "at", "name"]),
        ("id,at,", ["id", "at", "column2"]),
        ("id, , name", ["id", "column1", "name"]),
        ("id, ID ,at", None),
    ],
)
def test_spaces_and_nothing_in_a_header(
    header: str, names: list[str] | None, tmp_path: Path
) -> None:
    """As DuckDB calls the columns, but that it would rename the second `id`."""
    (tmp_path / "a.csv").write_text(f"{header}\n1,2024-01-01,2024-01-02\n", encoding="utf-8")
    with schema_reader(tmp_path) as reader:
        if names is None:
            with pytest.raises(SchemaUnreadable, match=SPACED):
                reader.read("a.csv", {}, "at")
        else:
            assert list(reader.read("a.csv", {}, "at").columns) == names


def test_a_broken_row_below_a_header_with_an_empty_field(tmp_path: Path) -> None:
    text = ",at,name\n0,2024-01-01,Q7X\n1,2024-01-01,Q7X\n2,2024-01-02,Q7X,Q7X\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with schema_reader(tmp_path) as reader, pytest.raises(SchemaUnreadable) as caught:
        reader.read("a.csv", {}, "at")
    assert str(caught.value) == (
        "`a.csv` has 1 row that cannot be read (too many columns), the first in line 4"
    )


@pytest.mark.parametrize("name", ["a.ndjson", "a.json"])
def test_a_json_key_twice_is_counted(name: str, tmp_path: Path) -> None:
    rows = ['{"id": 1, "x": 5}', *2 * ['{"id": 1, "x": "Q7X", "x": "Q7X"}']]
    text = "[" + ",\n".join(rows) + "]" if name == "a.json" else "\n".join(rows)
    (tmp_path / name).write_text(text, encoding="utf-8")
    with schema_reader(tmp_path) as reader, pytest.raises(SchemaUnreadable) as caught:
        reader.read(name, {}, "at")
    assert str(caught.value) == f"`{name}` has a key twice in 2 rows"
