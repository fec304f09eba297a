"""The vision Transformer: its shapes, that tokens attend to each other, and what is refused."""

import pytest
import torch

from paper_repro import models


def test_shapes_and_parameters() -> None:
    net = models.build("vit-2-64-p4", 10, 16)
    assert net(torch.randn(3, 3, 16, 16)).shape == (3, 10)
    block = 2 * 2 * 64 + (64 * 192 + 192) + (64 * 64 + 64) + (64 * 256 + 256) + (256 * 64 + 64)
    expected = (3 * 16 * 64 + 64) + 16 * 64 + 2 * block + 2 * 64 + (64 * 10 + 10)
    assert sum(p.numel() for p in net.parameters()) == expected


def test_attention_is_torchs_own() -> None:
    block = models.build("vit-1-64", 10, 16).get_submodule("blocks.0")
    tokens = torch.randn(2, 5, 64)
    query, key, value = block.project(tokens).view(2, 5, 3, 2, 32).permute(2, 0, 3, 1, 4)
    mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    torch.testing.assert_close(block._attend(tokens), block.out(mixed.transpose(1, 2).reshape(2, 5, 64)))


def test_the_order_of_patches_matters() -> None:
    net = models.build("vit-1-32-p4", 10, 8).eval()
    picture = torch.randn(1, 3, 8, 8)
    assert not torch.allclose(net(picture), net(picture.flip(3)), atol=1e-4)


@pytest.mark.parametrize(("spec", "size"), [("4", 16), ("0-64", 16), ("4-63", 16), ("2-64-p5", 16), ("2-64-p3", 16)])
def test_what_does_not_fit_is_refused(spec: str, size: int) -> None:
    with pytest.raises(ValueError, match=f"vit-{spec}"):
        models.build(f"vit-{spec}", 10, size)
