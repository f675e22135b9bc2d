"""The pages of the documentation: links have targets, the index is complete, and named files exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("examples/*/README.md"),
        *ROOT.glob("argilla_config/**/README.md"),
        *ROOT.glob("benchmarks/**/*.md"),
    ]
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# A path of the repository. CONTRIBUTING invents a stage and a provider, whose paths do not exist.
PATH = re.compile(r"(synth|tests|prompts|docs|benchmarks|argilla_config|examples)/[\w./]*")
EXAMPLE = re.compile(r"polish|cloud")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = HEADING.findall(page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def names_in(page: str) -> set[str]:
    """What a page names in backticks."""
    return set(re.findall(r"`([^`\n]+)`", (ROOT / page).read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_index_lists_every_page() -> None:
    links = {link.partition("#")[0] for link in LINK.findall((ROOT / "docs" / "README.md").read_text())}
    assert {page.name for page in ROOT.glob("docs/*.md")} - {"README.md"} <= links


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_the_files_that_a_page_names_exist(page: str) -> None:
    paths = {name for name in names_in(page) if PATH.fullmatch(name) and not EXAMPLE.search(name)}
    assert len(paths) > 15
    assert {path for path in paths if not (ROOT / path).exists()} == set()


def test_the_architecture_names_every_folder() -> None:
    paths = names_in("docs/architecture.md")
    folders = {path.parent.relative_to(ROOT).as_posix() + "/" for path in ROOT.glob("synth/*/__init__.py")}
    assert folders <= paths


def test_the_glossary_is_in_alphabetical_order() -> None:
    lines = (ROOT / "docs" / "glossary.md").read_text().splitlines()
    terms = [line.split("|")[1].strip() for line in lines if line.startswith("| ")][1:]
    assert len(terms) > 40
    assert terms == sorted(terms, key=str.lower)
