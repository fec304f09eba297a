"""The report command: what a user opens, and what it refuses."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

import experiments
from analysis import report
from analysis.__main__ import main
from analysis.report import claims_json
from analysis.statistics.surface import RESAMPLES
from analysis.statistics.tuning_cost import DRAWS
from paper_repro import records
from paper_repro.cli import UsageError
from paper_repro.records import Record, schema
from tests.conftest import made_record

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on a made sweep of one optimizer pair, with a failed cell beside it."""
    folder = tmp_path_factory.mktemp("made")
    found: list[Record] = []
    for cell in experiments.get("fig3").profiles["cpu"].with_seeds(2):
        error = {"adam": 42.0, "adamw": 36.0}[cell.optimizer] + 0.3 * cell.seed
        rows = _curve(cell.epochs, error)
        record = made_record(cell.replace(dataset="tiny"), error, epochs=rows)
        found.append({**record, "final": schema.final(rows[-1])})
    for record in found:
        records.write(folder / "runs", {key: value for key, value in record.items() if key != "checksum"})
    records.write_failure(folder / "runs", cell.replace(seed=9), "out of luck")
    list(report.make([folder / "runs"], folder / "report"))
    return folder / "report"


def _curve(epochs: int, error: float) -> list[dict[str, float]]:
    return [
        {"epoch": epoch, "eta": 0.5, "train_loss": 2 - epoch / epochs, "train_error": 50.0}
        | (dict.fromkeys(("test_error", "validation_error"), error + (epochs - epoch) / 2) if epoch % 4 == 0 else {})
        for epoch in range(1, epochs + 1)
    ]


def test_every_part_is_there(made: Path) -> None:
    page = (made / "report.html").read_text()
    for chapter in (
        "Claims", "Results", "Further", "Anomalies", "Method", "Deviations", "checklists", "Compute", "Citing"
    ):  # fmt: skip
        assert re.search(f"<h2[^>]*>[^<]*{chapter}", page), chapter
    assert "@inproceedings{loshchilov2019decoupled" in page
    assert "Cells that failed and were not trained since: 1" in page
    files = {"report.html", "report.md", "statement.md", "claims.json", "claims.schema.json", "figures", "tables"}
    assert {path.name for path in made.iterdir()} == files
    assert {path.suffix for path in (made / "figures").iterdir()} == {".png", ".csv"}


def test_pdfs_are_drawn_when_asked_for(tmp_path: Path) -> None:
    for seed in range(2):
        records.write(tmp_path, made_record(experiments.get("fig3").profiles["cpu"].cells[0].replace(seed=seed), 40.0))
    assert main(["report", "--pdf", "--runs", str(tmp_path), "--out", str(tmp_path / "report")]) == 0
    files = {path.name for path in (tmp_path / "report" / "figures").iterdir()}
    assert {"fig3-cpu.png", "fig3-cpu.pdf", "fig3-cpu.csv", "fig3-published.pdf"} <= files


def test_nothing_is_loaded_from_elsewhere_and_every_link_within_leads_somewhere(made: Path) -> None:
    page = (made / "report.html").read_text()
    assert not re.search(r'(src|<link[^>]*href)="(?!data:)', page)
    anchors = set(re.findall(r'id="([^"]+)"', page))
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert links
    assert links <= anchors


def test_files_that_the_text_names_exist(made: Path) -> None:
    text = (made / "report.md").read_text()
    files = re.findall(r"\]\((figures/[^)#]+)", text)
    assert files
    assert [name for name in files if not (made / name).exists()] == []
    inputs = re.findall(r"\\input\{(.+)\}", (made / "tables" / "all.tex").read_text())
    assert len(inputs) == len(set(inputs))
    assert all((made / "tables" / f"{name}.tex").exists() for name in inputs)


def test_it_begins_with_the_scale_what_was_found_and_a_figure(made: Path) -> None:
    first = (made / "report.md").read_text().partition("\n## ")[0]
    places = [first.index(words) for words in ("**Scale.** 38 training runs", "in the paper** (claim 10", "![Ours: ")]
    assert places == sorted(places)
    assert (made / "report.md").read_text().count("](figures/fig3-cpu-tiny.png)") == 1


def test_claims_json_is_as_its_schema_says(made: Path) -> None:
    told = msgspec.json.decode((made / "claims.json").read_bytes(), type=list[claims_json.ClaimEntry])
    assert {claim.claim for claim in told} >= {"1a", "5b", "8a"}
    kinds = json.loads((made / "claims.schema.json").read_text())["$defs"]
    plain = json.loads((made / "claims.json").read_text())
    for claim in plain:
        assert claim.keys() == kinds["ClaimEntry"]["properties"].keys() == set(kinds["ClaimEntry"]["required"])
        for verdict in claim["verdicts"].values():
            assert verdict.keys() == kinds["VerdictEntry"]["properties"].keys()
            assert verdict["outcome"] in kinds["VerdictEntry"]["properties"]["outcome"]["enum"]


