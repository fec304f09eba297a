"""AdamW that runs out of memory when more of its cells than HUNGRY_CELLS are in one process; with alpha 1 always."""

import os
import weakref

import torch

from paper_repro.optim import AdamW

CELLS = int(os.environ["HUNGRY_CELLS"])
ALIVE = weakref.WeakSet()


class Hungry(AdamW):
    def step(self, closure=None):
        if len(self.param_groups[0]["params"]) < 5:  # tried before training begins
            return super().step(closure)
        ALIVE.add(self)
        if len(ALIVE) > CELLS or self.defaults["lr"] == 1:
            ALIVE.discard(self)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nA second line.")
        return super().step(closure)


def build(params, alpha, decay):
    return Hungry(params, lr=alpha, decay=decay)
