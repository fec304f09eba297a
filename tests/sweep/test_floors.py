"""What one update costs is counted as by hand, and as in a reckoning that was made by other means."""

import pytest
import torch
from torch import nn

from paper_repro.sweep import floors
from paper_repro.sweep.floors import CARDS, Ceilings, Cost

# GFLOP and MB an image, kernels an update, by hand; images a second: of the last four as an H100 measured them
# (commit 859174f), of the first two by hand. Batch 128, bf16.
BY_HAND = {
    "resnet-8-w16": (0.073, 3.5, 144, 247e3),
    "resnet-20": (0.24, 8.5, 348, 102e3),
    "wide_resnet-10-4": (1.00, 12.3, 154, 118e3),
    "wide_resnet-16-4": (2.36, 22.6, 256, 66.3e3),
    "shake_shake-26-2x16d": (0.66, 21.9, 924, 40.5e3),
    "shake_shake-26-2x64d": (10.1, 88, 948, 16.8e3),
}


@pytest.mark.parametrize("net", BY_HAND)
def test_of_known_nets_as_reckoned_by_hand(net: str) -> None:
    cost = floors.cost(net, 128)
    flop, megabytes, kernels, speed = BY_HAND[net]
    assert cost.flop / 128e9 == pytest.approx(flop, rel=0.02)
    assert cost.bytes / 128e6 == pytest.approx(megabytes, rel=0.05)
    assert cost.kernels == pytest.approx(kernels, rel=0.06)
    assert floors.images_per_second(cost, CARDS["H100"]) == pytest.approx(speed, rel=0.2)


class _One(nn.Module):
    """A convolution as large as the image, whose output is the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 10, 8, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.conv(images).flatten(1)


@pytest.mark.parametrize(("precision", "size"), [("bf16", 2), ("fp32", 4)])
def test_of_a_single_convolution_to_the_last_operation(precision: str, size: int) -> None:
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    with torch.device("meta"):
        cost = floors.counted(_One(), torch.empty(4, 3, 8, 8, dtype=kind), precision)
    images, weights, logits = 4 * 3 * 8 * 8, 10 * 3 * 8 * 8, 4 * 10
    assert cost.flop == 2 * (2 * 4 * weights)  # the output and the weight's gradient; the images want none
    forward, backward = images + weights + logits, 2 * logits + images + 2 * weights
    by_the_step = weights * {"bf16": 4 * 8 + 2 * 6, "fp32": 4 * 8}[precision]
    by_the_loss = cost.bytes - size * (forward + backward) - by_the_step
    assert 0 < by_the_loss < 20 * 4 * logits


def test_float32_has_twice_the_maps_and_no_casts() -> None:
    half, whole = (floors.cost("resnet-20", 128, precision=precision) for precision in ("bf16", "fp32"))
    assert whole.flop == half.flop
    assert whole.bytes == pytest.approx(2 * half.bytes, rel=0.02)
    convolutions = 19
    assert 2 * convolutions < half.kernels - whole.kernels < 3 * convolutions


def test_the_time_is_that_of_the_work_or_of_the_starts_whichever_is_longer() -> None:
    card = Ceilings(1e12, {"bf16": 1e14})
    work = Cost(flop=1e12, bytes=6e9, kernels=100, images=128, precision="bf16")
    assert floors.images_per_second(work, card) == pytest.approx(128 / (6e-3 / 0.9 + 0.01 / 0.55))
    assert floors.images_per_second(work._replace(kernels=100_000), card) == pytest.approx(128 / 0.36)


def test_a_net_of_another_kind_and_an_unknown_one() -> None:
    assert floors.cost("vit-4-64", 16, classes=5, size=8).flop > 0
    with pytest.raises(ValueError, match="no model 'vgg'"):
        floors.cost("vgg-3", 16)
