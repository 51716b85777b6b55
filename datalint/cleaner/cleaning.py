"""`clean`: check until nothing is left to fix, write, prove the balance, publish."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from datalint.cleaner.card import RuleLine, write_card
from datalint.cleaner.manifest import SCHEMA, FileEntry, Manifest, digests, sha256_of, total, write_manifest
from datalint.cleaner.names import RESERVED, Place, places
from datalint.cleaner.passing import passed_schema
from datalint.cleaner.publish import published
from datalint.cleaner.schema import agreed
from datalint.cleaner.settle import Settled, settle
from datalint.cleaner.survey import Survey, stored_alike, survey
from datalint.cleaner.writer import PROVENANCE, Ledgers, Target, Written, check_unchanged, write_file
from datalint.config import Settings, load
from datalint.engine import Job
from datalint.errors import OutputError, UsageError
from datalint.frames import as_paths
from datalint.report.model import FileRead, Report
from datalint.run import Setup, prepare
from datalint.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

Progress = Callable[[int], None]


@dataclass(frozen=True)
class CleanResult:
    """What `clean` did. `report` is the check of the input; `manifest` what manifest.json holds."""

    out: Path
    report: Report
    manifest: Manifest
    removed_by_rule: Mapping[str, int]  # rows, unreadable ones included
    changed_by_rule: Mapping[str, int]
    offered: Mapping[str, int]  # rows that `unsafe_fixes` would also change or remove

    @property
    def files(self) -> Sequence[FileEntry]:
        """One entry an input."""
        return self.manifest.files

    @property
    def rows_in(self) -> int:
        """Records read, unreadable ones included."""
        return self.manifest.counts.rows_in

    @property
    def rows_out(self) -> int:
        """Rows written."""
        return self.manifest.counts.rows_out

    @property
    def rows_removed(self) -> int:
        """Rows dropped by a rule."""
        return self.manifest.counts.rows_removed

    @property
    def rows_unreadable(self) -> int:
        """Records that could not be read."""
        return self.manifest.counts.rows_unreadable

    @property
    def rows_changed(self) -> int:
        """Rows written with a value that is not the input's."""
        return self.manifest.counts.rows_changed


@dataclass(frozen=True)
class CleanOptions:
    """How to clean."""

    unsafe_fixes: bool = False
    overwrite: bool = False
    with_provenance: bool = False
    to: str = "parquet"


