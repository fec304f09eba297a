"""Tables as LaTeX, with captions and labels, ready to be \\input into a paper; and a document that shows them all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from analysis.results.document import Table, inline

BEHIND = re.compile(r" ?\((?:\[[^\]]+\]\(records:[^)]*\)(?:, )?)+\)")  # of a caption: only links to records
BREAK = re.compile(r"[\s_-]+")  # where TeX may break a line

PREAMBLE = r"""\documentclass[10pt,a4paper]{article}
\usepackage[margin=2cm]{geometry}
\usepackage[T1]{fontenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage{array,booktabs,longtable}
\begin{document}
"""
SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_\allowbreak{}", "{": r"\{",
    "}": r"\}", "~": r"$\sim$", "^": r"\^{}", "<": r"$<$", ">": r"$>$", "α": r"$\alpha$", "β": r"$\beta$",
    "η": r"$\eta$", "λ": r"$\lambda$", "ρ": r"$\rho$", "±": r"$\pm$", "×": r"$\times$", "≥": r"$\geq$", "≤": r"$\leq$",
    "·": r"$\cdot$", "–": "--", "|": r"$|$", "-": "-", "[": "{[}", "]": "{]}", '"': "''",
}  # fmt: skip
LETTER, BESIDE = 0.0105, 0.014  # of the line: a letter of footnote size, and the space beside a column


def table(shown: Table) -> str:
    """A longtable of booktabs: columns wrap, and share the width of the line by what they hold."""
    columns = "".join(
        rf">{{\raggedright\arraybackslash}}p{{\dimexpr {share:.4f}\linewidth-2\tabcolsep\relax}}"
        for share in _shares(shown)
    )
    head = " & ".join(rf"\textbf{{{text(cell)}}}" for cell in shown.header)
    lines = (
        "% needs array, booktabs, longtable", r"{\footnotesize\setlength{\tabcolsep}{3pt}",
        r"\setlength{\LTcapwidth}{\linewidth}", rf"\begin{{longtable}}{{{columns}}}",
        rf"\caption{{{text(shown.caption)}}}\label{{tab:{shown.name}}}\\", r"\toprule", rf"{head} \\", r"\midrule",
        r"\endfirsthead", r"\toprule", rf"{head} \\", r"\midrule", r"\endhead", r"\bottomrule", r"\endlastfoot",
        *(" & ".join(text(cell) for cell in row) + r" \\" for row in shown.rows), r"\end{longtable}}",
    )  # fmt: skip
    return "\n".join(lines) + "\n"


def document(names: Sequence[str]) -> str:
    """A document of its own that takes in the tables of these names."""
    return PREAMBLE + "".join(f"\\input{{{name}}}\n" for name in names) + "\\end{document}\n"


def text(words: str) -> str:
    """Inline marks as LaTeX; links lose their target, and those to the records of a figure vanish: print has none."""
    parts = []
    for kind, plain in _printed(words):
        safe = "".join(SPECIAL.get(letter) or _ascii(letter) for letter in plain)
        parts.append({"bold": rf"\textbf{{{safe}}}", "code": rf"\texttt{{{safe}}}"}.get(kind, safe))
    return "".join(parts)


def _printed(words: str) -> Iterator[tuple[str, str]]:
    """The parts of a text that print shows."""
    for kind, plain, target in inline(BEHIND.sub("", words)):
        if not target.startswith("records:") or "/" in target:
            yield kind, plain


def _ascii(letter: str) -> str:
    """What pdflatex can set of a letter that has no sign of its own here."""
    return letter if letter.isascii() else unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()


def _shares(shown: Table) -> list[float]:
    """Every column has room for its longest word; the rest is shared out by how much there is to say."""
    rows = [["".join(plain for _, plain in _printed(cell)) for cell in row] for row in (shown.header, *shown.rows)]
    columns = list(zip(*rows, strict=True))
    words = [max(len(word) for cell in column for word in BREAK.split(cell)) for column in columns]
    least = [LETTER * longest + BESIDE for longest in words]
    said = [max(map(len, column)) ** 0.75 for column in columns]
    rest = max(0.0, 1 - sum(least))
    return [low + rest * weight / sum(said) for low, weight in zip(least, said, strict=True)]
