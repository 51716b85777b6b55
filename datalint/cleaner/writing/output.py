"""All that a clean writes into its folder, and the proof that every row is in it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from datalint.cleaner.result import CleanOptions, CleanResult
from datalint.cleaner.settle import Settled
from datalint.cleaner.stored.manifest import (
    SCHEMA,
    Counts,
    FileEntry,
    Manifest,
    digests,
    sha256_of,
    total,
    write_manifest,
)
from datalint.cleaner.stored.names import LEDGERS, Place, Taken, places
from datalint.cleaner.stored.schema import agreed
from datalint.cleaner.stored.tables import read_batches
from datalint.cleaner.writing.card import RuleLine, Table, write_card
from datalint.cleaner.writing.features import features_of, warnings
from datalint.cleaner.writing.lines import Apart
from datalint.cleaner.writing.passing import passed_schema
from datalint.cleaner.writing.storing import PROVENANCE
from datalint.cleaner.writing.survey import Survey, stored_alike, survey
from datalint.cleaner.writing.writer import Ledgers, Target, Written, check_unchanged, write_file
from datalint.engine import Job
from datalint.errors import OutputError
from datalint.fixes import Fixes
from datalint.report.escape import encodable
from datalint.report.model import FileRead
from datalint.run import Setup
from datalint.source.storage import open_arrow
from datalint.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class _Input:
    """One input, and what was found out about it."""

    job: Job
    read: FileRead
    place: Place
    label: str
    seen: Survey


def write_output(
    setup: Setup,
    settled: Settled,
    folder: Path,
    out: Path,
    options: CleanOptions,
    given: Path | None,
    *,
    progress: Callable[[int], None] | None,
    table: bool,
) -> CleanResult:
    """Write everything to `folder`, which will be `out`. `given`: the one folder that was named as input.

    Raises OutputError if a row is missing, or is not read back as it was; InputError if an input has changed.
    """
    report, fixes = settled.report, settled.fixes
    taken = Taken()
    inputs = _inputs(setup, settled, given, options, taken, table=table)
    schemas = _schemas(inputs)
    target = Target(
        folder,
        Ledgers(folder),
        taken,
        Apart(),
        options.to,
        options.max_shard_size,
        options.with_provenance,
        stored_alike(one.seen for one in inputs.values()),
    )
    written = _written(inputs, schemas, setup, fixes, target, progress)
    gone = _taken_away(folder)
    for i, one in inputs.items():
        _prove(one, written[i], folder, gone[one.label])
    files = [entry for i, one in inputs.items() for entry in _entries(one, written[i], folder, options)]
    manifest = Manifest(
        schema=SCHEMA,
        version=__version__,
        config_digest=report.config_digest,
        rules=digests(setup.rules),
        options={
            "unsafe_fixes": options.unsafe_fixes,
            "with_provenance": options.with_provenance,
            "to": options.to,
            "max_shard_size": options.max_shard_size,
        },
        rounds=sum(not one.empty for one in fixes.rounds),
        postponed=sum(one.postponed for one in fixes.rounds),
        counts=total(files),
        files=files,
        outputs={name: sha256_of(folder / name) for name in LEDGERS},
    )
    write_manifest(folder, manifest)
    removed = sum((done.removed_by for done in written.values()), Counter[str]())
    changed = sum((done.changed_by for done in written.values()), Counter[str]())
    lines = [
        RuleLine(code, setup.rules[code].name if code in setup.rules else "", removed[code], changed[code])
        for code in sorted({*removed, *changed})
    ]
    tables = _tables(inputs, schemas, written, options)
    (folder / "README.md").write_text(write_card(manifest, tables, lines), encoding="utf-8")
    hints = [
        f"{one.label}: {told}" for one in inputs.values() if options.to == "jsonl" for told in warnings(one.seen.seen)
    ]
    return CleanResult(out, report, manifest, dict(removed), dict(changed), _offered(report.found, options), hints)


def _inputs(
    setup: Setup, settled: Settled, given: Path | None, options: CleanOptions, taken: Taken, *, table: bool
) -> dict[int, _Input]:
    """The inputs that have an output, each read once more; the names of the outputs are added to `taken`."""
    jobs = [job for job in setup.plan.jobs if job.file.split != "reference"]
    found = places([job.file for job in jobs], given, ending=options.to, taken=taken)
    names = [place.relative if table else encodable(job.file.name) for job, place in zip(jobs, found, strict=True)]
    inputs = {}
    for job, place, label in zip(jobs, found, _labels(names), strict=True):
        read = settled.report.files[job.index]
        seen = survey(job, settled.fixes, sha256=read.sha256, to=options.to)
        inputs[job.index] = _Input(job, read, place, label, seen)
    return inputs


def _written(
    inputs: Mapping[int, _Input],
    schemas: "Mapping[int, pa.Schema]",
    setup: Setup,
    fixes: Fixes,
    target: Target,
    progress: Callable[[int], None] | None,
) -> dict[int, Written]:
    """All rows, in data files and ledgers."""
    written: dict[int, Written] = {}
    try:
        for i, one in inputs.items():
            output, schema = one.place.output, schemas[i]
            written[i] = write_file(
                one.job, fixes, one.seen, target, setup.rules, label=one.label, output=output, schema=schema
            )
            check_unchanged(one.job, one.read.sha256, sha256_of(one.job.file.path))
            if progress:
                progress(one.job.file.path.stat().st_size)
        target.ledgers.close()
    except BaseException:
        target.ledgers.abort()
        raise
    return written


def _labels(names: Sequence[str]) -> Iterator[str]:
    """A name for each input that no other one has: by it the ledgers tell their files apart."""
    seen = set[str]()
    for name in names:
        label, number = name, 1
        while label in seen:
            number += 1
            label = f"{name}#{number}"
        seen.add(label)
        yield label


def _schemas(inputs: Mapping[int, _Input]) -> "dict[int, pa.Schema]":
    """The schema of each output: a Parquet input's own; of text inputs one that a dataset's files share."""
    found = {}
    texts: dict[str, list[int]] = {}
    for i, one in inputs.items():
        if one.seen.schema is not None:
            found[i] = passed_schema(one.seen.schema, one.seen.seen, one.seen.retyped)
        else:
            texts.setdefault(one.job.file.dataset, []).append(i)
    for group in texts.values():
        found.update(zip(group, agreed([inputs[i].seen.seen for i in group]), strict=True))
    return found


def _taken_away(folder: Path) -> Counter[str]:
    """Rows in removed.parquet, by input."""
    found = Counter[str]()
    for batch in read_batches(folder / "removed.parquet", ["file"]):
        found.update(batch.column(0).to_pylist())
    return found


def _prove(one: _Input, done: Written, folder: Path, taken: int) -> None:
    """Hold what is in the files against what was read. Raises OutputError; nothing is published then."""
    rows = [_rows_of(folder / name) for name in done.names]
    counts = total(done.parts)
    balanced = (
        counts.rows_in == one.read.rows == counts.rows_out + taken
        and counts.rows_removed + counts.rows_unreadable == taken
        and rows == [part.rows_out for part in done.parts]
        and all(part.rows_in == part.rows_out + part.rows_removed + part.rows_unreadable for part in done.parts)
    )
    if not balanced:
        what = f"{one.read.rows} rows were read, but {sum(rows)} written and {taken} taken away"
        raise OutputError(f"{one.label}: {what}; nothing is published")


def _rows_of(path: Path) -> int:
    """The rows that are in a data file."""
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        with open_arrow(path) as table:
            return int(pq.read_metadata(table).num_rows)
    with path.open("rb") as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b""))


def _entries(one: _Input, done: Written, folder: Path, options: CleanOptions) -> Iterator[FileEntry]:
    first = 0
    for name, part in zip(done.names, done.parts, strict=True):
        yield FileEntry(
            input=one.label,
            relative=one.place.relative,
            name_bytes=one.place.name_bytes,
            output=name,
            first_row=first,
            split=one.read.split,
            format=one.read.format,
            container=one.read.container,
            compression=one.seen.compression,
            encoding=one.seen.encoding,
            **{name: getattr(part, name) for name in Counts.__struct_fields__},
            input_sha256=one.read.sha256,
            content_sha256=one.seen.content_sha256,
            output_sha256=sha256_of(folder / name),
            rebuild=one.seen.rebuild,
            style=done.style,
            gap=done.gap,
            provenance=list(PROVENANCE) if options.with_provenance else [],
        )
        first += part.rows_in


def _tables(
    inputs: Mapping[int, _Input],
    schemas: "Mapping[int, pa.Schema]",
    written: Mapping[int, Written],
    options: CleanOptions,
) -> dict[str, Table]:
    """The columns of the data files that have any, and rows."""
    kinds = {i: Table(str(schema.remove_metadata())) for i, schema in schemas.items() if schema.names}
    if options.to == "jsonl":
        some = [i for i, one in inputs.items() if one.seen.seen.keys]
        found = features_of([inputs[i].seen.seen for i in some])
        extra = [{"name": name, "dtype": kind} for name, kind in zip(PROVENANCE, ("string", "int64"), strict=True)]
        more = extra if options.with_provenance else []
        kinds = {i: Table.of([*features, *more]) for i, features in zip(some, found, strict=True)}
    return {
        name: kinds[i]
        for i, done in written.items()
        if i in kinds and total(done.parts).rows_out
        for name in done.names
    }


def _offered(found: pl.DataFrame, options: CleanOptions) -> dict[str, int]:
    if options.unsafe_fixes:
        return {}
    some = found.filter(pl.col("row").is_not_null() & (pl.col("fix_safety") == "unsafe"))
    rows = some.group_by("rule").agg(pl.struct("file", "row").n_unique().alias("rows")).sort("rule")
    return dict(rows.iter_rows())
