"""A stand-in for SLURM's commands."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cluster import stand_in


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The stand-in's folder; its jobs wait while it holds a file of that name. They are ended with the test."""
    stand_in.install(tmp_path / "queue")
    (tmp_path / "queue" / "hold").touch()
    monkeypatch.setenv("PATH", str(tmp_path / "queue" / "bin"), prepend=os.pathsep)
    yield tmp_path / "queue"
    for path in (tmp_path / "queue").glob("jobs/*/pid"):
        with suppress(ProcessLookupError):
            os.killpg(int(path.read_text()), signal.SIGKILL)
