"""How much of a compiled project's SQL stands in branches on the engine: python tests/branched_share.py [dbt folder].

Without a folder, the example is compiled. Lines of models and of singular tests count, but for empty ones and
comments; a line between `{% if target.type ... %}` and `{% endif %}` is branched.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

EXAMPLE = Path(__file__).parents[1] / "example_project"
_START = re.compile(r"\{%-? if target\.type\b")
_MIDDLE = re.compile(r"\{%-? (?:else|elif)\b")
_END = re.compile(r"\{%-? endif\b")


@dataclass(frozen=True)
class Share:
    """Lines of SQL.

    Attributes:
        lines: All.
        branched: Those for one engine alone.
    """

    lines: int = 0
    branched: int = 0

    @property
    def percent(self) -> float:
        return 100 * self.branched / self.lines if self.lines else 0.0

    def __add__(self, other: Share) -> Share:
        return Share(self.lines + other.lines, self.branched + other.branched)


def share_of(text: str) -> Share:
    """The share of one file."""
    found: Counter[bool] = Counter()
    inside = False
    for line in map(str.strip, text.splitlines()):
        if _START.match(line):
            inside = True
        elif _END.match(line):
            inside = False
        elif line and not line.startswith("--") and not _MIDDLE.match(line):
            found[inside] += 1
    return Share(found.total(), found[True])


def shares(files: Mapping[PurePosixPath, str]) -> dict[str, Share]:
    """The shares of the folders of a compiled project."""
    found: dict[str, Share] = {}
    for path, text in files.items():
        if (
            path.suffix == ".sql"
            and path.parts[0] in {"models", "tests"}
            and path.parts[1] != "generic"
        ):
            folder = "/".join(path.parts[:2])
            found[folder] = found.get(folder, Share()) + share_of(text)
    return found


def _compiled_example(folder: Path) -> Path:
    root = folder / "example_project"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("data", "dbt", "feature_store"))
    script = [sys.executable, str(root / "generate_data.py")]
    subprocess.run([*script, "--rows", "200"], check=True, capture_output=True)
    command = [sys.executable, "-m", "mlforge_sql.cli", "-q", "--project-dir", str(root)]
    subprocess.run([*command, "compile"], check=True)
    return root / "dbt"


def _main(arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(arguments[0]) if arguments else _compiled_example(Path(name))
        files = {
            PurePosixPath(file.relative_to(folder).as_posix()): file.read_text(encoding="utf-8")
            for file in sorted(folder.rglob("*.sql"))
        }
    found = shares(files)
    for folder_name, share in [*found.items(), ("all", sum(found.values(), Share()))]:
        line = (
            f"{folder_name:24}{share.branched:6,} of {share.lines:6,} lines {share.percent:6.1f}%\n"
        )
        sys.stdout.write(line)


if __name__ == "__main__":
    _main(sys.argv[1:])
