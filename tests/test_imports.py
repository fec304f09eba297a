"""The import rule of the design: planning sweeps and drawing figures never waits for torch, and nothing flows back."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIGHT = [
    "paper_repro", "paper_repro.cell", "paper_repro.records", "paper_repro.schedules", "paper_repro.decay",
    "paper_repro.decay.laws", "paper_repro.cli",
    "paper_repro.sweep.engine", "paper_repro.sweep.preflight", "paper_repro.studies", "experiments",
    "experiments.__main__",
    "paper_repro.sweep.leases", "paper_repro.records.provenance", "experiments.paper.fig2",
    "experiments.run", "experiments.verify", "slurm",
    "slurm.__main__", "slurm.job",
    "analysis",
]  # fmt: skip


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Those that run at import: through if, try, with and classes, but not into functions or TYPE_CHECKING."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from statements(statement.orelse)
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for part in ("body", "orelse", "finalbody"):
                yield from statements(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                yield from statements(handler.body)


def imported(path: Path, everywhere: bool = True) -> set[str]:
    """Full names of what a file imports, anywhere or as it is imported itself: "a.b" for `from a import b`."""
    tree, found = ast.parse(path.read_text()), set()
    for node in ast.walk(tree) if everywhere else statements(tree.body):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.parent.relative_to(ROOT).parts
            above = package[: len(package) - node.level + 1] if node.level else ()
            found |= {".".join([*above, *filter(None, [node.module]), alias.name]) for alias in node.names}
    return found


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def breaches(package: str, forbidden: set[str]) -> list[str]:
    files = sources(package)
    assert files
    found = [(path, name) for path in files for name in sorted(imported(path)) if within(name, forbidden)]
    return [f"{path.relative_to(ROOT)} imports {name}" for path, name in found]


# Each room and those that it may import from: DESIGN, a number's way from the cell to the report.
ROOT_FILES = {"paper_repro", "paper_repro.decay"}  # cell, schedules, files, cli, plugins; conventions of decay
TRAINS = ROOT_FILES | {f"paper_repro.{room}" for room in ("optim", "models", "data", "records")}
DECLARED = {"paper_repro", "paper_repro.decay", "paper_repro.records", "experiments", "paper_repro.studies"}
LAYERS = {
    "paper_repro": {"paper_repro.optim"},  # `from paper_repro import AdamW`, once it is asked for
    **{f"paper_repro.{room}": ROOT_FILES for room in ("optim", "models", "data", "records")},
    "paper_repro.decay": {"paper_repro", "paper_repro.optim"},
    "paper_repro.training": TRAINS,
    "paper_repro.sweep": TRAINS | {"paper_repro.training"},
    "paper_repro.studies": TRAINS | {"paper_repro.training"},
    "experiments.paper": {"paper_repro", "experiments"},
    "experiments.beyond": {"paper_repro", "experiments", "experiments.paper"},
    "analysis.results": DECLARED,
    "analysis.statistics": DECLARED | {"analysis.results"},
    "analysis.figures": DECLARED | {"analysis.results", "analysis.statistics"},
    "analysis.claims": DECLARED | {"analysis.results", "analysis.statistics", "analysis.figures"},
    "analysis.report": DECLARED | {f"analysis.{room}" for room in ("results", "statistics", "figures", "claims")},
}  # fmt: skip
PACKAGES = ("paper_repro", "experiments", "slurm", "analysis", "benchmarks")


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(name: str) -> str:
    """The folder that holds a module, or what is imported from it."""
    package, _, rest = name.partition(".")
    first = rest.partition(".")[0]
    return f"{package}.{first}" if first and (ROOT / package / first).is_dir() else package


def test_no_room_imports_from_one_above_it() -> None:
    breached = {
        f"{path.relative_to(ROOT)} imports {name}"
        for room, allowed in LAYERS.items()
        for path in sources(room.replace(".", "/"))
        if room_of(module_of(path)) == room
        for name in imported(path)
        if name.partition(".")[0] in PACKAGES and room_of(name) not in allowed | {room}
    }
    assert breached == set()


def test_no_module_imports_itself_by_way_of_others() -> None:
    files = {module_of(path): path for package in PACKAGES for path in sources(package)}
    graph: dict[str, set[str]] = {}
    for module, path in files.items():
        names = {name if name in files else name.rpartition(".")[0] for name in imported(path, everywhere=False)}
        graph[module] = (names & set(files)) - {module}
    while leaves := [module for module, names in graph.items() if not names & set(graph)]:
        for module in leaves:
            del graph[module]
    assert graph == {}


def test_no_folder_has_more_than_twelve_files() -> None:
    folders = {path.parent for package in (*PACKAGES, "tests") for path in sources(package)}
    many = {str(folder.relative_to(ROOT)): len(list(folder.glob("*.py"))) for folder in folders}
    assert {name: count for name, count in many.items() if count > 12} == {}


def test_the_reader_of_imports_sees_them(tmp_path: Path) -> None:
    path = ROOT / "analysis" / "pretended.py"
    text = "try:\n import torch.nn\nexcept ImportError:\n from a import b\ndef f():\n from . import c\n"

    class Pretended(type(path)):  # type: ignore[misc]
        def read_text(self) -> str:
            return text

    assert imported(Pretended(path)) == {"torch.nn", "a.b", "analysis.c"}
    assert imported(Pretended(path), everywhere=False) == {"torch.nn", "a.b"}


def test_paper_repro_imports_none_of_the_others() -> None:
    assert breaches("paper_repro", {"experiments", "slurm", "analysis", "tests", "submitit"}) == []


def test_analysis_never_imports_torch() -> None:
    assert breaches("analysis", {"torch", "torchvision", "slurm", "submitit"}) == []


def test_slurm_imports_no_analysis_and_never_torch() -> None:
    assert breaches("slurm", {"torch", "torchvision", "numpy", "analysis"}) == []


def test_experiments_import_only_what_is_light_at_module_level() -> None:
    allowed = {"paper_repro.cell", "paper_repro.cli", "paper_repro.plugins", "experiments", *sys.stdlib_module_names}
    for path in sources("experiments"):
        if path.name in ("run.py", "refine.py", "verify.py"):
            continue  # parents of what trains; what they must not load stands below
        names = imported(path, everywhere=False)
        assert {name for name in names if not within(name, allowed)} == set(), path.relative_to(ROOT)


def loaded_by(*modules: str) -> set[str]:
    """Top-level packages in sys.modules once these have been imported, in a fresh interpreter."""
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(*sys.modules)"
    line = [sys.executable, "-c", code, *modules]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("module", LIGHT)
def test_planning_does_without_torch(module: str) -> None:
    assert {"torch", "numpy", "submitit"} & loaded_by(module) == set()


def test_all_of_experiments_and_analysis_loads_without_torch() -> None:
    """Also by way of what they import, and whatever files are added later."""
    files = [path for package in ("experiments", "analysis") for path in sources(package)]
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files]
    assert {"experiments.paper.fig2", "analysis"} <= set(modules)
    assert {"torch", "submitit"} & loaded_by(*modules) == set()


def test_no_optimizer_loads_the_compiler() -> None:
    """torch does with the first optimizer of a process: 881 modules, 1.3 s and 125 MB."""
    code = """
import sys
import torch
from paper_repro import SGD, SGDW, Adam, AdamW
net = torch.nn.Linear(2, 2)
for optimizer in (kind(net.parameters(), lr=0.1) for kind in (SGD, SGDW, Adam, AdamW)):
    optimizer.zero_grad()
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_optimizers_load_torch_only_when_asked_for() -> None:
    loaded = loaded_by("paper_repro.optim")
    assert "torch" in loaded
    assert not {"submitit", "experiments", "analysis", "slurm"} & loaded
