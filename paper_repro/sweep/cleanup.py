"""What processes leave that are killed between writing a cell's record and tidying up after it.

The record is what counts, so nothing is wrong then; but checkpoints take room, and nobody trains the cell again who
would remove them.
"""

import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from paper_repro import files, records
from paper_repro.sweep import leases

DAY = 86400.0  # seconds after which a half-written file of another machine is nobody's


def clear(out: Path, finished: Collection[str]) -> None:
    """Remove the checkpoints, dead leases and old failures of cells that have a record, and half-written files; what
    cannot be removed is left.

    finished: the cells' ids. One that is finished meanwhile is left for the next call.
    """
    wanted = set(finished)
    with suppress(OSError):
        for name in wanted.intersection(os.listdir(out / "checkpoints")):
            shutil.rmtree(out / "checkpoints" / name, ignore_errors=True)
    with suppress(OSError):
        for name in wanted.intersection(file.removesuffix(".txt") for file in os.listdir(out / "failures")):
            records.clear_failure(out, name)
    claims = leases.folder_of(out)
    with suppress(OSError):
        leases.forget(claims, wanted)
    before = leases.clock(out) - DAY
    more = [folder for pattern in ("claims/*", "slurm/*", "slurm/*/attempts") for folder in out.glob(pattern)]
    for folder in (out, out / "records", out / "failures", claims, *more):
        files.clear_temporaries(folder, before)
