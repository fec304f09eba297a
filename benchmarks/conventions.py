"""The weight decay of optimizers on PyPI, measured: python -m benchmarks.conventions

The packages are installed, pinned, in an environment of its own that is removed again; torch is this one's. Writes
docs/conventions.csv, a row for each optimizer, and the table in docs/conventions.md. Ten to twenty minutes on one core.
Left out: heavyball, whose 41 optimizers compile for minutes each.
"""

import argparse
import csv
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import venv
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {  # on PyPI, and the module that holds the optimizers
    "torch": "torch.optim", "timm==1.0.31": "timm.optim", "pytorch_optimizer==4.1.0": "pytorch_optimizer",
    "torch_optimizer==0.3.0": "torch_optimizer", "schedulefree==1.4.1": "schedulefree",
    "lion-pytorch==0.2.5": "lion_pytorch", "torch-optimi==0.3.3": "optimi",
    "mosaicml==0.32.1": "composer.optim.decoupled_weight_decay", "bitsandbytes==0.50.2": "bitsandbytes.optim",
    "prodigyopt==1.1.2": "prodigyopt", "dadaptation==3.2": "dadaptation", "came-pytorch==0.1.3": "came_pytorch",
    "adabelief-pytorch==0.2.1": "adabelief_pytorch", "adam-mini==1.1.1": "adam_mini",
}  # fmt: skip
NEEDED = [  # by them, beside torch
    "huggingface_hub", "safetensors", "pyyaml", "einops", "pytorch_ranger", "tabulate", "colorama", "requests",
    "py-cpuinfo", "importlib_metadata", "lazy_importer", "psutil", "torchmetrics", "coolname", "mosaicml-cli",
]  # fmt: skip
VARIANTS: dict[str, list[dict[str, Any]]] = {  # beside the defaults
    "torch.optim:SGD": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "torch.optim:Adam": [{"decoupled_weight_decay": True}, {"amsgrad": True}],
    "torch.optim:NAdam": [{"decoupled_weight_decay": True}],
    "torch.optim:RAdam": [{"decoupled_weight_decay": True}],
    "timm.optim:AdamWLegacy": [{"corrected_weight_decay": True}],
    "timm.optim:SGDW": [{"corrected_weight_decay": True}],
    "timm.optim:Lion": [{"corrected_weight_decay": True}, {"caution": True}],
    "timm.optim:NAdamW": [{"corrected_weight_decay": True}],
    "pytorch_optimizer:AdEMAMix": [{"weight_decouple": True}],
    "pytorch_optimizer:AdamW": [{"fixed_decay": True}],
    "pytorch_optimizer:Lion": [{"fixed_decay": True}],
    "lion_pytorch:Lion": [{"decoupled_weight_decay": True}],
    "optimi:AdamW": [{"decouple_lr": True}],
}
SECONDS = 20  # of a core, for one optimizer: on a busy machine, too, the same are measured
COLUMNS = (
    "package", "version", "optimizer", "settings", "convention", "share", "lr_exponent", "decay_exponent",
    "schedule_exponent", "doubled", "cautious", "after_step", "in_buffers", "without_gradient", "at_lr_zero", "in_bf16",
    "foreach_differs", "groups_ignored", "why", "faults", "words",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conventions", description=__doc__)
    parser.add_argument("--only", nargs=2, metavar=("PACKAGE", "MODULE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        for row in _rows(*args.only):
            print("|row " + json.dumps(row), flush=True)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        python = _environment(Path(folder))
        rows = [row for package, module in PACKAGES.items() for row in _of_package(python, package, module)]
    rows.sort(key=lambda row: (row["package"].lower(), row["optimizer"].lower(), row["settings"]))
    with (ROOT / "docs" / "conventions.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    _write_page(rows)
    return 0


def _environment(folder: Path) -> str:
    """The Python of a new environment with the packages, and torch from this one."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    (next(folder.glob("lib/python*/site-packages")) / "torch.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *NEEDED], check=True)
    subprocess.run([*pip, "--no-deps", *[name for name in PACKAGES if name != "torch"]], check=True)
    return python


def _of_package(python: str, package: str, module: str) -> Iterator[dict[str, Any]]:
    print(package, file=sys.stderr, flush=True)
    command = [python, "-W", "ignore", "-m", "benchmarks.conventions", "--only", package, module]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    found = [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("|row ")]
    if done.returncode:
        print(f"  ended with code {done.returncode} after {len(found)} rows", file=sys.stderr)
    yield from found


def _rows(package: str, module: str) -> Iterator[dict[str, Any]]:
    """A row for each optimizer of a module that is imported here."""
    warnings.simplefilter("ignore")
    import importlib.metadata

    import torch

    from paper_repro.cli import UsageError
    from paper_repro.decay import named

    name = package.partition("==")[0]
    version = importlib.metadata.version(name).partition("+")[0]
    classes = vars(importlib.import_module(module)).items()
    optimizers = sorted(
        key for key, value in classes
        if isinstance(value, type) and issubclass(value, torch.optim.Optimizer) and value is not torch.optim.Optimizer
    )  # fmt: skip

    def late(number: int, frame: object) -> None:
        raise TimeoutError(f"not done after {SECONDS} s")

    signal.signal(signal.SIGPROF, late)
    for optimizer in optimizers:
        for settings in ({}, *VARIANTS.get(f"{module}:{optimizer}", [])):
            row = {"package": name, "version": version, "optimizer": optimizer}
            row["settings"] = ", ".join(f"{key}={value}" for key, value in settings.items())
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                found = named.measured(f"{module}:{optimizer}", settings)
                measured = vars(found.result) | {"faults": " ".join(found.result.faults)}
            except (UsageError, TimeoutError) as error:
                measured = {"convention": "not measured", "why": str(error)}
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            yield row | {key: _rounded(measured.get(key)) for key in COLUMNS if key not in row}


def _rounded(value: Any) -> Any:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else value


def _write_page(rows: Sequence[dict[str, Any]]) -> None:
    """The table between two marks of docs/conventions.md: of each package and convention the optimizers."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        notes = [key.replace("_", " ") for key in ("doubled", "cautious") if row[key] is True]
        name = f"{row['optimizer']}{'(' + row['settings'] + ')' if row['settings'] else ''}"
        convention = row["convention"] + "".join(f", {note}" for note in notes)
        groups.setdefault((f"{row['package']} {row['version']}", convention), []).append(name)
    counts = Counter(row["convention"] for row in rows)
    lines = [
        f"{len(rows)} optimizers and settings of {len({row['package'] for row in rows})} packages, torch "
        f"{next(row['version'] for row in rows if row['package'] == 'torch')}, {datetime.date.today():%d %B %Y}: "
        + ", ".join(f"{count} {name}" for name, count in counts.most_common()) + ".",
        "", "| package | convention | optimizers |", "|---|---|---|",
        *(f"| {package} | {convention} | {', '.join(names)} |" for (package, convention), names in groups.items()),
    ]  # fmt: skip
    page = ROOT / "docs" / "conventions.md"
    marks = ("<!-- begin: optimizers (python -m benchmarks.conventions) -->\n", "<!-- end -->")
    pattern = f"{re.escape(marks[0])}.*?{re.escape(marks[1])}"
    text = "\n".join([marks[0], *lines, "", marks[1]])
    page.write_text(re.sub(pattern, lambda _: text, page.read_text(), count=1, flags=re.DOTALL))


if __name__ == "__main__":
    sys.exit(main())
