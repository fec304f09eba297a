"""Train one Cell, from its first or its last saved update to its record.

The numbers depend on the Cell and the data alone. All random choices are functions of (seed, epoch), the schedule is a
function of the step, and everything else is in the checkpoint; so a run that was interrupted, however often, ends on a
CPU bit for bit where an undisturbed one does.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch.nn.functional import cross_entropy

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.data.split import Dataset
from paper_repro.training import cuda, divergence
from paper_repro.training.metrics import norm
from paper_repro.training.run import Diverged, Run, Stopped

__all__ = ["Stopped", "train", "update"]


def train(
    cell: Cell,
    data: Dataset,
    out: Path,
    device: str = "cpu",
    should_stop: Callable[[], bool] = lambda: False,
    on_epoch: Callable[[int], None] = lambda epoch: None,
) -> records.Record:
    """Train a cell and write its record below `out`; the record (without checksum) is returned.

    Goes on from the newest whole checkpoint. should_stop is asked after every update: when it says yes, the progress is
    saved and Stopped raised. on_epoch is told the number of epochs done. Raises ValueError for a model, optimizer or
    schedule that does not exist, OSError when the folder cannot be written.
    """
    with cuda.prepared(cell, device):
        run = Run(cell, data.to(device), out, device)
        make_update = update if device == "cpu" else cuda.Recorded(update)
        progress, check, diverged = run.progress, partial(divergence.check, run, update), None
        try:
            while progress.epoch < cell.epochs:
                run.begin_epoch()
                for count in run.remaining_counts():
                    make_update(run, count)
                    progress.position += 1
                    cuda.wait_if_far_ahead(device, progress.position)
                    run.save_if_due(should_stop, check)
                run.end_epoch(check)
                on_epoch(progress.epoch)
                if progress.epoch < cell.epochs:
                    run.save_if_due(should_stop, check)
        except Diverged as error:
            diverged = {"step": error.step, "tensor": error.tensor, "reason": str(error)}
        return run.write_record(diverged)


def update(run: Run, count: int) -> None:
    """One update of the network, from the next `count` images.

    All that differs from one update to the next (position, learning rate, random choices) is read from tensors on the
    device and nothing is read back, so that a GPU can record these operations once and repeat them (cuda.py).
    """
    images, labels, noise = run.next_batch(count)
    run.set_learning_rates()
    network = run.compiled if count == run.cell.batch_size else run.model  # only whole batches are worth compiling for
    with run.precision():
        logits = network(images, *noise)
    loss = cross_entropy(logits.float(), labels)
    run.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    gradient_norm = norm(p.grad for p in run.model.parameters() if p.grad is not None)
    run.optimizer.step()
    run.progress.note(loss.detach(), (logits.argmax(1) != labels).sum(), gradient_norm)
