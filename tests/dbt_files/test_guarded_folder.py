"""What compile writes and deletes is its own, whatever is in the folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner, Result
from test_write import HEAD, PROJECT, everything, new_files, old_files, on_disk, project

from mlforge_sql.cli import main
from mlforge_sql.dbt.headers import is_edited
from mlforge_sql.dbt.journal import JOURNAL, BrokenJournal
from mlforge_sql.dbt.places import WORK
from mlforge_sql.dbt.write import Edited, InTheWay, Linked, NotWritten, compare, write
from mlforge_sql.workflows.compile import compile_project, write_project

__all__ = ["project"]
CHANGED = PurePosixPath("models/features/changed.sql")
REMOVED = PurePosixPath("models/gone/deep/removed.sql")


def run(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--project-dir", str(root), *arguments])


# Journals


def plant(folder: Path, text: str) -> Path:
    journal = folder / WORK / JOURNAL
    journal.parent.mkdir(parents=True, exist_ok=True)
    journal.write_text(text, encoding="utf-8")
    return journal


PLANTED = [
    {"write": [], "delete": ["../precious.txt"]},
    {"write": [], "delete": ["models/../../precious.txt"]},
    {"write": ["../precious.txt"], "delete": []},
    {"write": [], "delete": ["models/mine.sql"]},
    {"write": [], "delete": ["packages.yml"]},
    {"write": ["packages.yml"], "delete": []},
    {"write": [], "delete": [".mlforge/lock"]},
    {"write": [], "delete": ["out/precious.txt"]},
    {"write": [], "delete": ["models/out/ours.sql"]},
    {"write": [], "delete": ["models/features/link.sql"]},
    {"write": [], "delete": ["models"]},
    {"write": [], "delete": [3]},
    {"write": [], "delete": ["models/\0.sql"]},
    {"write": ["models/features/kept.sql"], "delete": [], "kept": {"x": "../precious.txt"}},
    {
        "write": ["models/features/kept.sql"],
        "delete": [],
        "kept": {"models/features/kept.sql": "../precious.txt"},
    },
    {"write": "models", "delete": {}},
    {"delete": []},
    ["models"],
    "models",
    7,
    None,
]
CUT_OFF = ["", "{", '{"write": ["dbt_project.yml"', "\ufeff{}", "[" * 200_000, "\0"]


@pytest.mark.parametrize("text", [*map(json.dumps, PLANTED), *CUT_OFF], ids=range(27))
def test_a_planted_or_broken_journal_is_set_aside(tmp_path: Path, text: str) -> None:
    folder, outside = tmp_path / "dbt", tmp_path / "outside"
    write(folder, old_files())
    outside.mkdir()
    (tmp_path / "precious.txt").write_text("precious")
    (outside / "precious.txt").write_text("precious")
    shutil.copy(folder / "models/features/kept.sql", outside / "ours.sql")
    (folder / "models/mine.sql").write_text("select 'mine'")
    (folder / "packages.yml").write_text("packages: []")
    (folder / "out").symlink_to(outside)
    (folder / "models/out").symlink_to(outside)
    (folder / "models/features/link.sql").symlink_to(outside / "ours.sql")
    staged = folder / WORK / "next" / "packages.yml"
    staged.parent.mkdir()
    staged.write_text("planted")
    plant(folder, text)
    before = {name: data for name, data in everything(tmp_path).items() if JOURNAL not in name}
    with pytest.raises(BrokenJournal):
        write(folder, old_files())
    after = {name: data for name, data in everything(tmp_path).items() if "journal" not in name}
    assert after == before
    shutil.rmtree(outside)
    for link in ("out", "models/out", "models/features/link.sql"):
        (folder / link).unlink()
    write(folder, new_files())
    found = on_disk(folder)
    assert (found.pop(PurePosixPath("models/mine.sql")), len(found)) == ("select 'mine'", 5)
    assert (tmp_path / "precious.txt").read_text() == "precious"
    assert sorted(item.name for item in (folder / WORK).iterdir()) == ["lock"]


def test_what_is_said_of_a_broken_journal(project: Path) -> None:
    write_project(compile_project(project))
    (project / "precious.txt").write_text("precious")
    plant(project / "dbt", '{"write": [], "delete": ["../precious.txt"], "moving": true}')
    for command in (["build"], ["compile"]):
        plant(project / "dbt", '{"write": [], "delete": ["../precious.txt"], "moving": true}')
        told = run(project, *command)
        assert told.exit_code == 1
        said = " ".join(told.stderr.split())
        assert "error[MF140]: it names `../precious.txt`" not in said
        assert (
            "error[MF140]: an interrupted compile left a journal that cannot be followed: it names "
            "`../precious.txt`, which is no file of the project --> dbt/.mlforge/journal.json:1:1 "
            "= it is set aside and nothing else has changed; compile again, which writes what is missing"
        ) in said
    assert (project / "precious.txt").is_file()
    (project / "dbt" / "models" / "features" / "spend.sql").unlink()
    again = run(project, "compile")
    assert again.exit_code == 0, again.stderr
    assert compare(project / "dbt", compile_project(project).files).is_empty


@pytest.mark.parametrize(
    "command", [["build", "--dry-run"], ["compile", "--dry-run"], ["compile", "--check"]]
)
def test_what_is_only_said_finishes_nothing(project: Path, command: list[str]) -> None:
    write_project(compile_project(project))
    plant(project / "dbt", '{"write": [], "delete": ["models/features/spend.sql"], "moving": true}')
    before = everything(project)
    run(project, *command)
    assert everything(project) == before


# Links


@pytest.mark.parametrize(
    "name",
    [
        *("models", "models/features", str(CHANGED), "dbt_project.yml", ".mlforge"),
        *(f".mlforge/{own}" for own in ("lock", "next", "journal.json", "journal.draft", "edit")),
    ],
)
def test_links_are_not_followed(tmp_path: Path, name: str) -> None:
    folder, outside = tmp_path / "dbt", tmp_path / "outside"
    write(folder, old_files())
    moved = outside / Path(name).name
    outside.mkdir()
    if (folder / name).exists():
        (folder / name).rename(moved)
    else:
        moved.write_text('{"write": [], "delete": []}')
    (folder / name).symlink_to(moved)
    before = everything(tmp_path)
    with pytest.raises(Linked) as error:
        write(folder, new_files())
    assert [str(path) for path in error.value.paths] == [name]
    assert everything(tmp_path) == before


def test_what_is_said_of_links(project: Path, tmp_path: Path) -> None:
    write_project(compile_project(project))
    elsewhere = tmp_path / "elsewhere"
    (project / "dbt" / "models").rename(elsewhere)
    (project / "dbt" / "models").symlink_to(elsewhere)
    for arguments in (["compile"], ["compile", "--check"], ["build"]):
        told = run(project, *arguments)
        assert told.exit_code == 1
        said = " ".join(told.stderr.split())
        assert (
            "error[MF142]: this is a link, and compiled files are not written through links "
            "--> dbt/models:1:1 = remove it, or name another folder as `dbt_project_dir`"
        ) in said
    shutil.rmtree(project / "dbt")
    (project / "dbt").symlink_to(elsewhere)
    told = run(project, "compile")
    assert (told.exit_code, "error[MF142]: this is a link" in told.stderr) == (1, True)


# Folders of others


def test_a_folder_with_files_of_others_is_not_taken(project: Path) -> None:
    (project / "dbt").mkdir()
    for name in ("notes.md", "thesis.tex", "photo.png", "seeds.csv"):
        (project / "dbt" / name).write_text("mine")
    before = everything(project)
    told = run(project, "compile")
    assert told.exit_code == 1
    assert " ".join(told.stderr.split()) == (
        "error[MF143]: folder `dbt` has files that are not ours: `notes.md`, `photo.png`, "
        "`seeds.csv` and 1 more --> mlforge.yaml:1:1 | 1 | name: project | ^^^^ "
        "= name an empty or new folder as `dbt_project_dir` 1 error; nothing was written"
    )
    assert everything(project) == before


@pytest.mark.parametrize("name", ["target/manifest.json", "logs/dbt.log", ".gitkeep", ".user.yml"])
def test_what_dbt_leaves_is_nobody_s(project: Path, name: str) -> None:
    (project / "dbt" / name).parent.mkdir(parents=True)
    (project / "dbt" / name).write_text("x")
    write_project(compile_project(project))


def test_models_may_be_there_before_the_first_compile(project: Path) -> None:
    mine = project / "dbt" / "models" / "raw" / "events.sql"
    mine.parent.mkdir(parents=True)
    mine.write_text("select 1 as x")
    write_project(compile_project(project))
    assert mine.read_text() == "select 1 as x"


# Copies


def test_a_copy_of_a_compiled_file_is_the_user_s(project: Path) -> None:
    write_project(compile_project(project))
    features = project / "dbt" / "models" / "features"
    copies = [features / "my_spend.sql", project / "dbt" / "tests" / "spend.sql"]
    for copy in copies:
        shutil.copy(features / "spend.sql", copy)
    shutil.copytree(features, project / "dbt" / "models" / "mine")
    before = everything(project)
    assert write_project(compile_project(project)).is_empty
    assert everything(project) == before
    (features / "last.sql").write_bytes((features / "spend.sql").read_bytes())
    told = run(project, "compile")
    assert told.exit_code == 1
    assert "error[MF050]" in told.stderr
    assert "--> dbt/models/features/last.sql:1:1" in told.stderr


# Edits


def edit(file: Path, more: str = "-- my thought\n") -> str:
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")
    return file.read_text(encoding="utf-8")


def test_every_compiled_file_knows_whether_it_was_edited(project: Path) -> None:
    for path, text in compile_project(project).files.items():
        assert not is_edited(text), path
        assert not is_edited(text.replace("\n", "\r\n")), path
        assert is_edited(text + "x"), path
        assert is_edited(text.replace("\n", "\n\n", 1)), path


def test_an_edit_is_kept_once_and_told(project: Path) -> None:
    write_project(compile_project(project))
    file = project / "dbt" / "models" / "features" / "spend.sql"
    compiled = file.read_text(encoding="utf-8")
    kept = file.with_name("spend.sql.orig")
    mine = edit(file)

    told = run(project, "compile", "--check")
    assert told.exit_code == 1
    assert "this compiled file was edited; a compile overwrites the edit" in " ".join(
        told.stderr.split()
    )
    assert (file.read_text(encoding="utf-8"), kept.exists()) == (mine, False)

    before = everything(project)
    told = run(project, "compile", "--keep-edits")
    assert told.exit_code == 1
    assert "error[MF141]: this compiled file was edited" in told.stderr
    assert everything(project) == before

    told = run(project, "compile")
    assert told.exit_code == 0
    assert (
        "warning[MF141]: this compiled file was edited; the edit is overwritten "
        "--> dbt/models/features/spend.sql:1:1"
    ) in " ".join(told.stderr.split())
    assert "  = kept as `dbt/models/features/spend.sql.orig`" in told.stderr
    assert (file.read_text(encoding="utf-8"), kept.read_text(encoding="utf-8")) == (compiled, mine)
    assert "MF141" not in run(project, "compile").stderr

    edit(file)  # the same again
    assert "as `dbt/models/features/spend.sql.orig`" in run(project, "compile").stderr
    other = edit(file, "-- another thought\n")
    assert "as `dbt/models/features/spend.sql.orig2`" in run(project, "compile").stderr
    assert kept.read_text(encoding="utf-8") == mine
    assert file.with_name("spend.sql.orig2").read_text(encoding="utf-8") == other
    assert file.read_text(encoding="utf-8") == compiled


def test_an_edit_of_a_file_that_goes_is_kept(tmp_path: Path) -> None:
    write(tmp_path, old_files())
    mine = edit(tmp_path / REMOVED)
    with pytest.raises(Edited):
        write(tmp_path, new_files(), keep_edits=True)
    changes = write(tmp_path, new_files())
    assert dict(changes.kept) == {REMOVED: REMOVED.with_name("removed.sql.orig")}
    assert not (tmp_path / REMOVED).exists()
    assert (tmp_path / REMOVED).with_name("removed.sql.orig").read_text() == mine


def test_an_interrupted_write_keeps_edits(tmp_path: Path) -> None:
    class Stop(Exception):  # noqa: N818 - as in iterations
        pass

    names: list[str] = []
    write(tmp_path / "count", old_files())
    edit(tmp_path / "count" / CHANGED)
    edit(tmp_path / "count" / PROJECT)
    write(tmp_path / "count", new_files(), names.append)
    for stop in range(len(names)):
        folder = tmp_path / f"at_{stop}"
        write(folder, old_files())
        mine = {path: edit(folder / path, f"-- {path}\n") for path in (CHANGED, REMOVED, PROJECT)}
        left = iter(range(stop))

        def step(_: str, left: object = left) -> None:
            if next(left, None) is None:  # type: ignore[call-overload]  # an iterator of no type
                raise Stop

        with pytest.raises(Stop):
            write(folder, new_files(), step)
        write(folder, new_files())
        found = on_disk(folder)
        for path, text in mine.items():
            assert found.pop(path.with_name(f"{path.name}.orig")) == text, (stop, path)
        assert found == new_files()


def test_files_of_older_versions_are_ours(tmp_path: Path) -> None:
    old = dict.fromkeys(old_files(), HEAD + "select 1\n")
    for path, text in old.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    changes = write(tmp_path, new_files())
    assert (dict(changes.kept), changes.deleted) == ({}, (REMOVED,))
    assert on_disk(tmp_path) == new_files()


# Many at once

COMPILE = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], str(Path(sys.argv[1]).parent), sys.argv[2]]
from test_write import new_files, old_files
from mlforge_sql.dbt.write import write
for number in range(20):
    write(Path(sys.argv[3]), (new_files, old_files)[number % 2]())
"""


