"""python -m experiments: what it declares, what it refuses, and that it trains only what is new."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import experiments
from analysis.results.table import charts
from experiments import run as running
from experiments.__main__ import _parser, main
from experiments.choose import chosen_cells, find
from experiments.declare import PROFILES, SWEPT, Profile, grid, halvings
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.decay import normalized
from paper_repro.sweep.engine import Outcome, Survey, kind_of
from paper_repro.sweep.preflight import Answer
from tests.conftest import made_record

ROOT = Path(__file__).parents[2]
SMALL = [
    "run", "fig2", "--only", "sgdw,adam", "--alphas", "0.1", "--decays", "0.01", "--workers", "1",
    "--set", "model=mlp-8x1", "--set", "epochs=1", "--set", "train_examples=64",
]  # fmt: skip
ONE = ["run", "fig2", "--quick", "--only", "adamw", "--alphas", "0.01", "--decays", "0.01"]


def test_halvings_and_grid() -> None:
    assert halvings(0.8, 3) == [0.8, 0.4, 0.2]
    base = Cell("d", "m", "sgd", 1.0, 0.0, 1)
    cells = grid(base, ["sgd", "sgdw"], [1.0, 0.5], [0.0, 0.1, 0.2])
    assert len(set(cells)) == 12
    assert {field: getattr(cells[5], field) for field in SWEPT} == {
        "optimizer": "sgd", "alpha": 0.5, "decay": 0.2, "seed": 0,
    }  # fmt: skip


def test_seeds_come_one_whole_map_after_the_other() -> None:
    cells = experiments.get("fig2").profiles["demo"].cells
    twice = Profile(cells, "note").with_seeds(2)
    assert [cell.seed for cell in twice] == [0] * len(cells) + [1] * len(cells)
    assert tuple(twice[: len(cells)]) == cells


@pytest.mark.parametrize("name", experiments.names())
def test_every_experiment_declares_its_profiles(name: str) -> None:
    experiment = experiments.get(name)
    assert experiment.name == name
    assert set(experiment.profiles) <= set(PROFILES)
    for profile in experiment.profiles.values():
        assert len(set(profile.cells)) == len(profile.cells)
        assert {cell.seed for cell in profile.cells} == ({0} if experiment.study is None else set())
    (module,) = {
        each.__name__: each
        for at, each in sys.modules.items()
        if at.startswith(("experiments.paper.", "experiments.beyond.")) and experiment in vars(each).values()
    }.values()
    assert re.search(rf"(python -m experiments run|# or) {name}\b", module.__doc__ or "")


class TestFigure2:
    """The paper's section 4.2 and figure 2."""

    def test_paper_profile_is_the_papers_grid(self) -> None:
        cells = experiments.get("fig2").profiles["paper"].cells
        assert len(cells) == 4 * 11 * 11
        for cell in cells:
            assert (cell.model, cell.epochs, cell.batch_size) == ("shake_shake-26-2x64d", 100, 128)
            assert (cell.schedule, cell.validation_examples, cell.augment) == ("cosine", 0, True)
            assert (cell.train_examples, cell.label_noise, cell.image_size) == (None, 0.0, None)
        for optimizer, scale in (("sgd", 1), ("sgdw", 1), ("adam", 0.1), ("adamw", 0.1)):
            mine = [cell for cell in cells if cell.optimizer == optimizer]
            assert sorted({c.alpha for c in mine}) == pytest.approx([scale / 2**k for k in range(10, -1, -1)])
            assert sorted({c.decay for c in mine}) == pytest.approx([0] + [0.001 * 2.0**k for k in range(-5, 5)])

    @pytest.mark.parametrize("profile", ["demo", "cpu", "cpu_long", "gpu_short", "gpu"])
    def test_reduced_profiles_have_seven_by_seven_for_each_and_select_on_validation(self, profile: str) -> None:
        cells = experiments.get("fig2").profiles[profile].cells
        assert {cell.optimizer for cell in cells} == {"sgd", "sgdw", "adam", "adamw"}
        for optimizer in ("sgd", "sgdw", "adam", "adamw"):
            mine = [cell for cell in cells if cell.optimizer == optimizer]
            assert len({cell.alpha for cell in mine}) >= 7
            assert len({cell.decay for cell in mine}) >= 7
        assert all(cell.validation_examples > 0 for cell in cells)

    @pytest.mark.parametrize("profile", ["gpu_short", "gpu"])
    def test_a_gpu_s_axes_hold_the_best_decays_of_shorter_and_longer_runs_with_room_beyond(self, profile: str) -> None:
        cells = experiments.get("fig2").profiles[profile].cells
        decays = {cell.decay for cell in cells}
        at = {"batch_size": 128, "num_examples": 45_000, "epochs": cells[0].epochs}
        assert min(decays - {0.0}) < normalized(0.05, **at) / 1.5  # the paper's after 39,100 updates
        assert normalized(0.4, **at) * 1.4 < max(decays)  # `cpu`'s after 640
        assert len(cells) == 4 * 7 * 7

    def test_demo_needs_no_files(self) -> None:
        assert {cell.dataset for cell in experiments.get("fig2").profiles["demo"].cells} == {"synthetic"}


