"""Carry the cells of an experiment to a cluster: plan, submit, status, cancel, retry, logs (`python -m slurm --help`).

There is no server and no database. Everything is decided from files below OUT and from what squeue says:

    OUT/records/, failures/, claims/     finished, failed, and just being trained: as everywhere in this project
    OUT/slurm/WHEN/submission.json       what one sbatch carried: settings, code, which cells; written before it is sent
    OUT/slurm/cells/                     lists of cells, in parts of a thousand: one for all submissions of the same
    OUT/slurm/WHEN/attempts/             a file for each start of each job: its seconds, and how it ended
    OUT/slurm/WHEN/*_log.out, .err       what the jobs printed

    OUT/slurm/code/                      what the jobs import: a copy of the code as it was then

All jobs of a sweep are alike: each takes any cell that is missing and that no other job holds, until none is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paper_repro.cell import Cell
    from slurm.submissions import Submission


def submit(cells: Sequence[Cell], name: str, out: Path | str = "runs", **options: Any) -> Submission | None:
    """Send jobs for those of these cells that are missing, and print what `python -m slurm submit` does.

    name: of the sweep, as `status` and `cancel` say it. options: those of the command but for what chooses cells, as in
    partition="gpu", time="4:00:00", cells_at_once=8, mixed_code=True, setup=["module load cuda"]. Returns what was
    sent, None where nothing is missing. Raises paper_repro.cli.UsageError as the command says it.
    """
    from slurm import __main__ as command

    return command.submit_cells(list(dict.fromkeys(cells)), name, out, options)


def status(out: Path | str = "runs") -> dict[str, Any]:
    """How the sweeps submitted from `out` stand: what `python -m slurm status --json` prints."""
    from slurm import __main__ as command

    return command.status_of(Path(out))
