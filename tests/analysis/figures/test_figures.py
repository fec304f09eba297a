"""python -m analysis figures: files, one-line refusals, and no torch."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

import experiments
from analysis import figures
from analysis.__main__ import main
from analysis.figures.style import DPI
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from tests.conftest import made_record

ROOT = Path(__file__).parents[3]


@pytest.fixture
def runs(demo_records, tmp_path: Path) -> Path:
    out = tmp_path / "runs"
    for record in demo_records:
        records.write(out, {key: value for key, value in record.items() if key != "checksum"})
    return out


def test_a_figure_is_png_pdf_and_the_numbers_behind_it(runs: Path, tmp_path: Path, demo_records, capsys) -> None:
    out = tmp_path / "figures"
    assert main(["figures", "fig2", "--runs", str(runs), "--out", str(out)]) == 0
    assert capsys.readouterr().out.split() == [str(out / f"fig2-demo.{kind}") for kind in ("png", "pdf", "csv")]
    assert (out / "fig2-demo.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "fig2-demo.pdf").read_bytes().startswith(b"%PDF")
    with open(out / "fig2-demo.csv", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert len(rows) == len(demo_records)
    record = demo_records[17]
    row = rows[record["id"]]
    assert float(row["test_error"]) == record["final"]["test_error"]
    assert float(row["alpha"]) == record["cell"]["alpha"]
    assert (row["status"], row["commit"]) == ("finished", "c" * 40)


@pytest.mark.parametrize(("width", "inches"), [("column", 3.25), ("page", 6.75), ("text", 5.5)])
def test_a_picture_for_a_paper_is_as_wide_as_its_column_and_its_caption_is_text(
    width: str, inches: float, runs: Path, tmp_path: Path, capsys
) -> None:
    for name, bare in (("with", []), ("without", ["--no-caption"])):
        out = str(tmp_path / name)
        assert main(["figures", "fig2", "--runs", str(runs), "--out", out, "--width", width, *bare]) == 0
    kinds = [Path(line).suffix for line in capsys.readouterr().out.split()]
    assert kinds == [".png", ".pdf", ".csv"] * 2 + [".txt"]
    caption = (tmp_path / "without" / "fig2-demo.txt").read_text("utf-8")
    assert caption.startswith("Test error over learning rate and decay")
    assert "ffffffffffff" in caption  # the data's fingerprint
    sizes = {name: _inches(tmp_path / name / "fig2-demo.pdf") for name in ("with", "without")}
    assert [size[0] for size in sizes.values()] == pytest.approx([inches, inches])
    assert sizes["without"][1] < sizes["with"][1] - 0.5
    for name, size in sizes.items():
        height, across, _ = imread(tmp_path / name / "fig2-demo.png").shape
        assert (across, height) == pytest.approx([DPI * length for length in size], abs=1.5)


def _inches(pdf: Path) -> tuple[float, ...]:
    """Width and height of its page."""
    left, bottom, right, top = map(float, re.findall(rb"/MediaBox \[([^]]+)\]", pdf.read_bytes())[0].split())
    return (right - left) / 72, (top - bottom) / 72


def test_the_same_records_give_the_same_bytes(runs: Path, tmp_path: Path) -> None:
    drawn = []
    for name in ("a", "b"):
        assert main(["figures", "--runs", str(runs), "--out", str(tmp_path / name)]) == 0
        drawn.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert drawn[0] == drawn[1]


def test_drawing_never_imports_torch(runs: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from analysis.__main__ import main\n"
        f"assert main(['figures', 'fig2', '--runs', {str(runs)!r}, '--out', {str(tmp_path / 'f')!r}]) == 0\n"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


def test_committed_records_are_whole_and_each_there_once(tmp_path: Path, demo_records) -> None:
    records.merge(demo_records[:3], tmp_path / "a.jsonl")
    records.merge(demo_records[2:5], tmp_path / "b.jsonl")
    assert len(figures.read_records([tmp_path])) == 5
    records.merge([made_record(experiments_cell(demo_records[4]), 1.0)], tmp_path / "c.jsonl")
    with pytest.raises(UsageError, match=r"differs between .*b\.jsonl and .*c\.jsonl"):
        figures.read_records([tmp_path])


def experiments_cell(record: records.Record) -> Cell:
    return Cell.from_dict(record["cell"])


def _damage(runs: Path) -> Path:
    path = min((runs / "records").iterdir())
    path.write_bytes(path.read_bytes()[:100])
    return path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["figures", "fig9"], "no experiment 'fig9', did you mean"),
        (["figures", "fig2", "--runs", "nowhere"], "python -m experiments run fig2 --profile demo --out nowhere"),
        (["figures", "fig2", "--out", "/proc/nothing"], "cannot write to /proc/nothing"),
        (["figures", "--speed"], "--speed"),
        (["figures", "--set", "epochs=x"], "epochs is a whole number"),
        (["figures", "--set", "epochs=-1"], "epochs"),
        (["figures", "fgi2"], "no experiment 'fgi2', did you mean fig2? One of"),
        (["figures", "--runs", "no.jsonl"], "python -m experiments collect runs no.jsonl"),
        (["figures", "fig2", "--width", "wide"], "--width"),
        (["statistics", "fig2", "--no-caption"], "with --out only"),
        (["figures", "--run", "x"], "no option --run: did you mean --runs?"),
        (["figures", "--out", "a", "--out", "b"], "--out: given twice"),
        (["figures", "fig2", "--set", "compile=true"], "are of other experiments or settings); make some with"),
        (["draw"], "'draw'"),
        ([], "required"),
    ],
)
def test_refusals_are_one_line_and_exit_code_2(runs: Path, arguments: list[str], said: str) -> None:
    if "--runs" not in arguments and arguments[:1] == ["figures"]:
        arguments = [*arguments, "--runs", str(runs)]
    done = subprocess.run([sys.executable, "-m", "analysis", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_damaged_record_is_named_not_averaged_in(runs: Path, tmp_path: Path, capsys) -> None:
    path = _damage(runs)
    assert main(["figures", "--runs", str(runs), "--out", str(tmp_path / "f")]) == 2
    assert str(path) in capsys.readouterr().err
    assert not (tmp_path / "f").exists()


def test_a_folder_without_records_of_the_experiment_says_what_to_type(tmp_path: Path, capsys) -> None:
    assert main(["figures", "fig2", "--runs", str(tmp_path)]) == 2
    assert "python -m experiments run fig2 --profile demo" in capsys.readouterr().err


def test_a_run_with_changed_settings_is_drawn_with_the_same_change(tmp_path: Path, capsys) -> None:
    cell = experiments.get("fig2").profiles["demo"].cells[0].replace(compile=True)
    source = tmp_path / "compiled.jsonl"
    records.merge([made_record(cell, 30.0)], source)
    changed = ["figures", "fig2", "--runs", str(source), "--out", str(tmp_path), "--set", "compile=true"]
    assert main(changed) == 0
    assert (tmp_path / "fig2-demo-compile_True.png").exists()
