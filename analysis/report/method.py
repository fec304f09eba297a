"""How it was done, and where that differs from the paper: what no record says."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.results.document import Block, Bullets, Heading, Paragraph
from analysis.statistics.surface import RESAMPLES
from analysis.statistics.tuning_cost import DRAWS

METHOD = (
    "**Optimizers.** Algorithms 1 and 2 as printed: λ is the L2 factor of SGD and Adam; for SGDW and AdamW the share "
    "of each weight taken off per update at the full learning rate, times the schedule multiplier η and not times α. "
    "Biases and normalisations are decayed like all else, as in the authors' code.",
    "**Selection.** The cell with the lowest error on validation pictures held out of the training set, the same for "
    "all; test errors are reported. The profile `paper` alone does as the paper did: no validation split, selected "
    "and reported on the test set.",
    "**Separability.** On log2 α x log2 λ: the slope of a line through the best decays of all learning rates, the "
    "share of variance that no a(α) + b(λ) explains, the error lost by tuning one at a time, and the share of tiles "
    "near the best.",
    f"**Intervals.** 95 %. Those of maps come from {RESAMPLES} seeded resamples: noise is drawn from the deviations "
    "of single runs from their tile's mean, pooled over the basin, because two or three seeds a tile are too few to "
    f"resample by themselves. Those of regret and basin come from {DRAWS} draws of noise-free surfaces. In "
    "simulations with known answers they held the truth in about 95 % of the cases, those of regret in fewer where a "
    "valley has a sharp kink (the tests say how often). Comparisons of optimizers are paired by seed (Student's t "
    "from three seeds on), p-values corrected by Holm's rule. Seeds that diverged or were not run are counted beside; "
    "a pair whose better optimizer has seeds that diverged is not decided.",
    "**The paper's own figures** were read off images by inverting their colour bars: single runs, selected and "
    "reported on the test set. Their noise is taken as 0.14 points (from tiles that they show twice) together with "
    "the error of reading; clipped tiles are walls and count in no fit.",
    "**At the edge**: an optimum beyond which nothing was run at its own rate or decay is called so, and is no "
    "optimum.",
)
DEVIATIONS = (
    "SGD's momentum buffer holds the learning rate, as Algorithm 1 prints it; the authors' code has it outside. They "
    "differ most just after a restart.",
    "Adam's ε is added after bias correction, as printed; the authors' code adds it before.",
    "The rate drops by 0.1; the paper prints the epochs of the drops, not the factor.",
    "Figure 4's decays are not printed; those used fit its curves.",
    "Shake-Shake regularisation is on in every run of that net; the paper does not say.",
    "Reduced profiles train smaller nets for fewer epochs on fewer or smaller pictures, some with noisy labels, "
    "because a small net trained for minutes on clean ones underfits, and then no decay helps. Each figure says "
    "which.",
    "`cifar10-jpeg` is CIFAR-10 recompressed as JPEG: results on it are not results on CIFAR-10.",
)


def section() -> Iterator[Block]:
    """Both, as lists."""
    yield Heading(2, "Method", "method")
    yield Bullets(METHOD)
    yield Heading(2, "Deviations from the paper", "deviations")
    yield Bullets(DEVIATIONS)
    yield Paragraph("What a figure's cells have in common stands in the caption under it.")
