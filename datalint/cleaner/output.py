"""All that a clean writes into its folder, and the proof that every row is in it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from datalint.cleaner.card import RuleLine, Table, write_card
from datalint.cleaner.features import features_of, warnings
from datalint.cleaner.lines import Apart
from datalint.cleaner.manifest import SCHEMA, Counts, FileEntry, Manifest, digests, sha256_of, total, write_manifest
from datalint.cleaner.names import LEDGERS, Place, Taken, places, spelled
from datalint.cleaner.passing import passed_schema
from datalint.cleaner.result import CleanOptions, CleanResult
from datalint.cleaner.schema import agreed
from datalint.cleaner.settle import Settled
from datalint.cleaner.storing import PROVENANCE
from datalint.cleaner.survey import Survey, stored_alike, survey
from datalint.cleaner.writer import Ledgers, Target, Written, check_unchanged, write_file
from datalint.engine import Job
from datalint.errors import OutputError
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
    jobs = [job for job in setup.plan.jobs if job.file.split != "reference"]
    taken = Taken()
    found = places([job.file for job in jobs], given, ending=options.to, taken=taken)
    names = [place.relative if table else spelled(job.file.name) for job, place in zip(jobs, found, strict=True)]
    inputs = {
        job.index: _Input(
            job,
            report.files[job.index],
            place,
            label,
            survey(job, fixes, sha256=report.files[job.index].sha256, to=options.to),
        )
        for job, place, label in zip(jobs, found, _labels(names), strict=True)
    }
    schemas = _schemas(inputs)
    ledgers = Ledgers(folder)
    target = Target(
        folder,
        ledgers,
        taken,
        Apart(),
        options.to,
        options.max_shard_size,
        options.with_provenance,
        stored_alike(one.seen for one in inputs.values()),
    )
    written: dict[int, Written] = {}
    try:
        for i, one in inputs.items():
            written[i] = write_file(
                one.job,
                fixes,
                one.seen,
                target,
                setup.rules,
                label=one.label,
                output=one.place.output,
                schema=schemas[i],
            )
            check_unchanged(one.job, one.read.sha256, sha256_of(one.job.file.path))
            if progress:
                progress(one.job.file.path.stat().st_size)
        ledgers.close()
    except BaseException:
        ledgers.abort()
        raise
    for i, one in inputs.items():
        _prove(one, written[i], folder)
    entries = {i: list(_entries(one, written[i], folder, options)) for i, one in inputs.items()}
    files = [entry for some in entries.values() for entry in some]
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
    removed, changed = Counter[str](), Counter[str]()
    for done in written.values():
        removed.update(done.removed_by)
        changed.update(done.changed_by)
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


def _prove(one: _Input, done: Written, folder: Path) -> None:
    """Hold what is in the files against what was read. Raises OutputError; nothing is published then."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    taken = 0
    with (
        open_arrow(folder / "removed.parquet") as stream,
        pq.ParquetFile(stream, page_checksum_verification=True) as removed,
    ):
        for batch in removed.iter_batches(columns=["file"]):
            taken += pc.sum(pc.equal(batch.column(0), one.label)).as_py() or 0
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
