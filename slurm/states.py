"""Where each cell stands, from content alone: its record, its claim, its failure, and the jobs that live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from paper_repro import records
from paper_repro.records import Summary
from paper_repro.sweep import leases
from paper_repro.sweep.leases import Owner
from slurm import cluster, submissions
from slurm.submissions import Submission


@dataclass
class States:
    """Each cell's id is in one of these."""

    finished: dict[str, Summary] = field(default_factory=dict)  # diverged ones too: a result
    failed: list[str] = field(default_factory=list)  # left alone until `retry`
    running: dict[str, Owner] = field(default_factory=dict)  # by any command on any machine that shares the folder
    waiting: list[str] = field(default_factory=list)  # in a job that lives
    missing: list[str] = field(default_factory=list)  # never sent, or its job is gone

    @property
    def counts(self) -> dict[str, int]:
        diverged = sum(known.status == "diverged" for known in self.finished.values())
        return {
            "cells": sum(len(part) for part in vars(self).values()),
            "finished": len(self.finished) - diverged, "diverged": diverged, "failed": len(self.failed),
            "running": len(self.running), "waiting": len(self.waiting), "missing": len(self.missing),
        }  # fmt: skip


@dataclass
class Jobs:
    """The jobs that live: (submission, index) and what is known of each; and why that may not be all."""

    live: dict[tuple[Path, int], str] = field(default_factory=dict)  # state, with the reason where it waits
    ids: dict[tuple[Path, int], str] = field(default_factory=dict)  # SLURM's
    unknown: str = ""  # SLURM could not be asked

    @classmethod
    def of(cls, sent: Sequence[Submission]) -> Jobs:
        """Ask SLURM, if anything was sent to it, and look at the processes of what was not."""
        jobs = cls()
        by_name = {submission.job_name: submission for submission in sent if submission.cluster == "slurm"}
        try:
            tasks = cluster.tasks() if by_name else []
        except cluster.ClusterError as error:
            tasks, jobs.unknown = [], str(error)
        for task in tasks:
            if task.name in by_name:
                key = (by_name[task.name].folder, task.place)
                jobs.live[key] = task.state if task.reason == "None" else f"{task.state} ({task.reason})"
                jobs.ids[key] = task.id
        for submission in sent:
            if submission.cluster != "slurm" and submissions.process(submission):
                jobs.live |= {(submission.folder, index): "RUNNING" for index in range(len(submission.bundles))}
        return jobs

    def counts(self, sent: Sequence[Submission]) -> dict[str, int]:
        """How many of these submissions' jobs are in which state."""
        folders = {submission.folder for submission in sent}
        return dict(Counter(state for (folder, _), state in self.live.items() if folder in folders))


def of(ids: Sequence[str], out: Path, sent: Sequence[Submission], jobs: Jobs, mend: bool = False) -> States:
    """mend: put damaged records aside (else they are only named, and count as none)."""
    finished = records.look(out, ids, mend)
    held = {name: holder for name, holder in leases.owners(leases.folder_of(out)).items() if holder.is_alive}
    failures = out / "failures"
    failed = {path.stem for path in failures.glob("*.txt")} if failures.is_dir() else set()
    waiting = {name for submission in sent for index in range(len(submission.bundles))
               if (submission.folder, index) in jobs.live for name in submission.bundles[index]}  # fmt: skip
    states = States()
    for name in dict.fromkeys(ids):
        if name in finished:
            states.finished[name] = finished[name]
        elif name in held:
            states.running[name] = held[name]
        elif name in failed:
            states.failed.append(name)
        else:
            (states.waiting if name in waiting else states.missing).append(name)
    return states
