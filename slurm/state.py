"""How the sweeps stand, from content alone: records, failures, leases, attempts, and what squeue says."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from paper_repro import files, records
from paper_repro.cell import Cell
from paper_repro.cli import duration, plain, python_m
from paper_repro.records import Summary, diagnosis
from paper_repro.sweep import leases
from slurm import cluster
from slurm.cluster import Task
from slurm.submissions import Attempt, Submission

RECENTLY = 3600.0  # seconds over which the rate is taken
TAIL = 100_000  # bytes of a failure or log that are read, from its end
SHOWN = 5  # reasons of failure, jobs in a line
ON = re.compile(r"^on (\S+)$", re.MULTILINE)  # what a job prints before anything else (slurm/sbatch.py)
AT_START = "died at its start"
COLUMNS = ("cells", "finished", "diverged", "failed", "running", "missing")

Jobs = Mapping[str, Sequence[Task]]  # that live, by their submission's job name; one that is not in it: not known
Key = TypeVar("Key", bound=Hashable)


@dataclass
class States:
    """Each cell's id is in one of these."""

    finished: dict[str, Summary] = field(default_factory=dict)  # diverged ones too: a result
    failed: list[str] = field(default_factory=list)  # left alone until `retry`
    running: list[str] = field(default_factory=list)  # by any command on any machine that shares the folder
    missing: list[str] = field(default_factory=list)  # for any job to take

    @classmethod
    def of(cls, ids: Iterable[str], out: Path, mend: bool = False, known: dict[str, Summary] | None = None) -> States:
        """mend: put damaged records aside (else they are only named, and count as none). known: the records that there
        are, where they need not be looked for."""
        ids = dict.fromkeys(ids)
        states = cls(finished=records.look(out, ids, mend) if known is None else known)
        held = {name for name, owner in leases.owners(leases.folder_of(out)).items() if owner.is_alive}
        failed = {path.stem for path in (out / "failures").glob("*.txt")}
        for name in [name for name in ids if name not in states.finished]:
            kind = states.running if name in held else states.failed if name in failed else states.missing
            kind.append(name)
        return states

    @property
    def counts(self) -> dict[str, int]:
        diverged = sum(known.status == "diverged" for known in self.finished.values())
        counts = (len(self.finished) - diverged, diverged, len(self.failed), len(self.running), len(self.missing))
        return dict(zip(COLUMNS, (sum(counts), *counts), strict=True))


def missing_of(cells: Sequence[Cell], out: Path) -> list[Cell]:
    """Those in no other state, by the names of files alone: a thousand jobs that begin do not read all records."""
    there = records.names(out)
    left = {cell.id: cell for cell in cells if cell.id not in there}
    return [left[name] for name in States.of(left, out, known={}).missing]


def live_jobs(sent: Sequence[Submission]) -> Jobs:
    """The jobs that live of each submission, whoever sent it. Raises ClusterError."""
    jobs: dict[str, list[Task]] = {s.job_name: [] for s in sent}
    me = cluster.user()
    others = [s.job_name for s in sent if s.user != me]
    for task in cluster.tasks(None if others else me) if sent else []:
        if task.name in jobs:
            jobs[task.name].append(task)
    if others and cluster.hides_jobs():
        return {name: live for name, live in jobs.items() if live or name not in others}
    return jobs


def places(tasks: Iterable[Task]) -> set[int]:
    """Of a submission's jobs those that are not over: a job that runs and its successor have one."""
    return {task.place for task in tasks}


@dataclass
class Sweep:
    """An experiment's cells in one folder, and what was submitted of them."""

    name: str
    profile: str
    ids: Sequence[str]
    sent: list[Submission]
    words: Sequence[str] = ()  # that were typed to choose the cells, where they were not taken from the submissions

    def table(self, out: Path, jobs: Jobs) -> dict[str, Any]:
        """All there is to say, as plain values. missing: None where jobs that may live may take what is missing."""
        states = States.of(self.ids, out)
        tasks = [task for s in self.sent for task in jobs.get(s.job_name, ())]
        live = Counter(task.state for task in tasks)
        unknown = bool(states.missing) and any(s.job_name not in jobs for s in self.sent)
        missing = [] if unknown else states.missing
        used = [(s.seconds() / 3600, s) for s in self.sent]
        rate = _cells_per_hour(states, out)
        going = 0 if unknown else len(states.running) + len(missing) * bool(live)
        anomalies = [(name, [diagnosis.DIVERGED] * (known.status == "diverged") + known.anomalies)
                     for name, known in sorted(states.finished.items())]  # fmt: skip
        return {
            "name": self.name, "profile": self.profile, **states.counts, "missing": None if unknown else len(missing),
            "cells_per_hour": round(rate, 2), "seconds_left": round(3600 * going / rate) if rate and going else None,
            "gpu_hours": round(sum((hours for hours, s in used if s.gpus), 0.0), 3),
            "core_hours": round(sum((hours * s.cores for hours, s in used), 0.0), 3),
            "again": self._again([*missing, *states.failed], out),
            "odd": diagnosis.groups(anomalies), "jobs": dict(live), "tasks": [task._asdict() for task in tasks],
            "torch": Counter(known.torch for known in states.finished.values()),
            "hardware": Counter(known.hardware for known in states.finished.values()),
            "failures": _failures(out, states.failed, self.sent),
            "ended_early": _ended_early(self.sent, jobs, out) if missing else [],
        }  # fmt: skip

    def _again(self, cells: Sequence[str], out: Path) -> list[list[str]]:
        """What to type after submit or retry for these cells."""
        typed = list(self.words) or [self.name, "--profile", self.profile, "--out", str(out)]
        return again(self.sent, cells, out) or [typed] * bool(cells)


