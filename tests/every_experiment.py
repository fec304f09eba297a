"""Every experiment, quickly, ends in its figure: python -m tests.every_experiment FOLDER. No numbers are looked at.

Of the grids on noisy labels, which are those on clean ones with one field changed, figure 2's alone.
"""

import sys
import time
from pathlib import Path

import experiments
from analysis.__main__ import main as analyse
from experiments.__main__ import main as run

AXES = ["--alphas", "0.01,0.02,0.04", "--decays", "0.004,0.008,0.016"]
FEW = ["--alphas", "0.01,0.02", "--decays", "0.004,0.008"]
CORNERS = {  # of a large grid: it shows the same
    "batch_size": ["--only", "adamw", "--decays", "0.004,0.008,0.016"], "fig1": FEW, "fig2": AXES, "transformer": FEW,
    "supp3": ["--only", "adamw", *FEW], "supp3_imagenet32": ["--only", "adamw", *FEW],
    "precision": ["--only", "adamw", "--set", "seed=0,1"], "groups": ["--only", "adamw", "--set", "seed=0,1"],
    "subsets": ["--only", "adamw", "--set", "seed=0,1"], "label_noise": ["--only", "adamw", *FEW],
}  # fmt: skip


def main() -> int:
    runs, figures = Path(sys.argv[1]) / "runs", Path(sys.argv[1]) / "figures"
    for name in (name for name in experiments.names() if not name.startswith("label_noise_")):
        experiment = experiments.get(name)
        profile = next(iter(experiment.profiles))
        options = ["--profile", profile, *(["--workers", "1"] if experiment.study is None else [])]
        options += CORNERS.get(name, [])
        began = time.monotonic()
        assert run(["run", name, "--quick", *options, "--out", str(runs)]) == 0, name
        assert analyse(["figures", name, "--quick", "--runs", str(runs), "--out", str(figures)]) == 0, name
        assert list(figures.glob(f"{name}-{profile}*.png")), name
        print(f"({name}: {time.monotonic() - began:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
