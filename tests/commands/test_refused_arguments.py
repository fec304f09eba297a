"""What is typed is used as meant, or refused in one line with exit code 2 that says what was probably meant."""

import pytest

from analysis.__main__ import main as analysis
from experiments.__main__ import main
from paper_repro.decay import __main__ as decay
from slurm.__main__ import main as slurm

RUN = ["run", "fig2"]
PLAN = ["plan", "fig2"]
DECAY = ["0.1", "paper", "--lr", "1"]
MEASURE = ["measure", "torch.optim:SGD"]
MOVE = ["move", *DECAY]
REFUSED = [
    # options and verbs
    (main, [*RUN, "--seed", "3"], "no option --seed: did you mean --seeds?"),
    (main, [*RUN, "--seed=3"], "no option --seed: did you mean --seeds?"),
    (main, [*RUN, "--alpha", "1"], "no option --alpha: did you mean --alphas?"),
    (main, [*RUN, "--dry"], "did you mean --dry-run?"),
    (main, [*RUN, "--epochs", "3"], "did you mean --set epochs=...?"),
    (main, [*RUN, "--weight-decay", "3"], "did you mean --decays?"),
    (main, [*RUN, "\u2014seeds", "3"], "did you mean --seeds?"),
    (main, [*RUN, "--velocity", "9"], "no option --velocity: see --help"),
    (main, ["rnu", "fig2"], "no verb 'rnu', did you mean run?"),
    (main, [], "required: list|run|refine|collect"),
    (main, ["collect", "runs", "x.jsonl", "--se", "3"], "did you mean --seed?"),
    (analysis, ["figures", "fig2", "--seed", "3"], "no option --seed: did you mean --set seed=...?"),
    (analysis, ["statistics", "--recorde"], "no option --recorde: did you mean --recorded?"),
    (slurm, [*PLAN, "--parti", "x"], "no option --parti: did you mean --partition?"),
    (decay.main, [*DECAY, "--l", "1"], "no option --l: did you mean --lr?"),
    # empty, twice, one that replaces another
    (main, [*RUN, "--seeds", ""], "--seeds: it is empty"),
    (main, [*RUN, "--out", " "], "--out: it is empty"),
    (main, [*RUN, "--alphas="], "--alphas: it is empty"),
    (main, [*RUN, "--only", "sgdw", "--only", "adamw"], "--only: given twice"),
    (main, [*RUN, "--alphas=0.1", "--alphas", "0.2"], "--alphas: given twice"),
    (main, [*RUN, "--set", "epochs=1", "--set", "epochs=2"], "--set epochs is given twice"),
    (main, [*RUN, "--set", "seed=5", "--seeds", "2"], "--set seed=... would replace the values of --seeds"),
    (main, [*RUN, "--set", "decay=0", "--decays", "0.1"], "would replace the values of --decays"),
    (main, [*RUN, "--set", "optimizer=lion", "--only", "sgd,sgdw"], "would make one of sgd,sgdw"),
    (slurm, [*PLAN, "--time", "1", "--time", "2"], "--time: given twice"),
    (decay.main, [*DECAY, "--lr", "2"], "--lr: given twice"),
    # names
    (main, ["run", "figg2"], "no experiment 'figg2', did you mean fig2?"),
    (main, [*RUN, "--profile", "CPU"], "no profile 'CPU', did you mean cpu?"),
    (main, ["run", "fig3", "--profile", "gpu_short"], "fig3 has no profile 'gpu_short'"),
    (main, [*RUN, "--only", "AdamW"], "no optimizer 'AdamW', did you mean adamw?"),
    (main, [*RUN, "--set", "epoch=3"], "did you mean epochs?"),
    (main, [*RUN, "--set", "speed=1"], "no field 'speed'"),
    (main, [*RUN, "--set", "model=vgg-3"], "no model 'vgg'"),
    (main, [*RUN, "--set", "schedule=linear"], "schedule 'linear' is none of"),
    (main, [*RUN, "--set", "dataset=../../x"], "may hold letters"),
    (main, [*RUN, "--profile", "x" * 10**6], "no profile"),
    (decay.main, ["1", "keras", "--lr", "1"], "no convention 'keras': one of paper, "),
    # numbers
    (main, [*RUN, "--alphas", "a"], "--alphas takes numbers"),
    (main, [*RUN, "--alphas", "nan"], "alpha must lie between"),
    (main, [*RUN, "--alphas", "1e400"], "alpha must lie between"),
    (main, [*RUN, "--alphas", "0,001"], "decimal points, got '0,001'"),
    (main, [*RUN, "--alphas", "0,5"], "a learning rate of 0 trains nothing; a decimal has a point"),
    (main, [*RUN, "--decays", "0.5,5"], "a decay of 5 with sgdw"),
    (main, [*RUN, "--decays", "1_0"], "--decays takes numbers"),
    (main, [*RUN, "--seeds", "1_0"], "invalid int value: '1_0'"),
    (main, [*RUN, "--seeds", "3,5"], "invalid int value: '3,5'"),
    (main, [*RUN, "--seeds", "0"], "--seeds must be at least 1"),
    (main, [*RUN, "--seeds", "1000000000"], "196,000,000,000 cells"),
    (main, [*RUN, "--alphas", ",".join(map(str, range(9000)))], "252,000 cells"),
    (main, [*RUN, "--workers", "0"], "at least 1"),
    (main, [*RUN, "--workers", "1000000000"], "at most 1024"),
    (main, [*RUN, "--set", "compile=yes"], "compile is true or false"),
    (main, [*RUN, "--set", "epochs=1_0"], "epochs is a whole number"),
    (main, [*RUN, "--set", "alpha=0,001"], "alpha is a number"),
    (main, [*RUN, "--set", "seed=none"], "seed is a whole number"),
    (main, [*RUN, "--set", "seed=-1"], "seed must lie between"),
    (main, [*RUN, "--set", "train_examples=9999"], "3000 training images: 500 for validation"),
    (slurm, [*PLAN, "--time", "9" * 5000], "--time 999"),
    (slurm, [*PLAN, "--mem", "inf"], "--mem must be a whole number"),
    (decay.main, ["x", "paper", "--lr", "1"], "value: 'x' is not what comes first: a number and its"),
    (decay.main, ["0.1", "paper", "--lr", "0"], "lr (for 'torch') must be positive, got 0.0"),
    (decay.main, ["nan", "paper", "--lr", "1"], "decay must be zero or positive, got nan"),
    (decay.main, [*DECAY, "--momentum", "1"], "momentum must lie in [0, 1), got 1.0"),
    (decay.main, [*DECAY, "--epochs", "-3"], "epochs must be positive, got -3.0"),
    (decay.main, [*DECAY, "--examples", "9" * 400], "too large"),
    (decay.main, [*DECAY, "--to-epochs", "3"], "no option --to-epochs: did you mean --epochs?"),
    (decay.main, [*MOVE, "--to-batch", "3"], "no option --to-batch: did you mean --to-batch-size?"),
    (decay.main, [*MOVE, "--to-batch-size", "0"], "batch_size must be positive, got 0"),
    (decay.main, [*MOVE, "--to-epochs", "nan"], "epochs must be positive, got nan"),
    (decay.main, [*MOVE, "--to-examples", "9" * 400], "too large"),
    (decay.main, [*MOVE, "--to-lr", "0"], "lr (for 'torch') must be positive, got 0.0"),
    (decay.main, [*MOVE, "--to-lr", "1", "--to-lr", "2"], "--to-lr: given twice"),
    (decay.main, ["mvoe", *DECAY], "'mvoe' is not what comes first"),
    # optimizers to be measured
    (decay.main, ["measure"], "required: MODULE:NAME"),
    (decay.main, [*MEASURE, "--sett", "lr=1"], "did you mean --set?"),
    (decay.main, [*MEASURE, "--set", "lr"], "--set takes NAME=VALUE, as weight_decay=0.1, got 'lr'"),
    (decay.main, [*MEASURE, "--set", "lr=1", "--set", "lr=2"], "--set lr is given twice"),
    (decay.main, [*MEASURE, "--set", "lr=x"], "--set lr: a positive number is needed, got 'x'"),
    (decay.main, [*MEASURE, "--set", "weight_decay=0"], "--set weight_decay: a positive number is needed, got '0'"),
    (decay.main, [*MEASURE, "--set", "speed=1"], "torch.optim:SGD: no argument 'speed'"),
    (decay.main, [*MEASURE, "--set", "momentum=-1"], "torch.optim:SGD cannot be built: ValueError: Invalid momentum"),
    (decay.main, ["measure", "torch"], "named MODULE:NAME, as torch.optim:AdamW, got 'torch'"),
    (decay.main, ["measure", "torch.optin:SGD"], "there is no module torch.optin, here or on PYTHONPATH"),
    (decay.main, ["measure", "torch.optim:AdamV"], "torch.optim: no optimizer 'AdamV', did you mean Adam"),
    (decay.main, ["measure", "torch.optim:lr_scheduler"], "torch.optim:lr_scheduler is not an optimizer"),
    (decay.main, ["measure", "torch.optim:Optimizer"], "torch.optim:Optimizer is the base class of all optimizers"),
    # places and data
    (main, [*RUN, "--data", "nowhere.npz"], "nowhere.npz: there is no such file"),
    (main, [*RUN, "--data", "/dev/zero"], "neither an .npz file nor a folder"),
    (main, [*RUN, "--data-name", "x"], "--data-name"),
    (main, [*RUN, "--data", "x.npz", "--set", "dataset=y"], "--data-name names"),
    (main, [*RUN, "--data", "x.npz", "--data-name", "../../x"], "cannot be called"),
    (main, ["run", "first_steps", "--data", "x.npz", "--data-name", "../../x"], "cannot be called"),
    (main, [*RUN, "--out", "/proc/nothing"], "cannot be written"),
    (main, [*RUN, "--out", "a\nb"], "cannot be printed"),
    (main, [*RUN, "--only", "a\x00b"], "cannot be printed"),
    (main, ["collect", "nowhere", "file.jsonl"], "no such folder: nowhere"),
    (main, ["run", "propositions", "--workers", "0"], "--workers is for cells"),
    (main, ["run", "propositions", "--data", "."], "--data: propositions uses no data"),
    (analysis, ["figures", "--runs", "\x1b[2J"], "cannot be printed"),
]


@pytest.mark.parametrize(("command", "arguments", "words"), REFUSED, ids=range(len(REFUSED)))
def test_it_is_refused_in_one_line(command, arguments: list[str], words: str, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert len(error) < 5000
    assert {path.name for path in tmp_path.iterdir()} <= {"runs"}
