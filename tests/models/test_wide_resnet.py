"""Wide residual networks: parameter counts of the literature, and what is refused."""

import pytest
import torch

from paper_repro import models


@pytest.mark.parametrize(
    ("variant", "classes", "millions"),
    [("28-10", 10, 36.5), ("28-10", 100, 36.5), ("16-8", 10, 11.0), ("40-4", 10, 8.9), ("16-4", 10, 2.7)],
)
def test_parameters_as_in_the_papers_tables(variant: str, classes: int, millions: float) -> None:
    with torch.device("meta"):
        net = models.build(f"wide_resnet-{variant}", classes, 32)
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)


def test_28_10_to_the_last_parameter() -> None:
    with torch.device("meta"):
        net = models.build("wide_resnet-28-10", 10, 32)
    assert sum(p.numel() for p in net.parameters()) == 36_479_194


@pytest.mark.parametrize("size", [8, 12, 32])
def test_any_picture_size_will_do(size: int) -> None:
    assert models.build("wide_resnet-10-1", 7, size)(torch.randn(2, 3, size, size)).shape == (2, 7)


@pytest.mark.parametrize("variant", ["28", "27-10", "4-10", "28-0", "28-10-2"])
def test_other_variants_are_refused(variant: str) -> None:
    with pytest.raises(ValueError, match="wide_resnet-DEPTH-WIDTH"):
        models.build(f"wide_resnet-{variant}", 10, 32)
