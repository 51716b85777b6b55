"""The three files of a comparison: read, cleaned and split off where nobody gave them."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from datalint.config import Settings
from datalint.errors import InputError, UsageError
from datalint.examples import Example
from datalint_trainer.rows import Row
from datalint_trainer.sources import Source, has_eval_split, read_source
from datalint_trainer.split import split_off, write_examples


@dataclass(frozen=True)
class Reading:
    """How rows are read."""

    format: str | None
    columns: Mapping[str, str] | None

    def __call__(self, source: Source, name: str) -> Sequence[Example]:
        return read_source(source, "eval" if name == "eval" else "train", self.format, self.columns)


@dataclass(frozen=True)
class Given:
    """What is compared; `note` tells where the eval rows are from if nobody gave them."""

    raw: Source
    clean: Source
    eval: Source
    note: tuple[str, ...] = ()

    @property
    def by_name(self) -> dict[str, Source]:
        return {"raw": self.raw, "clean": self.clean, "eval": self.eval}


def compared_files(
    raw: Source,
    clean: Source | None,
    evaluation: Source | None,
    settings: Settings,
    reading: Reading,
    stack: ExitStack,
    *,
    unsafe_fixes: bool,
) -> Given:
    """Split off and clean what nobody gave; new files are there for as long as the stack."""
    note: tuple[str, ...] = ()
    if evaluation is None and has_eval_split(raw):
        evaluation = raw
    if clean is not None:
        if unsafe_fixes:
            raise UsageError("--unsafe-fixes is for a RAW without CLEAN: CLEAN is taken as it is")
        if evaluation is None:
            raise UsageError(
                "CLEAN needs --eval FILE: rows that were split off now would have had a say in the cleaning; "
                "give RAW alone to split it and then clean it"
            )
        return Given(raw, clean, evaluation)
    from datalint.cleaner import CleanOptions, clean_settings
    from datalint_trainer.recleaning import for_one_file

    place = Path(stack.enter_context(TemporaryDirectory()))
    if evaluation is None or not isinstance(raw, str | Path):
        examples = reading(raw, "raw")
        name = Path(raw).name if isinstance(raw, str | Path) else "raw"
        raw = place / f"{name.split('.')[0] or 'raw'}.jsonl"
        if evaluation is None:
            split = split_off(examples)
            examples, evaluation, note = split.train, split.evaluation, (split.note,)
        write_examples(examples, raw)
    options = CleanOptions(unsafe_fixes=unsafe_fixes)
    clean_settings([raw], for_one_file(settings), out=place / "clean", options=options)
    return Given(raw, place / "clean", evaluation, note)


def refuse_other_labels(rows: Mapping[str, Sequence[Row]]) -> None:
    """Raises InputError for a file that has no label of the others: it would be compared with what it is not about."""
    labels = {name: {row.answer for row in found} for name, found in rows.items()}
    for name in ("clean", "eval"):
        others = set().union(*(found for other, found in labels.items() if other != name))
        if not labels[name] & others:
            examples = " and ".join(repr(min(found)[:40]) for found in (labels[name], others))
            raise InputError(
                f"the {name} file has no label of the other files (such as {examples}): is it of the same data? "
                "--format and --columns say how rows are read"
            )