def again(sent: Sequence[Submission], cells: Sequence[str], out: Path) -> list[list[str]]:
    """What to type after submit or retry for these cells, if all were submitted; of submissions of the same cells the
    last."""
    last = {tuple(s.parts): s for s in sent if not s.cells.keys().isdisjoint(cells)}
    if not set(cells) <= {name for s in last.values() for name in s.cells}:
        return []
    return [["--again", s.folder.name, "--out", str(out)] for s in last.values()]


def sweeps(sent: Iterable[Submission]) -> list[Sweep]:
    """What the submissions are of, one for each experiment and profile."""
    groups = defaultdict[tuple[str, str], list[Submission]](list)
    for submission in sent:
        groups[submission.name, submission.profile].append(submission)
    return [
        Sweep(name, profile, list(dict.fromkeys(cell for s in group for cell in s.cells)), group)
        for (name, profile), group in groups.items()
    ]


def _cells_per_hour(states: States, out: Path) -> float:
    """Over the last hour, or since the first record in it."""
    now = leases.clock(out)
    recent = [known.written for known in states.finished.values() if now - known.written < RECENTLY]
    if len(recent) < 2 or now - min(recent) < 1:
        return 0.0
    return 3600 * len(recent) / (now - min(recent))


def _failures(out: Path, failed: Sequence[str], sent: Sequence[Submission]) -> list[dict[str, Any]]:
    """Failed cells by the last line of their tracebacks, most frequent first, with one to look at."""
    paths = {name: records.failure_path(out, name) for name in failed}
    texts = files.each(tail, list(paths.values()))
    reasons = ((text.strip().splitlines() or ["no reason given"])[-1] for text in texts)
    return [
        {"reason": reason, "cells": len(names), "first": names[0], "log": _last(logs_of(names[0], sent)),
         "file": str(paths[names[0]]), "traceback": tail(paths[names[0]]).partition("\n")[2].strip()}
        for reason, names in _grouped(zip(reasons, paths, strict=True))
    ]  # fmt: skip


def ends(sent: Sequence[Submission], jobs: Jobs, out: Path) -> list[tuple[tuple[str, str], tuple[Submission, int]]]:
    """Jobs that are gone and have not come to say that all was done: the reason, as far as it is known, with the node
    (else ""); and the submission with the job's index. In the order in which they were sent."""
    submit = leases.owners(leases.folder_of(out), ["submit"]).get("submit")
    found = []
    for submission in sent:
        gone = set(range(submission.jobs)).difference(places(jobs[submission.job_name]))
        if not gone or (submit and submit.is_alive and not submission.was_sent):
            continue  # sbatch has not answered yet
        logs, last = submission.all_logs(), defaultdict[int, dict[int, Attempt]](dict)
        for attempt in submission.attempts():
            last[attempt.index][attempt.task] = attempt
        for index in gone:
            worst = min(last[index].values(), key=lambda task: task.ended == "finished", default=None)
            if worst and worst.ended:
                reason, node = worst.ended, worst.host
            else:
                node = _node(logs.get(index, [])) or (worst.host if worst else "")
                reason = "killed, or its node lost" if worst else AT_START if node else "never started"
            if reason != "finished":
                found.append(((plain(reason), plain(node)), (submission, index)))
    return found


def _ended_early(sent: Sequence[Submission], jobs: Jobs, out: Path) -> list[dict[str, Any]]:
    """The ends, by reason and node, with the last line that one of each group has printed."""
    groups = []
    for (reason, node), jobs_of_it in _grouped(ends(sent, jobs, out)):
        submission, index = jobs_of_it[-1]
        path, line = last_line(submission.logs(index))
        groups.append({"reason": reason, "node": node or None, "jobs": len(jobs_of_it), "last_line": line, "log": path})
    return groups


def _node(logs: Sequence[Path]) -> str:
    """Where a job was by its own word, also one that did not come to start Python; empty where it did not start."""
    return next((match[1] for path in logs for match in reversed([*ON.finditer(tail(path))])), "")


