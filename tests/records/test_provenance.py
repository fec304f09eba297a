"""Where a record says it comes from."""

import json
import subprocess
from datetime import datetime

import torch

from paper_repro.records import provenance, source


def test_it_names_commit_versions_hardware_and_data() -> None:
    said = provenance.describe("cpu", "tiny", "abc", attempts=2)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=source.PACKAGE, capture_output=True, text=True)
    assert said["commit"] == (head.stdout.strip() or "unknown")
    assert isinstance(said["dirty"], bool)
    assert said["versions"]["torch"] == torch.__version__
    assert said["data"] == {"name": "tiny", "fingerprint": "abc"}
    assert said["attempts"] == 2
    assert len(said["hardware"]) > 5
    assert datetime.fromisoformat(said["written"]).tzinfo is not None
    json.dumps(said)


def test_without_git_the_commit_is_unknown(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    source.code.cache_clear()
    assert source.code()["commit"] == "unknown"
    source.code.cache_clear()
