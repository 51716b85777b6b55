"""Rules, found through the entry-point group `datalint.rules`: the built-in pack arrives as any third-party pack does.

An entry point names a package; the rules are the classes in its modules that are frozen dataclasses derived from
Rule and have a code. Nothing is registered by hand.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from types import MappingProxyType, ModuleType
from typing import Any

import msgspec

from datalint.errors import ConfigError, RulePackError, nearest
from datalint.rule import Rule

GROUP = "datalint.rules"


@lru_cache(maxsize=1)
def all_rules() -> Mapping[str, type[Rule]]:
    """Code -> rule class, in the order of the codes.

    Raises RulePackError if no pack is installed, a pack does not import, or two rules claim one code or name.
    """
    points = entry_points(group=GROUP)
    if not points:
        raise RulePackError("no rules are installed: run `pip install .` (or `pip install -e .`) in the checkout")
    found: dict[str, type[Rule]] = {}
    names: dict[str, str] = {}
    for point in sorted(points, key=lambda p: p.name):
        try:
            package = point.load()
            rules = list(_rules_in(package))
        except Exception as error:
            raise RulePackError(f"rule pack {point.name!r} ({point.value}) cannot be loaded: {error}") from error
        for rule in rules:
            for word in (rule.code, rule.name, *rule.aliases):
                if names.setdefault(word, rule.code) != rule.code or (word == rule.code and word in found):
                    raise RulePackError(f"rule pack {point.name!r}: {word} is taken by {names[word]} already")
            found[rule.code] = rule
    return MappingProxyType(dict(sorted(found.items())))


def _rules_in(package: ModuleType) -> Iterator[type[Rule]]:
    modules = [package]
    if hasattr(package, "__path__"):
        walked = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
        modules += [importlib.import_module(info.name) for info in walked]
    for module in modules:
        for _, thing in inspect.getmembers(module, inspect.isclass):
            if thing.__module__ == module.__name__ and issubclass(thing, Rule) and hasattr(thing, "code"):
                yield thing


def build(rule: type[Rule], options: Mapping[str, Any], *, origin: str) -> Rule:
    """A rule with its options set. Kebab-case keys; raises ConfigError for unknown ones and wrong types."""
    given = {key.replace("-", "_"): value for key, value in options.items()}
    known = rule.__dataclass_fields__
    for key in options:
        if key.replace("-", "_") not in known:
            kebab = [name.replace("_", "-") for name in known]
            hint = nearest(key.replace("_", "-"), kebab) or f"; options: {', '.join(kebab) or 'none'}"
            raise ConfigError(f"{origin}: rule {rule.code} has no option {key!r}{hint}")
    try:
        return msgspec.convert(given, type=rule)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{origin}: [rules.{rule.code}] {error}".replace("$.", "").replace("_", "-")) from error
