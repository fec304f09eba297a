"""Questions that need torch and the data, answered by a process of its own: the parent of a sweep stays small."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from paper_repro.sweep import processes
from paper_repro.sweep.messages import Answer, Question, Reckoned

if TYPE_CHECKING:
    from paper_repro.cell import Cell
    from paper_repro.data import Arrays, Form


def ask(question: Question) -> Answer:
    """The answer, from a fresh process. Raises OSError when that process dies."""
    process, (pipe,) = processes.start("paper_repro.sweep.preflight", settings=processes.TRAINING)
    try:
        with pipe, suppress(ConnectionError):  # a process that is gone will not answer either
            pipe.send(question)
            answer: Answer = pipe.recv()
            return answer
    except EOFError:
        pass
    except KeyboardInterrupt:
        process.kill()
        raise
    finally:
        process.wait()
    raise OSError(f"the process that checks data and settings died (exit code {process.returncode})")


def answer(question: Question) -> Answer:
    """Load the data once and try it, the model, optimizer and schedule on each kind of cell."""
    try:
        import torch
    except (ImportError, OSError, MemoryError) as error:  # a limit of memory or of open files, as a rule
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return Answer(error=f"torch cannot be loaded ({reason}): ulimit -a shows the limits, it needs 4 GB of -v")

    if question.device == "cuda" and not torch.cuda.is_available():
        return Answer(error="--device cuda: torch sees no GPU here")
    device = question.device or ("cuda" if torch.cuda.is_available() else "cpu")
    from paper_repro.data import Form, label_gaps, load
    from paper_repro.data.arrays import DataError
    from paper_repro.data.split import doubts, prepare, settings
    from paper_repro.sweep import throughput
    from paper_repro.training import train

    first = question.cells[0]
    try:
        arrays = load(first.dataset, question.data)
    except DataError as error:
        return _planned(question, device) or Answer(error=str(error))
    try:
        warnings = [label_gaps(arrays)]
        for seen in {settings(cell): cell for cell in question.cells}.values():
            data = prepare(arrays, seen)
            for cell in [cell for cell in question.cells if settings(cell) == settings(seen)]:
                train.check(cell, data, device)
                warnings += doubts(cell, data)
    except ValueError as error:  # DataError is one
        return _refused(error)
    at_once = (
        throughput.cells_at_once(first, prepare(arrays, first).to(device), device, question.out)
        if _many(question, device)
        else 1
    )
    form = Form(len(arrays.y_train), len(arrays.y_test), 0, 0)
    estimated = throughput.estimate_seconds(question.cells, arrays, form, device, at_once) if question.estimate else {}
    told = tuple(dict.fromkeys(filter(None, warnings)))
    on_gpus = _on_gpus(question.cells, arrays, form) if question.estimate and device == "cpu" else ()
    return Answer("", device, arrays.fingerprint, tuple(estimated.items()), "", told, at_once, on_gpus)


def _refused(error: ValueError) -> Answer:
    """With what can be typed instead, where the error knows."""
    return Answer(error=": ".join(filter(None, (str(error), getattr(error, "advice", "")))))


def _many(question: Question, device: str) -> bool:
    return question.at_once and device != "cpu"


def _planned(question: Question, device: str) -> Answer | None:
    """The plan for a published data set that is not here; None where nothing was to be planned or it is not known."""
    from paper_repro.data import FORMS, stand_in
    from paper_repro.data.split import prepare
    from paper_repro.sweep import throughput
    from paper_repro.training import train

    first = question.cells[0]
    form = FORMS.get(first.dataset)
    if not question.estimate or form is None:
        return None
    arrays = stand_in(first.dataset, form)
    kind = throughput.kind_of_speed(first)
    try:
        for cell in question.cells:  # the last batch of a stand-in is of another size than the data's
            train.check(cell.replace(batch_size=2), prepare(arrays, throughput.kind_of_speed(cell)), device)
    except ValueError as error:
        return _refused(error)
    many, data = _many(question, device), prepare(arrays, kind).to(device)
    at_once = throughput.cells_at_once(kind, data, device, question.out) if many else 1
    seconds = throughput.estimate_seconds(question.cells, arrays, form, device, at_once)
    note = f"{first.dataset} is not here: tried on random pictures, planned for its {form.train} + {form.test}"
    on_gpus = _on_gpus(question.cells, arrays, form) if device == "cpu" else ()
    return Answer(device=device, seconds=tuple(seconds.items()), at_once=at_once, note=note, on_gpus=on_gpus)


def _on_gpus(cells: Sequence[Cell], arrays: Arrays, form: Form) -> tuple[Reckoned, ...]:
    """What each would take, float32 cells in bfloat16 as well."""
    from paper_repro.sweep import floors, throughput

    rows = []
    for cell in cells:
        images = throughput.pictures_of(cell, form.train, form.test)
        _, height, _, channels = arrays.x_train.shape
        for change in ("", "precision=bf16") if cell.precision == "fp32" else ("",):
            size, precision = cell.image_size or height, change.removeprefix("precision=")
            cost = floors.of_cell(cell, arrays.num_classes, size, channels, precision)
            if cost is not None:
                rates = {card: floors.images_per_second(cost, ceilings) for card, ceilings in floors.CARDS.items()}
                rows += [Reckoned(change, card, cell, images / rate) for card, rate in rates.items()]
    return tuple(rows)


if __name__ == "__main__":
    parent: Connection[Any, Any] = Connection(int(sys.argv[1]))
    with suppress(EOFError, ConnectionError):  # the other end may be gone already
        parent.send(answer(parent.recv()))
    sys.stdout.flush()
    os._exit(0)  # nothing is left to tidy up, for which torch takes most of a second
