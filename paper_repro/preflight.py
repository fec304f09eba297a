"""Questions that need torch and the data, answered by a process of its own: the parent of a sweep stays small."""

from __future__ import annotations

import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from paper_repro import processes
from paper_repro.messages import Answer, Question


def ask(question: Question) -> Answer:
    """The answer, from a fresh process. Raises OSError when that process dies."""
    process, (pipe,) = processes.start("paper_repro.preflight")
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
    import torch

    if question.device == "cuda" and not torch.cuda.is_available():
        return Answer(error="--device cuda: torch sees no GPU here")
    device = question.device or ("cuda" if torch.cuda.is_available() else "cpu")
    from paper_repro import calibrate, train
    from paper_repro.data import load
    from paper_repro.dataset import prepare

    try:
        arrays = load(question.cells[0].dataset, question.data)
        for cell in question.cells:
            train.check(cell, prepare(arrays, cell), device)
    except ValueError as error:  # DataError is one
        return Answer(error=str(error))
    first = question.cells[0]
    dataset = prepare(arrays, first).to(device)
    seconds = calibrate.estimate_seconds(first, dataset, device) if question.estimate else 0.0
    at_once = calibrate.cells_at_once(first, dataset, device) if question.at_once and device != "cpu" else 1
    return Answer(device=device, fingerprint=arrays.fingerprint, seconds=seconds, at_once=at_once)


if __name__ == "__main__":
    parent: Connection[Any, Any] = Connection(int(sys.argv[1]))
    with suppress(EOFError, ConnectionError):  # the other end may be gone already
        parent.send(answer(parent.recv()))
