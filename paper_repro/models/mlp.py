"""A multilayer perceptron without normalisation: "mlp-64x2" has two hidden layers of 64 rectified units.

Not a network of the AdamW paper: the smallest one, for demonstrations and tests, and one where the scale of the weights
matters, as no normalisation undoes it.
"""

import re
from itertools import pairwise

from torch import nn

VARIANT = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,2})")


def build(variant: str, num_classes: int, image_size: int, channels: int) -> nn.Module:
    """The network of "WIDTHxLAYERS"; the weights and biases are drawn as torch.nn.Linear does."""
    match = VARIANT.fullmatch(variant)
    if not match:
        raise ValueError(f"model 'mlp-{variant}': want mlp-WIDTHxLAYERS, both at least 1, such as mlp-64x2")
    width, layers = int(match[1]), int(match[2])
    model = nn.Sequential(nn.Flatten())
    for inputs, outputs in pairwise([channels * image_size**2] + [width] * layers):
        model.extend((nn.Linear(inputs, outputs), nn.ReLU(inplace=True)))
    model.append(nn.Linear(width, num_classes))
    return model
