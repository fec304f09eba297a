"""Loss and error of a network on a split."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from paper_repro.data.augment import normalise
from paper_repro.data.split import Dataset, Split

MANY_CLASSES = 100  # from here on the top-5 error is measured too


def batch_size(device: str, shape: Sequence[int]) -> int:
    """How many images of height x width are evaluated at once: on a GPU many, because the cost is Python's there."""
    return 500 if device == "cpu" else max(1, min(2500, 2500 * 32 * 32 // math.prod(shape)))


@torch.no_grad()
def evaluate(
    model: nn.Module, split: Split, data: Dataset, precision: Callable[[], AbstractContextManager[Any]]
) -> dict[str, float]:
    """In evaluation mode: loss (mean, nats), error (percent) and, with many classes, top5_error: the share of images
    whose label is not among the five likeliest."""
    model.eval()
    ranks = {"error": 1} | ({"top5_error": 5} if data.num_classes >= MANY_CLASSES else {})
    loss = torch.zeros((), dtype=torch.float64, device=data.mean.device)
    wrong = {name: torch.zeros((), dtype=torch.int64, device=data.mean.device) for name in ranks}
    size = batch_size(data.mean.device.type, split.images.shape[1:3])
    for start in range(0, len(split), size):
        images = normalise(split.images[start : start + size], data)
        labels = split.labels[start : start + size]
        with precision():
            logits = model(images)
        loss += cross_entropy(logits.float(), labels, reduction="sum")
        for name, rank in ranks.items():
            likeliest = logits.argmax(1, keepdim=True) if rank == 1 else logits.topk(rank).indices
            wrong[name] += (likeliest != labels[:, None]).all(1).sum()
    errors = {name: 100 * count.item() / len(split) for name, count in wrong.items()}
    return {"loss": loss.item() / len(split)} | errors
