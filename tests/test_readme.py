"""What the README tells a user to type or to open exists."""

import re
import shlex
from pathlib import Path

import pytest

from analysis.__main__ import parser as analysis_parser
from experiments.__main__ import _parser as experiments_parser

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "experiments" / "recorded" / "README.md"]
COMMANDS = [
    line.strip().partition("#")[0].strip()
    for page in PAGES
    for line in page.read_text().splitlines()
    if re.match(r"    (python -m|make) ", line)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", page.read_text())
    relative = [target for target in targets if not target.startswith("http")]
    assert relative
    assert [target for target in relative if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_accepted(command: str) -> None:
    program, *arguments = shlex.split(command)
    if program == "make":
        assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    else:
        parser = {"experiments": experiments_parser, "analysis": analysis_parser}[arguments[1]]()
        parser.parse_args(arguments[2:])  # raises, or exits, for what it does not know


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 6


def test_no_line_is_left_to_fill_in() -> None:
    for page in PAGES:
        assert not re.search(r"@[A-Z_]+@|TODO|TBD", page.read_text())
