"""Shake-Shake residual networks, the paper's own (Sections 5 and 6): "shake_shake-26-2x64d", "shake_shake-26-2x96d".

Written after Gastaldi (2017, arXiv:1705.07485) and his Torch code (github.com/xgastaldi/shake-shake,
models/shakeshake.lua and models/shakeshakeblock.lua), on which the paper's code builds. "26-2x64d" is depth 26 (6n+2),
two branches a block, 64 channels in the first stage, 128 and 256 in the others. In training a block yields

    skip + a * branch1 + (1 - a) * branch2,    a uniform in [0, 1),

and its gradient is taken with another such number b in place of a; at test time both are 0.5. They are drawn for
every step, block and image ("-image", the default: Shake-Shake-Image) or once for the mini-batch ("-batch"); "-even"
has 0.5 throughout. With ten classes 2x64d has 11,653,978 parameters and 2x96d 26,192,922 (the paper says 11.6M and
25.6M; the latter does not fit the code).
"""

import re
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from paper_repro.models import initialise, stages

VARIANT = re.compile(r"(\d{1,4})-2x(\d{1,4})d(?:-(image|batch|even))?")
FORM = "shake_shake-DEPTH-2xWIDTHd (DEPTH 6n+2, WIDTH even), also -image, -batch or -even, as shake_shake-26-2x64d-even"


def build(variant: str, num_classes: int, image_size: int, channels: int) -> nn.Module:
    """The network of "DEPTH-2xWIDTHd", with "-image" (the default), "-batch" or "-even". Any image size will do."""
    match = VARIANT.fullmatch(variant)
    depth, width = (int(match[1]), int(match[2])) if match else (0, 0)
    if not match or depth < 8 or depth % 6 != 2 or width < 2 or width % 2:  # the skip path has two halves
        raise ValueError(f"model 'shake_shake-{variant}': want {FORM}")
    return ShakeShake(depth, width, num_classes, match[3] or "image", channels)


class ShakeShake(nn.Module):
    """Stem, three stages of blocks, average pool, linear layer.

    shake: "image", "batch" or "even". noise_shape (absent where nothing shakes): per image, a and b of every block; of
    a batch row 0 serves for all images.
    """

    noise_shape: tuple[int, ...]

    def __init__(self, depth: int, width: int, num_classes: int, shake: str = "image", channels: int = 3) -> None:
        super().__init__()
        self.shake = shake
        self.conv = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.blocks = nn.ModuleList(stages(Block, (depth - 2) // 6, (16, width, 2 * width, 4 * width)))
        self.linear = nn.Linear(4 * width, num_classes)
        if shake != "even":
            self.noise_shape = (len(self.blocks), 2)
        initialise(self)

    def forward(self, images: Tensor, noise: Tensor | None = None) -> Tensor:
        """Logits of [batch, channels, height, width] images; noise [batch, blocks, 2] is used in training only."""
        x = self.norm(self.conv(images))  # no ReLU here: each block has its own
        if self.training and self.shake != "even":
            if noise is None:
                noise = torch.rand(len(images), *self.noise_shape, device=images.device)
            for block, (a, b) in zip(self.blocks, self._coefficients(noise, x.dtype), strict=True):
                x = block(x, a, b)
        else:
            for block in self.blocks:
                x = block(x)
        # The published code pools over 8x8, which is all that is left of 32x32.
        x = functional.avg_pool2d(functional.relu(x), x.shape[-2:])
        logits: Tensor = self.linear(x.flatten(1))
        return logits

    def _coefficients(self, noise: Tensor, dtype: torch.dtype) -> Iterable[tuple[Tensor, ...]]:
        """(a, b) of every block, each of shape [batch, 1, 1, 1], or [1, 1, 1, 1] of a batch."""
        if self.shake == "batch":
            noise = noise[:1]
        # Cast once for all blocks: under autocast a float32 number would lift the whole map to float32.
        pairs = torch.stack((noise[:, :, 0], noise[:, :, 1])).to(dtype)[..., None, None, None]
        return zip(*(column.unbind(1) for column in pairs), strict=True)


class Block(nn.Module):
    """Two branches and the skip path, their sum not rectified."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.skip = Skip(inputs, outputs, stride) if inputs != outputs else None
        self.branch1 = _branch(inputs, outputs, stride)
        self.branch2 = _branch(inputs, outputs, stride)

    def forward(self, x: Tensor, a: Tensor | None = None, b: Tensor | None = None) -> Tensor:
        """Shaken with a forward and b backward; even without them."""
        # Both branches and a changing skip path begin with the same ReLU: taken once. The identity passes x as it came.
        positive = functional.relu(x)
        skip = x if self.skip is None else self.skip(positive)
        first, second = self.branch1(positive), self.branch2(positive)
        if a is None or b is None:
            return torch.add(skip, first + second, alpha=0.5)
        mixed: Tensor = Mix.apply(skip, first, second, a, b)  # type: ignore[no-untyped-call]
        return mixed


class Mix(torch.autograd.Function):
    """skip + a * first + (1 - a) * second, differentiated as if a were b. Keeps no map for the backward pass."""

    @staticmethod
    def forward(skip: Tensor, first: Tensor, second: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """The sum with a; b only goes into the gradient."""
        # Nothing in place: torch.compile (2.11) would make every gradient zero (compiled.py).
        return torch.addcmul(torch.addcmul(skip, first, a), second, 1 - a)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep b."""
        ctx.save_for_backward(inputs[4])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        """To the skip path in full, to the branches by b and 1 - b."""
        (grad,), (b,) = grads, ctx.saved_tensors
        return grad, grad * b, grad * (1 - b), None, None


class Skip(nn.Module):
    """The skip path where the number of channels changes.

    The pixels (0, 0), (0, s), .. go to one half of the new channels, their neighbours up and to the left to the other.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        # A 1x1 convolution of stride s is the published 1x1 average pool of stride s and a 1x1 convolution in one.
        self.path1 = nn.Conv2d(inputs, outputs // 2, 1, stride, bias=False)
        self.path2 = nn.Conv2d(inputs, outputs // 2, 1, stride, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Of the rectified input. Padding and cropping by one shifts the map right and down."""
        shifted = functional.pad(x, (1, -1, 1, -1))
        y: Tensor = self.norm(torch.cat((self.path1(x), self.path2(shifted)), 1))
        return y


def _branch(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Without the leading ReLU, which the Block takes for both branches."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
    )
