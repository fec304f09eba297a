"""A step of the check, as the parent starts it: python -m benchmarks.gpu_check STAGE STEP NETWORK OUT DEVICE [tiny]."""

import importlib
import sys
from pathlib import Path

from benchmarks.gpu_check.setting import Setting

if __name__ == "__main__":
    stage, name, network, out, device, *tiny = sys.argv[1:]
    step = getattr(importlib.import_module(f"benchmarks.gpu_check.{stage}"), name)
    step(Setting(device, bool(tiny), Path(out)), *filter(None, [network]))
