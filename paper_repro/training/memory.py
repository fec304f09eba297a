"""How to tell that memory has run out, a GPU's or the machine's, from whatever says so."""

import gc

import torch

WORDS = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")  # of plain RuntimeErrors


def has_run_out(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in WORDS)


def give_back(device: str) -> None:
    """What a cell that has ended held, to the other cells, of other processes too."""
    gc.collect()  # a network and its recorded update may hold each other
    if device != "cpu":
        torch.cuda.empty_cache()
