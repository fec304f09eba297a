"""paper_repro.models.mlp."""

import pytest
import torch
from torch import nn

from paper_repro import models


@pytest.mark.parametrize(
    ("spec", "count"),
    [("mlp-64x2", (192 + 1) * 64 + (64 + 1) * 64 + (64 + 1) * 10), ("mlp-5x1", (192 + 1) * 5 + (5 + 1) * 10)],
)
def test_parameters_number_as_counted_by_hand(spec, count):
    assert sum(p.numel() for p in models.build(spec, 10, 8).parameters()) == count


def test_it_is_linear_maps_with_rectifiers_between():
    torch.manual_seed(0)
    model = models.build("mlp-6x2", 4, 5, channels=2)
    images = torch.randn(3, 2, 5, 5)
    first, second, last = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    x = images.flatten(1)
    for layer in (first, second):
        x = (x @ layer.weight.T + layer.bias).clamp(min=0)
    torch.testing.assert_close(model(images), x @ last.weight.T + last.bias)


@pytest.mark.parametrize("variant", ["", "64", "64x0", "0x2", "x2", "64x2x2", "64x-2", "-64x2", "6.4x2", "64x2-even"])
def test_other_variants_are_refused(variant):
    with pytest.raises(ValueError, match=r"\Amodel 'mlp-.*': want mlp-WIDTHxLAYERS, .* such as mlp-64x2\Z"):
        models.build(f"mlp-{variant}", 10, 8)
