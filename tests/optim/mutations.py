"""Is every slip in the lines that decay weights seen? Changes them one at a time, in a copy, and runs tests of optim.

    python -m tests.optim.mutations        # minutes; pytest does not run this

Of each line: another sign or operation, a factor left out, halved or taken for another one, a condition turned round.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # as in conftest.py

import pytest
import torch  # noqa: F401  # loaded once, for all that are forked

ROOT = Path(__file__).resolve().parents[2]
CHOSEN = ["tests/optim/test_optim.py", "-k", "(reference and warm_restarts) or alpha_0"]
LINES = {  # parts of the lines that are changed
    "reference.py": ("# line", "step = "),
    "sgd.py": ("1 - eta * group", "self._step(", "lr * l2", "dampening=", 'if group["decay"]'),
    "adam.py": ('group["decay"] / full', "1 - eta *", "self._step(", 'lr=group["lr"]', 'if group["decay"]', "if full"),
}
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
    changed = [code[: factor.start()] + code[factor.end() :] for factor in re.finditer(rf"{TERM} \* ", code)]
    for old, new in INSTEAD.items():
        edge = r"\b" if old.isidentifier() else ""
        changed += [
            code[: at.start()] + new + code[at.end() :] for at in re.finditer(edge + re.escape(old) + edge, code)
        ]
    yield from (each + hash_ + comment for each in dict.fromkeys(changed) if each != code)


def passes(copy: Path) -> bool:
    """Whether the tests pass there, in a process of their own."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    os.chdir(copy)
    sys.path[0] = str(copy)
    with open(os.devnull, "w") as nothing, redirect_stdout(nothing), redirect_stderr(nothing):
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--noconftest", *CHOSEN])
    os._exit(int(code))


def main() -> int:
    sys.dont_write_bytecode, missed = True, 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "pictures", "recorded", "docs"))
        assert passes(copy), "the tests fail already"
        for name, parts in LINES.items():
            path = copy / "paper_repro" / "optim" / name
            whole = path.read_text().splitlines()
            for place, line in [
                (place, line) for place, line in enumerate(whole) if any(part in line for part in parts)
            ]:
                for mutant in mutants(line):
                    path.write_text("\n".join([*whole[:place], mutant, *whole[place + 1 :]]) + "\n")
                    survived = passes(copy)
                    missed += survived
                    print(
                        f"{'NOT CAUGHT' if survived else 'caught':<10} {name}:{place + 1:<4} {mutant.strip()}",
                        flush=True,
                    )
            path.write_text("\n".join(whole) + "\n")
    print(f"{missed} not caught")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
