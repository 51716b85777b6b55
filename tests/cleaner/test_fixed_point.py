"""All fixes at once, to a fixed point: a second clean has nothing to do, and the input comes back byte for byte."""

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cleaner_helpers import contents, rows_in
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import datalint
from datalint.cleaner import restore
from datalint.registry import all_rules
from datalint.rule import Sample

# Needs no tokenizer, template or index: what is on without them, and what is off, but for the search that takes long.
OPTIONS: dict[str, Any] = {
    "isolated": True,
    "extend_select": ["TXT", "FMT", "TOOL", "PREF", "CON", "LAB", "PII", "SEC"],
}


def examples() -> list[bytes]:
    """The rows of all rules' examples, bad and good, each as a line of JSON Lines."""
    found = []
    for rule in all_rules().values():
        for sample in (*rule.bad, *rule.good):
            some = (
                [rows for name, rows in sample.files.items() if name.endswith("jsonl")]
                if isinstance(sample, Sample)
                else [sample]
            )
            found += [row for rows in some if isinstance(rows, list) for row in rows]
    lines = [row.encode() if isinstance(row, str) else msgspec.json.encode(row) for row in found]
    return list(dict.fromkeys(line for line in lines if b"\n" not in line))


LINES = examples()


def settled(folder: Path, content: bytes, unsafe: bool, **how: Any) -> Any:
    """Clean, clean again, restore; returns the first result."""
    (folder / "in").mkdir(parents=True)
    (folder / "in/train.jsonl").write_bytes(content)
    first = datalint.clean(folder / "in", out=folder / "out", unsafe_fixes=unsafe, **how, **OPTIONS)
    again = datalint.clean(folder / "out", out=folder / "again", unsafe_fixes=unsafe, **how, **OPTIONS)
    assert (again.changed_by_rule, again.removed_by_rule) == ({}, {}), rows_in(folder / "again/changes.parquet")
    assert again.manifest.rounds == 0
    restore(folder / "out", out=folder / "back")
    assert contents(folder / "back") == {"train.jsonl": content}
    return first


@pytest.mark.parametrize("unsafe", [False, True])
@pytest.mark.parametrize(
    "how",
    [{}, {"to": "jsonl"}, {"max_shard_size": "60kB"}, {"to": "jsonl", "max_shard_size": "60kB"}],
    ids=["tables", "lines", "shards", "shards of lines"],
)
def test_the_examples_of_all_rules_in_one_file(tmp_path: Path, unsafe: bool, how: dict[str, Any]) -> None:
    some = random.Random(3).sample(LINES, len(LINES))
    result = settled(tmp_path, b"\n".join([*some, *some[:40]]) + b"\n", unsafe, **how)
    assert result.rows_in >= len(LINES) + 40
    assert len(result.changed_by_rule) > 5


@given(st.lists(st.integers(0, len(LINES) - 1), min_size=1, max_size=12), st.booleans(), st.booleans())
@settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_few_of_them(tmp_path_factory: pytest.TempPathFactory, some: list[int], unsafe: bool, lines: bool) -> None:
    content = b"\n".join(LINES[i] for i in some)
    settled(tmp_path_factory.mktemp("some"), content, unsafe, to="jsonl" if lines else "parquet")
