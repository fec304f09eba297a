"""Words in a record or in findings are shown as words: on a terminal, and in every format of the report."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.report import appendix, render
from analysis.results.markdown import Table, literal
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.cli import brief, is_plain
from paper_repro.records import Record
from tests.conftest import made_record

WORDS = r"<script>alert(1)</script> \input{/etc/passwd} [x](javascript:alert(1)) **b** `c` | $x$ & <img onerror=1>"
COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)")
TRIES = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def _with(cell: Cell, **provenance: object) -> Record:
    """A record whose checksum fits."""
    record = made_record(cell, 40.0)
    record["provenance"] |= provenance
    return {**record, "checksum": records.checksum(record)}


@pytest.fixture
def table(cell: Cell) -> Table:
    data = {"name": WORDS, "fingerprint": WORDS}
    record = _with(cell, hardware=WORDS, versions={WORDS: WORDS}, data=data)
    read = records.parse(json.dumps(record).encode(), "here")
    return Table(("trained",), ((appendix.environment([read["provenance"]]),),), "environment", "What trained.")


def _page(text: str) -> str:
    return render.page(f"# A report\n\n{text}", Path())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs


def test_a_page_has_no_tag_or_link_of_a_record(table: Table) -> None:
    reader = _Reader()
    page = _page(table.markdown())
    reader.feed(page)
    assert "&lt;script&gt;alert(1)" in page
    assert not reader.tags & {"script", "img", "strong", "code", "em"}
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert not [value for name, value in reader.attributes if name == "href" and "javascript" in str(value)]
    assert page.count("<td") == 1


def test_a_link_runs_nothing() -> None:
    for target in ("javascript:alert", "data:text/html,y", "vbscript:x", "file:///etc/passwd"):
        assert "href" not in _page(f"[x]({target})").partition("</nav>")[2]
    assert '<a href="https://a.b">x</a>' in _page("[x](https://a.b)")


def test_markdown_has_no_tag_mark_or_column_of_a_record(table: Table) -> None:
    text = table.markdown()
    for sign in ("<script", "<img", "](", "**b**", "`c`"):
        assert sign not in text
    assert {row.count("|") for row in text.splitlines()} == {2}


def test_latex_has_no_command_of_a_record(table: Table) -> None:
    text = render.latex(table)
    assert r"\textbackslash{}input\{/etc/passwd\}" in text
    assert r"\input" not in text
    assert r"\$x\$ \&" in text


@TRIES
@given(st.text())
def test_any_words_are_words(words: str) -> None:
    reader = _Reader()
    reader.feed(_page(f"words: {literal(words)}"))
    assert not reader.tags & {"strong", "code", "script", "em"}
    assert set(COMMAND.findall(render.tex(literal(words)))) <= set(COMMAND.findall("".join(render.SPECIAL.values())))
    assert is_plain(brief(words))
    assert len(brief(words)) < 4000
