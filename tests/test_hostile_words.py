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
from paper_repro import records, studies
from paper_repro.cell import Cell
from paper_repro.cli import brief, is_plain
from paper_repro.records import BadRecord, Record
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
    _, table = appendix.environment([records.parse(json.dumps(record).encode(), "here")], [])
    assert isinstance(table, Table)
    return table


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
    assert page.count("<td") == 5


def test_a_link_runs_nothing() -> None:
    for target in ("javascript:alert", "data:text/html,y", "vbscript:x", "file:///etc/passwd"):
        assert "href" not in _page(f"[x]({target})").partition("</nav>")[2]
    assert '<a href="https://a.b">x</a>' in _page("[x](https://a.b)")


def test_markdown_has_no_tag_mark_or_column_of_a_record(table: Table) -> None:
    text = table.markdown()
    for sign in ("<script", "<img", "](", "**b**", "`c`"):
        assert sign not in text
    assert {row.count("|") for row in text.splitlines()} == {6}


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


@pytest.mark.parametrize("sign", ["\x1b[2J", "\n", "\x00", "\x7f", "\ud800", "\u202e", "\x9b"])
def test_control_characters_in_a_record_are_refused_and_written_out(cell: Cell, sign: str) -> None:
    with pytest.raises(BadRecord, match="control characters") as refused:
        records.parse(json.dumps(_with(cell, hardware=f"a {sign}")).encode(), "here")
    assert is_plain(str(refused.value))


@pytest.mark.parametrize(
    "provenance",
    [
        None, [], {"hardware": 3}, {"commit": "=cmd|' /C calc'!A0"}, {"source": "a b"}, {"versions": {"torch": 2}},
        {"versions": dict.fromkeys(map(str, range(21)), "")}, {"data": {"fingerprint": None}}, {"attempts": "1"},
        {"hardware": "a" * 201}, {"dirty": "no"},
    ],
)  # fmt: skip
def test_a_provenance_that_no_run_has_is_refused(cell: Cell, provenance) -> None:
    record = made_record(cell, 40.0) | {"provenance": provenance}
    with pytest.raises(BadRecord, match="its provenance"):
        records.parse(json.dumps({**record, "checksum": records.checksum(record)}).encode(), "here")


FINDINGS = {
    "study": "first_steps", "profile": "demo", "settings": {"cell": {"dataset": "tiny", "model": "mlp", "epochs": 1}},
    "rows": [{"a": 1}], "seconds": 1.0,
    "provenance": {"commit": "abc", "hardware": "x", "data": {"name": "tiny", "fingerprint": "f"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"profile": "../../x"}, "no names"),
        ({"settings": {"cell": {**FINDINGS["settings"]["cell"], "dataset": "../../x"}}}, "dataset"),
        ({"provenance": FINDINGS["provenance"] | {"data": {"name": "x; rm -rf ~", "fingerprint": ""}}}, "unfit name"),
        ({"provenance": {}}, "commit, hardware and data"),
        ({"rows": [1]}, "list of dicts"),
        ({"rows": [{"a": "\x1b[2J"}]}, "control characters"),
        ({"rows": [{"a": float("inf")}]}, "Infinity|inf"),
        ({"seconds": "1"}, "seconds cannot be"),
    ],
)
def test_findings_that_lead_elsewhere_are_refused(tmp_path: Path, changes, said: str) -> None:
    path = tmp_path / "studies" / "x.json"
    path.parent.mkdir()
    path.write_text(json.dumps({**FINDINGS, "checksum": records.checksum(FINDINGS)}))
    assert len(studies.load(tmp_path)) == 1
    found = FINDINGS | changes
    path.write_text(json.dumps({**found, "checksum": records.checksum(found)}))
    with pytest.raises(BadRecord, match=said):
        studies.load(tmp_path)
