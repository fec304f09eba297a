"""From records to figures, tables and statistics. Never imports torch."""

import gc
import os

# For numpy, which is not loaded yet: our matrices are small, and threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# A figure is a hundred thousand objects that live until it is drawn: to look them through for garbage, again and again,
# took a fifth of the time. So rarely.
gc.set_threshold(100_000, 50, 50)
