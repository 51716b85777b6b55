"""Findings become rewrites and drops in a fixed order; what one fix disturbs is judged again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pytest

from datalint.errors import RulePackError
from datalint.findings import SCHEMA
from datalint.fixes import Fixes, copied, same
from datalint.rule import Found, Rule
from datalint.source import Block


@dataclass(frozen=True)
class Upper(Rule):
    """Writes the text in capitals."""

    code, name, severity, message = "AAA001", "upper", "error", "{what}"

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        row["text"] = row["text"].upper()
        return row


@dataclass(frozen=True)
class Dotted(Rule):
    """Ends the text with a dot."""

    code, name, severity, message = "BBB001", "dotted", "error", "{what}"

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for one in found:
            key = (one.pointer or "/text")[1:]
            row[key] = row[key].rstrip(".") + "."
        return row


@dataclass(frozen=True)
class Broken(Rule):
    """Fails."""

    code, name, severity, message = "CCC001", "broken", "error", "{what}"

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        raise KeyError("text")


RULES = {rule.code: rule() for rule in (Upper, Dotted, Broken)}


def findings(*items: dict[str, Any]) -> pl.DataFrame:
    base = {"file": 0, "severity": "error", "args": '{"what": "this"}', "related": [], "fix_safety": "safe"}
    return pl.DataFrame([{**dict.fromkeys(SCHEMA), **base, **item} for item in items], schema=SCHEMA)


def block(*rows: dict[str, Any], first: int = 0) -> Block:
    zeros = np.zeros(len(rows), dtype=np.int64)
    return Block(first, list(rows), None, b"", zeros, zeros)


def rewrite(rule: str, row: int, pointer: str | None = "/text", **more: Any) -> dict[str, Any]:
    return {"rule": rule, "row": row, "pointer": pointer, "fix_kind": "rewrite", **more}


def drop(rule: str, row: int, related: Sequence[int] = (), **more: Any) -> dict[str, Any]:
    return {"rule": rule, "row": row, "fix_kind": "drop", "related": [{"file": 0, "row": r} for r in related], **more}


def test_rewrites_are_applied_in_the_order_of_codes_and_only_to_their_rows() -> None:
    fixes = Fixes(RULES).then(
        findings(rewrite("BBB001", 5, "/note"), rewrite("AAA001", 5), rewrite("AAA001", 6)), unsafe=False
    )
    done = fixes.repaired(0, block({"text": "a"}, {"text": "b", "note": "n"}, {"text": "c"}, first=4))
    assert done.values == [{"text": "a"}, {"text": "B", "note": "n."}, {"text": "C"}]
    assert [step.rule for step in done.steps[1]] == ["AAA001", "BBB001"]


def test_a_rule_that_takes_rows_apart_goes_first() -> None:
    class Leading(Dotted):
        leads = True

    found = findings(rewrite("AAA001", 0), rewrite("BBB001", 0))
    first = Fixes({**RULES, "BBB001": Leading()}).then(found, unsafe=False)
    assert first.repaired(0, block({"text": "a"})).values == [{"text": "a."}]


def test_a_rule_whose_place_was_just_rewritten_is_judged_again() -> None:
    found = findings(rewrite("AAA001", 0), rewrite("BBB001", 0))
    once = Fixes(RULES).then(found, unsafe=False)
    assert once.repaired(0, block({"text": "a"})).values == [{"text": "A"}]
    twice = once.then(findings(rewrite("BBB001", 0)), unsafe=False)
    assert twice.repaired(0, block({"text": "a"})).values == [{"text": "A."}]


def test_a_finding_that_its_rewrite_does_not_remove_is_not_tried_for_ever() -> None:
    found = findings(rewrite("AAA001", 0))
    again = Fixes(RULES).then(found, unsafe=False).then(found, unsafe=False)
    assert again.rounds[-1].empty


def test_only_safe_fixes_unless_asked_for_and_only_rows() -> None:
    found = findings(
        rewrite("AAA001", 0, fix_safety="unsafe"),
        drop("AAA001", 1, fix_safety="unsafe"),
        {**drop("AAA001", 0), "row": None},
        {"rule": "AAA001", "row": 2, "fix_safety": None},
    )
    assert Fixes(RULES).then(found, unsafe=False).rounds[-1].empty
    taken = Fixes(RULES).then(found, unsafe=True).rounds[-1]
    assert (taken.rewrites.height, taken.drops.height) == (1, 1)


def test_a_row_that_is_rewritten_is_not_dropped_before_it_is_judged_again() -> None:
    fixes = Fixes(RULES).then(findings(rewrite("BBB001", 0), drop("AAA001", 0), drop("AAA001", 1)), unsafe=False)
    assert fixes.repaired(0, block({"text": "a"}, {"text": "b"})).values == [{"text": "a."}, None]
    assert fixes.rounds[-1].postponed == 1


def test_a_copy_is_kept_when_another_rule_drops_what_it_copies() -> None:
    fixes = Fixes(RULES).then(findings(drop("AAA001", 0), drop("BBB001", 1, related=[0])), unsafe=False)
    assert fixes.repaired(0, block({"text": "a"}, {"text": "a"})).values == [None, {"text": "a"}]
    both = Fixes(RULES).then(findings(drop("BBB001", 0, related=[1]), drop("BBB001", 1, related=[0])), unsafe=False)
    assert both.repaired(0, block({"text": "a"}, {"text": "b"})).values == [None, None]


def test_reasons_of_a_drop_are_kept_together() -> None:
    fixes = Fixes(RULES).then(findings(drop("BBB001", 0), drop("AAA001", 0)), unsafe=False)
    assert [code for code, _ in fixes.repaired(0, block({"text": "a"})).drops[0].reasons] == ["AAA001", "BBB001"]


def test_the_next_check_sees_rows_as_they_will_be_stored() -> None:
    fixes = Fixes(RULES, columns={0: ["text", "label"]}).then(findings(drop("AAA001", 1)), unsafe=False)
    seen = fixes(0, block({"text": "a"}, {"text": "b"}, {"label": None, "text": "a"}))
    assert seen.values == [{"text": "a", "label": None}, None, {"text": "a", "label": None}]
    assert seen.raw(0) == seen.raw(2)
    assert fixes(1, block({"text": "a"})).values == [{"text": "a"}]


def test_a_rule_that_fails_is_named() -> None:
    fixes = Fixes(RULES).then(findings(rewrite("CCC001", 7)), unsafe=False)
    with pytest.raises(RulePackError, match=r"CCC001.* row 7"):
        fixes.repaired(0, block({"text": "a"}, first=7))


def test_values_of_different_json_types_are_different() -> None:
    assert same({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]})
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert same(float("nan"), float("nan"))
    for one, other in ((1, 1.0), (1, True), (None, False), ("1", 1), ([1], [1, 1]), ({"a": None}, {})):
        assert not same(one, other)


def test_a_copy_shares_nothing() -> None:
    row = {"a": [{"b": 1}]}
    copy = copied(row)
    copy["a"][0]["b"] = 2
    assert row == {"a": [{"b": 1}]}
