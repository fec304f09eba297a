"""Carry the cells of an experiment to a cluster: plan, submit, status, cancel, retry, logs (`python -m slurm --help`).

There is no server and no database. Everything is decided from files below OUT and from what squeue says:

    OUT/records/, failures/, claims/     finished, failed, and just being trained: as everywhere in this project
    OUT/slurm/WHEN/submission.json       what one sbatch carried: cells, settings, code; written before it is sent
    OUT/slurm/WHEN/attempts/             a file for each start of each job: its seconds, and how it ended
    OUT/slurm/WHEN/*_log.out, .err       what the jobs printed

All jobs of a sweep are alike: each takes any cell that is missing and that no other job holds, until none is left.
"""
