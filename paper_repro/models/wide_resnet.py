"""Wide residual networks (Zagoruyko & Komodakis 2016, arXiv:1605.07146): "wide_resnet-28-10" is depth 28, width 10.

Depth 6n+4: a 3x3 convolution to 16 channels, three stages of n blocks with 16k, 32k and 64k channels, normalisation,
ReLU, average pool, linear layer. Blocks are pre-activated (normalisation and ReLU before each convolution), without
dropout; where the shape changes, the shortcut is a 1x1 convolution of the activated input. 28-10 has 36,479,194
parameters with ten classes (36.5M in the paper's table 4). Not a network of the AdamW paper.
"""

import re

from torch import Tensor, nn
from torch.nn import functional

from paper_repro.models import initialise, stages

VARIANT = re.compile(r"(\d{1,4})-(\d{1,3})")
FORM = "wide_resnet-DEPTH-WIDTH with DEPTH 10, 16, 22, 28, .. (6n+4), such as wide_resnet-28-10"


def build(variant: str, num_classes: int, image_size: int, channels: int) -> nn.Module:
    """The network of "DEPTH-WIDTH". Any image size will do."""
    match = VARIANT.fullmatch(variant)
    depth, width = (int(match[1]), int(match[2])) if match else (0, 0)
    if depth < 10 or depth % 6 != 4 or width < 1:
        raise ValueError(f"model 'wide_resnet-{variant}': want {FORM}")
    return WideResNet(depth, width, num_classes, channels)


class WideResNet(nn.Module):
    """Stem, three stages of pre-activated blocks, pool, linear layer."""

    def __init__(self, depth: int, width: int, num_classes: int, channels: int = 3) -> None:
        super().__init__()
        widths = (16, 16 * width, 32 * width, 64 * width)
        self.conv = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(*stages(Block, (depth - 4) // 6, widths))
        self.norm = nn.BatchNorm2d(widths[-1])
        self.linear = nn.Linear(widths[-1], num_classes)
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of [batch, channels, height, width] images."""
        x = functional.relu(self.norm(self.blocks(self.conv(images))), inplace=True)
        logits: Tensor = self.linear(functional.avg_pool2d(x, x.shape[-2:]).flatten(1))
        return logits


class Block(nn.Module):
    """Two pre-activated 3x3 convolutions beside the shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs or stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """residual + shortcut, not rectified: the next block's normalisation comes first."""
        active = functional.relu(self.norm1(x), inplace=True)
        residual = self.conv2(functional.relu(self.norm2(self.conv1(active)), inplace=True))
        total: Tensor = residual + (x if self.shortcut is None else self.shortcut(active))
        return total
