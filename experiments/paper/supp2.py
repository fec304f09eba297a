"""Supplementary figure 2: 'standard Adam', with L2 and a fixed learning rate, for a long budget.

    python -m experiments run supp2 --profile demo

Expect (the paper's claim): at its best no better than AdamW with cosine annealing, a smaller network and an eighteenth
of the epochs. The paper's best of sixteen was 4.47 % at a learning rate and L2 factor of 1e-4. AdamW is run beside it,
in a fifth of the epochs where reduced (and on the same network), near the best of figure 2. Cost: 16 long cells and 9
short ones (`paper`: 16; its AdamW is figure 2's).
"""

from experiments.declare import EACH_ITS_OWN, Experiment, Profile, grid, halvings
from experiments.scales import GPU, LONG_CPU, LONG_DEMO, LONG_NOTES, NOTES, WIDE
from paper_repro.cell import Cell

AXES = ([1e-2, 1e-3, 1e-4, 1e-5], [1e-6, 1e-5, 1e-4, 1e-3])  # learning rates and L2 factors
SHORT_AXES = ([1e-1, 1e-2, 1e-3, 1e-4], [1e-4, 1e-3, 1e-2, 1e-1])  # a short run needs more of both
DECAYS = [0.004, 0.008, 0.016]


def _cells(
    long: Cell, axes: tuple[list[float], list[float]], short: Cell, alphas: list[float], decays: list[float] = DECAYS
) -> tuple[Cell, ...]:
    """Adam at a constant rate, and AdamW under cosine annealing."""
    constant = grid(long.replace(schedule="fixed"), ["adam"], *axes)
    return (*constant, *grid(short.replace(evaluate_every=short.epochs), ["adamw"], alphas, decays))


DEMO, CPU, LONG_GPU = (
    base.replace(epochs=epochs, evaluate_every=epochs)
    for base, epochs in ((LONG_DEMO, 48), (LONG_CPU, 100), (GPU, 100))
)
EXPERIMENT = Experiment(
    name="supp2",
    title="Standard Adam: L2 regularisation and a fixed learning rate",
    figure="heat_maps",
    profiles={
        "demo": Profile(
            _cells(DEMO, SHORT_AXES, DEMO.replace(epochs=9), halvings(0.04, 3)),
            f"{LONG_NOTES['demo']}; 48 and 9 epochs",
        ),
        "cpu": Profile(
            _cells(CPU, SHORT_AXES, CPU.replace(epochs=20), halvings(0.04, 3)),
            f"{LONG_NOTES['cpu']}; 100 and 20 epochs",
        ),
        "gpu": Profile(
            _cells(LONG_GPU, AXES, LONG_GPU.replace(epochs=20), halvings(0.004, 3), [0.001, 0.002, 0.004]),
            f"{LONG_NOTES['gpu']}, 100 and 20 epochs instead of 1800 and 100",
        ),
        "paper": Profile(grid(WIDE.replace(schedule="fixed"), ["adam"], *AXES), NOTES["paper"]),
    },
    swept=EACH_ITS_OWN,
)
