"""What each rule does by itself: the raw file cleaned again, with that rule alone and with all others.

The tables of a clean say which rule removed a row at the end, but not who made it removable: a wrong label that is
mended first makes a copy, and the copy's removal is all that is told. So the rules are asked one by one.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import polars as pl

from datalint.cleaner import CleanOptions, clean_settings
from datalint.cleaner.stored.manifest import Manifest
from datalint.config import Settings
from datalint.registry import all_rules
from datalint_trainer.rows import Row

Read = Callable[[Path], Sequence[Row]]


@dataclass(frozen=True)
class RuleRows:
    """Training rows of the raw file cleaned by one rule, and by all the others."""

    code: str
    name: str
    alone: tuple[Row, ...]
    without: tuple[Row, ...]


@dataclass(frozen=True)
class Recleaned:
    """`whole`: cleaned by all rules again, to be held against what is measured."""

    whole: tuple[Row, ...]
    rules: tuple[RuleRows, ...]


def recleaned(
    raw: str | Path, folder: Path, manifest: Manifest, settings: Settings, read: Read, most: int
) -> tuple[Recleaned, tuple[str, ...]]:
    """Clean `raw` again for each rule that did something in the clean that wrote `folder`, `most` of them.

    Returns also the codes that are left out, those with the fewest rows. `read` gives the training rows of an output.
    """
    known = all_rules()
    done = [code for code in _active(folder) if code in known]
    codes = [code for code in manifest.rules if code in known]

    def cleaned(chosen: Iterable[str]) -> tuple[Row, ...]:
        with TemporaryDirectory() as place:
            out = Path(place) / "clean"
            options = CleanOptions(unsafe_fixes=bool(manifest.options.get("unsafe_fixes")))
            clean_settings([raw], with_rules(settings, chosen), out=out, options=options)
            return tuple(read(out))

    rules = [
        RuleRows(code, known[code].name, cleaned([code]), cleaned([other for other in codes if other != code]))
        for code in done[:most]
    ]
    return Recleaned(cleaned(codes), tuple(rules)), tuple(done[most:])


def for_one_file(settings: Settings) -> Settings:
    """The settings for what is given, without the configuration's own files."""
    config = msgspec.structs.replace(settings.config, train=[], eval=[], reference=[], datasets={})
    return replace(settings, config=config)


def with_rules(settings: Settings, codes: Iterable[str]) -> Settings:
    """The same with these rules alone."""
    alone = for_one_file(settings)
    config = msgspec.structs.replace(alone.config, select=list(codes), extend_select=[], ignore=[], preview=True)
    return replace(alone, config=config, origins={**settings.origins, "select": "--select"})


def _active(folder: Path) -> list[str]:
    """Rules that removed or changed rows, those with the most rows first."""
    removed = pl.read_parquet(folder / "removed.parquet", columns=["rules"])["rules"].explode()
    changes = pl.read_parquet(folder / "changes.parquet", columns=["file", "row", "rule"]).unique()
    counts = Counter(removed.drop_nulls().to_list()) + Counter(changes["rule"].drop_nulls().to_list())
    return sorted(counts, key=lambda code: (-counts[code], code))
