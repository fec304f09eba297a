"""Gives every process with this folder on PYTHONPATH the optimizer `hungry`: a stand-in for a GPU that is too small."""

import paper_repro

paper_repro.__path__.append(__file__.rpartition("/")[0])
