"""Where a number comes from: commit, versions, hardware. Written into every record."""

from __future__ import annotations

import datetime
import functools
import platform
from pathlib import Path
from typing import Any

import numpy
import torch

from paper_repro.records.source import code


def describe(device: str, data_name: str, fingerprint: str, attempts: int) -> dict[str, Any]:
    """The provenance of a record written now."""
    return {
        **code(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__},
        "hardware": hardware(device),
        "data": {"name": data_name, "fingerprint": fingerprint},
        "written": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "attempts": attempts,
    }


@functools.cache
def hardware(device: str) -> str:
    """The processor that trains, in words."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    names = [line for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")]
    name = names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
    flags = [flag for flag in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if f" {flag} " in _read("/proc/cpuinfo")]
    return f"{name} ({flags[0]})" if flags else name


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
