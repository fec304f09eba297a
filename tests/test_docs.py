"""README and docs: what they tell a user to type or to open exists, and no page is too long to be read."""

import re
import shlex
from pathlib import Path

import pytest

from analysis.__main__ import parser as analysis_parser
from experiments.__main__ import _parser as experiments_parser
from paper_repro.decay import __main__ as decay
from slurm.__main__ import _parser as slurm_parser
from tests.chaos.__main__ import _parser as chaos_parser

ROOT = Path(__file__).parent.parent
PARSERS = {
    "experiments": experiments_parser, "analysis": analysis_parser, "slurm": slurm_parser, "tests.chaos": chaos_parser
}  # fmt: skip
PAGES = [
    ROOT / "README.md",
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "LOG.md") if (ROOT / name).exists()),
    ROOT / "experiments" / "recorded" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
DOCS = sorted((ROOT / "docs").glob("*.md"))
COMMANDS = [
    line.strip().partition("#")[0].strip()
    for page in PAGES
    for line in page.read_text().splitlines()
    if re.match(r"    (python -m|make) ", line)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    relative = [target for target in re.findall(r"\]\(([^)]+)\)", text) if not target.startswith("http")]
    assert relative
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    here = {"#" + re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}  # as GitHub names them
    assert [target for target in relative if target not in here and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_accepted(command: str) -> None:
    program, *arguments = shlex.split(command)
    if program == "make":
        assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif arguments[1] == "paper_repro.decay":
        assert decay.main(arguments[2:]) == 0  # whose parser depends on the first word
    elif "NAME" not in arguments:
        PARSERS[arguments[1]]().parse_args(arguments[2:])  # raises, or exits, for what it does not know


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 6


def test_no_line_is_left_to_fill_in() -> None:
    for page in PAGES:
        assert not re.search(r"@[A-Z]|TODO|TBD", page.read_text())


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 1300


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_a_page_of_docs_is_read_in_six_and_opens_with_the_question_that_it_answers(page: Path) -> None:
    text = page.read_text()
    written = re.sub(r"<!-- begin: .*?<!-- end -->|```.*?```", "", text, flags=re.DOTALL)
    written = "\n".join(line for line in written.splitlines() if not line.startswith("    "))
    assert len(written.split()) <= 1500
    assert "?" in text.split("\n\n")[1]
