"""`datalint clean`."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from datalint.cli.options import config_options, data_options, memory_option, progress_option, rule_options, settings_of
from datalint.cli.say import note, say

if TYPE_CHECKING:
    from datalint.cleaner import CleanResult


@click.command()
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--out", type=click.Path(), metavar="DIR", help="The folder to write; it appears at once.")
@click.option("--diff", is_flag=True, help="Show what would be changed and removed, row by row, and write nothing.")
@click.option("--unsafe-fixes", is_flag=True, help="Make the unsafe fixes too, row drops among them.")
@click.option("--overwrite", is_flag=True, help="Replace a folder that an earlier clean wrote.")
@click.option("--with-provenance", is_flag=True, help="Add the columns source_file and source_row.")
@click.option("--to", default="parquet", metavar="FORMAT", help="What to write: parquet, or jsonl.")
@click.option("--max-shard-size", metavar="SIZE", help="Spread a file's rows over shards, such as 500MB each.")
@rule_options
@data_options
@click.option("-q", "--quiet", is_flag=True, help="Print nothing on success.")
@memory_option
@progress_option
@config_options
def command(paths: tuple[str, ...], **flags: Any) -> int:
    """Write a cleaned dataset, and beside it everything that was taken away or changed."""
    from pathlib import Path

    from datalint.cleaner import CleanOptions, clean_settings
    from datalint.cleaner.cleaning import shard_size
    from datalint.cli.fixing import show_cleaning
    from datalint.cli.progress import bar
    from datalint.errors import UsageError

    if not flags["out"] and not flags["diff"]:
        raise UsageError("--out: name the folder to write, or give --diff to see what clean would do")
    settings = settings_of(flags)
    if flags["diff"]:
        return show_cleaning(paths or None, settings, flags)
    options = CleanOptions(
        flags["unsafe_fixes"],
        flags["overwrite"],
        flags["with_provenance"],
        flags["to"],
        shard_size(flags["max_shard_size"]),
    )
    # Every byte is read by the first check, mostly by a second one, and by the writer.
    with bar("cleaning", paths, settings, show=flags["progress"], passes=3) as progress:
        result = clean_settings(paths or None, settings, out=Path(flags["out"]), options=options, progress=progress)
    for hint in (*result.report.hints, *result.hints):
        note(hint)
    if not flags["quiet"]:
        _tell(result)
    return 0


def _tell(result: "CleanResult") -> None:
    from datalint.report.escape import visible

    head = ("file", "rows", "kept", "changed", "removed", "unreadable")
    counts = [*result.by_input().items()]
    if len(counts) > 1:
        counts.append(("all", result.manifest.counts))
    lines = [
        (visible(name), c.rows_in, c.rows_out, c.rows_changed, c.rows_removed, c.rows_unreadable) for name, c in counts
    ]
    width = max(len(head[0]), *(len(line[0]) for line in lines)) if lines else len(head[0])
    say(" ".join((head[0].ljust(width), *(name.rjust(10) for name in head[1:]))))
    for name, *numbers in lines:
        say(" ".join((name.ljust(width), *(f"{number:,}".rjust(10) for number in numbers))))
    for what, by_rule in (("removed", result.removed_by_rule), ("changed", result.changed_by_rule)):
        if by_rule:
            say(f"{what}: {_counted(by_rule)}")
    if result.offered:
        say(f"--unsafe-fixes would also change or remove: {_counted(result.offered)}")
    say(f"written to {result.out}; `datalint restore` rebuilds the input from it")


def _counted(counts: Any) -> str:
    worst_first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{code} {number:,}" for code, number in worst_first)
