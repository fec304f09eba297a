"""Reproduction of "Decoupled Weight Decay Regularization" (Loshchilov & Hutter, ICLR 2019, arXiv 1711.05101).

The optimizers are handed on only when asked for: torch takes seconds to import, and planning sweeps or drawing figures
(paper_repro.cell, paper_repro.records) needs none of it.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["SGD", "SGDW", "Adam", "AdamW"]

if TYPE_CHECKING:
    from paper_repro.optim import SGD, SGDW, Adam, AdamW


def __getattr__(name: str) -> Any:
    if name in __all__:
        from paper_repro import optim

        return getattr(optim, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
