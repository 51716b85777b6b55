"""Every rule is what it says: its examples, its documentation and its options are held against what it does."""

import pytest
from datalint_pack_example.shouting import Shouting

from datalint.rule import Rule
from datalint.testing import prove


@pytest.mark.parametrize("rule", [Shouting], ids=lambda rule: rule.code)
def test_a_rule_keeps_its_word(rule: type[Rule]) -> None:
    prove(rule)
