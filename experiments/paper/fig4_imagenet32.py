"""Figure 4, right, and supplementary figure 6: warm restarts on ImageNet32x32 (top-5 error).

    python -m experiments run fig4_imagenet32 --profile demo
    python -m analysis figures fig4_imagenet32

As figure 4; the paper's cycles end at epochs 10, 30, 70 and 150. Expect the restarted runs at 22 % after 10 epochs,
which the others reach around epoch 65, and all of them near 15.5 % at the end except Adam (17.75 %). The demo stands in
with embedded pictures. Cost of `paper`: five cells of 150 epochs of 1.28 million pictures.
"""

from __future__ import annotations

from experiments.declare import EACH_ITS_OWN, Experiment, Profile
from experiments.paper.fig4 import five
from experiments.scales import GPU_NET_OF_WIDE, IMAGENET32, IMAGENET32_GPU, LONG_DEMO, LONG_DEMO_NOTE, PAPER_NOTE

EXPERIMENT = Experiment(
    name="fig4_imagenet32",
    title="Warm restarts on ImageNet32x32: error and loss at any time",
    figure="curves",
    profiles={
        "demo": Profile(
            five(
                LONG_DEMO.replace(epochs=15, evaluate_every=1),
                "warm_restarts:1:2", (0.01, 0.016), (0.01, 0.35), (0.2, 0.35),
            ),
            f"{LONG_DEMO_NOTE}, in place of ImageNet32x32; 15 epochs, cycles of 1, 2, 4 and 8",
            seeds=3,
        ),
        "gpu": Profile(
            five(
                IMAGENET32_GPU.replace(evaluate_every=1),
                "warm_restarts:1:2", (0.001, 0.001 / 2**8), (0.001, 0.025), (0.05, 0.025),
            ),
            f"{GPU_NET_OF_WIDE}, 15 epochs instead of 150, cycles of 1, 2, 4 and 8",
        ),
        "paper": Profile(
            five(
                IMAGENET32.replace(model="shake_shake-26-2x96d", epochs=150),
                "warm_restarts:10:2", (0.001, 0.001 / 2**8), (0.001, 0.025), (0.05, 0.025),
            ),
            PAPER_NOTE,
        ),
    },
    swept=EACH_ITS_OWN,
    measure="top5_error",
    facets=("schedule",),
)  # fmt: skip
