"""A net with a wound: "hurt-gradient,nan,17,3" is mlp-8x2 with a NaN in its third parameter's gradient at update 17.

Where: loss, gradient, weight (with the optimizer "hurt" of this folder), hidden (the gradient of the last hidden layer,
whence it spreads to all before), evaluation (from that update on) or none. The count of updates is a buffer, so that a
net that is resumed knows it. To be found by name these files must lie on the paths of paper_repro.
"""

import torch
from torch import Tensor, nn

from paper_repro.models import mlp


class Hurt(nn.Module):
    def __init__(self, net: nn.Module, where: str, value: float, step: int, place: int) -> None:
        super().__init__()
        self.net, self.where, self.value, self.step = net, where, value, step
        self.register_buffer("made", torch.zeros((), dtype=torch.int64))
        wounded = list(net.parameters())[place]
        if where == "gradient":
            wounded.register_hook(self._gradient)
        if where == "weight":
            wounded.wound = (step, value)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.net[:-1](images)
        if self.training:
            if self.where == "hidden":
                hidden.register_hook(self._gradient)
            self.made += 1
        logits = self.net[-1](hidden)
        if self.where == "evaluation" and not self.training and self.made >= self.step:
            return logits * self.value
        if self.where == "loss" and self.training and self.made == self.step:
            return logits.index_fill(1, torch.tensor([0]), -self.value)  # the loss of the first class's pictures
        return logits

    def _gradient(self, gradient: Tensor) -> Tensor:
        if self.made != self.step:
            return gradient
        gradient = gradient.clone()
        gradient.view(-1)[-1] = self.value
        return gradient


def build(variant: str, num_classes: int, image_size: int, channels: int) -> nn.Module:
    where, value, step, place = variant.split(",")
    net = mlp.build("8x2", num_classes, image_size, channels)
    return Hurt(net, where, float(value), int(step), int(place))
