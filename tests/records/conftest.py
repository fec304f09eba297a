"""What the tests of records need before they draw numbers."""

import pytest
import torch


@pytest.fixture(scope="module", autouse=True)
def _small_numbers() -> None:
    """Training has the processor take the smallest numbers for 0, and a test of it may have run in this process."""
    torch.set_flush_denormal(False)
