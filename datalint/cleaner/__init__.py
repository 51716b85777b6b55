"""Cleaning: a Parquet dataset without the faults, beside it all that was taken away, and the way back.

    settle    check, fix, check again, until nothing is left to fix
    survey    what the kept rows look like: an Arrow schema
    writer    data files, removed.parquet, changes.parquet, originals.parquet
    publish   the folder appears at once
    rebuild   the input files again, proved by their sha256

Every input row is in a data file or in removed.parquet, and nothing is published before that has been counted.
"""

from datalint.cleaner.cleaning import CleanOptions, CleanResult, clean, clean_settings
from datalint.cleaner.rebuild import RestoredFile, RestoreResult, restore

__all__ = ["CleanOptions", "CleanResult", "RestoreResult", "RestoredFile", "clean", "clean_settings", "restore"]
