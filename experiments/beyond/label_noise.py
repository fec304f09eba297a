"""Label noise: grids of `cpu` again with 30 % of the training labels drawn at random. A study of robustness.

    python -m experiments run label_noise --profile cpu     # or label_noise_fig1
    python -m experiments run label_noise_supp3 --profile cpu     # or label_noise_batch_size
    python -m experiments run label_noise_groups --profile cpu     # or label_noise_transformer
    python -m experiments run subsets --profile cpu

A network that fits such labels has learned them by heart, and decay is what keeps it from that: it gains more than on
clean labels, and which optimizer is best may be another. What holds on both kinds of labels hangs on neither. Cost: as
the experiments on clean labels.

Subsets: do the results hang on which images are trained on? All seeds of figure 2 share one subset of 4,000 images and
one validation split (split_seed 0): seeds differ in initial weights and the order of images alone. Here each optimizer
near the best of its grid in figure 2 is trained on five subsets. Expect the differences between optimizers to be the
same on all. Cost: 20 cells a seed.
"""

from dataclasses import replace

from experiments.beyond import batch_size, groups, transformer
from experiments.declare import Experiment, Profile
from experiments.paper import fig1, fig2, supp3
from paper_repro.cell import Cell

NOISE = 0.3
# Near the best of figure 2's grid on these labels.
POINTS = {"sgd": (0.2, 0.008), "sgdw": (0.1, 0.016), "adam": (0.0025, 0.064), "adamw": (0.04, 0.008)}


def _noisy(clean: Experiment, name: str, seeds: int = 1, cells: tuple[Cell, ...] = ()) -> Experiment:
    """The experiment on noisy labels; cells: where its own are near the best of clean ones."""
    profile = clean.profiles["cpu"]
    cells = tuple(cell.replace(label_noise=NOISE) for cell in cells or profile.cells)
    note = f"{profile.note}; {100 * NOISE:.0f} % of the training labels drawn at random"
    title, profiles = f"{clean.title}, on noisy labels", {"cpu": Profile(cells, note, seeds)}
    return replace(clean, name=name, title=title, profiles=profiles, repeats=clean.name)


EXPERIMENT = _noisy(fig2.EXPERIMENT, "label_noise", seeds=3)
FIG1 = _noisy(fig1.EXPERIMENT, "label_noise_fig1")
BATCH_SIZE = _noisy(batch_size.EXPERIMENT, "label_noise_batch_size")
SUPP3 = _noisy(supp3.EXPERIMENT, "label_noise_supp3")
GROUPS = _noisy(groups.EXPERIMENT, "label_noise_groups", seeds=5, cells=groups.decays("cpu", POINTS))
TRANSFORMER = _noisy(transformer.EXPERIMENT, "label_noise_transformer", cells=transformer.WIDE)

SPLITS = [{"split_seed": seed} for seed in range(5)]
SUBSETS = Experiment(
    name="subsets",
    title="Test error on five subsets of the training images",
    figure="seeds",
    profiles={scale: fig2.near_best(scale, SPLITS, 3) for scale in ("demo", "cpu")},
    swept=("seed",),
)
