"""The plain residual network for CIFAR (He et al. 2015, arXiv:1512.03385, Section 4.2): "resnet-20", "resnet-8-w16".

Depth 6n+2: a 3x3 convolution, three stages of n blocks of two 3x3 convolutions at full, half and quarter resolution
with 16, 32 and 64 channels ("-wN": N, 2N and 4N), global average pool, linear layer. Shortcuts are option A of that
paper: where the shape changes, every second pixel and zeros for the new channels, hence no parameters. Not a network of
the AdamW paper: it stands in for Shake-Shake where that is too slow.
"""

import re

from torch import Tensor, nn
from torch.nn import functional

from paper_repro.models import stages

VARIANT = re.compile(r"(\d{1,4})(?:-w(\d{1,4}))?")
FORM = "resnet-DEPTH or resnet-DEPTH-wWIDTH with DEPTH 8, 14, 20, .. (6n+2), such as resnet-20 or resnet-8-w16"


def build(variant: str, num_classes: int, image_size: int, channels: int) -> nn.Module:
    """The network of "DEPTH" or "DEPTH-wWIDTH". Any image size will do."""
    match = VARIANT.fullmatch(variant)
    depth, width = (int(match[1]), int(match[2] or 16)) if match else (0, 0)
    if depth < 8 or depth % 6 != 2 or width < 1:
        raise ValueError(f"model 'resnet-{variant}': want {FORM}")
    return ResNet(depth, width, num_classes, channels)


class ResNet(nn.Module):
    """Stem, three stages, average pool, linear layer."""

    def __init__(self, depth: int, width: int, num_classes: int, channels: int = 3) -> None:
        super().__init__()
        widths = (width, width, 2 * width, 4 * width)
        self.conv = _conv3x3(channels, width)
        self.norm = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(*stages(Block, (depth - 2) // 6, widths))
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

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv3x3(inputs, outputs, stride)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv3x3(outputs, outputs)
        self.norm2 = nn.BatchNorm2d(outputs)
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


def _conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """Without bias, as a normalisation follows; drawn from N(0, 2 / (9 outputs)) (He et al., arXiv:1502.01852)."""
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv
