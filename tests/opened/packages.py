"""Debian's packages for tests that need a real program: installed where that is allowed, else the test says why not."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

import pytest


def need(programs: Mapping[str, str]) -> None:
    """Programs, each with the packages that bring it. Skips the test without them; fails it with REQUIRE_PROGRAMS=1."""
    missing = {name: packages for name, packages in programs.items() if shutil.which(name) is None}
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        packages = [package for names in missing.values() for package in names.split()]
        subprocess.run(["apt-get", "update", "-qq"], env=environment, capture_output=True)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
        subprocess.run(command, env=environment, capture_output=True)
    still = [name for name in missing if shutil.which(name) is None]
    if still:
        reason = f"not here, and not to be installed: {', '.join(still)}"
        pytest.fail(reason) if os.environ.get("REQUIRE_PROGRAMS") else pytest.skip(reason)
