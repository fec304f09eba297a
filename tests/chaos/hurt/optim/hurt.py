"""AdamW that wounds the weights that the net "hurt" marks. The count of updates is in its state."""

from typing import Any

import torch

from paper_repro.optim import AdamW


class Hurt(AdamW):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        for group in self.param_groups:
            group["made"] = group.get("made", 0) + 1
            for parameter in group["params"]:
                step, value = getattr(parameter, "wound", (0, 0.0))
                if step == group["made"]:
                    parameter.view(-1)[-1] = value
        return loss


def build(params: Any, alpha: float, decay: float) -> Hurt:
    return Hurt(params, lr=alpha, decay=decay)
