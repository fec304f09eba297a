"""The plain residual network for CIFAR (He et al. 2015, arXiv:1512.03385, Section 4.2): "resnet-20", "resnet-8-w16".
"resnet-8-w16-nonorm" is without its batch normalisations.

Depth 6n+2: a 3x3 convolution, three stages of n blocks of two 3x3 convolutions at full, half and quarter resolution
with 16, 32 and 64 channels ("-wN": N, 2N and 4N), global average pool, linear layer. Shortcuts are option A of that
paper: where the shape changes, every second pixel and zeros for the new channels, hence no parameters. Not a network of
the AdamW paper: it stands in for Shake-Shake where that is too slow.

Without normalisations the convolutions have biases, and the second of each block starts at 0, so that at first every
block is its shortcut (as in Fixup, arXiv:1901.09321, without its scales and its smaller weights).
"""

import re
from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from paper_repro.models import stages

VARIANT = re.compile(r"(\d{1,4})(?:-w(\d{1,4}))?(-nonorm)?")
FORM = (
    "resnet-DEPTH or resnet-DEPTH-wWIDTH, -nonorm behind it or not, with DEPTH 8, 14, 20, .. (6n+2), such as resnet-20 "
    "or resnet-8-w16"
)


def build(variant: str, num_classes: int, image_size: int, channels: int) -> nn.Module:
    """The network of "DEPTH", "DEPTH-wWIDTH" or either with "-nonorm". Any image size will do."""
    match = VARIANT.fullmatch(variant)
    depth, width = (int(match[1]), int(match[2] or 16)) if match else (0, 0)
    if match is None or depth < 8 or depth % 6 != 2 or width < 1:
        raise ValueError(f"model 'resnet-{variant}': want {FORM}")
    return ResNet(depth, width, num_classes, channels, normalised=not match[3])


class ResNet(nn.Module):
    """Stem, three stages, average pool, linear layer."""

    def __init__(self, depth: int, width: int, num_classes: int, channels: int = 3, normalised: bool = True) -> None:
        super().__init__()
        widths = (width, width, 2 * width, 4 * width)
        self.conv = _conv3x3(channels, width, bias=not normalised)
        self.norm = _norm(width, normalised)
        self.blocks = nn.Sequential(*stages(partial(Block, normalised=normalised), (depth - 2) // 6, widths))
        self.linear = nn.Linear(widths[-1], num_classes)
        nn.init.zeros_(self.linear.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of [batch, channels, height, width] images."""
        x = functional.relu(self.norm(self.conv(images)), inplace=True)
        x = self.blocks(x)
        logits: Tensor = self.linear(functional.avg_pool2d(x, x.shape[-2:]).flatten(1))
        return logits


class Block(nn.Module):
    """Two 3x3 convolutions and the parameter-free shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, normalised: bool = True) -> None:
        super().__init__()
        self.conv1 = _conv3x3(inputs, outputs, stride, not normalised)
        self.norm1 = _norm(outputs, normalised)
        self.conv2 = _conv3x3(outputs, outputs, bias=not normalised)
        self.norm2 = _norm(outputs, normalised)
        if not normalised:
            nn.init.zeros_(self.conv2.weight)
        self.stride = stride
        self.new_channels = outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        """relu(residual + shortcut)."""
        y = functional.relu(self.norm1(self.conv1(x)), inplace=True)
        if self.stride > 1 or self.new_channels:
            # As x[:, :, ::s, ::s], whose gradient would leave the channels-last layout: training was a quarter slower.
            pixels = functional.avg_pool2d(x, 1, self.stride)
            x = functional.pad(pixels, (0, 0, 0, 0, 0, self.new_channels))
        return functional.relu(self.norm2(self.conv2(y)) + x, inplace=True)


def _norm(channels: int, normalised: bool) -> nn.Module:
    return nn.BatchNorm2d(channels) if normalised else nn.Identity()


def _conv3x3(inputs: int, outputs: int, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """Drawn from N(0, 2 / (9 outputs)) (He et al., arXiv:1502.01852), a bias from 0; without one where a normalisation
    follows."""
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=bias)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv
