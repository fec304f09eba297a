"""How the sweeps stand: a table, or JSON, from files and squeue."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paper_repro import files, records
from paper_repro.cli import duration, plain, python_m
from paper_repro.records import diagnosis
from paper_repro.sweep import leases
from slurm import attempts, states
from slurm.attempts import Attempt
from slurm.plan import some, written
from slurm.states import Jobs, States
from slurm.submissions import Submission

RECENTLY = 3600.0  # seconds over which the rate is taken
SAID = 100_000  # bytes of a failure or log that are read, from its end
SHOWN = 5  # reasons of failure


@dataclass
class Sweep:
    """An experiment's cells in one folder, and what was submitted of them."""

    name: str
    profile: str
    ids: Sequence[str]
    sent: list[Submission]
    words: Sequence[str] = ()  # that were typed to choose the cells, where they were not taken from the submissions

    def table(self, out: Path, jobs: Jobs) -> dict[str, Any]:
        """All there is to say, as plain values."""
        found = states.of(self.ids, out, self.sent, jobs)
        rate = _cells_per_hour(found, out)
        going = len(found.running) + len(found.waiting)
        tried = [(s, attempt) for s in self.sent for attempt in attempts.of(s.folder)]
        return {
            "name": self.name, "profile": self.profile, **found.counts,
            "cells_per_hour": round(rate, 2), "seconds_left": round(3600 * going / rate) if rate and going else None,
            "gpu_hours": round(sum(a.seconds * s.gpus for s, a in tried) / 3600, 3),
            "core_hours": round(sum(a.seconds * s.cores for s, a in tried) / 3600, 3),
            "again": self._again([*found.missing, *found.failed], out),
            "odd": odd(found), "jobs": jobs.counts(self.sent), "failures": failures(out, found.failed, self.sent),
            "ended_early": ended_early(self.sent, found, jobs, {(s.folder, a.index): a for s, a in tried}),
        }  # fmt: skip

    def _again(self, cells: Sequence[str], out: Path) -> list[list[str]]:
        """What to type after submit for these cells: as before; of submissions for the same cells as for the last."""
        typed = {tuple(s.sweep): s.words for s in self.sent if s.words and not set(cells).isdisjoint(s.sweep)}
        if typed and set(cells) <= {name for names in typed for name in names}:
            return list(typed.values())
        return [list(self.words) or [self.name, "--profile", self.profile, "--out", str(out)]] * bool(cells)


def sweeps(sent: Iterable[Submission]) -> list[Sweep]:
    """What the submissions are of, one for each experiment and profile."""
    found: dict[tuple[str, str], Sweep] = {}
    for submission in sent:
        key = (submission.name, submission.profile)
        sweep = found.setdefault(key, Sweep(*key, [], []))
        sweep.ids = list(dict.fromkeys([*sweep.ids, *submission.sweep]))
        sweep.sent.append(submission)
    return list(found.values())


def _cells_per_hour(found: States, out: Path) -> float:
    """Over the last hour, or since the first record in it."""
    now = leases.clock(out)
    recent = [known.written for known in found.finished.values() if now - known.written < RECENTLY]
    if len(recent) < 2 or now - min(recent) < 1:
        return 0.0
    return 3600 * len(recent) / (now - min(recent))


def odd(found: States) -> list[dict[str, Any]]:
    """Cells with a record that diverged or look odd, by kind, with one to look at and the usual remedy."""
    cells = sorted(found.finished.items())
    return diagnosis.groups(
        (name, [diagnosis.DIVERGED] * (known.status == "diverged") + known.anomalies) for name, known in cells
    )


def failures(out: Path, failed: Sequence[str], sent: Sequence[Submission]) -> list[dict[str, Any]]:
    """Failed cells by the last line of their tracebacks, most frequent first, with one to look at."""
    groups: dict[str, list[str]] = {}
    for name in failed:
        text = said(records.failure_path(out, name)).strip()
        groups.setdefault(text.splitlines()[-1] if text else "nothing said", []).append(name)
    found = []
    for reason, names in sorted(groups.items(), key=lambda group: -len(group[1])):
        text = said(records.failure_path(out, names[0]))
        log = [str(path) for path in log_of(names[0], sent)]
        found.append({
            "reason": reason, "cells": len(names), "first": names[0], "log": log[-1] if log else None,
            "file": str(records.failure_path(out, names[0])), "traceback": text.partition("\n")[2].strip(),
        })  # fmt: skip
    return found


