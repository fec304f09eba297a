"""What is claimed, and what would decide it: the paper's claims by number, then what others say.

    grids       1 to 7, S1, S2         figures 1 and 2
    long_runs   8 to 10, 16            figure 3 and supplementary figures 2 and 4
    restarts    11 to 13, 17, 18       figure 4
    budgets     14, 15, B1 to B3       supplementary figure 3, batch sizes
    texts       19, 21, S3 to S9       the propositions, and what texts on AdamW say

Each rule was written before its verdict was computed. Claim.beforehand says whether it was also written before any
record of ours had been seen that bears on it.
"""

from analysis.claims import budgets, grids, long_runs, restarts, texts
from analysis.claims.ledger import Claim

_EEG = Claim("20", "AdamW classifies EEG better than Adam", "section 4.5", "", "the data are not public", None)
_PARTS = (grids, long_runs, restarts, budgets, texts)
CLAIMS = tuple(
    sorted(
        (*(claim for part in _PARTS for claim in part.CLAIMS), _EEG),
        key=lambda claim: (claim.name.rstrip("0123456789abcd"), int(claim.name.strip("BSabcd")), claim.name),
    )  # the paper's come first, in its order
)
