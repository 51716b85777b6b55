"""Cleaning: a Parquet dataset without the faults, beside it all that was taken away, and the way back.

    settle     check, fix, check again, until nothing is left to fix
    publish    a folder that appears at once
    stored     how things lie in it
    writing    rows into data files, removed.parquet, changes.parquet and originals.parquet
    restoring  the input files again, proved by their sha256
    inplace    the rewrites alone, made in the files where they lie

Every input row is in a data file or in removed.parquet, and nothing is published before that has been counted.
"""

from datalint.cleaner.cleaning import clean, clean_settings
from datalint.cleaner.inplace.fix import FixResult, fix
from datalint.cleaner.restoring.rebuild import RestoredFile, RestoreResult, restore
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
