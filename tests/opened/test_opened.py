"""The report on the committed records, opened: in a real Chromium at two widths, and set by a real pdflatex.

    make test-report     # installs Chromium and TeX Live where it may (root on Debian)

Screenshots and the PDF stay in $SCREENSHOTS, where that is set.
"""

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.opened.chrome import Chrome
from tests.opened.packages import need

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.opened


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    command = [sys.executable, "-m", "analysis", "report", "--recorded", "--out", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return out


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_stands_by_itself_at_the_width_of(width: int, report: Path, kept: Path) -> None:
    need({"chromium": "chromium", "chromedriver": "chromium-driver"})
    with Chrome() as chrome:
        chrome.open(report / "report.html", width)
        chrome.screenshot(kept / f"report-{width}.png")
        assert chrome.console() == []
        outside = [url for url in chrome.requests() if not url.startswith(("file:", "data:", "about:", "chrome"))]
        assert outside == []
        assert chrome.value("document.documentElement.scrollWidth") <= width  # nothing but tables scrolls sideways
        assert chrome.value("[...document.images].filter(i => !i.complete || !i.naturalWidth).length") == 0
        assert chrome.value("document.images.length") > 10


def test_it_can_be_mailed_and_printed(report: Path, kept: Path) -> None:
    need({"chromium": "chromium", "chromedriver": "chromium-driver"})
    assert (report / "report.html").stat().st_size < 6_000_000
    assert 250 < len((report / "statement.md").read_text().split()) < 400
    with Chrome() as chrome:
        chrome.open(report / "report.html", 1280)
        printed = base64.b64decode(chrome.tell("Page.printToPDF", printBackground=True)["data"])
    (kept / "report.pdf").write_bytes(printed)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 20


def test_a_link_to_a_record_opens_what_it_is_folded_in(report: Path) -> None:
    need({"chromium": "chromium", "chromedriver": "chromium-driver"})
    with Chrome() as chrome:
        chrome.open(report / "report.html", 1280)
        target = chrome.value("[...document.links].map(a => a.hash).find(h => h.startsWith('#r-'))")
        chrome.value(f"void [...document.links].find(a => a.hash === '{target}').click()")
        assert chrome.value(f"document.getElementById('{target[1:]}').getBoundingClientRect().height") > 0


def test_the_tables_are_set_by_pdflatex(report: Path, kept: Path) -> None:
    need({"pdflatex": "texlive-latex-base texlive-latex-recommended"})
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=report / "tables", capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    shutil.copy(report / "tables" / "all.pdf", kept)
    too_wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    assert max(too_wide, default=0.0) < 10  # points: less than the space between two columns
