"""Supplementary figure 4: figure 3 for ImageNet32x32 (top-5 error).

    python -m experiments run supp4 --profile demo
    python -m analysis figures supp4

Expect as for figure 3; the paper's best ended at 18.1 % (Adam) and 16.05 % (AdamW). The demo stands in with embedded
pictures and a quarter of figure 3's epochs. ImageNet32x32 must be downloaded by hand (paper_repro/data/imagenet32.py).
Cost of `paper`: 17 cells of 64 epochs, each of 1.28 million pictures.
"""

from __future__ import annotations

from experiments.declare import EACH_ITS_OWN, Experiment, Profile, halvings
from experiments.paper.fig3 import PAPER_NORMALIZED, long_runs
from experiments.scales import GPU_NET_OF_WIDE, IMAGENET32, IMAGENET32_GPU, LONG_DEMO, LONG_DEMO_NOTE, PAPER_NOTE

FACTORS = [0.0005, *halvings(0.0000625, 9)]  # the ten that the paper shows

EXPERIMENT = Experiment(
    name="supp4",
    title="Long runs of Adam and AdamW on ImageNet32x32",
    figure="long_runs",
    profiles={
        "demo": Profile(
            long_runs(LONG_DEMO.replace(evaluate_every=1), 0.01, halvings(0.064, 10), halvings(2.0, 7)),
            f"{LONG_DEMO_NOTE}, in place of ImageNet32x32",
        ),
        "gpu": Profile(
            long_runs(IMAGENET32_GPU.replace(epochs=4, evaluate_every=1), 0.001, FACTORS, PAPER_NORMALIZED),
            f"{GPU_NET_OF_WIDE}, 4 epochs instead of 64",
        ),
        "paper": Profile(
            long_runs(IMAGENET32.replace(model="shake_shake-26-2x96d", epochs=64), 0.001, FACTORS, PAPER_NORMALIZED),
            PAPER_NOTE,
        ),
    },
    swept=EACH_ITS_OWN,
    measure="top5_error",
)
