"""What has the name of a spec file and is none: told, and never waited for."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from harness import CONFIG, write_project

from mlforge_sql.errors import SpecErrors, plain
from mlforge_sql.loading.load import read_specs

SPEC = {"entities": [{"name": "user", "join_key": "user_id"}]}
FOLDER = "this is a folder with the name of a spec file; rename the folder"
PIPE = "this is a pipe or a device, not a file; put a file in its place"
LINK = "this is a link that leads to no file; mend the link, or remove it"
LINKED = (
    "this is a link to a folder, whose spec files are not read; "
    "make it a folder, or link its files one by one"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", SPEC, CONFIG)


def told(root: Path) -> dict[str, str]:
    """What is said of each file."""
    _, problems = read_specs(root)
    said = [plain(item).split(":1:1: error[MF132]: ") for item in problems]
    return {place.removeprefix("features/"): text for place, text in said}


def test_each_is_told(root: Path) -> None:
    specs = root / "features"
    for name in ("folder.yml", "folder.py", "sub/deep.yaml"):
        (specs / name).mkdir(parents=True)
    for name in ("pipe.yml", "pipe.py"):
        os.mkfifo(specs / name)
    for name, goal in {
        "device.yml": "/dev/zero",
        "nothing.py": "gone.py",
        "loop.yml": "loop.yml",
    }.items():
        (specs / name).symlink_to(goal)
    assert told(root) == {
        **dict.fromkeys(("folder.yml", "folder.py", "sub/deep.yaml"), FOLDER),
        **dict.fromkeys(("pipe.yml", "pipe.py", "device.yml"), PIPE),
        **dict.fromkeys(("nothing.py", "loop.yml"), LINK),
    }


def test_links_to_folders_of_specs_are_told(root: Path) -> None:
    shared = root / "shared" / "deep"
    shared.mkdir(parents=True)
    (shared / "more.yml").write_text("entities: []\n")
    (root / "features" / "shared").symlink_to("../shared")
    (root / "features" / "circle").symlink_to(".")
    assert told(root) == {"shared": LINKED, "circle": LINKED}


def test_other_things_are_passed_over(root: Path) -> None:
    """Files of editors, modules for Python files, links to files, notes."""
    specs = root / "features"
    (root / "helpers").mkdir()
    (root / "helpers" / "__init__.py").touch()
    (root / "more.yml").write_text("entities: [{name: shop, join_key: shop_id}]\n")
    links = {".#spec.yml": "me@host.1", "helpers": "../helpers", "more.yml": "../more.yml"}
    for name, goal in {**links, "notes.txt": "gone.txt"}.items():
        (specs / name).symlink_to(goal)
    for name in (".git.yml", "__pycache__", "empty"):
        (specs / name).mkdir()
    os.mkfifo(specs / "pipe.txt")
    assert told(root) == {}
    found, _ = read_specs(root)
    assert [item.spec.name for item in found.entities] == ["shop", "user"]


def test_what_may_be_declared_there_is_not_missed(root: Path) -> None:
    """One cause, one problem: an entity that a broken link may have is not called unknown."""
    from mlforge_sql.workflows.compile import compile_project

    feature = "{name: f, source: events, entities: [shop], select: {x: x}}"
    (root / "features" / "f.yml").write_text(f"features: [{feature}]\n")
    (root / "features" / "shops.yml").symlink_to("gone.yml")
    with pytest.raises(SpecErrors) as error:
        compile_project(root)
    assert [item.code for item in error.value.diagnostics] == ["MF132"]


def test_a_folder_that_cannot_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "features" / "closed").mkdir()
    scandir = os.scandir

    def refusing(path: str) -> Any:
        if Path(path).name == "closed":  # root, who may run this, reads every folder
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert told(root) == {"closed": "cannot read the folder: Permission denied"}
