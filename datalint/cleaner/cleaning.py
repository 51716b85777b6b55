"""`clean`: check until nothing is left to fix, write, prove the balance, publish."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from datalint.cleaner.publish import published
from datalint.cleaner.result import CleanOptions, CleanResult
from datalint.cleaner.settle import settle
from datalint.cleaner.stored.manifest import files_in
from datalint.cleaner.writing.output import write_output
from datalint.config import Settings, load
from datalint.engine.local import without_gc
from datalint.errors import OutputError, UsageError
from datalint.frames import as_paths
from datalint.run import Setup, prepare
from datalint.spool import parse_size

Progress = Callable[[int], None]
FORMATS = ("parquet", "jsonl")


def clean(
    data: Any = None,
    *,
    out: str | Path,
    unsafe_fixes: bool = False,
    overwrite: bool = False,
    with_provenance: bool = False,
    to: str = "parquet",
    max_shard_size: str | int | None = None,
    config: str | Path | None = None,
    isolated: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> CleanResult:
    """Write a cleaned dataset to the folder `out`, and beside it everything that was taken away.

    `data` and `options` are those of `datalint.check`. Safe fixes are made, with `unsafe_fixes` the others too, row
    drops among them. `with_provenance` adds the columns source_file and source_row. `to` is "parquet" or "jsonl";
    `max_shard_size` ("500MB", or bytes) spreads the rows of an input over files of no more than that, counted before
    compression. The folder appears at once; one that is there already is refused unless `overwrite`. Inputs are never
    modified. Raises a DatalintError for anything that a user can put right, OutputError if the output cannot be
    written.
    """
    flags = {key.replace("_", "-"): value for key, value in options.items()}
    settings = load(file=None if config is None else Path(config), isolated=isolated, flags=flags)
    wanted = CleanOptions(unsafe_fixes, overwrite, with_provenance, to, shard_size(max_shard_size))
    with as_paths(data) as (paths, _):
        table = not (data is None or isinstance(data, (str, Path, list, tuple)))
        return clean_settings(paths, settings, out=Path(out), options=wanted, progress=progress, table=table)


def shard_size(given: str | int | None) -> int | None:
    """Bytes. Raises UsageError for what is no size."""
    if given is None:
        return None
    size = parse_size(str(given), origin="--max-shard-size")
    if size < 1:
        raise UsageError(f"--max-shard-size: {given!r} is too small; name a size such as 500MB")
    return size


def clean_settings(
    paths: Sequence[str | Path] | None,
    settings: Settings,
    *,
    out: Path,
    options: CleanOptions | None = None,
    progress: Progress | None = None,
    table: bool = False,
) -> CleanResult:
    """`clean` with settings that are loaded already. `table`: the path is only a table's for a while."""
    options = options or CleanOptions()
    if options.to not in FORMATS:
        raise UsageError(f"--to: {options.to!r} cannot be written; choose {' or '.join(FORMATS)}")
    setup = prepare(paths, settings)
    _refuse_own_input(setup, out)
    with published(out, overwrite=options.overwrite, again="--overwrite replaces it") as folder, without_gc():
        settled = settle(setup, unsafe=options.unsafe_fixes, padded=options.to == "parquet", progress=progress)
        given = _folder_of(paths)
        done = write_output(setup, settled, folder, out, options, given, progress=progress, table=table)
    return replace(done, hints=[*_earlier_outputs(setup, paths), *done.hints])


def _earlier_outputs(setup: Setup, paths: Sequence[str | Path] | None) -> list[str]:
    """Outputs of earlier runs that were found below the folders that were given."""
    found: dict[Path, None] = {}
    for given in map(Path, paths or (".",)):
        for job in setup.plan.jobs:
            below = job.file.path
            if below.is_relative_to(given):
                found |= dict.fromkeys(
                    folder for folder in below.parents if folder != given and folder.is_relative_to(given)
                )
    return [
        f"{folder}: an earlier clean wrote this; its rows were read like all others. Move it out of the input, or name"
        " the input's files"
        for folder in found
        if files_in(folder)
    ]


def _folder_of(paths: Sequence[str | Path] | None) -> Path | None:
    """The one folder that was given, if it is one."""
    given = list(paths or ())
    return Path(given[0]) if len(given) == 1 and Path(given[0]).is_dir() else None


def _refuse_own_input(setup: Setup, out: Path) -> None:
    try:
        target = out.resolve()
    except (OSError, ValueError, RuntimeError):  # a null byte, a loop of links: it is refused where it is to be made
        return
    for job in setup.plan.jobs:
        source = job.file.path.resolve()
        if source == target:
            raise OutputError(f"{out} is the input itself; name a folder that is not there yet")
        if source.is_relative_to(target):
            raise OutputError(f"{out} holds {job.file.name}, which is read; name a folder outside of the input")