def test_the_statement_is_filled_from_the_records(made: Path) -> None:
    text = (made / "statement.md").read_text()
    assert "38 training runs" in text
    assert "seeds 0, 1)" in text
    assert "hardware a processor" in text
    held, _, failed = text.partition("Did not hold: ")
    assert ("AdamW's error is 15 % (relative) below Adam's after long runs (clean)" in failed) or "Held: " in held
    assert "$" not in text


def test_the_ledger_names_the_records_behind_a_verdict(made: Path) -> None:
    (claim,) = [each for each in json.loads((made / "claims.json").read_text()) if each["claim"] == "8a"]
    with open(made / "figures" / "fig3-cpu-tiny.csv", newline="") as file:
        assert sorted(claim["verdicts"]["clean"]["records"]) == sorted(line["id"] for line in csv.DictReader(file))
    assert claim["rule_set_after"] == ["clean", "GPU"]


def test_numbers_are_those_of_the_records(made: Path) -> None:
    text = (made / "report.md").read_text()
    (row,) = re.findall(r"^\| AdamW \| \[(.*?)\].*$", text, re.MULTILINE)
    with open(made / "figures" / "fig3-cpu-tiny.csv", newline="") as file:
        errors = [float(line["test_error"]) for line in csv.DictReader(file) if line["optimizer"] == "adamw"]
    assert row == f"{sum(errors) / len(errors):.2f} ± {0.3 / 2**0.5:.2f} %"
    assert "3.12 % at α = 0.001, λ_norm = 0.025" in text  # the paper's own, beside it


def test_a_damaged_record_is_refused_by_name(tmp_path: Path, demo_records: list[Record], capsys) -> None:
    for record in demo_records[:3]:
        path = records.write(tmp_path, {key: value for key, value in record.items() if key != "checksum"})
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    assert main(["report", "--runs", str(tmp_path), "--out", str(tmp_path / "report")]) == 2
    said = capsys.readouterr().err
    assert path.name in said
    assert said.count("\n") == 1
    assert not (tmp_path / "report").exists()


def test_an_interrupt_is_one_line_and_leaves_no_process(tmp_path: Path) -> None:
    # A shell's background job ignores Ctrl-C, and so do its children: the tests may be in one, a user is not.
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from analysis.__main__ import main; sys.exit(main(sys.argv[1:]))"
    few = "experiments/recorded/fig2-demo.jsonl"
    command = [sys.executable, "-c", code, "report", "--runs", few, "--out", str(tmp_path / "report")]
    running = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (tmp_path / "report" / "figures").exists():  # the first picture is written
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    said = running.communicate(timeout=60)[1]
    assert (running.returncode, said) == (130, "analysis: stopped; what was written is whole\n")
    for _ in range(100):
        if not _alive(running.pid):
            break
        time.sleep(0.1)
    assert not _alive(running.pid)
    assert not list(tmp_path.rglob("*.tmp"))


def _alive(group: int) -> list[str]:
    """Processes of a group that are more than an entry nobody has asked for."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # one that has just ended
            state, _, pgrp, *_ = path.read_text().rpartition(")")[2].split()
            found += [state] * (int(pgrp) == group and state != "Z")
    return found


def test_what_cannot_be_done_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        list(report.make([tmp_path / "none"], tmp_path))
    (tmp_path / "runs").mkdir()
    with pytest.raises(UsageError, match="no record of any experiment in"):
        list(report.make([tmp_path / "runs"], tmp_path / "report"))
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UsageError, match="cannot write"):
        list(report.make([ROOT / "experiments" / "recorded" / "fig4-cpu.jsonl"], file))


def test_the_method_names_the_numbers_of_the_code() -> None:
    text = report.TEMPLATE.read_text()
    assert f"{RESAMPLES} seeded resamples" in text
    assert f"{DRAWS} draws of noise-free surfaces" in text


def test_it_needs_nothing_that_trains() -> None:
    """In a Python that finds nothing else of what is pinned. (CI makes the whole report in a bare environment.)"""
    code = (
        "import sys\n"
        "class Bare:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'torch', 'torchvision', 'submitit', 'tqdm'}: raise ImportError(name)\n"
        "sys.meta_path.insert(0, Bare())\n"
        "import analysis.report, analysis.claims, analysis.figures.published\n"
        "import analysis.report.pages, analysis.__main__\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
