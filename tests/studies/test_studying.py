"""python -m experiments run of a study: measured once, kept, refused in a line."""

import json
from pathlib import Path

import pytest

import experiments
from experiments.__main__ import main
from experiments.declare import settings_of


def test_it_is_measured_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "propositions", "--out", str(tmp_path)]
    assert main(command) == 0
    path = tmp_path / "studies" / "propositions-demo.json"
    written = path.stat().st_mtime_ns
    assert main(command) == 0
    assert path.stat().st_mtime_ns == written
    assert "python -m analysis figures propositions --runs" in capsys.readouterr().out


def test_a_quick_try_replaces_nothing(tmp_path: Path, npz: Path) -> None:
    command = ["run", "first_steps", "--out", str(tmp_path), "--data", str(npz), "--quick"]
    assert main([*command, "--data-name", "mine"]) == 2  # it has too few pictures for the demo's cell
    assert main(["run", "first_steps", "--out", str(tmp_path), "--quick"]) == 0
    found = json.loads((tmp_path / "studies" / "first_steps-demo-quick.json").read_text())
    assert len(found["rows"][0]["losses"]) == 10


def test_the_data_set_of_a_file_is_named() -> None:
    profile = experiments.get("first_steps").profiles["demo"]
    assert settings_of(profile, "tiny") == {**settings_of(profile, None), "cell": {
        **profile.settings["cell"], "dataset": "tiny"
    }}  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seeds", "3"], "--seeds is for cells"),
        (["--set", "epochs=3"], "--set is for cells"),
        (["--data", "pictures.txt"], "propositions uses no data"),
        (["--out", "/proc/nothing"], "cannot be written"),
        (["--profile", "huge"], "no profile 'huge'"),
    ],
)
def test_what_makes_no_sense_is_refused(options, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "propositions", *options]) == 2
    assert said in capsys.readouterr().err


def test_damage_is_told_and_left_for_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "studies" / "propositions-demo.json"
    path.parent.mkdir()
    path.write_text("{")
    assert main(["run", "propositions", "--out", str(tmp_path)]) == 2
    assert "remove it to measure anew" in capsys.readouterr().err


def test_what_is_only_drawn_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "supp1"]) == 0
    assert "python -m analysis figures supp1" in capsys.readouterr().out
