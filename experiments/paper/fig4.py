"""Figure 4, and supplementary figures 5 and 6: warm restarts, with error and training loss at any time.

    python -m experiments run fig4 --profile demo     # or fig4_imagenet32: figure 4's right half, top-5 error

Five curves: Adam, AdamW and SGDW under one cosine over the whole budget; AdamWR and SGDWR restarted, each cycle twice
as long as the one before. Expect (the paper's claims): the restarted ones have good results long before the others (up
to ten times sooner at the end of the first cycle) and end about as well. A restarted run's results are those at the
ends of its cycles, marked in the figure. On ImageNet32x32 the paper's cycles end at epochs 10, 30, 70 and 150: expect
the restarted runs at 22 % after 10 epochs, which the others reach around epoch 65, and all of them near 15.5 % at the
end except Adam (17.75 %); the demo stands in with embedded images.

The decays are not printed in the paper; 0.025 (normalized) and an L2 factor of 0.001/2^8 fit its curves. The reduced
profiles use what is near the best of their figure 2. Cost: five cells a seed.
"""

from dataclasses import replace

from experiments.declare import EACH_ITS_OWN, Experiment, Profile
from experiments.scales import GPU, IMAGENET32_GPU, IMAGENET32_WIDE, LONG_CPU, LONG_DEMO, LONG_NOTES, NOTES, WIDE
from paper_repro.cell import Cell

# Learning rate and decay of Adam, AdamW and SGDW.
DEMO_POINTS = ((0.01, 0.016), (0.01, 0.35), (0.2, 0.35))
CPU_POINTS = ((0.005, 0.004), (0.01, 0.2), (0.1, 0.2))
PAPER_POINTS = ((0.001, 0.001 / 2**8), (0.001, 0.025), (0.05, 0.025))


def _five(
    base: Cell, first: int, points: tuple[tuple[float, float], ...], restarted: int | None = None
) -> tuple[Cell, ...]:
    """Adam, AdamW and SGDW, and the latter two with cycles of `first` epochs, twice as many, ..."""
    normalized = base.replace(decay_unit="normalized")
    again = normalized.replace(schedule=f"warm_restarts:{first}:2", epochs=restarted or base.epochs)
    kinds = (("adam", [base]), ("adamw", [normalized, again]), ("sgdw", [normalized, again]))
    return tuple(
        cell.replace(optimizer=optimizer, alpha=alpha, decay=decay)
        for (optimizer, cells), (alpha, decay) in zip(kinds, points, strict=True)
        for cell in cells
    )


EXPERIMENT = Experiment(
    name="fig4",
    title="Warm restarts: error and loss at any time",
    figure="curves",
    profiles={
        "demo": Profile(
            _five(LONG_DEMO.replace(epochs=60, evaluate_every=2), 4, DEMO_POINTS),
            f"{LONG_NOTES['demo']}; 60 epochs, cycles of 4, 8, 16 and 32",
            seeds=3,
        ),
        "cpu": Profile(
            _five(LONG_CPU.replace(epochs=75, evaluate_every=3), 5, CPU_POINTS),
            f"{LONG_NOTES['cpu']}; 75 epochs, cycles of 5, 10, 20 and 40",
            seeds=3,
        ),
        "gpu": Profile(
            _five(GPU.replace(epochs=75), 5, PAPER_POINTS),
            f"{LONG_NOTES['gpu']}, 75 epochs instead of 1800, cycles of 5, 10, 20 and 40",
        ),
        "paper": Profile(_five(WIDE, 100, PAPER_POINTS, restarted=1500), NOTES["paper"]),
    },
    swept=EACH_ITS_OWN,
    facets=("schedule",),
)
FIG4_IMAGENET32 = replace(
    EXPERIMENT,
    name="fig4_imagenet32",
    title="Warm restarts on ImageNet32x32: error and loss at any time",
    profiles={
        "demo": Profile(
            _five(LONG_DEMO.replace(epochs=15, evaluate_every=1), 1, DEMO_POINTS),
            f"{LONG_NOTES['demo']}, in place of ImageNet32x32; 15 epochs, cycles of 1, 2, 4 and 8",
            seeds=3,
        ),
        "gpu": Profile(
            _five(IMAGENET32_GPU.replace(evaluate_every=1), 1, PAPER_POINTS),
            f"{LONG_NOTES['gpu']}, 15 epochs instead of 150, cycles of 1, 2, 4 and 8",
        ),
        "paper": Profile(_five(IMAGENET32_WIDE.replace(epochs=150), 10, PAPER_POINTS), NOTES["paper"]),
    },
    measure="top5_error",
)