def clean(
    data: Any = None,
    *,
    out: str | Path,
    unsafe_fixes: bool = False,
    overwrite: bool = False,
    with_provenance: bool = False,
    to: str = "parquet",
    config: str | Path | None = None,
    isolated: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> CleanResult:
    """Write a cleaned Parquet dataset to the folder `out`, and beside it everything that was taken away.

    `data` and `options` are those of `datalint.check`. Safe fixes are made, with `unsafe_fixes` the others too, row
    drops among them. `with_provenance` adds the columns source_file and source_row. The folder appears at once; one
    that is there already is refused unless `overwrite`. Inputs are never modified. Raises a DatalintError for
    anything that a user can put right, OutputError if the output cannot be written.
    """
    flags = {key.replace("_", "-"): value for key, value in options.items()}
    settings = load(file=None if config is None else Path(config), isolated=isolated, flags=flags)
    wanted = CleanOptions(unsafe_fixes, overwrite, with_provenance, to)
    with as_paths(data) as (paths, _):
        table = not (data is None or isinstance(data, (str, Path, list, tuple)))
        return clean_settings(paths, settings, out=Path(out), options=wanted, progress=progress, table=table)


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
    if options.to != "parquet":
        raise UsageError(f"--to: {options.to!r} cannot be written; parquet is all there is")
    setup = prepare(paths, settings)
    _refuse_own_input(setup, out)
    with published(out, overwrite=options.overwrite, again="--overwrite replaces it") as folder:
        settled = settle(setup, unsafe=options.unsafe_fixes, progress=progress)
        return _write(setup, settled, folder, out, options, _folder_of(paths), progress=progress, table=table)


def _folder_of(paths: Sequence[str | Path] | None) -> Path | None:
    """The one folder that was given, if it is one."""
    given = list(paths or ())
    return Path(given[0]) if len(given) == 1 and Path(given[0]).is_dir() else None


def _refuse_own_input(setup: Setup, out: Path) -> None:
    target = out.resolve()
    for job in setup.plan.jobs:
        if job.file.path.resolve().is_relative_to(target):
            raise OutputError(f"{out} holds {job.file.name}, which is read; name a folder outside of the input")


def _write(
    setup: Setup,
    settled: Settled,
    folder: Path,
    out: Path,
    options: CleanOptions,
    given: Path | None,
    *,
    progress: Progress | None,
    table: bool,
) -> CleanResult:
    report, fixes = settled.report, settled.fixes
    jobs = [job for job in setup.plan.jobs if job.file.split != "reference"]
    read = {job.index: report.files[job.index] for job in jobs}
    where = dict(zip((job.index for job in jobs), places([job.file for job in jobs], given), strict=True))
    label = {i: place.relative if table else read[i].name for i, place in where.items()}
    seen = {job.index: survey(job, fixes, sha256=read[job.index].sha256) for job in jobs}
    schemas = _schemas(jobs, seen)
    alike = stored_alike(seen.values())
    ledgers = Ledgers(folder)
    written = {}
    try:
        for job in jobs:
            i = job.index
            path = folder / where[i].output
            path.parent.mkdir(parents=True, exist_ok=True)
            target = Target(path, label[i], schemas[i], alike, options.with_provenance)
            written[i] = write_file(job, fixes, seen[i], target, ledgers, setup.rules)
            check_unchanged(job, read[i].sha256, sha256_of(job.file.path))
            if progress:
                progress(job.file.path.stat().st_size)
        ledgers.close()
    except BaseException:
        ledgers.abort()
        raise
    for i, done in written.items():
        _prove(label[i], done, read[i], folder / where[i].output, folder)
    entries = [_entry(label[i], where[i], read[i], seen[i], written[i], folder, options) for i in where]
    manifest = Manifest(
        schema=SCHEMA,
        version=__version__,
        config_digest=report.config_digest,
        rules=digests(setup.rules),
        options={
            "unsafe_fixes": options.unsafe_fixes,
            "with_provenance": options.with_provenance,
            "to": options.to,
        },
        rounds=sum(not one.empty for one in fixes.rounds),
        postponed=sum(one.postponed for one in fixes.rounds),
        counts=total(entries),
        files=entries,
        outputs={name: sha256_of(folder / name) for name in sorted(RESERVED)},
    )
    write_manifest(folder, manifest)
    removed, changed = Counter[str](), Counter[str]()
    for done in written.values():
        removed.update(done.removed_by)
        changed.update(done.changed_by)
    lines = [
        RuleLine(code, setup.rules[code].name if code in setup.rules else "", removed[code], changed[code])
        for code in sorted({*removed, *changed})
    ]
    kinds = {where[i].output: str(schemas[i].remove_metadata()) for i in where if written[i].rows_out}
    card = write_card(manifest, kinds, lines)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return CleanResult(out, report, manifest, dict(removed), dict(changed), _offered(report.found, options))


def _schemas(jobs: Sequence[Job], seen: Mapping[int, Survey]) -> "dict[int, pa.Schema]":
    """The schema of each output: a Parquet input's own; of text inputs one that a dataset's files share."""
    found = {}
    texts: dict[str, list[int]] = {}
    for job in jobs:
        one = seen[job.index]
        if one.schema is not None:
            found[job.index] = passed_schema(one.schema, one.seen, one.retyped)
        else:
            texts.setdefault(job.file.dataset, []).append(job.index)
    for group in texts.values():
        found.update(zip(group, agreed([seen[i].seen for i in group]), strict=True))
    return found


def _prove(label: str, done: Written, read: FileRead, path: Path, folder: Path) -> None:
    """Hold what is in the files against what was read. Raises OutputError; nothing is published then."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rows_out = pq.read_metadata(path).num_rows
    taken = 0
    with pq.ParquetFile(folder / "removed.parquet") as removed:
        for batch in removed.iter_batches(columns=["file"]):
            taken += pc.sum(pc.equal(batch.column(0), label)).as_py() or 0
    counted = (done.rows_in, done.rows_out, done.rows_removed + done.rows_unreadable)
    if counted != (read.rows, rows_out, taken) or read.rows != rows_out + taken:
        raise OutputError(
            f"{label}: {read.rows} rows were read, but {rows_out} written and {taken} taken away; nothing is published"
        )


def _entry(
    label: str, place: Place, read: FileRead, seen: Survey, done: Written, folder: Path, options: CleanOptions
) -> FileEntry:
    return FileEntry(
        input=label,
        relative=place.relative,
        output=place.output,
        split=read.split,
        format=read.format,
        container=read.container,
        compression=getattr(read, "compression", None),
        encoding=seen.encoding,
        rows_in=done.rows_in,
        rows_out=done.rows_out,
        rows_removed=done.rows_removed,
        rows_unreadable=done.rows_unreadable,
        rows_changed=done.rows_changed,
        input_sha256=read.sha256,
        content_sha256=seen.content_sha256,
        output_sha256=sha256_of(folder / place.output),
        rebuild=seen.rebuild,
        style=done.style,
        gap=done.gap,
        provenance=list(PROVENANCE) if options.with_provenance else [],
    )


def _offered(found: pl.DataFrame, options: CleanOptions) -> dict[str, int]:
    if options.unsafe_fixes:
        return {}
    some = found.filter(pl.col("row").is_not_null() & (pl.col("fix_safety") == "unsafe"))
    rows = some.group_by("rule").agg(pl.struct("file", "row").n_unique().alias("rows")).sort("rule")
    return dict(rows.iter_rows())
