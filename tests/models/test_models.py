"""paper_repro.models: networks by name."""

import pytest
import torch

from paper_repro import models

SPECS = ["resnet-8-w4", "mlp-16x2", "shake_shake-8-2x8d", "shake_shake-8-2x8d-batch", "shake_shake-8-2x8d-even"]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(("size", "channels"), [(8, 3), (12, 1)])
def test_a_spec_gives_a_network_that_learns(spec, size, channels):
    torch.manual_seed(0)
    model = models.build(spec, 7, size, channels)
    images = torch.randn(3, channels, size, size)
    logits = model(images)
    assert logits.shape == (3, 7)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("spec", SPECS)
def test_noise_is_taken_by_those_networks_that_ask_for_it(spec):
    model = models.build(spec, 10, 8)
    images = torch.randn(2, 3, 8, 8)
    if hasattr(model, "noise_shape"):
        assert model(images, torch.rand(2, *model.noise_shape)).shape == (2, 10)
    else:
        state = torch.get_rng_state()
        model(images)
        assert torch.equal(torch.get_rng_state(), state)


def test_weights_depend_on_the_global_seed_alone():
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        model = models.build("shake_shake-8-2x8d", 10, 8)
        weights.append(torch.nn.utils.parameters_to_vector(model.parameters()))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_new_file_is_a_new_family(tmp_path, monkeypatch):
    (tmp_path / "a_new_family.py").write_text("import torch\nbuild = torch.nn.Identity\n")
    (tmp_path / "_helper.py").write_text("raise AssertionError('not a family')\n")
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    assert {"a_new_family", "resnet", "mlp", "shake_shake"} <= set(models.families())
    assert "_helper" not in models.families()
    assert isinstance(models.build("a_new_family-1-2", 10, 8), torch.nn.Identity)


@pytest.mark.parametrize("spec", ["", "-", "nothing-1", "Resnet-8", "os", "../resnet-8", "__init__-1", "_helper-1"])
def test_an_unknown_family_is_refused_with_the_known_ones(spec):
    with pytest.raises(ValueError, match=r"\Ano model .*: one of mlp, resnet.*\Z"):
        models.build(spec, 10, 8)
