"""Networks by name: a Cell's model "family-variant" is built by the function `build` of the module named `family` here.

The paper trains 26 2x64d and 26 2x96d residual networks with Shake-Shake regularization (Sections 5 and 6):
shake_shake.py. The other families are for reduced scale and for comparison. A new family is a new file in this folder,
or a module of your own with a dot in its name ("mypackage.net-variant"), with

    def build(variant: str, num_classes: int, image_size: int, channels: int) -> nn.Module

image_size is the height of the images, and the width too unless they are not square.

A network may have an attribute `noise_shape`, the shape per image of the uniform numbers in [0, 1) that it wants at
every training step. It is then called as `model(images, noise)`, noise of shape [batch, *noise_shape], a function of
(seed, epoch, step), so that a resumed run stays what it was. In eval mode noise is ignored. A network that draws its
own, as with nn.Dropout, is refused: what it drew would depend on the cells that were trained before or beside it.
"""

import pkgutil
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

from paper_repro import plugins


def families() -> list[str]:
    """The names of the modules in this folder, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def build(spec: str, num_classes: int, image_size: int, channels: int = 3) -> nn.Module:
    """The network named `spec`, such as "resnet-20", for square images. Raises ValueError for an unknown name."""
    family, _, variant = spec.partition("-")
    module = plugins.load(__name__, family, families(), "model")
    model: nn.Module = module.build(variant, num_classes, image_size, channels)
    return model


def stages(block: Callable[[int, int, int], nn.Module], per_stage: int, widths: Sequence[int]) -> list[nn.Module]:
    """Blocks made of (inputs, outputs, stride) in stages of so many; widths: channels of the stem, then of each stage.

    Every stage but the first begins with stride 2.
    """
    return [
        block(outputs if index else inputs, outputs, 2 if stage and not index else 1)
        for stage, (inputs, outputs) in enumerate(pairwise(widths))
        for index in range(per_stage)
    ]


def initialise(network: nn.Module) -> None:
    """Draw convolutions from N(0, 2 / fan_out) (He et al., arXiv:1502.01852); set linear layers' biases to 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
