"""What authors of rule packs import: `prove(rule)` holds a rule against its own examples and documentation."""

import string
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from datalint.config import load
from datalint.indexing import add_to_index
from datalint.rule import SECTIONS, Rule, Sample
from datalint.run import check


class RuleError(AssertionError):
    """A rule does not do what its examples, its documentation or its declarations say."""


def prove(rule: type[Rule]) -> None:
    """Every bad example is found, every good one is quiet, every fix holds, every option and section is there.

    Raises RuleError that names the rule and the example.
    """
    prove_documentation(rule)
    if not rule.bad or not rule.good:
        raise RuleError(f"{rule.code}: needs bad and good examples")
    for number, example in enumerate(rule.bad):
        if not _findings(rule, example):
            raise RuleError(f"{rule.code}: bad example {number} is not found")
    for number, example in enumerate(rule.good):
        found = _findings(rule, example)
        if found:
            raise RuleError(f"{rule.code}: good example {number} is reported: {found[0]}")


def prove_documentation(rule: type[Rule]) -> None:
    """The docstring has its sections, every option its help, and the message only arguments that findings have."""
    made = rule()
    text = made.documentation()
    missing = [section for section in SECTIONS if f"## {section}" not in text]
    if missing or not made.summary():
        raise RuleError(f"{rule.code}: the docstring lacks {', '.join(missing) or 'a first sentence'}")
    for name, (_, help_text) in made.options().items():
        if not help_text or f"`{name}`" not in text:
            raise RuleError(f"{rule.code}: option {name} is not documented")
    wanted = {field.split("[")[0].split(".")[0] for _, field, _, _ in string.Formatter().parse(rule.message) if field}
    for example in rule.bad[:1]:
        for args in _arguments(rule, example):
            if not wanted <= set(args):
                raise RuleError(f"{rule.code}: the message wants {sorted(wanted - set(args))}, findings do not have it")


def write_sample(sample: Any, folder: Path) -> Mapping[str, Any]:
    """An example as files in a folder; returns the options of its run, with paths to those files.

    A list of rows is `train.jsonl`.
    """
    files = sample.files if isinstance(sample, Sample) else {"train.jsonl": sample}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_bytes(content))
    options = dict(sample.options) if isinstance(sample, Sample) else {}
    if isinstance(rows := options.get("against"), list):  # an index holds no text, so a sample gives its rows
        options["against"] = str(_indexed(rows, folder / "seen.idx"))
    for key in ("chat_template", "tokenizer"):
        if key in options and (folder / options[key]).exists():
            options[key] = str(folder / options[key])
    return options


def _indexed(rows: list[Any], index: Path) -> Path:
    with tempfile.TemporaryDirectory(prefix="datalint-") as name:
        path = Path(name) / "rows.jsonl"
        path.write_bytes(_bytes(rows))
        add_to_index([path], load(isolated=True), index)
    return index


def _bytes(content: Any) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    lines = [row if isinstance(row, str) else msgspec.json.encode(row).decode() for row in content]
    return ("\n".join(lines) + "\n").encode()


def _report(rule: type[Rule], sample: Any) -> Any:
    with tempfile.TemporaryDirectory(prefix="datalint-") as name:
        folder = Path(name)
        options = write_sample(sample, folder)
        return check(str(folder), select=[rule.code], isolated=True, **options)


def _findings(rule: type[Rule], sample: Any) -> list[dict[str, Any]]:
    findings = _report(rule, sample).findings
    return [item for item in findings.to_dicts() if item["rule"] == rule.code]


def _arguments(rule: type[Rule], sample: Any) -> list[dict[str, Any]]:
    return [msgspec.json.decode(item["args"]) for item in _findings(rule, sample)]
