"""Transformer: Adam with L2 against AdamW on a small vision Transformer. (Not in the paper.)

    python -m experiments run transformer --profile demo

Texts about AdamW report of their Transformers lower loss, and the best model in far fewer epochs. Expect the grids of
both optimizers, the curves of their best cells, and how many epochs AdamW takes to Adam's final training loss.

On noisy labels the best cells lay at the smallest rate. On clean ones four runs of AdamW did best at a rate of 0.0005
and a decay of 0.001 (54.4 %; 59.3 % at 0.00025, and at a rate of 0.000125 60.0 and 63.8 %): the axes of `cpu` go around
it. Cost: 2 x 4 x 6 cells at the demo profile, 2 x 5 x 7 at cpu for each of three seeds, 65 s a cell on one core, 3.8
core-hours, and 2 x 5 x 7 at gpu.
"""

from experiments.declare import Experiment, Profile, grid, halvings, zero_and
from experiments.scales import CPU, DEMO, GPU, NOTES, images

BOTH = ["adam", "adamw"]
DEMO_NET = DEMO.replace(model="vit-2-64-p3", epochs=18, evaluate_every=1)
CPU_NET = CPU.replace(model="vit-4-64-p4", epochs=40, evaluate_every=2)
WIDE = grid(CPU_NET, BOTH, halvings(0.008, 6), zero_and(0.064, 8))  # as it was run on noisy labels
GPU_NET = GPU.replace(model="vit-6-192-p4", epochs=50)

EXPERIMENT = Experiment(
    name="transformer",
    title="Adam and AdamW on a small vision Transformer",
    figure="heat_maps",
    also=("curves",),
    profiles={
        "demo": Profile(
            grid(DEMO_NET, BOTH, halvings(0.008, 4), zero_and(0.008, 5)), f"{NOTES['demo']}; depth 2, width 64"
        ),
        "cpu": Profile(
            grid(CPU_NET, ["adam"], halvings(0.004, 5), zero_and(0.016, 6))
            + grid(CPU_NET, ["adamw"], halvings(0.004, 5), zero_and(0.008, 6)),
            f"{images(CPU)}; depth 4, width 64",
            3,
        ),
        "gpu": Profile(grid(GPU_NET, BOTH, halvings(0.004, 5), zero_and(0.004, 6)), "depth 6, width 192, 50 epochs"),
    },
)
