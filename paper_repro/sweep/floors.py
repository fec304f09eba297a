"""What a GPU would take for training, without one: FLOP and bytes counted from the network, and a card's rates.

    python -m experiments run fig2 --profile paper --dry-run     # prints it on a machine without a GPU

One update is made on the meta device, where tensors have shapes and no numbers, and each operation is counted as the
kernels that it starts: a small network waits for their starts, any other for its memory (normalisation, ReLU and sums
move maps and compute little) and for its convolutions. The shares below fit what an H100 measured of four networks in
bf16, with as many cells at once as pay (docs/gpu.md), to 20 %. Nothing else was measured: trust it to 40 %.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from paper_repro import models
from paper_repro.cell import Cell
from paper_repro.data import Arrays, Form
from paper_repro.sweep.engine import kind_of

KERNEL = 3.6e-6  # seconds between two counted kernels of a recorded update; there are 1.2 to 1.3 times as many
EAGER = 0.9  # share of the copy rate that kernels reach which read and write maps
PRODUCT = {"bf16": 0.55, "tf32": 1 / 2, "fp32": 2 / 3}  # of convolutions in the rate of a large matrix product
# How many kernels an operation starts, where that is not one. bf16: also casts of a weight and of its gradient.
# Convolution, backward: both gradients, and the sum of the parts of the weight's. Normalisation: sums, averages, map.
KERNELS = {"empty": 0, "convolution_backward": 3, "native_batch_norm": 3, "native_batch_norm_backward": 3}
CASTS = {"convolution": 1, "convolution_backward": 1, "addmm": 2, "mm": 1}
# Of how many arguments an operation reads a second time: sums over the whole map come before what they are needed for.
TWICE = {"native_batch_norm": 1, "native_batch_norm_backward": 2, "convolution_backward": 1}
OTHER_KERNELS = 10  # drawing the batch, the gradient's norm, the optimizer's step
# Bytes a parameter: Adam's step reads 4 tensors and writes 3, the norm reads 1; bf16: casts of weight and gradient.
STEP, CASTING = 32, 12


class Cost(NamedTuple):
    """Of one training update: operations (products and sums apart), bytes read and written, kernels started."""

    flop: float
    bytes: float
    kernels: int
    images: int
    precision: str


class Ceilings(NamedTuple):
    """Of a card, a second: bytes read and written by a large copy, operations of large products by precision."""

    bytes: float
    flop: dict[str, float]


def _card(terabytes: float, **teraflop: float) -> Ceilings:
    """From a data sheet (TB/s, dense TFLOP/s): copies reach 0.9 of that, products 3/4."""
    return Ceilings(0.9e12 * terabytes, {precision: 0.75e12 * rate for precision, rate in teraflop.items()})


CARDS = {  # NVIDIA's data sheets of H100 SXM, H200 SXM, A100 80 GB SXM and L40S; the Ada whitepaper for the RTX 4090
    "H100": _card(3.35, bf16=989, tf32=494, fp32=67),
    "H200": _card(4.8, bf16=989, tf32=494, fp32=67),
    "A100": _card(2.04, bf16=312, tf32=156, fp32=19.5),
    "L40S": _card(0.864, bf16=362, tf32=183, fp32=91.6),
    "RTX 4090": _card(1.008, bf16=165, tf32=82.6, fp32=82.6),
}


def images_per_second(cost: Cost, card: Ceilings) -> float:
    """Images of recorded updates, not compiled: kernel after kernel at the card's rates, or as fast as they start."""
    work = cost.bytes / (EAGER * card.bytes) + cost.flop / (PRODUCT[cost.precision] * card.flop[cost.precision])
    return cost.images / max(work, KERNEL * cost.kernels)


@functools.cache
def cost(
    model: str, batch_size: int, classes: int = 10, size: int = 32, channels: int = 3, precision: str = "bf16"
) -> Cost:
    """Of one update of the network on a batch of images of size x size. Raises ValueError for an unknown network."""
    with torch.device("meta"):
        network = models.build(model, classes, size, channels)
        return counted(network, torch.empty(batch_size, channels, size, size), precision)


def of_cell(cell: Cell, classes: int, size: int, channels: int) -> Cost | None:
    """Of one update of the cell; None for what shapes alone do not tell."""
    try:
        return cost(cell.model, cell.batch_size, classes, size, channels, cell.precision)
    except Exception:  # a user's network may raise anything on the meta device
        return None


def seconds(cells: Sequence[Cell], arrays: Arrays, form: Form) -> dict[tuple[str, str], dict[Cell, float]]:
    """What each kind of cell takes on each card, alone, on `form` many images of the size of those in arrays.

    By what to --set ("", or "precision=bf16" where all are float32) and the card; nothing where one cannot be counted.
    """
    _, height, _, channels = arrays.x_train.shape
    by_card: dict[tuple[str, str], dict[Cell, float]] = {}
    for change in ("", "precision=bf16") if all(cell.precision == "fp32" for cell in cells) else ("",):
        for cell in cells:
            changed = cell.replace(precision=change.removeprefix("precision=") or cell.precision)
            cost = of_cell(changed, arrays.num_classes, cell.image_size or height, channels)
            if cost is None:
                return {}
            for card, ceilings in CARDS.items():
                kinds = by_card.setdefault((change, card), {})
                kinds[kind_of(cell)] = images_of(cell, form) / images_per_second(cost, ceilings)
    return by_card


def images_of(cell: Cell, form: Form) -> float:
    """How many images the cell learns from, of a data set of this form, counting an evaluated one as a third."""
    learnt = cell.train_examples or form.train - cell.validation_examples
    evaluated = math.ceil(cell.epochs / cell.evaluate_every) * (cell.validation_examples + form.test)
    return cell.epochs * learnt + evaluated / 3


def counted(network: nn.Module, images: Tensor, precision: str) -> Cost:
    """Of one update of a network on the meta device, on images there."""
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    network, parameters = network.to(kind), sum(p.numel() for p in network.parameters())
    noise_shape: tuple[int, ...] | None = getattr(network, "noise_shape", None)
    noise = [torch.empty(len(images), *noise_shape, device="meta")] if noise_shape else []
    labels = torch.empty(len(images), dtype=torch.int64, device="meta")
    with FlopCounterMode(display=False) as flop, _Counter(precision) as seen:
        cross_entropy(network(images.to(kind), *noise).float(), labels).backward()  # type: ignore[no-untyped-call]
    step = parameters * (STEP + CASTING * (precision == "bf16"))
    return Cost(flop.get_total_flops(), seen.bytes + step, seen.kernels + OTHER_KERNELS, len(images), precision)


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts bytes and kernels of the operations inside."""

    def __init__(self, precision: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes, self.kernels = 0, 0
        self._casts = CASTS if precision == "bf16" else {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            name = func.overloadpacket.__name__
            self.kernels += KERNELS.get(name, 1) + self._casts.get(name, 0)
            self.bytes += sum(map(_bytes, tree_leaves((args, kwargs, result, args[: TWICE.get(name, 0)]))))
        return result


def _bytes(value: object) -> int:
    return math.prod(value.shape) * value.element_size() if isinstance(value, Tensor) else 0
