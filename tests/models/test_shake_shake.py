"""paper_repro.models.shake_shake, against the published counts and a second, explicit computation in float64."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from paper_repro import models
from paper_repro.models.shake_shake import Block, Mix, ShakeShake, Skip


def images_like(count, size=8, dtype=torch.float64):
    return torch.randn(count, 3, size, size, dtype=dtype)


# The second computation: a block and a network spelt out; a difference that is not differentiated parts a from b.


def normalised(x):
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
    return (x - mean) / (variance + 1e-5).sqrt()


def branch_by_hand(x, branch, stride):
    first, second = [layer.weight for layer in branch if isinstance(layer, nn.Conv2d)]
    y = normalised(functional.conv2d(x.clamp(min=0), first, stride=stride, padding=1))
    return normalised(functional.conv2d(y.clamp(min=0), second, padding=1))


def skip_by_hand(x, skip, stride):
    x = x.clamp(min=0)
    shifted = torch.zeros_like(x)
    shifted[:, :, 1:, 1:] = x[:, :, :-1, :-1]
    paths = [(x, skip.path1), (shifted, skip.path2)]
    maps = [torch.einsum("bihw,oi->bohw", y[:, :, ::stride, ::stride], p.weight[:, :, 0, 0]) for y, p in paths]
    return normalised(torch.cat(maps, 1))


def block_by_hand(x, block, stride, a, b):
    a, b = (number.reshape(-1, 1, 1, 1) for number in (a, b))
    first, second = (branch_by_hand(x, branch, stride) for branch in (block.branch1, block.branch2))
    backward = b * first + (1 - b) * second
    forward = a * first + (1 - a) * second
    skip = x if block.skip is None else skip_by_hand(x, block.skip, stride)
    return skip + backward + (forward - backward).detach()


def network_by_hand(model, images, noise):
    x = normalised(functional.conv2d(images, model.conv.weight, padding=1))
    per_stage = len(model.blocks) // 3
    for index, block in enumerate(model.blocks):
        stride = 2 if index in (per_stage, 2 * per_stage) else 1
        x = block_by_hand(x, block, stride, noise[:, index, 0], noise[:, index, 1])
    return x.clamp(min=0).mean((2, 3)) @ model.linear.weight.T + model.linear.bias


def assert_same_gradients(found, wanted, *inputs):
    direction = torch.randn_like(wanted)
    pairs = [torch.autograd.grad(out, inputs, direction) for out in (found, wanted)]
    torch.testing.assert_close(*pairs)


@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(6, 6, 1), (6, 8, 1), (6, 8, 2)])
def test_a_block_mixes_with_a_and_differentiates_with_b(inputs, outputs, stride):
    torch.manual_seed(0)
    block = Block(inputs, outputs, stride).double()
    x = torch.randn(5, inputs, 8, 8, dtype=torch.float64, requires_grad=True)
    kept = x.detach().clone()
    a, b = torch.rand(2, 5, 1, 1, 1, dtype=torch.float64)
    found, wanted = block(x, a, b), block_by_hand(x, block, stride, a, b)
    torch.testing.assert_close(found, wanted)
    assert_same_gradients(found, wanted, x, *(p for p in block.parameters() if p.dim() == 4))
    assert torch.equal(x, kept)


@pytest.mark.parametrize(("depth", "width", "count"), [(8, 8, 5), (14, 4, 3), (8, 16, 1)])
def test_a_network_gives_each_block_its_own_numbers(depth, width, count):
    torch.manual_seed(0)
    model = ShakeShake(depth, width, 10).double()
    assert model.noise_shape == ((depth - 2) // 2, 2)
    images, noise = images_like(count), torch.rand(count, *model.noise_shape, dtype=torch.float64)
    found, wanted = model(images, noise), network_by_hand(model, images, noise)
    torch.testing.assert_close(found, wanted)
    assert_same_gradients(found, wanted, *(p for p in model.parameters() if p.dim() > 1))


def test_the_branches_share_the_gradient_by_b_and_the_skip_path_has_it_all():
    skip, first, second, grad = torch.randn(4, 3, 2, 4, 4, dtype=torch.float64)
    leaves = [x.requires_grad_() for x in (skip, first, second)]
    a = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64).view(3, 1, 1, 1)
    b = torch.tensor([0.0, 1.0, 0.25], dtype=torch.float64).view(3, 1, 1, 1)
    out = Mix.apply(*leaves, a, b)
    torch.testing.assert_close(out[2], skip[2] + 0.9 * first[2] + 0.1 * second[2])
    to_skip, to_first, to_second = torch.autograd.grad(out, leaves, grad)
    assert torch.equal(to_skip, grad)
    for found, shares in ((to_first, (0, 1, 0.25)), (to_second, (1, 0, 0.75))):
        for image, share in enumerate(shares):
            torch.testing.assert_close(found[image], share * grad[image])


def test_mixing_keeps_no_map_for_the_backward_pass():
    kept = []
    a, b = torch.rand(2, 3, 1, 1, 1)
    maps = [x.requires_grad_() for x in torch.randn(3, 3, 2, 4, 4)]
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.shape) or x, lambda x: x):
        Mix.apply(*maps, a, b)
    assert kept == [b.shape]


# What is published.


@pytest.mark.parametrize(
    ("width", "ten", "thousand", "multiply_adds"),
    [
        (32, 2_923_162, 3_050_872, 426_689_792),
        (64, 11_653_978, 11_908_408, 1_685_506_560),
        (96, 26_192_922, 26_574_072, 3_776_892_672),
    ],
)
def test_parameters_and_multiplications_number_as_published(width, ten, thousand, multiply_adds):
    with torch.device("meta"):
        small, large = (models.build(f"shake_shake-26-2x{width}d", classes, 32) for classes in (10, 1000))
        assert [sum(p.numel() for p in model.parameters()) for model in (small, large)] == [ten, thousand]
        assert len(list(small.parameters())) == 161
        kinds = [type(layer) for layer in small.modules()]
        assert (kinds.count(nn.Conv2d), kinds.count(nn.BatchNorm2d)) == (55, 52)
        with FlopCounterMode(display=False) as counter:
            small.eval()(torch.empty(1, 3, 32, 32))
    assert counter.get_total_flops() == 2 * multiply_adds


def test_weights_are_drawn_as_published():
    torch.manual_seed(0)
    model = models.build("shake_shake-8-2x32d", 10, 8)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            assert layer.bias is None
            deviation = (2 / (layer.kernel_size[0] ** 2 * layer.out_channels)) ** 0.5
            assert layer.weight.std().item() == pytest.approx(deviation, rel=0.15 if layer.in_channels < 32 else 0.05)
            assert layer.weight.abs().max() > 2.5 * deviation  # normal, not uniform
        elif isinstance(layer, nn.BatchNorm2d):
            assert (layer.eps, layer.momentum) == (1e-5, 0.1)
            assert (layer.weight == 1).all()
            assert (layer.bias == 0).all()
    bound = 1 / 128**0.5
    assert 0.99 * bound < model.linear.weight.abs().max() <= bound
    assert model.linear.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.1)
    assert (model.linear.bias == 0).all()


@pytest.mark.parametrize("size", [8, 7])
def test_the_second_skip_path_sees_a_zero_edge_and_then_every_odd_pixel(size):
    skip = Skip(1, 2, 2).double().eval()
    nn.init.ones_(skip.path1.weight)
    nn.init.ones_(skip.path2.weight)
    x = torch.arange(1.0, 1 + size**2, dtype=torch.float64).view(1, 1, size, size)
    path1, path2 = skip(x)[0] * (1 + 1e-5) ** 0.5  # undo the normalisation by running variance 1 and eps
    torch.testing.assert_close(path1, x[0, 0, ::2, ::2])
    assert (path2[0] == 0).all()
    assert (path2[:, 0] == 0).all()
    inner = path2[1:, 1:]
    torch.testing.assert_close(inner, x[0, 0, 1 : size - 1 : 2, 1 : size - 1 : 2])


def test_the_second_skip_path_moves_an_impulse_right_and_down():
    skip = Skip(1, 2, 1).double().eval()
    nn.init.ones_(skip.path2.weight)
    impulse = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    impulse[0, 0, 1, 2] = 1
    assert skip(impulse)[0, 1].nonzero().tolist() == [[2, 3]]


def test_the_identity_carries_negative_values_and_nothing_rectifies_the_sum():
    block = Block(4, 4, 1)
    for branch in (block.branch1, block.branch2):
        nn.init.zeros_(branch[-1].weight)
    x = torch.randn(2, 4, 6, 6)
    assert block.skip is None
    assert (x < 0).any()
    assert torch.equal(block(x), x)


def test_the_skip_path_changes_in_stage_one_unless_its_width_is_that_of_the_stem():
    for width, changes in ((8, [True, False] * 3), (16, [False, False, True, False, True, False])):
        assert [block.skip is not None for block in ShakeShake(14, width, 10).blocks] == changes


# When it shakes.


def test_at_test_time_it_is_even_whatever_the_noise():
    torch.manual_seed(0)
    model = ShakeShake(8, 8, 10).double()
    images = images_like(4)
    even = model(images, torch.full((4, 3, 2), 0.5, dtype=torch.float64))
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.track_running_stats, layer.running_mean, layer.running_var = False, None, None
    model.eval()
    noise, state = torch.rand(4, 3, 2), torch.get_rng_state()
    torch.testing.assert_close(model(images), even)
    assert torch.equal(model(images), model(images, noise))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("level", ["image", "batch"])
def test_images_have_their_own_numbers_or_share_those_of_row_0(level):
    torch.manual_seed(0)
    model = ShakeShake(8, 8, 10, shake=level).double()
    images = images_like(1).expand(4, -1, -1, -1)  # equal images: only their numbers can tell them apart
    noise = torch.rand(4, 3, 2, dtype=torch.float64)
    logits = model(images, noise)
    alike = [torch.allclose(logits[0], row) for row in logits[1:]]
    assert alike == [level == "batch"] * 3
    if level == "batch":
        other = torch.cat((noise[:1], torch.rand(3, 3, 2, dtype=torch.float64)))
        assert torch.equal(model(images, other), logits)
        torch.testing.assert_close(logits, network_by_hand(model, images, noise[:1].expand(4, -1, -1)))


@pytest.mark.parametrize("level", ["image", "batch"])
def test_without_noise_the_numbers_come_from_the_global_generator(level):
    model = ShakeShake(8, 8, 10, shake=level)
    images = images_like(4, dtype=torch.float32)
    torch.manual_seed(3)
    drawn = model(images)
    assert not torch.equal(model(images), drawn)
    torch.manual_seed(3)
    assert torch.equal(model(images, torch.rand(4, *model.noise_shape)), drawn)


def test_what_does_not_shake_is_one_half():
    torch.manual_seed(0)
    model = ShakeShake(8, 8, 10, "even").double()
    assert not hasattr(model, "noise_shape")
    images, halves = images_like(4), torch.full((4, 3, 2), 0.5, dtype=torch.float64)
    found, wanted = model(images), network_by_hand(model, images, halves)
    torch.testing.assert_close(found, wanted)
    assert_same_gradients(found, wanted, *(p for p in model.parameters() if p.dim() > 1))


def test_the_suffix_of_the_name_says_how_it_shakes():
    for suffix, shape in (("", (3, 2)), ("-image", (3, 2)), ("-batch", (3, 2)), ("-even", None)):
        model = models.build(f"shake_shake-8-2x8d{suffix}", 10, 8)
        assert getattr(model, "noise_shape", None) == shape
        assert model.shake == (suffix[1:] or "image")


# Where it runs.


def test_under_bf16_autocast_maps_stay_bf16_and_gradients_channels_last():
    model = models.build("shake_shake-14-2x8d", 10, 8).to(memory_format=torch.channels_last)
    seen = []
    for block in model.blocks:
        block.register_forward_hook(lambda _, __, out: seen.append(as_wanted(out)))
        block.register_full_backward_hook(lambda _, __, out: seen.append(as_wanted(out[0])))
    images = images_like(4, dtype=torch.float32).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(images, torch.rand(4, *model.noise_shape))
    logits.float().sum().backward()
    assert seen == [True] * 12


def as_wanted(x):
    return x.dtype == torch.bfloat16 and x.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("variant", "size", "count"), [("8-2x8d", 16, 3), ("14-2x2d", 9, 2), ("8-2x6d-even", 32, 1)])
def test_small_members_and_short_batches_learn(variant, size, count):
    torch.manual_seed(0)
    model = models.build(f"shake_shake-{variant}", 5, size)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    images, labels = images_like(count, size, torch.float32), torch.arange(count)
    losses = []
    for _ in range(15):
        loss = functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[-5:]) < losses[0]


# What is refused.


@pytest.mark.parametrize(
    "variant",
    ["", "26", "26-64d", "26-3x64d", "26-2x64", "26-2x64d-", "26-2x64d-odd", "x-2x64d", "27-2x64d", "2-2x64d",
     "26-2x63d", "26-2x0d"],
)  # fmt: skip
def test_other_variants_are_refused(variant):
    with pytest.raises(ValueError, match=r"\Amodel 'shake_shake-.*': want shake_shake-DEPTH-2xWIDTHd.*\Z"):
        models.build(f"shake_shake-{variant}", 10, 8)
