"""What an epoch's row says about its updates."""

import json
import time

import pytest
import torch

from paper_repro.training.metrics import Progress, finite, norm


def _note(progress: Progress, loss: float, wrong: int = 0) -> None:
    progress.note(torch.tensor(loss), torch.tensor(wrong), torch.tensor(2.0))
    progress.position += 1


def test_means_are_over_pictures_so_the_short_last_batch_counts_less() -> None:
    progress = Progress(3, "cpu")
    for loss, wrong in ((1.0, 4), (2.0, 3), (10.0, 1)):
        _note(progress, loss, wrong)
    progress.end_epoch(batch_size=4, examples=9, more={"eta": 0.5})
    assert progress.epochs == [
        {"epoch": 1, "train_loss": (4 + 8 + 10) / 9, "train_error": 800 / 9, "gradient_norm": 2.0, "eta": 0.5}
    ]
    assert (progress.step, progress.epoch, progress.position) == (3, 1, 0)


def test_the_first_bad_update_is_named_counted_over_the_run() -> None:
    progress = Progress(4, "cpu")
    for _ in range(4):
        _note(progress, 1.0)
    assert progress.first_bad_step() is None
    progress.end_epoch(1, 4, {})
    for loss in (1.0, float("inf"), float("nan")):
        _note(progress, loss)
    assert progress.first_bad_step() == 6
    progress.end_epoch(1, 4, {})
    assert progress.first_bad_step() is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_norm_that_is_not_finite_is_not_lost_in_the_sum(bad: float) -> None:
    progress = Progress(3, "cpu")
    for norm_of_one in (1.0, bad, 1.0):
        progress.note(torch.tensor(1.0), torch.tensor(0), torch.tensor(norm_of_one))
        progress.position += 1
    assert progress.first_bad_step() == 2


def test_restoring_goes_on_as_if_nothing_had_been() -> None:
    first, second = Progress(2, "cpu"), Progress(2, "cpu")
    for progress in (first, second):
        _note(progress, 0.1, 1)
    second.restore(first.state())
    for progress in (first, second):
        _note(progress, 0.7, 2)
        progress.end_epoch(5, 10, {})
    assert first.epochs == second.epochs
    assert second.run_began <= time.monotonic()


def test_numbers_that_json_cannot_hold_become_null() -> None:
    assert json.dumps([finite(float("inf")), finite(float("nan")), finite(2.0)], allow_nan=False) == "[null, null, 2.0]"


def test_norm_is_over_all_tensors_together() -> None:
    assert norm([torch.tensor([3.0]), torch.tensor([[0.0, 4.0]])]).item() == 5.0
