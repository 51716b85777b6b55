"""The classes of faults, numbered as in the reliability goals."""

from functools import partial

from benchmarks.faults import disk, ending
from benchmarks.faults.common import Fault
from benchmarks.faults.ending import clean_job, fix_job

FAULTS = (
    Fault("17", "kill -9 in clean: old output or new one", ending.clean_killed),
    Fault("17", "kill -9 in check --fix", ending.fix_killed),
    Fault("18", "SIGTERM in clean: exit 143, nothing left behind", ending.clean_terminated),
    Fault("18", "SIGINT in clean: exit 130, nothing left behind", ending.clean_interrupted),
    Fault("18", "SIGINT three times in clean", ending.second_signal),
    Fault("18", "SIGTERM in check --fix", ending.fix_terminated),
    Fault("18", "SIGINT in check --fix", ending.fix_interrupted),
    Fault("19", "disk full at each write of clean", partial(disk.every_write, make=clean_job)),
    Fault("19", "disk full at each write of check --fix", partial(disk.every_write, make=fix_job)),
    Fault("19", "clean on a disk with a few KiB left", partial(disk.small_disk, make=clean_job)),
    Fault("19", "check --fix on a disk with a few KiB left", partial(disk.small_disk, make=fix_job)),
    Fault("19", "TMPDIR full", disk.full_temporary_disk),
    Fault("20", "file size limit in clean", partial(disk.file_size_limit, make=clean_job)),
    Fault("20", "file size limit in check --fix", partial(disk.file_size_limit, make=fix_job)),
    Fault("21", "two runs of clean at once", partial(ending.two_at_once, make=clean_job)),
    Fault("21", "two runs of check --fix at once", partial(ending.two_at_once, make=fix_job)),
    Fault("22", "target that may not be written", disk.read_only),
    Fault("25", "too little memory for clean", disk.killed_for_memory),
)
