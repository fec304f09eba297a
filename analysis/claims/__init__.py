"""What is claimed, and what would decide it: the paper's claims by number, then what others say.

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