RECORDED = {path.stem: records.load(path) for path in (ROOT / "experiments" / "recorded").glob("*-cpu*.jsonl")}


def test_the_clean_cells_are_those_that_are_being_trained() -> None:
    """From a commit whose `cpu` had noisy labels, by --set label_noise=0: a changed id would orphan the records."""
    declared = {cell.id for cell in experiments.get("fig2").profiles["cpu"].with_seeds(5)}
    trained = {record["id"] for record in records.load(ROOT / "experiments" / "recorded" / "clean-fig2.jsonl")}
    assert len(trained) > 400
    assert trained <= declared
    noisy = {cell.id for cell in experiments.get("label_noise").profiles["cpu"].with_seeds(3)}
    assert {record["id"] for seed in (0, 1, 2) for record in RECORDED[f"fig2-cpu-seed{seed}"]} <= noisy


@pytest.mark.parametrize("file", sorted(RECORDED))
def test_every_committed_record_is_drawn_by_some_experiment(file: str) -> None:
    """What profiles have meant since, it must not have taken away what was trained under them before."""
    grids = [each for each in map(experiments.get, experiments.names()) if each.study is None]
    shown = [chart for grid in grids for chart in charts(grid, RECORDED[file], alone=True)]
    assert all(chart.profile == "cpu" and not chart.other_data for chart in shown)
    drawn = {record["id"] for chart in shown for record in (*chart.records, *chart.beyond)}
    assert {record["id"] for record in RECORDED[file]} == drawn


def test_list_names_every_profile(capsys) -> None:
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("fig2", *PROFILES, "484 cells"))


def test_only_what_is_new_is_trained(tmp_path: Path, capsys) -> None:
    run = [*SMALL, "--out", str(tmp_path / "runs")]
    assert main(run) == 0
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs" / "records").iterdir()}
    assert len(first) == 2
    wider = [value.replace("0.01", "0.01,0.02") for value in run]
    assert main([*wider, "--seeds", "2"]) == 0
    assert "8 cells, 2 with a record" in capsys.readouterr().out
    assert len(records.load(tmp_path / "runs")) == 8
    assert {path: path.stat().st_mtime_ns for path in first} == first


def test_nothing_is_started_where_nothing_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    run = [*SMALL, "--out", str(tmp_path / "runs")]
    _, profile = find("fig2", "demo", quick=False)
    first, second = chosen_cells(profile, _parser().parse_args(run))
    paths = [records.write(tmp_path / "runs", made_record(cell, 30.0)) for cell in (first, second)]
    monkeypatch.setattr("sys.executable", "/bin/false")  # what is started, dies
    for more in ([], ["--dry-run"]):
        assert main([*run, *more]) == 0
        assert "2 cells, 2 with a record" in capfd.readouterr().out
    paths[0].write_bytes(paths[0].read_bytes()[:-30])
    assert main(run) != 0
    said = capfd.readouterr().err
    assert f"put aside as {paths[0].stem}.damaged" in said
    assert "the process that checks data and settings died" in said


def test_dry_run_trains_and_writes_nothing(tmp_path: Path, capsys) -> None:
    assert main([*SMALL, "--out", str(tmp_path / "runs"), "--dry-run"]) == 0
    assert "to train: 2 cells" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()


def test_a_failed_cell_gives_exit_code_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "chaos" / "hungry"))  # an optimizer that wants more memory
    monkeypatch.setenv("HUNGRY_CELLS", "0")
    assert main([*ONE, "--workers", "1", "--out", str(tmp_path), "--set", "optimizer=mine.hungry"]) == 1
    assert "1 failed" in capsys.readouterr().out


