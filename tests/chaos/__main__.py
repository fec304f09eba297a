"""Break it in every way that we could think of, and count what differs from the undisturbed run.

    python -m tests.chaos                    # the short form: minutes on two cores
    python -m tests.chaos --long             # the full form: more than a thousand kills
    python -m tests.chaos --only kills --seed 7

Exit code 0 if nothing differed, 1 otherwise. Some parts need root on Linux (file systems of their own); they say so.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from paper_repro.records import provenance
from tests.chaos.table import Part, Row, markdown

PARTS = ("kills", "damage", "races", "resources", "numbers", "hostile", "soak")


def main() -> int:
    os.environ["PAPER_REPRO_SAVE_SECONDS"] = "0.05"  # or cells as small as these would end before they are saved
    given = _parser().parse_args()
    found: list[Row] = []
    for name in given.only or PARTS:
        part: Part = importlib.import_module(f"tests.chaos.{name}")
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"chaos-{name}-") as folder:
            for row in part.rows(given.long, random.Random(f"{given.seed} {name}"), Path(folder)):
                found.append(row)
                print(f"{row.part}: {row.what}: {row.tried} times, {row.differences} differences", flush=True)
        print(f"({name}: {time.monotonic() - began:.0f} s)", flush=True)
    print("\n" + "\n".join(markdown(found)))
    if given.json:
        given.json.write_text(json.dumps(_described(found, given.seed), indent=1) + "\n")
    return 1 if any(row.differences for row in found) else 0


def _described(found: list[Row], seed: int) -> dict[str, object]:
    origin = {"code": provenance.label(provenance.code()), "hardware": provenance.hardware("cpu"), "seed": seed}
    return {**origin, "rows": [asdict(row) for row in found]}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--long", action="store_true", help="the full form")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part (may be repeated)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn at random")
    parser.add_argument("--json", type=Path, help="also write the table here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