def last_line(logs: Sequence[Path]) -> tuple[str | None, str]:
    """The last that a job has printed, errors first, with its log; None where it has printed nothing."""
    for path in sorted(logs, key=lambda path: path.suffix):
        if lines := [line for line in tail(path).splitlines() if line.strip() and not ON.fullmatch(line)]:
            return str(path), lines[-1].strip()
    return _last(logs), ""


def _grouped(pairs: Iterable[tuple[Key, Any]]) -> list[tuple[Key, list[Any]]]:
    """What goes with each reason, the most frequent first."""
    by_reason = defaultdict[Key, list[Any]](list)
    for reason, item in pairs:
        by_reason[reason].append(item)
    return sorted(by_reason.items(), key=lambda entry: -len(entry[1]))


def _last(logs: Sequence[Path]) -> str | None:
    return str(logs[-1]) if logs else None


def tail(path: Path) -> str:
    """The last lines of a failure or a log, whatever is in it, fit for a terminal."""
    try:
        return "\n".join(map(plain, files.tail(path, TAIL).splitlines()))
    except (OSError, ValueError) as error:
        return f"{path} cannot be read ({error})"


def logs_of(cell_id: str, sent: Sequence[Submission]) -> list[Path]:
    """The logs that name a cell: of the jobs that finished it, or failed to."""
    paths = [path for s in sent if cell_id in s.cells for _, logs in sorted(s.all_logs().items()) for path in logs]
    return [path for path, text in zip(paths, files.each(tail, paths), strict=True) if cell_id in text]


def lines(tables: Sequence[dict[str, Any]], unknown: str) -> list[str]:
    """The tables in words. unknown: why SLURM could not be asked."""
    width = max([24, *(len(f"{table['name']} {table['profile']}") for table in tables)])
    head = "".join(f"{name:>10}" for name in (*COLUMNS, "cells/h", "left")) + f"{'GPU-h':>8}{'core-h':>8}"
    text = [" " * width + head]
    for table in tables:
        left = duration(table["seconds_left"]) if table["seconds_left"] is not None else "-"
        counts = ["?" if table[name] is None else table[name] for name in COLUMNS]
        text.append(
            f"{table['name'] + ' ' + table['profile']:<{width}}" + "".join(f"{count:>10}" for count in counts)
            + f"{_number(table['cells_per_hour']):>10}{left:>10}"
            + f"{_number(table['gpu_hours']):>8}{_number(table['core_hours']):>8}"
        )  # fmt: skip
    for table in tables:
        text += _details(table)
    return text + [f"{unknown}: which jobs live is not known, and nothing is called missing or ended"] * bool(unknown)


def _details(table: dict[str, Any]) -> list[str]:
    text = []
    for (state, user), tasks in _grouped(((task["state"], task["user"]), task) for task in table["tasks"]):
        whose = f" of {user}" * (user != cluster.user())
        ids = [f"{task['id']} on {task['nodes']}" if task["nodes"] else task["id"] for task in tasks]
        ids[SHOWN:] = [f"{len(ids) - SHOWN} more"] * (len(ids) > SHOWN)
        text.append(f"jobs of {table['name']}: {len(tasks)} {state}{whose}: {', '.join(ids)}")
    text += [
        f"{group['kind']}: {some(group['cells'], 'cell')}, first {group['first']}; usual remedy: {group['remedy']}"
        for group in table["odd"]
    ]
    for name, words in (("torch", "versions of torch"), ("hardware", "kinds of processor")):
        if len(kinds := table[name]) > 1:
            each = ", ".join(f"{kind} ({some(count, 'cell')})" for kind, count in sorted(kinds.items()))
            text.append(f"trained by several {words}, between which numbers may differ: {plain(each)}")
    for group in table["failures"][:SHOWN]:
        text += [f"{group['cells']} failed: {group['reason']}", f"  first: {group['first']}"]
        text += [f"    {line}" for line in group["traceback"].splitlines()[-8:]]
        text += [f"  traceback: {group['file']}; log: {group['log'] or 'none'}"]
    if table["failures"]:
        text += [f"try them again: {plain(python_m('slurm', 'retry', *words, '--failed'))}" for words in table["again"]]
    for group in table["ended_early"][:SHOWN]:
        where = f"; on {group['node']}" * bool(group["node"])
        text.append(f"{some(group['jobs'], 'job')} ended before all was done: {group['reason']}{where}")
        text += [f"  last line: {group['last_line']}"] * bool(group["last_line"])
        text.append(f"  log: {group['log'] or 'none'}")
    if table["missing"] and not table["jobs"]:
        commands = [plain(python_m("slurm", "submit", *words)) for words in table["again"]]
        text.append(f"{table['missing']} missing: " + "\n  and ".join(commands))
    return text


def some(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