def test_what_no_cell_could_train_on_is_refused_before_training(npz: Path, tmp_path: Path, capsys) -> None:
    """100 images in batches of 33 leave one; images of 4 x 4 become one pixel."""
    run = [*SMALL[:10], "--data", str(npz), "--out", str(tmp_path / "runs"), "--set", "validation_examples=20"]
    changes = ["model=resnet-8-w2", "epochs=1", "image_size=4", "train_examples=100", "batch_size=33"]
    assert main([*run, *(word for change in changes for word in ("--set", change))]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--set batch_size=32" in line
    assert not (tmp_path / "runs" / "failures").exists()


def test_classes_without_images_are_named_once_and_trained(npz: Path, tmp_path: Path, capfd) -> None:
    stored = dict(np.load(npz))
    np.savez(npz, **stored | {key: stored[key] + 1 for key in ("y_train", "y_test")})
    run = [
        *SMALL[:8],
        *SMALL[10:],
        "--workers",
        "2",
        "--data",
        str(npz),
        "--out",
        str(tmp_path),
        "--set",
        "validation_examples=20",
    ]
    assert main(run) == 0
    warnings = [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert "tiny: no training image of class 0; the network has 4 outputs" in warnings[0]


@pytest.mark.parametrize("changed", [["--quick"], ["--set", "label_noise=0"], ["--data", "npz"]])
def test_what_is_said_of_a_run_is_true_of_what_was_changed(changed, npz: Path, tmp_path: Path, capsys) -> None:
    run = [*SMALL, "--out", str(tmp_path), "--dry-run", "--set", "validation_examples=20"]
    assert main([*run, *(str(npz) if word == "npz" else word for word in changed)]) == 0
    said = capsys.readouterr().out.splitlines()[0]
    assert "embedded synthetic" not in said
    assert "drawn at random" not in said
    name, noise = "tiny" if "npz" in changed else "synthetic", 0 if "label_noise=0" in changed else 30
    assert f"data set {name}, model mlp-8x1, 1 epoch, batch size 64, 64 training and 20 validation images" in said
    assert f"label noise {noise} %, images of full size, no augmentation" in said


def test_other_pictures_under_the_same_name_are_refused(npz: Path, tmp_path: Path, capsys) -> None:
    run = [*SMALL, "--out", str(tmp_path / "runs"), "--data", str(npz), "--set", "validation_examples=20"]
    assert main(run) == main(run) == 0
    stored = dict(np.load(npz))
    stored["x_test"][0] ^= 1
    np.savez(npz, **stored)
    assert main(run) == 2
    assert "fingerprint" in capsys.readouterr().err
    assert main([*run, "--data-name", "tiny2"]) == 0


def test_collecting_makes_one_file_that_holds_all(demo_records, tmp_path: Path, capsys) -> None:
    for record in demo_records[:3]:
        records.write(tmp_path, {key: value for key, value in record.items() if key != "checksum"})
    file = tmp_path / "all.jsonl"
    assert main(["collect", str(tmp_path), str(file)]) == 0
    assert records.load(file) == records.load(tmp_path)
    assert main(["collect", str(tmp_path), str(file), "--seed", "5"]) == 2
    assert main(["collect", str(tmp_path), str(tmp_path / "own.jsonl"), "--of", "groups"]) == 2  # none of it is here
    assert main(["collect", str(tmp_path), str(file), "--of", "fig2"]) == 0
    assert main(["collect", str(tmp_path), str(file), "--of", "nothing"]) == 2
    assert main(["collect", str(tmp_path), "/proc/nothing/x"]) == 2
    assert capsys.readouterr().err.count("\n") == 4  # a line for each refusal


def test_damaged_and_misshapen_data_get_one_line(npz: Path, capsys) -> None:
    stored = dict(np.load(npz))
    whole = npz.read_bytes()
    for content in (whole[:1000], b"hello"):
        npz.write_bytes(content)
        assert main(["run", "fig2", "--data", str(npz)]) == 2
    np.savez(npz, **(stored | {"x_train": stored["x_train"][..., 0]}))
    assert main(["run", "fig2", "--data", str(npz)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert "x_train must be uint8 [N, H, W, 1 or 3]" in errors[2]


def test_help_has_an_example_and_the_command_line_exits_as_main_says() -> None:
    for arguments in ([], ["run"], ["list"]):
        helped = subprocess.run(
            [sys.executable, "-m", "experiments", *arguments, "--help"], cwd=ROOT, capture_output=True, text=True
        )
        assert helped.returncode == 0
        assert "example" in helped.stdout
    refused = subprocess.run([sys.executable, "-m", "experiments", "run", "x"], cwd=ROOT, capture_output=True)
    assert refused.returncode == 2


class TestThePapersGrids:
    """The `paper` profiles are what the paper prints or plots (its sections 4 and 6 and appendix D)."""

    @staticmethod
    def _cells(name: str) -> tuple[Cell, ...]:
        return experiments.get(name).profiles["paper"].cells

    @staticmethod
    def _values(cells: Sequence[Cell], field: str) -> list[object]:
        return sorted({getattr(cell, field) for cell in cells})

    @pytest.mark.parametrize(
        ("name", "count", "model", "epochs", "dataset"),
        [
            ("fig1", 6 * 11 * 8, "2x64d", {100}, "cifar10"),
            ("fig2", 4 * 11 * 11, "2x64d", {100}, "cifar10"),
            ("fig3", 12 + 7, "2x96d", {1800}, "cifar10"),
            ("fig4", 5, "2x96d", {1800, 1500}, "cifar10"),
            ("fig4_imagenet32", 5, "2x96d", {150}, "imagenet32"),
            ("supp2", 16, "2x96d", {1800}, "cifar10"),
            ("supp3", 6 * 30, "2x64d", {25, 100, 400}, "cifar10"),
            ("supp3_imagenet32", 6 * 42, "2x64d", {1, 16, 64}, "imagenet32"),
            ("supp4", 10 + 7, "2x96d", {64}, "imagenet32"),
        ],
    )
    def test_size_net_budget_and_data(self, name: str, count: int, model: str, epochs: set[int], dataset: str) -> None:
        cells = self._cells(name)
        assert len(cells) == count
        assert {cell.epochs for cell in cells} == epochs
        assert {(cell.model, cell.dataset) for cell in cells} == {(f"shake_shake-26-{model}", dataset)}
        assert {(cell.batch_size, cell.validation_examples, cell.augment) for cell in cells} == {(128, 0, True)}

    def test_figure_1_has_three_schedules_with_drops_at_epochs_30_60_and_80(self) -> None:
        cells = self._cells("fig1")
        assert {cell.schedule for cell in cells} == {"fixed", "step_drop:30,60,80:0.1", "cosine"}
        assert self._values(cells, "decay") == [0.0, *(0.001 * 2.0**k for k in range(-5, 2))]
        assert self._values(cells, "alpha") == [0.1 * 2.0**k for k in range(-10, 1)]

    def test_figure_3_has_the_papers_decays(self) -> None:
        adam = [cell for cell in self._cells("fig3") if cell.optimizer == "adam"]
        adamw = [cell for cell in self._cells("fig3") if cell.optimizer == "adamw"]
        assert self._values(adam, "decay") == [1.95e-7, *(0.001 / 2.0**k for k in range(11, 0, -1))]
        assert self._values(adamw, "decay") == [0.4 / 2.0**k for k in range(6, -1, -1)]
        assert {(cell.alpha, cell.decay_unit) for cell in adamw} == {(0.001, "normalized")}

    def test_figure_4_restarts_after_100_epochs_and_doubles(self) -> None:
        restarted = [cell for cell in self._cells("fig4") if cell.schedule != "cosine"]
        assert {(cell.optimizer, cell.schedule, cell.epochs) for cell in restarted} == {
            ("adamw", "warm_restarts:100:2", 1500), ("sgdw", "warm_restarts:100:2", 1500),
        }  # fmt: skip
        assert {cell.schedule for cell in self._cells("fig4_imagenet32")} == {"cosine", "warm_restarts:10:2"}

    def test_supplementary_figure_3_has_both_axes(self) -> None:
        cells = self._cells("supp3")
        raw = [cell for cell in cells if cell.decay_unit == "step"]
        assert self._values(raw, "decay") == [0.001 / 16, 0.001 / 8, 0.001 / 4, 0.001 / 2, 0.001]
        assert self._values([c for c in cells if c not in raw], "decay") == [0.2 / 2.0**k for k in range(4, -1, -1)]
        assert self._values(cells, "alpha") == [0.01 / 2.0**k for k in range(6, 0, -1)]

    def test_batch_sizes_are_six_a_factor_of_32_apart_with_epochs_or_updates_fixed(self) -> None:
        for profile in experiments.get("batch_size").profiles.values():
            sizes = self._values(profile.cells, "batch_size")
            assert len(sizes) == 6
            assert sizes[-1] == 32 * sizes[0]
            assert {cell.optimizer for cell in profile.cells} == {"sgdw", "adamw"}
            updates = [cell.epochs / cell.batch_size for cell in profile.cells]
            epochs = [cell.epochs for cell in profile.cells]
            each = len(profile.cells) // 11
            assert max(map(updates.count, updates)) == max(map(epochs.count, epochs)) == 6 * each


def test_a_quick_run_is_the_same_grid_with_few_pictures() -> None:
    whole, quick = experiments.get("fig1"), experiments.get("fig1").changed({"quick": "run"})
    for name, profile in whole.profiles.items():
        cells = quick.profiles[name].cells
        assert len(cells) == len(profile.cells)
        assert {cell.train_examples for cell in cells} == {128}
        assert quick.profiles[name].seeds == 1


def test_what_looks_odd_is_one_line_at_the_end(capsys) -> None:
    def reported(**odd: Sequence[str]) -> str:
        running._report(experiments.get("fig2"), Outcome(anomalies=odd), _parser().parse_args(["run", "fig2"]))
        return capsys.readouterr().out.splitlines()[1].partition("; what to do")[0]

    assert reported(a=["dead training"]) == "1 cell looks odd: 1 dead training"
    two = reported(a=["dead training", "loss spike"], b=["dead training"])
    assert two == "2 cells look odd: 1 loss spike, 2 dead training"


def test_the_estimate_takes_each_kind_from_its_records_or_else_from_the_trial(capsys) -> None:
    short, long = Cell("d", "m", "sgd", 1.0, 0.0, 1), Cell("d", "m", "sgd", 1.0, 0.0, 9)
    missing = [short, short.replace(alpha=0.5), long]
    survey = Survey(missing=missing, seconds={kind_of(short): [100.0, 300.0]})
    known = Answer(seconds={kind_of(short): 7.0, kind_of(long): 3200.0})
    assert running._estimate(survey, known, 2) == 0
    told = capsys.readouterr().out
    assert "3 cells of about 3.3 min to 53 min each (2 records and a few updates on cpu, just now)" in told
    assert "about 1 core-hours, 30 min with 2 workers" in told


def test_the_estimate_says_what_a_gpu_would_take_where_that_is_worth_it(capsys) -> None:
    short, long = Cell("d", "m", "sgd", 1.0, 0.0, 1), Cell("d", "m", "sgd", 1.0, 0.0, 9)
    finished = Cell("d", "m", "sgd", 1.0, 0.0, 3)  # its kind is counted too, and adds nothing
    on_gpus = {
        (change, card): {kind_of(cell): seconds * cell.epochs for cell in (short, long, finished)}
        for change, seconds in (("", 600.0), ("precision=bf16", 60.0))
        for card in ("H100", "A100")
    }
    missing = [short, short.replace(alpha=0.5), long]
    hours = Answer(seconds={kind_of(short): 600.0, kind_of(long): 5400.0}, on_gpus=on_gpus)
    assert running._estimate(Survey(missing=missing), hours, 2) == 0
    head, as_is, changed = capsys.readouterr().out.splitlines()[-3:]
    assert "not measured (+- 40 %)" in head
    assert as_is == "  1.83 GPU-hours (H100), 1.83 GPU-hours (A100)"
    assert changed.startswith("  with --set precision=bf16 (")
    assert changed.endswith(": 11 GPU-minutes (H100), 11 GPU-minutes (A100)")
    minutes = hours._replace(seconds={kind_of(short): 60.0, kind_of(long): 540.0})
    assert running._estimate(Survey(missing=missing), minutes, 2) == 0
    assert "GPU" not in capsys.readouterr().out
    there = Answer(seconds=hours.seconds, device="cuda")
    assert running._estimate(Survey(missing=missing), there, 2) == 0
    assert "--set precision=bf16 trains them faster (products in bfloat16" in capsys.readouterr().out


def test_the_papers_own_scale_is_planned_on_a_cpu_and_without_data(tmp_path: Path, capsys) -> None:
    run = ["run", "fig2", "--profile", "paper", "--device", "cpu", "--data", str(tmp_path), "--only", "adamw"]
    assert main([*run, "--out", str(tmp_path / "runs"), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "to train: 121 cells of about " in told
    assert "GPU-hours (H100)" in told
    assert "  with --set precision=bf16 (products in bfloat16, weights and updates in float32): " in told