def said(path: Path) -> str:
    """The last words of a failure or a log, whatever is in it, a line a line."""
    try:
        return "\n".join(map(plain, files.tail(path, SAID).splitlines()))
    except (OSError, ValueError) as error:
        return f"{path} cannot be read ({error})"


def ended_early(
    sent: Sequence[Submission], found: States, jobs: Jobs, last: Mapping[tuple[Path, int], Attempt]
) -> list[dict[str, Any]]:
    """Jobs that are gone and left cells, by what is known of their ends. last: of each job its last attempt."""
    missing = set(found.missing)
    latest = {name: (s, index) for s in sent for index, bundle in enumerate(s.bundles) for name in bundle}
    left: dict[tuple[Path, int], int] = {}
    for name in missing & latest.keys():
        submission, index = latest[name]
        if (submission.folder, index) not in jobs.live:
            left[submission.folder, index] = left.get((submission.folder, index), 0) + 1
    groups: dict[str, dict[str, Any]] = {}
    by_folder = {submission.folder: submission for submission in sent}
    for (folder, index), cells in left.items():
        reason = _end_of(last.get((folder, index)))
        if reason not in groups:  # one log of each: to look for all would read the folder once for every job
            logs = by_folder[folder].logs(index)
            groups[reason] = {"reason": reason, "jobs": 0, "cells": 0, "log": str(logs[-1]) if logs else None}
        groups[reason]["jobs"] += 1
        groups[reason]["cells"] += cells
    return sorted(groups.values(), key=lambda group: -int(group["jobs"]))


def _end_of(attempt: Attempt | None) -> str:
    if attempt is None:
        return "never started"
    return plain(attempt.ended or "") or f"killed, or its machine lost ({plain(attempt.owner.get('host', 'unknown'))})"


def log_of(cell_id: str, sent: Sequence[Submission]) -> list[Path]:
    """The logs of the jobs that had the cell, oldest first."""
    return [path for s in sent for index in s.jobs_of(cell_id) for path in s.logs(index)]


COLUMNS = ("cells", "finished", "diverged", "failed", "running", "waiting", "missing")


def lines(tables: Sequence[dict[str, Any]], jobs: Jobs) -> list[str]:
    """The tables in words."""
    width = max(24, *(len(f"{table['name']} {table['profile']}") for table in tables)) if tables else 24
    text = [
        " " * width
        + "".join(f"{name:>10}" for name in COLUMNS)
        + f"{'cells/h':>10}{'left':>10}{'GPU-h':>8}{'core-h':>8}"
    ]
    for table in tables:
        left = duration(table["seconds_left"]) if table["seconds_left"] is not None else "-"
        text.append(
            f"{table['name'] + ' ' + table['profile']:<{width}}" + "".join(f"{table[name]:>10}" for name in COLUMNS)
            + f"{written(table['cells_per_hour']):>10}{left:>10}"
            + f"{written(table['gpu_hours']):>8}{written(table['core_hours']):>8}"
        )  # fmt: skip
    for table in tables:
        text += _details(table)
    if jobs.unknown:
        text.append(f"{jobs.unknown}; which jobs wait is not known")
    return text


def _details(table: dict[str, Any]) -> list[str]:
    text = [f"jobs of {table['name']}: " + ", ".join(f"{n} {state}" for state, n in table["jobs"].items())] * bool(
        table["jobs"]
    )
    text += [
        f"{group['kind']}: {some(group['cells'], 'cell')}, first {group['first']}; usual remedy: {group['remedy']}"
        for group in table["odd"]
    ]
    for group in table["failures"][:SHOWN]:
        text += [f"{group['cells']} failed: {group['reason']}", f"  first: {group['first']}"]
        text += [f"    {line}" for line in group["traceback"].splitlines()[-8:]]
        text += [f"  traceback: {group['file']}; log: {group['log'] or 'none'}"]
    if table["failures"]:
        text += [f"try them again: {_line('retry', *words, '--failed')}" for words in table["again"]]
    for group in table["ended_early"][:SHOWN]:
        text.append(
            f"{some(group['jobs'], 'job')} ended and left {some(group['cells'], 'cell')}: {group['reason']}; "
            f"log: {group['log'] or 'none'}"
        )
    if table["missing"]:
        lines = [_line("submit", *words) for words in table["again"]]
        text += [f"{table['missing']} missing: {lines[0]}", *(f"  and {line}" for line in lines[1:])]
    return text


def _line(*words: str) -> str:
    return plain(python_m("slurm", *words))


def as_json(tables: Sequence[dict[str, Any]], jobs: Jobs) -> str:
    return json.dumps({"sweeps": list(tables), "unknown": jobs.unknown or None}, indent=1)
