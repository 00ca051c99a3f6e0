"""Keys of json files that are there twice."""

from __future__ import annotations

from pathlib import Path

from mlforge_sql.dialects.quoting import DUCKDB
from mlforge_sql.errors import SchemaUnreadable
from mlforge_sql.loading.csv_forms import check_distinct, shown
from mlforge_sql.loading.engine import Engine, reading


def check_keys(engine: Engine, root: Path, files: tuple[str, str]) -> None:
    """Refuse keys that differ by case alone, and objects that have a key twice: which of them counts?

    Args:
        engine: Reads files.
        root: Folder that messages leave out.
        files: What the user calls them, and their path or glob.

    Raises:
        SchemaUnreadable: There are such keys.
    """
    path, full = files
    keys = engine.query(
        DUCKDB.sql(
            "select distinct unnest(json_keys(json)) as name from {objects} order by name",
            objects=reading("read_json_objects"),
        ),
        [full],
    )
    check_distinct(path, path, (str(row[0]) for row in keys))
    query = DUCKDB.sql(
        "select filename, count(*) from {objects} "
        "where len(json_keys(json)) <> len(list_distinct(json_keys(json))) "
        "group by filename order by filename limit 1",
        objects=reading("read_json_objects", ("filename = true",)),
    )
    for file, rows in engine.query(query, [full]):
        many = f"{rows} row{'s' if rows > 1 else ''}"
        text = f"`{shown(root, str(file))}` has a key twice in {many}"
        raise SchemaUnreadable(text, hint="write each key of a row once")
