"""The opponents, with the same networks: the training loop as users write it, and as experienced users do."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision import transforms

from paper_repro import models
from paper_repro.data.arrays import Arrays, from_arrays

BATCH = 128


def random_images(count: int = 6400) -> Arrays:
    """Random images of CIFAR-10's size: what is in them does not change the speed."""
    draw = np.random.RandomState(0)
    x = draw.randint(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return from_arrays("noise", x, draw.randint(0, 10, count), x[:10], np.arange(10))


def images_per_second(
    network: str, device: str, seconds: float, threads: int, tuned: bool = False, helpers: int = 2
) -> float:
    """DataLoader with torchvision's transforms in `helpers` processes, eager, fp32, AdamW; `threads` for the training.

    tuned: with bf16 autocast and channels_last.
    """
    torch.set_num_threads(threads)
    layout = torch.channels_last if tuned else torch.contiguous_format
    precision = torch.autocast(device, torch.bfloat16) if tuned else contextlib.nullcontext()
    loader = torch.utils.data.DataLoader(
        _Transformed(random_images()),
        batch_size=BATCH,
        shuffle=True,
        num_workers=helpers,
        drop_last=True,
        pin_memory=device != "cpu",
    )
    model = models.build(network, 10, 32).to(device, memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.25)
    criterion = nn.CrossEntropyLoss()

    def updates() -> Iterator[float]:
        while True:
            for images, labels in loader:
                optimizer.zero_grad()
                with precision:
                    loss = criterion(model(images.to(device, memory_format=layout)), labels.to(device))
                loss.backward()
                optimizer.step()
                yield loss.item()

    source = updates()
    next(source)
    began, made = time.perf_counter(), 0
    while not made or time.perf_counter() - began < seconds:
        next(source)
        made += 1
    return made * BATCH / (time.perf_counter() - began)


class _Transformed(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Images transformed one by one when asked for, as torchvision's data sets do it."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        mean, std = ([value / 255 for value in values] for values in (arrays.mean, arrays.std))
        self.transform: Callable[[Any], Tensor] = transforms.Compose([
            transforms.ToPILImage(),
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(mean, std),
        ])  # fmt: skip

    def __len__(self) -> int:
        return len(self.arrays.y_train)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.arrays.x_train[index]), int(self.arrays.y_train[index])
