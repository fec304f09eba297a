"""The generated parts of README and docs are what the committed records give, and nothing else is touched."""

import pytest

from analysis.__main__ import main
from analysis.report import pages
from analysis.report.pages import Blocks, renewed
from paper_repro.cli import UsageError


@pytest.fixture(scope="module")
def blocks() -> Blocks:
    return Blocks()


def test_the_pages_show_what_the_records_give() -> None:
    """Where this fails after a change that is meant: make pages"""
    assert list(pages.make(check=True)) == []


def test_every_block_stands_on_a_page() -> None:
    text = "".join((pages.ROOT / name).read_text() for name in pages.PAGES)
    for name in pages.BLOCKS:
        assert f"<!-- begin: {name} -->" in text


def test_what_was_changed_by_hand_is_named_and_written_anew(blocks: Blocks, tmp_path, monkeypatch, capsys) -> None:
    page = renewed("before\n<!-- begin: findings label_noise -->\n<!-- end -->\nafter\n", blocks)
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "PAGES", ("README.md",))
    (tmp_path / "README.md").write_text(page.replace("61.4 %", "60.0 %", 1))
    assert main(["pages", "--check"]) == 0
    assert "60.0 %" in (tmp_path / "README.md").read_text()
    assert main(["pages"]) == 0
    assert (tmp_path / "README.md").read_text() == page
    assert capsys.readouterr().out == "README.md\n" * 2


def test_what_stands_around_a_block_stays(blocks: Blocks) -> None:
    mark = "<!-- begin: slopes label_noise -->\n"
    page = f"before\n{mark}old\n<!-- end -->\nbetween\n{mark}<!-- end -->\nafter\n"
    new = renewed(page, blocks)
    assert new.startswith("before\n<!-- begin: slopes label_noise -->\n\n|  | SGD, L2 |")
    assert "<!-- end -->\nbetween\n<!-- begin" in new
    assert new.endswith("<!-- end -->\nafter\n")
    assert "old" not in new


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("<!-- begin: nonsense -->\n<!-- end -->", "no block 'nonsense'"),
        ("<!-- begin: statistics nonsense -->\n<!-- end -->", "no block"),
        ("<!-- begin: statistics supp4 -->\n<!-- end -->", "no committed records of supp4"),
        ("<!-- begin: slopes -->\n<!-- begin: slopes -->\n<!-- end -->", "does not end"),
    ],
)
def test_a_wrong_marker_is_refused(page: str, told: str, blocks: Blocks) -> None:
    with pytest.raises(UsageError, match=told):
        renewed(page, blocks)
