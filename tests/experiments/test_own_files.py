"""What is wrong with a file of one's own is said in a line, with the place: models, optimizers, experiments."""

import sys
from pathlib import Path

import pytest

from experiments.__main__ import main

NETWORK = "from torch import nn\ndef build(variant, num_classes, image_size, channels):\n    {body}\n"
OPTIMIZER = "import torch\n{top}\ndef build(params, alpha, decay):\n    {body}\n"
MODELS = {
    "return nn.Linear(int(variant), 3)": "net.py, line 3: ValueError: invalid literal",
    "return None": "build must return a torch.nn.Module, not NoneType",
    "raise SystemExit(3)": "net.py, line 3: SystemExit: 3",
    "return nn.Sequential(nn.Flatten(), nn.LazyLinear(3, 4, 5, 6, 7))": "net.py, line 3: TypeError",
}
OPTIMIZERS = {
    ("", "return torch.optim.AdamW(params, lr=alpha, weight_decay=decay)"): 'does not read group["decay"]',
    ("", "return torch.optim.AdamW(params, lr=alpha)"): 'does not read group["decay"]',
    ("", "return torch.optim.SGD(params, lr=alpha)"): 'does not read group["decay"]',
    ("", "return torch.optim.LBFGS(params, lr=alpha)"): "optimizer 'mypackage.opt' cannot be built",
    ("import nothing_there", "return 1"): "opt.py, line 2: ModuleNotFoundError",
    ("x = = 1", "return 1"): "opt.py, line 2: SyntaxError",
    ("", "return None"): "build must return a torch optimizer, not NoneType",
    ("", "return alpha / 0"): "opt.py, line 4: ZeroDivisionError",
    ("", "raise SystemExit(3)"): "opt.py, line 4: SystemExit: 3",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mypackage"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "mypackage"]:
        del sys.modules[name]


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["run", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("body", MODELS)
def test_of_a_model(body: str, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (package / "net.py").write_text(NETWORK.format(body=body))
    options = ["--quick", "--set", "model=mypackage.net", "--out", str(tmp_path / "runs")]
    line = refusal(capsys, "fig2", *options)
    assert "model 'mypackage.net'" in line
    assert MODELS[body] in line


@pytest.mark.parametrize(("top", "body"), OPTIMIZERS)
def test_of_an_optimizer(
    top: str, body: str, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (package / "opt.py").write_text(OPTIMIZER.format(top=top, body=body))
    options = ["--only", "adamw", "--quick", "--set", "optimizer=mypackage.opt", "--out", str(tmp_path / "runs")]
    line = refusal(capsys, "fig2", *options)
    assert "optimizer 'mypackage.opt'" in line
    assert OPTIMIZERS[top, body] in line


WIDTHS = """
from experiments.declare import Experiment, Profile, grid, halvings
from experiments.scales import DEMO, NOTES

CELLS = [c for w in (4, 8) for c in grid(DEMO.replace(model=f"resnet-8-w{{w}}"), ["adamw"], halvings(0.02, 2), [0.01])]
EXPERIMENT = Experiment(
    name="widths", title="The best decay against the width", figure={figure!r},
    profiles={{"demo": Profile(tuple(CELLS), NOTES["demo"])}}, facets={facets},
)
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_there", "experiment mypackage.widths: widths.py, line 1: ModuleNotFoundError"),
        (
            "from experiments.paper.fig3 import EXPERIMENT as A\nfrom experiments.paper.fig2 import EXPERIMENT as B",
            "it holds several; call the one that is meant EXPERIMENT",
        ),
        ("x = = 1", "experiment mypackage.widths: widths.py, line 1: SyntaxError"),
        ("x = 1", "experiment mypackage.widths: it declares no Experiment"),
        (WIDTHS.format(figure="heat_maps", facets='("model")'), "facets must be names of a cell's fields"),
        (WIDTHS.format(figure="heat_maps", facets='("modle",)'), "facets must be names of a cell's fields"),
    ],
)
def test_of_an_experiment(text: str, message: str, package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (package / "widths.py").write_text(text)
    assert message in refusal(capsys, "mypackage.widths", "--dry-run")


def test_an_experiment_that_is_not_there(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, "mypackage.nothing") == (
        "experiments: no experiment 'mypackage.nothing': there is no such module here or on PYTHONPATH"
    )


def test_an_experiment_that_is_imported_is_not_ones_own(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "from experiments.paper.fig2 import EXPERIMENT as FIG2\n"
    (package / "widths.py").write_text(text + WIDTHS.format(figure="heat_maps", facets='("model",)'))
    assert main(["run", "mypackage.widths", "--quick", "--dry-run", "--out", str(tmp_path)]) == 0
    assert "4 cells" in capsys.readouterr().out


def test_an_experiment_of_ones_own_is_run_and_drawn(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from analysis.__main__ import main as analysis

    (package / "widths.py").write_text(WIDTHS.format(figure="heat_maps", facets='("model",)'))
    out = str(tmp_path / "runs")
    assert main(["run", "mypackage.widths", "--quick", "--workers", "1", "--out", out]) == 0
    assert "analysis figures mypackage.widths" in capsys.readouterr().out
    assert analysis(["figures", "mypackage.widths", "--quick", "--runs", out, "--out", str(tmp_path / "images")]) == 0
    assert list((tmp_path / "images").glob("mypackage.widths-demo*.png"))
    (package / "widths.py").write_text(WIDTHS.format(figure="heatmaps", facets='("model",)'))
    del sys.modules["mypackage.widths"]
    assert analysis(["figures", "mypackage.widths", "--quick", "--runs", out, "--out", str(tmp_path / "images")]) == 2
    assert "mypackage.widths: no figure 'heatmaps'" in capsys.readouterr().err
