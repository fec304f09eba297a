"""Is every slip in the lines that decay weights seen? Changes them one at a time, in a copy, and runs tests of optim.

    python -m tests.optim.mutations        # a minute where nothing else runs; pytest does not run this

Of each line: another sign or operation, a factor left out, halved or taken for another one, a condition turned round.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
LINES = {  # parts of the lines that are changed
    "reference.py": ("# line", "step = "),
    "sgd.py": ("1 - eta * group", "self._step(", "lr * l2", "dampening=", 'if group["decay"]'),
    "adam.py": (
        'group["decay"] / full',
        "1 - eta * group",
        "self._step(",
        'lr=group["lr"]',
        'if group["decay"]',
        "if full",
    ),
}
KINDS = {"reference.py": "SGD SGDW Adam AdamW", "sgd.py": "SGD SGDW", "adam.py": "Adam AdamW"}
TERM = r'(?:group\["\w+"\](?:\[\d\])?|[A-Za-z_]\w*)'
INSTEAD = {
    " + ": " - ", " - ": " + ", " * ": " / ", " / ": " * ", "if ": "if not ", "eta": "alpha", "alpha": "eta",
    "beta1": "beta2", "beta2": "beta1", 'group["decay"]': 'group["lr"]', 'group["lr"]': 'group["decay"]',
    "decay": "0.5 * decay", "decay *": "alpha * decay *", "theta": "(theta - m)", "full": 'group["lr"]',
    "l2": "0.5 * l2", "_fused_adamw_": "_fused_adam_", "_fused_adam_": "_fused_adamw_",
    ", 0.0, batch": ', group["decay"], batch', ', group["decay"], batch': ", 0.0, batch", "weight_decay,": "0.0,",
    "lr": "eta * lr", "eta * group": "group", "1 - eta *": '1 - group["lr"] *', "[0]": "[1]", "[1]": "[0]",
    "step": "(1 + step)",
}  # fmt: skip


def mutants(line: str) -> Iterator[str]:
    """The line with one change, each of them once."""
    code, hash_, comment = line.partition("  #")
    if code.endswith(":"):
        yield code.replace("if ", "if not ")
        return
    changed = [code[: factor.start()] + code[factor.end() :] for factor in re.finditer(rf"{TERM} \* ", code)]
    for old, new in INSTEAD.items():
        edge = r"\b" if old.isidentifier() else ""
        changed += [
            code[: at.start()] + new + code[at.end() :] for at in re.finditer(edge + re.escape(old) + edge, code)
        ]
    yield from (each + hash_ + comment for each in dict.fromkeys(changed) if each != code)


def passes(copy: Path, name: str) -> bool:
    """Whether tests/optim/test_optim.py passes there on what the file decides, in a process of its own."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    try:
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")
        sys.path[0] = str(copy)
        for loaded in [each for each in sys.modules if each.partition(".")[0] in ("tests", "paper_repro")]:
            del sys.modules[loaded]
        tests = importlib.import_module("tests.optim.test_optim")
        for cls in [getattr(tests, kind) for kind in KINDS[name].split()]:
            if name == "reference.py":
                tests.test_the_reference_is_the_printed_algorithm(cls, "warm_restarts")
                continue
            for momenta in ((0.9, 0.999), (0.0, 0.999)):
                tests.test_the_kernels_are_the_reference(cls, "warm_restarts", momenta)
            if cls in (tests.SGDW, tests.AdamW):
                tests.test_decay_at_alpha_0_is_the_reference(cls)
        os._exit(0)
    except BaseException:  # it is seen, however
        os._exit(1)


def main() -> int:
    sys.dont_write_bytecode, missed = True, 0
    with tempfile.TemporaryDirectory() as folder:
        for each in ("paper_repro", "tests"):
            shutil.copytree(ROOT / each, Path(folder, each), ignore=shutil.ignore_patterns("__pycache__"))
        for name, parts in LINES.items():
            assert passes(Path(folder), name), "the tests fail already"
            path = Path(folder, "paper_repro", "optim", name)
            whole = path.read_text().splitlines()
            for place in [place for place, line in enumerate(whole) if any(part in line for part in parts)]:
                for mutant in mutants(whole[place]):
                    path.write_text("\n".join([*whole[:place], mutant, *whole[place + 1 :]]) + "\n")
                    survived = passes(Path(folder), name)
                    missed += survived
                    print("NOT CAUGHT" if survived else "caught    ", f"{name}:{place + 1}", mutant.strip(), flush=True)
            path.write_text("\n".join(whole) + "\n")
    print(f"{missed} not caught")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