@pytest.mark.slow
def test_eight_writers_at_once_never_take_ours_for_others(tmp_path: Path) -> None:
    """Each looks at files that another one is just moving."""
    room, root = Path(__file__).parent, Path(__file__).parents[2]
    command = [sys.executable, "-c", COMPILE, str(room), str(root), str(tmp_path / "dbt")]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    said = [(run.communicate(timeout=60)[1], run.returncode) for run in runs]
    assert said == [("", 0)] * 8
    assert on_disk(tmp_path / "dbt") in (old_files(), new_files())
    assert [item.name for item in (tmp_path / "dbt" / WORK).iterdir()] == ["lock"]


def test_a_reader_waits_for_a_writer(tmp_path: Path) -> None:
    """The comparison of ``--check`` sees the old or the new project."""
    write(tmp_path, old_files())
    children: list[subprocess.Popen[str]] = []
    command = [sys.executable, "-c", LOOK, str(Path(__file__).parent), str(tmp_path)]

    def look(step: str) -> None:
        if step == "write models/other/added.sql":
            children.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))

    write(tmp_path, new_files(), look)
    assert [child.communicate(timeout=60)[0] for child in children] == ["True\n"]


LOOK = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], *map(str, list(Path(sys.argv[1]).parents)[:2])]
from test_write import new_files, old_files
from mlforge_sql.dbt.write import compare
print(any(compare(Path(sys.argv[2]), files()).is_empty for files in (new_files, old_files)))
"""


def test_nothing_is_written_where_something_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: mine\n")
    before = everything(tmp_path)
    with pytest.raises(InTheWay):
        write(tmp_path, new_files())
    assert everything(tmp_path) == before
    assert issubclass(InTheWay, NotWritten)
