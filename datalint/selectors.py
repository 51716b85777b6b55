"""Which rules a selector means: a code, a prefix of codes, a kebab-case name, an alias, or ALL."""

from collections.abc import Iterable, Mapping

from datalint.errors import UsageError, nearest
from datalint.rule import Rule

Rules = Mapping[str, type[Rule]]


def codes(selector: str, rules: Rules, *, origin: str = "--select") -> list[str]:
    """The codes that one selector means. Raises UsageError, naming the nearest known one, if there are none."""
    word = selector.strip()
    if word == "ALL":
        return list(rules)
    named = [code for code, rule in rules.items() if word in (rule.name, *rule.aliases)]
    matched = named or [code for code in rules if word and code.startswith(word.upper())]
    if not matched:
        known = [*rules, *(rule.name for rule in rules.values())]
        raise UsageError(
            f"{origin}: no rule matches {selector!r}{nearest(word, known)}; `datalint rule` lists the rules"
        )
    return matched


def split(values: Iterable[str]) -> list[str]:
    """Comma-separated selectors, one a piece."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def expand(selectors: Iterable[str], rules: Rules, *, origin: str) -> set[str]:
    """The codes that several selectors mean together."""
    return {code for selector in selectors for code in codes(selector, rules, origin=origin)}


def choose(
    rules: Rules,
    *,
    select: Iterable[str] | None,
    extend_select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    preview: bool = False,
) -> tuple[list[str], frozenset[str]]:
    """The rules of a run, and those that only run because what cannot be read is always told.

    `select` is the base (default: every rule that is on by default), `extend_select` adds, `ignore` wins.
    """
    ignored = list(ignore)
    if select is None:
        base = {code for code, rule in rules.items() if rule.default and (preview or rule.status != "preview")}
    else:
        base = expand(select, rules, origin="select")
    base |= expand(extend_select, rules, origin="extend-select")
    base -= expand(ignored, rules, origin="ignore")
    by_name = {code for word in ignored for code, r in rules.items() if word in (code, r.name)}
    always = {code for code, rule in rules.items() if rule.always} - by_name
    return sorted(base | always), frozenset(always - base)
