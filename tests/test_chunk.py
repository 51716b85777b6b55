"""Views of a chunk."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datalint.config import load
from datalint.engine.mapping import read
from datalint.jobs import jobs_of
from datalint.literals import hits

WORDS = st.sampled_from(["as an ai", "As An AI", "AI", "ignore", "{{", "e\u0301", "x", "\u212a"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(WORDS, max_size=4), min_size=1, max_size=8), st.sets(WORDS, min_size=1), st.sets(WORDS))
def test_one_search_for_all_literals_finds_what_each_search_would(tmp_path: Path, rows, asked, others) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"prompt": " ".join(row), "completion": "x"}) + "\n" for row in rows))
    (chunk,) = read(jobs_of([path], load(isolated=True))[0])
    shared = replace(chunk, literals=frozenset(word.lower() for word in asked | others))
    assert shared.texts_with(sorted(asked)).equals(chunk.texts_with(sorted(asked)))
    lowered = [word.lower() for word in asked if word.isascii()]
    for text in chunk.texts["text"]:
        if any(word in text.lower() for word in lowered):
            assert text in chunk.texts_with(sorted(asked))["text"].to_list()


@given(st.lists(st.text("<[&ab01é ", max_size=12), max_size=20), st.sets(st.text("<[&ab01é", min_size=1, max_size=3)))
def test_hits_are_the_literals_in_each_text_however_many_there_are(texts: list[str], some: set[str]) -> None:
    literals = frozenset(some | {f"{number:03}" for number in range(111)})
    found = hits(pl.Series(texts, dtype=pl.String), literals)
    expected = {(number, word) for number, text in enumerate(texts) for word in literals if word in text}
    assert set(found.rows()) == expected
    assert found.height == len(expected)
