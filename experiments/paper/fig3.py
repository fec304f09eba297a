"""Figure 3, and supplementary figure 4 on ImageNet32x32 (top-5 error): long runs of Adam and AdamW.

    python -m experiments run fig3 --profile demo     # or supp4

Learning curves, final error against decay, and generalisation. Expect (the paper's claims): AdamW ends with lower
training loss and test error than Adam for every reasonable decay; in the first half of training the curves coincide; at
equal training loss AdamW has the lower test error. The best of each ended at 3.55 % (Adam) and 3.12 % (AdamW) in the
paper's plot, on ImageNet32x32 at 18.1 and 16.05 %.

Adam has L2 factors, 0.001/2 to 0.001/2^11 and a last one near 0; AdamW normalized decays. ImageNet32x32 must be
downloaded by hand (paper_repro/data/imagenet32.py); the demo stands in with embedded images. Cost: 19 cells, each as
long as the rest of a map (`paper`: 1800 epochs), and 17 of 64 epochs, each of 1.28 million images.
"""

from dataclasses import replace

from experiments.declare import EACH_ITS_OWN, Experiment, Profile, grid, halvings
from experiments.scales import GPU, IMAGENET32_GPU, IMAGENET32_WIDE, LONG_CPU, LONG_DEMO, LONG_NOTES, NOTES, WIDE
from paper_repro.cell import Cell


def _long(base: Cell, alpha: float, factors: list[float], normalized: list[float]) -> tuple[Cell, ...]:
    """Adam at each L2 factor and AdamW at each normalized decay."""
    adam = grid(base, ["adam"], [alpha], factors)
    return (*adam, *grid(base.replace(decay_unit="normalized"), ["adamw"], [alpha], normalized))


NEAR_ZERO = 1.95e-7  # read off the paper's figure, which does not say what it stands for
FACTORS = [*halvings(0.0005, 11), NEAR_ZERO]
FACTORS_32 = [0.0005, *halvings(0.0000625, 9)]  # the ten that the paper shows on ImageNet32x32
NORMALIZED = halvings(0.4, 7)

EXPERIMENT = Experiment(
    name="fig3",
    title="Long runs of Adam and AdamW",
    figure="curves.long_runs",
    profiles={
        "demo": Profile(
            _long(LONG_DEMO.replace(epochs=48, evaluate_every=2), 0.01, halvings(0.064, 12), halvings(4.0, 7)),
            f"{LONG_NOTES['demo']}; four times figure 2's epochs",
        ),
        "cpu": Profile(
            _long(LONG_CPU.replace(epochs=100, evaluate_every=4), 0.01, halvings(0.064, 12), halvings(3.2, 7)),
            f"{LONG_NOTES['cpu']}; five times figure 2's epochs",
        ),
        "gpu": Profile(
            _long(GPU.replace(epochs=100), 0.001, FACTORS, NORMALIZED),
            f"{LONG_NOTES['gpu']}, 100 epochs instead of 1800",
        ),
        "paper": Profile(_long(WIDE, 0.001, FACTORS, NORMALIZED), NOTES["paper"]),
    },
    swept=EACH_ITS_OWN,
)
SUPP4 = replace(
    EXPERIMENT,
    name="supp4",
    title="Long runs of Adam and AdamW on ImageNet32x32",
    profiles={
        "demo": Profile(
            _long(LONG_DEMO.replace(evaluate_every=1), 0.01, halvings(0.064, 10), halvings(2.0, 7)),
            f"{LONG_NOTES['demo']}, in place of ImageNet32x32",
        ),
        "gpu": Profile(
            _long(IMAGENET32_GPU.replace(epochs=4, evaluate_every=1), 0.001, FACTORS_32, NORMALIZED),
            f"{LONG_NOTES['gpu']}, 4 epochs instead of 64",
        ),
        "paper": Profile(_long(IMAGENET32_WIDE.replace(epochs=64), 0.001, FACTORS_32, NORMALIZED), NOTES["paper"]),
    },
    measure="top5_error",
)
