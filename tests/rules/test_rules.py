"""Every rule is what it says: its bad rows are found, its good rows are quiet, its fix holds, its page is complete."""

import msgspec
import pytest

from datalint.cleaner import clean
from datalint.registry import all_rules
from datalint.rule import Rule
from datalint.run import check
from datalint.testing import prove, write_sample

RULES = list(all_rules().values())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_keeps_its_word(rule: type[Rule]) -> None:
    prove(rule)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.fix], ids=lambda rule: rule.code)
def test_a_fix_leaves_nothing_to_fix_and_a_second_clean_changes_nothing(rule: type[Rule], tmp_path) -> None:
    for number, sample in enumerate(rule.bad):
        folder = tmp_path / str(number)
        (folder / "in").mkdir(parents=True)
        options = {**write_sample(sample, folder / "in"), "select": [rule.code], "isolated": True}
        clean(folder / "in", out=folder / "out", unsafe_fixes=True, **options)
        left = check(str(folder / "out"), **options).found
        fixable = left.filter((left["rule"] == rule.code) & left["fix_kind"].is_not_null())
        assert fixable.is_empty(), fixable
        again = clean(folder / "out", out=folder / "again", unsafe_fixes=True, **options)
        assert again.manifest.counts.rows_changed == 0
        assert again.manifest.counts.rows_removed == 0


def test_codes_and_names_are_never_shared() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)


def test_rules_are_frozen_and_can_be_sent_to_another_process() -> None:
    import pickle

    for rule in RULES:
        made = rule()
        assert pickle.loads(pickle.dumps(made)) == made
        with pytest.raises(AttributeError):
            made.code = "X"


def test_options_are_json() -> None:
    for rule in RULES:
        assert msgspec.json.encode({name: value for name, (value, _) in rule().options().items()})
