"""What a job may use: the file's settings, the command line's over them, and one line for each mistake."""

import argparse
from pathlib import Path

import pytest

from experiments.choosing import UsageError
from slurm import settings


def read(*arguments: str, profile: str = "demo") -> settings.Settings:
    parser = argparse.ArgumentParser()
    settings.add_options(parser)
    given = parser.parse_args(arguments)
    given.profile = profile
    return settings.read(given)


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """slurm.toml in the folder where the command is typed."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "slurm.toml"


def test_defaults(toml: Path) -> None:
    small, large = read(), read(profile="paper")
    assert (small.cluster, small.minutes, small.gpus, small.cpus, small.device) == ("slurm", 60, 0, 4, "cpu")
    assert (large.gpus, large.device) == (1, "cuda")
    assert read("--gres", "gpu:a100:1", profile="gpu").gpus == 0  # asked for by name
    assert read("--gres", "gpu:a100:1", profile="gpu").device == "cuda"


def test_the_file_is_read_and_the_command_line_wins(toml: Path) -> None:
    toml.write_text('partition = "gpu"\naccount = "me"\ntime = "4:00:00"\nmem = 32\nsetup = ["module load x"]\n')
    found = read("--partition", "long", "--slurm", "reservation=adamw")
    assert found.minutes == 240
    sent = found.for_submitit("fig2-x")
    assert (sent["slurm_partition"], sent["slurm_account"], sent["mem_gb"]) == ("long", "me", 32)
    assert sent["slurm_setup"] == ["module load x"]
    assert sent["slurm_additional_parameters"] == {"requeue": True, "reservation": "adamw"}
    assert (sent["name"], sent["timeout_min"], sent["cpus_per_task"]) == ("fig2-x", 240, 4)
    assert "gpus_per_node" not in sent


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("1:30:00", 90), ("0:00:30", 1), ("2-01:00:00", 49 * 60), (45, 45), ("00:10:00", 10)],
)
def test_time_limits(text: str, expected: int) -> None:
    assert settings.minutes(text) == expected


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("partitoin = 'x'", "no setting 'partitoin': one of account,"),
        ("partition = 3", "partition = 3 is not a text"),
        ("gpus = true", "gpus = True is not a whole number"),
        ("setup = [1]", "setup must be a list of texts"),
        ("partition = ", "slurm.toml: "),
    ],
)
def test_a_mistake_in_the_file_is_one_line(toml: Path, file: str, told: str) -> None:
    toml.write_text(file)
    with pytest.raises(UsageError, match=told) as error:
        read()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--time", "soon"], "--time soon: minutes, or H:MM:SS"),
        (["--time", "0"], "at least a minute"),
        (["--gpus", "4"], "0 or 1"),
        (["--cpus", "0"], "--cpus must lie between 1 and 1,000,000"),
        (["--mem", "0"], "--mem must be more than 0 and at most 1,000,000 GB"),
        (["--cluster", "pbs"], "one of slurm, local, debug"),
        (["--slurm", "reservation"], "NAME=VALUE"),
        (["--settings", "nowhere.toml"], "nowhere.toml: No such file"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(toml: Path, arguments: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told) as error:
        read(*arguments)
    assert "\n" not in str(error.value)


def test_what_is_passed_on_is_known_to_submitit() -> None:
    from submitit.slurm.slurm import SlurmExecutor

    assert set(settings.PASSED_ON) <= SlurmExecutor._valid_parameters()
