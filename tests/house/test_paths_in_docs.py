"""Pages name files that are there, and link to pages and headings that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md"]
PAGES += sorted(file.relative_to(ROOT).as_posix() for file in (ROOT / "docs").rglob("*.md"))
TOP = "(?:tests|templates|benchmarks|docs|mlforge_sql|example_project)"
NAMED = re.compile(rf"`({TOP}/[\w./-]+\.(?:py|sql|yml|md)|(?:plan|project|dbt|sql)/\w+\.py)`")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in NAMED.findall(text):
        assert (ROOT / name).exists() or (ROOT / "mlforge_sql" / name).exists(), name
    for name, heading in LINK.findall(text):
        linked = (ROOT / page).parent / name if name else ROOT / page
        assert linked.exists(), name
        if heading:
            assert heading in headings(linked.read_text(encoding="utf-8")), (name, heading)


def headings(text: str) -> set[str]:
    """The anchors of a page's headings, as the sites that show it make them."""
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


def test_the_decisions_are_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((.*?\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(
        file.name for file in folder.glob("*.md") if file.name != "README.md"
    )
