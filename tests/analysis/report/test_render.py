"""The report's Markdown as a page and as LaTeX."""

import re
from pathlib import Path

import pytest
from PIL import Image

from analysis.report import render
from analysis.results.markdown import Table

TABLE = Table(
    ("a & b", "λ"),
    (("**does not hold here**: 1 < 2", "50 %"), ("[row](figures/fig.csv#x-1)", "`a_b`")),
    "one",
    "About λ*.",
)
TEXT = f"""# A <title>

## First part

See [records](figures/fig.csv), [there](#first-part) and [paper](https://arxiv.org/abs/1711.05101).

- one
- **two** -0.65 [-0.72, -0.42] (2 rows)

    python -m analysis <report>

{TABLE.markdown()}
![says "hello"](figures/fig.png)
"""


@pytest.fixture
def page(tmp_path: Path) -> str:
    (tmp_path / "figures").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "figures" / "fig.png")
    (tmp_path / "figures" / "fig.csv").write_text("id,error,words\nx-1,0.123456789,<b>\nx-1,2,\n")
    return render.page(TEXT, tmp_path)


def test_a_page_needs_nothing_else_and_escapes_what_it_is_given(page: str) -> None:
    assert "<title>A &lt;title&gt;</title>" in page
    assert "a &amp; b" in page
    assert '<strong class="fails">does not hold here</strong>: 1 &lt; 2' in page
    assert 'alt="says &quot;hello&quot;"' in page
    assert "-0.65 [-0.72, -0.42] (2 rows)" in page  # an interval is no link
    assert "<script" not in page
    assert page.count('src="') == page.count('src="data:image/png;base64,iVBORw0KGgo') == 1


def test_links_lead_to_the_rows_within_the_page(page: str) -> None:
    for target in ("records-fig", "r-x-1", "first-part"):
        assert f'href="#{target}"' in page
        assert page.count(f'id="{target}"') == 1
    assert "<td>0.123457</td><td>&lt;b&gt;</td>" in page


def test_further_results_and_long_tables_are_closed_until_they_are_opened(tmp_path: Path) -> None:
    long = Table(("a",), tuple((str(number),) for number in range(20)))
    further = f"## {render.FOLDED}\n\n### One\n\nwords\n\n### Two\n\n{long}\n## End"
    text = f"# T\n\n## Claims\n\n{long}\n## Results\n\n{Table(('b',), (('1',),))}\n\n{long}\n{further}"
    page = render.page(text, tmp_path)
    assert page.count("<details>") == page.count("</details>") == 4
    claims, results, further = (part.partition("<h2")[0] for part in page.split("</h2>")[1:4])
    assert "<details>" not in claims
    assert results.count("<details><summary>20 rows</summary>") == 1
    assert re.findall(r"<summary>\s*<h3[^>]*>(\w+)</h3>\s*</summary>", further) == ["One", "Two"]


def test_latex_is_escaped_and_whole() -> None:
    text = render.latex(TABLE)
    assert r"a \& b" in text
    assert r"\textbf{does not hold here}: 1 $<$ 2 & 50 \% \\" in text
    assert r"\caption{About $\lambda$*.}\label{tab:one}" in text
    assert "row & " in text
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert render.tex("[fig2-cpu](figures/fig2-cpu.csv), [12 records](figures/fig.csv)") == "fig2-cpu, 12 records"
    assert render.tex("é ™") == "e TM"  # what pdflatex has no sign for is spelt out
    assert r"\input{one}" in render.latex_document(["one"])
