"""Cleaning: a Parquet dataset without the faults, beside it all that was taken away, and the way back.

    settle    check, fix, check again, until nothing is left to fix
    survey    what the kept rows look like: an Arrow schema
    writer    data files, removed.parquet, changes.parquet, originals.parquet
    publish   the folder appears at once
    rebuild   the input files again, proved by their sha256
    inplace   the rewrites alone, made in the files where they lie

Every input row is in a data file or in removed.parquet, and nothing is published before that has been counted.
"""

from datalint.cleaner.cleaning import clean, clean_settings
from datalint.cleaner.inplace import FixResult, fix
from datalint.cleaner.rebuild import RestoredFile, RestoreResult, restore
from datalint.cleaner.result import CleanOptions, CleanResult

__all__ = [
    "CleanOptions",
    "CleanResult",
    "FixResult",
    "RestoreResult",
    "RestoredFile",
    "clean",
    "clean_settings",
    "fix",
    "restore",
]
