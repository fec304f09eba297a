"""What later papers say of AdamW, with cells of their own. Their rules: analysis/claims/recent.py.

    python -m experiments run normalization --profile demo     # or later_decays

normalization: Adam with L2 and AdamW without batch normalisation, where arXiv:2202.00089 finds AdamW's gain (of deeper
networks). A pilot of seven runs of AdamW on clean labels placed the axes: it did best at 0.005 and 0.01, and decays of
0.0005 and 0.002 changed little. Cost of `cpu`: 90 cells a seed, three seeds, 14 s a cell on one core: 1.1 core-hours.

later_decays: AdamW beside cautious decay (arXiv:2510.12402) and decay that follows the square of the schedule
(arXiv:2506.02285), each at figure 2's decays, at the learning rate of AdamW's selected cell there (of two seeds, clean
labels) and its two neighbours. Cost of `cpu`: 72 cells a seed, of which AdamW's 24 are figure 2's; three seeds of the
others take 0.6 core-hours.
"""

from experiments.declare import Experiment, Profile, grid, halvings, zero_and
from experiments.scales import CPU, DEMO, NOTES, images

ADAMS = ("adam", "adamw")
SMALL = DEMO.replace(model="resnet-8-w8-nonorm")

NORMALIZATION = Experiment(
    name="normalization",
    title="Adam and AdamW without batch normalisation",
    figure="heat_maps",
    profiles={
        "demo": Profile(
            grid(SMALL, ADAMS, halvings(0.02, 4), zero_and(0.032, 4)), f"{NOTES['demo']}; no batch normalisation"
        ),
        "cpu": Profile(
            grid(CPU.replace(model="resnet-8-w16-nonorm"), ADAMS, halvings(0.02, 5), zero_and(0.064, 8)),
            f"{images(CPU)}, a plain 8-layer ResNet without batch normalisation",
            3,
        ),
    },
)
DECAYS = ("adamw", "cautious", "corrected")
LATER_DECAYS = Experiment(
    name="later_decays",
    title="AdamW, cautious decay and decay that follows the square of the schedule",
    figure="heat_maps",
    profiles={
        "demo": Profile(grid(DEMO, DECAYS, halvings(0.04, 3), zero_and(0.064, 6)), NOTES["demo"]),
        "cpu": Profile(grid(CPU, DECAYS, halvings(0.04, 3), zero_and(0.064, 7)), NOTES["cpu"], 3),
    },
    swept=("decay", "seed"),  # so that of AdamW's runs those at these learning rates alone are compared
)
