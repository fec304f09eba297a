"""What finished cells leave: their form (schema), files (store), origin (provenance) and anomalies (diagnosis).

A Record is a dict with the fields of schema.Record. Each cell's lies in OUT/records/ID.json, and those of an output
folder, of a .jsonl file of many or of a folder of such files are read by load(). BadRecord says in one line what is
wrong with one, and where.

    write, read, load, merge             one record of a cell; all of a source; many into one file
    files_of                             the files or the output folder that a source consists of
    look, names                          Summary of each cell that is finished, and damaged ones put aside; ids alone
    parse, unseal, checksum              one line of JSON, held against its checksum and schema
    without_times                        what two runs of one cell have in common
    write_failure, clear_failure         the traceback of a cell that failed
"""

from paper_repro.records.store import *  # noqa: F403
