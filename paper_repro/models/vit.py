"""A small vision Transformer (Dosovitskiy et al. 2020, arXiv:2010.11929): "vit-4-64" is depth 4, width 64.

Images are cut into square patches ("-pN" pixels wide; 4 without), each mapped linearly to a token. Learned positions
are added; then come blocks of self-attention and a two-layer perceptron of four times the width, each after a layer
normalisation and beside an identity path; last a normalisation, the mean over the tokens and a linear layer. One head
for each 32 channels, at least two. Not a network of the AdamW paper: the kind for which AdamW became the default.
"""

import re

import torch
from torch import Tensor, nn
from torch.nn import functional

VARIANT = re.compile(r"([1-9]\d{0,2})-([1-9]\d{0,4})(?:-p([1-9]\d{0,2}))?")
FORM = "vit-DEPTH-WIDTH or vit-DEPTH-WIDTH-pPATCH, the width divisible by its heads, such as vit-4-64 or vit-6-128-p2"


def build(variant: str, num_classes: int, image_size: int, channels: int) -> nn.Module:
    """The network of "DEPTH-WIDTH[-pPATCH]". The image size must be a multiple of the patch."""
    match = VARIANT.fullmatch(variant)
    depth, width, patch = (int(match[1]), int(match[2]), int(match[3] or 4)) if match else (0, 1, 1)
    if not match or width % _heads(width):
        raise ValueError(f"model 'vit-{variant}': want {FORM}")
    if image_size % patch:
        raise ValueError(f"model 'vit-{variant}': images of {image_size} pixels are no multiple of the patch {patch}")
    return VisionTransformer(depth, width, patch, num_classes, image_size, channels)


class VisionTransformer(nn.Module):
    """Patches to tokens, blocks, mean over tokens, linear layer."""

    def __init__(self, depth: int, width: int, patch: int, num_classes: int, image_size: int, channels: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.positions = nn.Parameter(torch.randn(1, (image_size // patch) ** 2, width) * 0.02)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, num_classes)
        nn.init.zeros_(self.linear.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of [batch, channels, height, width] images. Raises ValueError unless they are square."""
        if images.shape[2] != images.shape[3]:  # columns that make no whole patch would be left out in silence
            raise ValueError(f"vit takes square images only, got {images.shape[2]} x {images.shape[3]}")
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.positions
        logits: Tensor = self.linear(self.norm(self.blocks(tokens)).mean(1))
        return logits


class Block(nn.Module):
    """Attention, then the perceptron, each normalised first and added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = _heads(width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """[batch, tokens, width] to the same."""
        tokens = tokens + self._attend(self.norm1(tokens))
        mapped: Tensor = tokens + self.narrow(functional.gelu(self.widen(self.norm2(tokens))))
        return mapped

    def _attend(self, tokens: Tensor) -> Tensor:
        query, key, value = self.project(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        # Written out: for so few tokens torch's fused attention took 60 % of an update on a CPU, in bfloat16.
        weights = (query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)).softmax(-1)
        attended: Tensor = self.out((weights @ value).transpose(1, 2).flatten(2))
        return attended


def _heads(width: int) -> int:
    return max(2, width // 32)
