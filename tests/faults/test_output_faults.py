"""Whatever ends or stops a run, the output is the old one or the new one, whole: faults 17 to 25 of the goals."""

from functools import partial

from benchmarks.faults import disk, ending, streams
from benchmarks.faults.common import Passes
from benchmarks.faults.ending import clean_job, fix_job, restore_job
from benchmarks.faults.table import to_jsonl_job


def test_sigkill_in_clean(passes: Passes) -> None:
    passes(ending.clean_killed)


def test_sigkill_in_check_fix(passes: Passes) -> None:
    passes(ending.fix_killed)


def test_sigkill_in_restore(passes: Passes) -> None:
    passes(ending.restore_killed)


def test_sigint_in_restore(passes: Passes) -> None:
    passes(ending.restore_interrupted)


def test_sigterm_while_the_program_starts(passes: Passes) -> None:
    passes(ending.clean_terminated_at_start)


def test_sigint_while_the_program_starts(passes: Passes) -> None:
    passes(ending.clean_interrupted_at_start)


def test_sigterm_in_clean(passes: Passes) -> None:
    passes(ending.clean_terminated)


def test_sigterm_in_check_fix(passes: Passes) -> None:
    passes(ending.fix_terminated)


def test_sigint_in_clean(passes: Passes) -> None:
    passes(ending.clean_interrupted)


def test_sigint_in_check_fix(passes: Passes) -> None:
    passes(ending.fix_interrupted)


def test_sigint_again_and_again(passes: Passes) -> None:
    passes(ending.second_signal)


def test_disk_full_at_each_write_of_clean(passes: Passes) -> None:
    passes(partial(disk.every_write, make=clean_job))


def test_disk_full_at_each_write_of_check_fix(passes: Passes) -> None:
    passes(partial(disk.every_write, make=fix_job))


def test_disk_full_at_each_write_of_clean_to_jsonl(passes: Passes) -> None:
    passes(partial(disk.every_write, make=to_jsonl_job))


def test_disk_full_at_each_write_of_restore(passes: Passes) -> None:
    passes(partial(disk.every_write, make=restore_job))


def test_disk_full_at_each_write_of_a_report(passes: Passes) -> None:
    passes(disk.every_write_of_a_report)


def test_small_disk_for_clean(passes: Passes) -> None:
    passes(partial(disk.small_disk, make=clean_job))


def test_small_disk_for_check_fix(passes: Passes) -> None:
    passes(partial(disk.small_disk, make=fix_job))


def test_full_temporary_disk(passes: Passes) -> None:
    passes(disk.full_temporary_disk)


def test_file_size_limit_in_clean(passes: Passes) -> None:
    passes(partial(disk.file_size_limit, make=clean_job))


def test_file_size_limit_in_check_fix(passes: Passes) -> None:
    passes(partial(disk.file_size_limit, make=fix_job))


def test_two_runs_of_clean_at_once(passes: Passes) -> None:
    passes(partial(ending.two_at_once, make=clean_job))


def test_two_runs_of_check_fix_at_once(passes: Passes) -> None:
    passes(partial(ending.two_at_once, make=fix_job))


def test_read_only_target(passes: Passes) -> None:
    passes(disk.read_only)


def test_symbolic_links(passes: Passes) -> None:
    passes(streams.symbolic_links)


def test_broken_pipe(passes: Passes) -> None:
    passes(streams.broken_pipe)


def test_closed_standard_streams(passes: Passes) -> None:
    passes(streams.closed_streams)


def test_killed_helper_process(passes: Passes) -> None:
    passes(streams.killed_helper)


def test_too_little_memory(passes: Passes) -> None:
    passes(disk.killed_for_memory)
