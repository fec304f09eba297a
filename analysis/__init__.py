"""From records to figures, tables and statistics. Never imports torch."""

import os

# For numpy, which is not loaded yet: our matrices are small, and threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
