"""paper_repro.models.resnet."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from paper_repro import models
from paper_repro.models.resnet import Block


def count_by_hand(depth, width, classes):
    """Convolutions 9 in out, two numbers a channel for each normalisation, a linear layer; nothing for shortcuts."""
    n = (depth - 2) // 6
    count = 9 * 3 * width + 2 * width
    for inputs, outputs in ((width, width), (width, 2 * width), (2 * width, 4 * width)):
        count += 9 * inputs * outputs + (2 * n - 1) * 9 * outputs**2 + 2 * n * 2 * outputs
    return count + 4 * width * classes + classes


@pytest.mark.parametrize(
    ("spec", "depth", "width", "count", "millions"),
    [
        ("resnet-20", 20, 16, 269_722, 0.27),  # millions: Table 6 of He et al.
        ("resnet-32", 32, 16, 464_154, 0.46),
        ("resnet-44", 44, 16, 658_586, 0.66),
        ("resnet-56", 56, 16, 853_018, 0.85),
        ("resnet-8", 8, 16, 75_290, None),
        ("resnet-8-w8", 8, 8, 19_218, None),
    ],
)
def test_parameters_number_as_published_and_as_counted_by_hand(spec, depth, width, count, millions):
    with torch.device("meta"):
        model = models.build(spec, 10, 32)
    assert sum(p.numel() for p in model.parameters()) == count == count_by_hand(depth, width, 10)
    assert millions is None or round(count / 1e6, 2) == millions
    assert sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in model.modules()) == depth


@pytest.mark.parametrize("size", [5, 8, 12, 16, 32])
def test_any_image_size_will_do(size):
    model = models.build("resnet-8-w4", 10, size)
    assert model(torch.randn(2, 3, size, size)).shape == (2, 10)


@pytest.mark.parametrize(("inputs", "outputs", "stride", "size"), [(4, 4, 1, 6), (4, 8, 2, 6), (4, 8, 2, 7)])
def test_a_block_adds_every_second_pixel_and_zeros_for_new_channels(inputs, outputs, stride, size):
    torch.manual_seed(0)
    block = Block(inputs, outputs, stride).double()
    x = torch.randn(3, inputs, size, size, dtype=torch.float64, requires_grad=True)
    y = functional.conv2d(x, block.conv1.weight, stride=stride, padding=1)
    y = functional.conv2d(normalised(y).clamp(min=0), block.conv2.weight, padding=1)
    pixels = x[:, :, ::stride, ::stride]
    zeros = torch.zeros(3, outputs - inputs, *pixels.shape[2:], dtype=torch.float64)
    wanted = (normalised(y) + torch.cat((pixels, zeros), 1)).clamp(min=0)
    found = block(x)
    torch.testing.assert_close(found, wanted)
    direction = torch.randn_like(wanted)
    torch.testing.assert_close(torch.autograd.grad(found, x, direction), torch.autograd.grad(wanted, x, direction))


def normalised(x):
    """Batch normalisation with scale 1 and shift 0."""
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
    return (x - mean) / (variance + 1e-5).sqrt()


def test_weights_are_drawn_as_published():
    torch.manual_seed(0)
    model = models.build("resnet-8-w32", 10, 8)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            assert layer.bias is None
            assert layer.weight.std().item() == pytest.approx((2 / (9 * layer.out_channels)) ** 0.5, rel=0.06)
        elif isinstance(layer, nn.BatchNorm2d):
            assert (layer.weight == 1).all()
            assert (layer.bias == 0).all()
    assert (model.linear.bias == 0).all()


def test_without_normalisations_every_block_begins_as_its_shortcut():
    torch.manual_seed(0)
    model = models.build("resnet-8-w8-nonorm", 10, 8)
    assert not [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    x = torch.rand(2, 8, 8, 8)
    torch.testing.assert_close(model.blocks[0](x), x)
    model(torch.randn(4, 3, 8, 8)).logsumexp(1).sum().backward()
    assert all(block.conv2.weight.grad.abs().sum() > 0 for block in model.blocks)


def test_gradients_keep_the_channels_last_layout():
    model = models.build("resnet-14-w8", 10, 8).to(memory_format=torch.channels_last)
    strayed = []
    for block in model.blocks:
        block.register_full_backward_hook(lambda _, __, out: strayed.append(not channels_last(out[0])))
    images = torch.randn(4, 3, 8, 8).to(memory_format=torch.channels_last)
    model(images).sum().backward()
    assert strayed == [False] * 6


def channels_last(x):
    return x.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("variant", ["", "2", "9", "20-w0", "20-w", "20-16", "w16", "-8", "020x", "20-w16-w16"])
def test_other_variants_are_refused(variant):
    with pytest.raises(ValueError, match=r"\Amodel 'resnet-.*': want resnet-DEPTH .*6n\+2.*\Z"):
        models.build(f"resnet-{variant}", 10, 8)
