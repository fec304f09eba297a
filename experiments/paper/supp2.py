"""Supplementary figure 2: 'standard Adam', with L2 and a fixed learning rate, for a long budget.

    python -m experiments run supp2 --profile demo

Expect (the paper's claim): at its best no better than AdamW with cosine annealing, a smaller network and an eighteenth
of the epochs. The paper's best of sixteen was 4.47 % at a learning rate and L2 factor of 1e-4. Cost: 16 cells.
"""

from experiments.declare import Experiment, Profile, grid
from experiments.scales import GPU, LONG_CPU, LONG_DEMO, LONG_NOTES, NOTES, WIDE
from paper_repro.cell import Cell

AXES = ([1e-2, 1e-3, 1e-4, 1e-5], [1e-6, 1e-5, 1e-4, 1e-3])  # learning rates and L2 factors
SHORT_AXES = ([1e-1, 1e-2, 1e-3, 1e-4], [1e-4, 1e-3, 1e-2, 1e-1])  # a short run needs more of both


def _fixed(base: Cell, axes: tuple[list[float], list[float]]) -> tuple[Cell, ...]:
    return grid(base.replace(schedule="fixed"), ["adam"], *axes)


EXPERIMENT = Experiment(
    name="supp2",
    title="Standard Adam: L2 regularisation and a fixed learning rate",
    figure="heat_maps",
    profiles={
        "demo": Profile(_fixed(LONG_DEMO.replace(epochs=48, evaluate_every=48), SHORT_AXES), LONG_NOTES["demo"]),
        "cpu": Profile(_fixed(LONG_CPU.replace(epochs=100, evaluate_every=100), SHORT_AXES), LONG_NOTES["cpu"]),
        "gpu": Profile(_fixed(GPU.replace(epochs=100), AXES), f"{LONG_NOTES['gpu']}, 100 epochs instead of 1800"),
        "paper": Profile(_fixed(WIDE, AXES), NOTES["paper"]),
    },
)
