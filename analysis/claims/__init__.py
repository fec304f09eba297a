"""What is claimed, and what would decide it: the paper's claims by number, then what others say.

    grids       1 to 7, S1, S2         figures 1 and 2
    long_runs   8 to 10, 16            figure 3 and supplementary figures 2 and 4
    restarts    11 to 13, 17, 18       figure 4
    budgets     14, 15, B1, B3         supplementary figure 3, batch sizes
    texts       19, 21, S3 to S9       the propositions, and what texts on AdamW say
    recent      C1 to Z1a              what papers of 2022 to 2026 say

Claim.beforehand says whether a rule was written before the numbers that it decides about had been seen.
"""

import re

from analysis.claims import budgets, grids, long_runs, recent, restarts, texts
from analysis.claims.ledger import PAPER, Claim

_EEG = Claim(
    "20", "AdamW classifies EEG better than Adam", "section 4.5", "", "the data are not public", None, table=PAPER
)
_PARTS = (grids, long_runs, restarts, budgets, texts, recent)


def _place(claim: Claim) -> tuple[str, int, str]:
    letters, number, part = re.findall(r"([A-Z]*)(\d+)(.*)", claim.name)[0]
    return letters, int(number), part


CLAIMS = tuple(sorted((*(claim for part in _PARTS for claim in part.CLAIMS), _EEG), key=_place))
"""The paper's come first, in its order."""
