"""What a job may use: the file's settings, the command line's over them, and one line for each mistake."""

import argparse
import os
from pathlib import Path
from typing import Any

import pytest

from paper_repro.cli import UsageError
from slurm import sbatch, settings


def read(*arguments: str, profile: str = "demo") -> settings.Settings:
    parser = argparse.ArgumentParser()
    settings.add_options(parser)
    given = parser.parse_args(arguments)
    given.profile = profile
    return settings.read(given)


def sbatch_text(chosen: settings.Settings) -> str:
    """The file that submitit makes for sbatch; it looks for srun alone."""
    executor: Any = sbatch.executor_for(Path("out"), "name", chosen, Path("code"))
    return str(executor._make_submission_file_text("command", "uid"))


@pytest.fixture(autouse=True)
def _shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell with a program called srun and no variables of SLURM's."""
    for name in [name for name in os.environ if name.startswith(("SLURM_", "SBATCH_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "srun").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """slurm.toml in the folder where the command is typed."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "slurm.toml"


def test_defaults(toml: Path) -> None:
    small, large = read(), read(profile="paper")
    assert (small.minutes, small.gpus, small.cpus, small.device) == (60, 0, 4, "cpu")
    assert (large.gpus, large.device) == (1, "cuda")


def test_the_file_is_read_and_the_command_line_wins(toml: Path) -> None:
    toml.write_text('partition = "gpu"\naccount = "me"\ntime = "4:00:00"\nmem = 32\nsetup = ["module load x"]\n')
    args = read("--partition", "long", "--slurm", "reservation=adamw", "--slurm", "overcommit")
    assert args.minutes == 240
    sent = args.for_submitit("fig2-x")
    assert sent["setup"] == ["module load x"]
    assert sent["additional_parameters"] == {
        "requeue": True, "partition": "long", "account": "me", "mem": "32GB", "reservation": "adamw",
        "overcommit": True,
    }  # fmt: skip
    assert (sent["job_name"], sent["time"], sent["cpus_per_task"]) == ("fig2-x", 240, 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("1:30:00", 90), ("0:00:30", 1), ("2-01:00:00", 49 * 60), ("00:10:00", 10), ("90:00", 90)],
)
def test_time_limits(toml: Path, text: str, expected: int) -> None:
    assert read("--time", text).minutes == expected
    toml.write_text("time = 45")
    assert read().minutes == 45


@pytest.mark.parametrize(
    ("file", "refusal"),
    [
        ("partitoin = 'x'", "no setting 'partitoin', did you mean partition"),
        ("partition = true", "partition must be a name and a text or number"),
        ("gpus = true", "gpus must be"),
        ("setup = [1]", r"setup must be a list of lines, got \[1\]"),
        ("partition = ", "slurm.toml: "),
        ("time = true", "time must be"),
        ("cpus = 2.5", "--cpus must be a whole number"),
        ("account = ''", "account must be"),
        ("cpus_per_gpu = 8", "cpus_per_gpu: use --cpus"),
        ("use_srun = false", "use_srun: a job is one process on one node, .* started by srun"),
        ("gpus = 1\ngpus_per_task = 1", "gpus_per_task is given twice"),
        ("gpus = 1\ngres = 'gpu:1'", "gpus is given twice"),
        ("account = 'a'\nadditional_parameters = { account = 'b' }", "additional_parameters: account is given twice"),
        ("additional_parameters = { nodes = 5 }", "additional_parameters: nodes: a job is one process"),
        ("additional_parameters = { x = [1] }", r"x must be a name and a text or number, .* got \[1\]"),
        ("additional_parameters = { hold = false }", "hold must be"),
        ('additional_parameters = { hint = "a\\u000ab" }', "hint must be"),
        ("additional_parameters = 3", "additional_parameters:  must be"),
        ('setup = ["a\\u000ab"]', "setup must be a list of lines"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(toml: Path, file: str, refusal: str) -> None:
    toml.write_text(file)
    with pytest.raises(UsageError, match=refusal) as error:
        read()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (["--time", "soon"], "--time soon: minutes"),
        (["--time", "0"], "at least one"),
        (["--cpus", "0"], "--cpus must be a whole number between 1 and 1,000,000"),
        (["--mem", "0"], "--mem must be a whole number of GB above 0, or as in 32G"),  # sbatch: all that a node has
        (["--mem", "0.0001"], "got 0.0001"),
        (["--mem", "32Q"], "got 32Q"),
        (["--settings", "nowhere.toml"], "nowhere.toml: No such file"),
        (["--slurm", "reservation="], "--slurm reservation must be"),
        (["--slurm", "gpus"], "--slurm gpus must be"),
        (["--slurm", "gres-flags=a", "--slurm", "gres_flags=b"], "--slurm gres_flags is given twice"),
        (["--account", "a", "--slurm", "account=b"], "--slurm account is given twice"),
        (["--time", "5", "--slurm", "time=1:00"], "--slurm time is given twice"),
        (["--slurm=--qos=x"], "--slurm --qos must be a name"),
        (["--slurm", "cpus_per_task=2"], "--slurm cpus_per_task: use --cpus"),
        (["--slurm", "array=0-3"], "use --parallel"),
        (["--slurm", "arr=0-3"], "use --parallel"),  # sbatch takes it for array
        (["--slurm", "gpus-per-t=4"], "use --gpus"),
        (["--slurm", "job-name=x"], "status and logs find jobs by"),
        (["--slurm", "requeue"], "always asks to be put back"),
        (["--slurm", "nodes=2"], "a job is one process on one node"),
        (["--slurm", "chdir=/x"], "a job runs in the copy of the code that submit makes"),
        (["--slurm", "clusters=x"], "on a login node of that cluster"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(toml: Path, arguments: list[str], refusal: str) -> None:
    with pytest.raises(UsageError, match=refusal) as error:
        read(*arguments)
    assert "\n" not in str(error.value)


def test_how_long_before_its_end_a_job_is_told_is_set_in_the_file(toml: Path) -> None:
    toml.write_text("signal_delay_s = 30")
    assert "#SBATCH --signal=USR2@30\n" in sbatch_text(read())


@pytest.mark.parametrize(("text", "sent"), [("32", "32GB"), ("32G", "32GB"), ("500MB", "500MB"), ("1t", "1TB")])
def test_memory_is_typed_as_for_sbatch_but_for_gb_without_a_unit(toml: Path, text: str, sent: str) -> None:
    assert f"#SBATCH --mem={sent}\n" in sbatch_text(read("--mem", text))


A_GPU = ["gpus=1", "gpus=a100:1", "gpus=a100", "gpus-per-node=1", "gpus_per_node=a100:1", "gpus-per-task=1"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--gpus", "1"], ["--gpus", "a100:1"], ["--gres", "gpu"], ["--gres", "gpu:1"], ["--gres", "gpu:a100:1"],
        ["--gres", "nvme:2,gpu:1g.5gb:1"], ["--slurm", "gres=gpu:1"], ["--gpus", "a100", "--gres", "nvme:1"],
        *(["--slurm", text] for text in A_GPU),
        *(["toml", text] for text in ("gpus = 1", "gpus_per_task = 1", "gres = 'gpu:1'")),
        *(["toml", f"additional_parameters = {{ {text} }}"] for text in ("gpus = 1", "gres = 'gpu:1'")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("profile", ["demo", "gpu"])
def test_a_gpu_asked_for_in_any_way_is_one_that_is_asked_for_once(
    toml: Path, arguments: list[str], profile: str
) -> None:
    if arguments[0] == "toml":
        toml.write_text(arguments[1])
    args = read(*arguments[2 * (arguments[0] == "toml") :], profile=profile)
    assert (args.gpus, args.device) == (1, "cuda")
    text = sbatch_text(args)
    (line,) = [line for line in text.splitlines() if line.startswith(("#SBATCH --gres", "#SBATCH --gpus"))]
    assert line.startswith("#SBATCH --gres=gpu:")
    assert line.count("gpu:") == 1
    assert ("nvme" in line) == ("nvme" in " ".join(arguments))
    assert ("a100" in line) == ("a100" in " ".join(arguments))


FOUR = [
    "--gpus {}", "--gres gpu:{}", "--slurm gpus={}", "--slurm gpus-per-node={}", "--slurm gres=gpu:{}",
    "toml gpus = '{}'", "toml gpus_per_node = '{}'", "toml gres = 'gpu:{}'",
    "toml additional_parameters = {{ gpus = '{}' }}",
]  # fmt: skip


@pytest.mark.parametrize("words", FOUR)
@pytest.mark.parametrize("kind", ["", "a100"])
def test_four_gpus_asked_for_in_any_way_are_four_tasks_with_one_each(toml: Path, words: str, kind: str) -> None:
    how, _, rest = words.format(f"{kind}:4".lstrip(":")).partition(" ")
    if how == "toml":
        toml.write_text(rest)
    args = read(*([] if how == "toml" else [how, rest]))
    toml.unlink(missing_ok=True)
    assert (args.gpus, args.device, args.gpu_type) == (4, "cuda", kind)
    assert (text := sbatch_text(args)) == sbatch_text(read("--gpus", f"{kind}:4".lstrip(":")))
    for line in ("ntasks-per-node=4", f"gpus-per-task={kind}:1".replace("=:", "="), "cpus-per-task=4", "nodes=1"):
        assert f"#SBATCH --{line}\n" in text
    assert "gres" not in text
    assert " --gpus-per-task=1 " in text.splitlines()[-1]


def test_four_gpus_leave_other_resources_as_they_were_typed(toml: Path) -> None:
    text = sbatch_text(read("--gres", "nvme:2,gpu:a100:4"))
    assert "#SBATCH --gpus-per-task=a100:1\n" in text
    assert "#SBATCH --gres=nvme:2\n" in text


@pytest.mark.parametrize("words", ["--gpus a100", "--gpus a100:1", "--gres gpu:a100", "--slurm gpus-per-task=a100:1"])
def test_one_gpu_is_the_same_text_however_it_is_typed(toml: Path, words: str) -> None:
    assert sbatch_text(read(*words.split())) == sbatch_text(read("--gres", "gpu:a100:1"))


@pytest.mark.parametrize(
    "words", ["--gpus 0", "--gres gpu:0", "--gres gpu:a100:0", "--slurm gpus=0", "--slurm gpus-per-node=0"]
)
@pytest.mark.parametrize("profile", ["demo", "gpu"])
def test_no_gpu_is_none(toml: Path, words: str, profile: str) -> None:
    args = read(*words.split(), profile=profile)
    assert (args.gpus, args.device) == (0, "cpu")
    assert "--g" not in sbatch_text(args)


def test_a_clean_environment_is_handed_on_to_srun_which_would_clean_it_again(toml: Path) -> None:
    text = sbatch_text(read("--slurm", "export=NONE"))
    assert "#SBATCH --export=NONE\n" in text
    assert " --export=ALL " in text.splitlines()[-1]
    assert "--export" not in sbatch_text(read())


def test_a_gres_of_other_things_is_no_gpu(toml: Path) -> None:
    assert read("--gres", "gpumem:8G,nvme:1").device == "cpu"
    assert read("--gres", "nvme:1", profile="gpu").gpus == 1


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("--gpus 100", "gpus=100: whole GPUs of one node, at most 99"),
        ("--gres gpu:a100:1,gpu:v100:1", "whole GPUs of one node, .* of one type"),
        ("--gres gpu:1K", "whole GPUs"),
        ("--slurm gpus=-1", "whole GPUs"),
        ("--slurm gpus=1.5", "whole GPUs"),
        ("--gres shard:4", "gpus=shard:4: whole GPUs of one node"),
        ("--gres gpu:1,mps:50", "whole GPUs"),
        ("--gpus 0 --gres gpu:1", r"--gpus is given twice \(a gres of gpu counts\)"),
        ("--gpus 1 --gres gpu:0", "twice"),
        ("--gres gpu:1 --slurm gpus=v100:1", "twice"),
        ("--gpus 0 --slurm gpus=a100:1", "--slurm gpus is given twice"),
        ("--slurm gpus=1 --slurm gpus-per-node=1", "--slurm gpus-per-node is given twice"),
        ("--slurm gpus-per-socket=1", "use --gpus"),
        ("--slurm tres-per-task=gres/gpu:1", "use --gpus"),
        ("--slurm ntasks-per-gpu=1", "a job is one process on one node, or one for each of its --gpus"),
    ],
)
def test_gpus_that_are_not_whole_or_contradict_each_other_are_refused(toml: Path, words: str, refusal: str) -> None:
    with pytest.raises(UsageError, match=refusal) as error:
        read(*words.split())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("file", "words", "gpus", "gres"),
    [
        ("gres = 'gpu:a100:1,nvme:1'", "--gres gpu:0,nvme:1", 0, "nvme:1"),
        ("gres = 'gpu:a100:1'", "--gpus 1", 1, "gpu:1"),
        ("gpus = 1", "--gres gpu:0", 0, None),
        ("gpus = 1", "--gres nvme:1", 1, "gpu:1,nvme:1"),
        ("gpus_per_task = 1", "--gpus 0", 0, None),
        ("additional_parameters = { gpus = 0 }", "--gpus 1", 1, "gpu:1"),
        ("gpus = 4.5", "--gpus 1", 1, "gpu:1"),  # wrong by itself, and not used
        ("gpus = 1", "--gpus 4", 4, None),
    ],
)
def test_gpus_of_the_command_line_win_over_the_file_s(
    toml: Path, file: str, words: str, gpus: int, gres: str | None
) -> None:
    toml.write_text(file)
    args = read(*words.split())
    assert (args.gpus, args.options.get("gres")) == (gpus, gres)


def test_what_nobody_typed_is_taken_from_the_shell_as_sbatch_does(toml: Path, monkeypatch) -> None:
    toml.write_text("qos = 'high'")
    shell = {
        "ACCOUNT": "proj42",
        "PARTITION": "shell",
        "QOS": "low",
        "RESERVATION": "r",
        "CONSTRAINT": "",
        "WCKEY": "w",
    }
    for name, value in {**shell, "TIMELIMIT": "5", "GRES": "gpu:4", "MEM_PER_NODE": "1"}.items():
        monkeypatch.setenv(f"SBATCH_{name}", value)
    monkeypatch.setenv("SLURM_ACCOUNT", "srun-s")
    found = read("--partition", "typed")
    text = sbatch_text(found)
    for line in ("account=proj42", "partition=typed", "qos=high", "reservation=r", "wckey=w", "time=60"):
        assert f"#SBATCH --{line}\n" in text
    assert not [
        word for word in ("constraint", "gres", "mem", "shell", "srun-s") if word in text.partition("# command")[0]
    ]
    taken, left = found.notes
    assert taken == "from this shell, as for sbatch: SBATCH_ACCOUNT=proj42, SBATCH_RESERVATION=r, SBATCH_WCKEY=w"
    others = ["GRES", "MEM_PER_NODE", "PARTITION", "QOS", "TIMELIMIT"]
    assert left.startswith(f"not used: {', '.join(f'SBATCH_{name}' for name in others)}, SLURM_ACCOUNT (")


def test_a_job_around_this_one_says_nothing_and_a_line_break_none_to_sbatch(toml: Path, monkeypatch) -> None:
    for name, value in {"JOB_ID": "3", "JOB_ACCOUNT": "a", "PARTITION": "b", "CPUS_PER_TASK": "64"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert (read().options, read().notes) == ({}, ())
    monkeypatch.setenv("SBATCH_ACCOUNT", "a\nrm -rf /")
    with pytest.raises(UsageError, match="SBATCH_account must be"):
        read()
