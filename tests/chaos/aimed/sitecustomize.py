"""Lets a signal strike at a chosen moment: Python runs this file in every process that has its folder on PYTHONPATH.

The folder CHAOS_AIMS holds orders, files named MOMENT.TARGET.SIGNAL.*; the first process that comes to the moment takes
one (by renaming it, which only one can) and sends the signal. TARGET: worker, a worker itself; parent, a worker's
parent; other, a process that is no worker, itself. Nothing of the project is changed: only functions of the standard
library and of torch are wrapped.
"""

import builtins
import functools
import importlib.abc
import importlib.machinery
import io
import os
import signal
import sys

AIMS = os.environ["CHAOS_AIMS"]
STEPS = ("_fused_sgd_", "_fused_adam_", "_foreach_mul_", "_foreach_add_", "_foreach_sub_")
_open, _replace, _link, _rmdir = builtins.open, os.replace, os.link, os.rmdir
with _open("/proc/self/cmdline", "rb") as line:
    IS_WORKER = b"paper_repro.sweep.worker" in line.read()


def strike(moment):
    """Send what was ordered for this moment, if anything was. A process that is killed does not come back from here."""
    for name in os.listdir(AIMS):
        wanted, target, number, _ = name.split(".")
        if wanted != moment or (target != "other") != IS_WORKER:
            continue
        try:
            os.rename(f"{AIMS}/{name}", f"{AIMS}-done/{name}")
        except OSError:  # another process took it
            continue
        os.kill(os.getppid() if target == "parent" else os.getpid(), signal.Signals[number])


class HalfWritten(io.BufferedWriter):
    """A temporary file whose content is written in two halves."""

    def write(self, content):
        half = len(content) // 2
        super().write(content[:half])
        self.flush()
        strike("write")
        super().write(content[half:])
        return len(content)


def open_in_halves(file, mode="r", *arguments, **named):
    if mode == "wb" and str(file).endswith(".tmp"):
        return HalfWritten(io.FileIO(file, "w"))
    return _open(file, mode, *arguments, **named)


def between(function, before, after):
    """The function, with a moment before it and one after it."""

    @functools.wraps(function)
    def wrapped(*arguments, **named):
        if before:
            strike(before)
        answer = function(*arguments, **named)
        if after:
            strike(after)
        return answer

    return wrapped


class Finder(importlib.abc.MetaPathFinder):
    """Wraps torch's operations as soon as the optimizers have been imported."""

    def find_spec(self, name, path, target=None):
        if name != "paper_repro.optim":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            for step in STEPS:
                setattr(module.torch, step, between(getattr(module.torch, step), None, "step"))

        spec.loader.exec_module = exec_module
        return spec


builtins.open = open_in_halves
os.replace = between(_replace, "rename", "renamed")  # before it the content is synced, after it the folder is not yet
os.link = between(_link, "link", "linked")  # of a claim
os.rmdir = between(_rmdir, "remove", None)  # of a finished cell's checkpoints
sys.meta_path.insert(0, Finder())
