"""Rules as documentation: the command line's text, the pages in docs/rules and the README's table, from one source."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from datalint.rule import Rule


def describe(rule: type[Rule]) -> dict[str, Any]:
    """A rule as JSON: code, name, family, severity, and all that its documentation says."""
    made = rule()
    return {
        "code": made.code,
        "name": made.name,
        "family": made.family,
        "summary": made.summary(),
        "severity": made.severity,
        "scope": made.scope,
        "default": made.default,
        "needs": list(made.needs),
        "status": made.status,
        "since": made.since,
        "fix": None
        if made.fix is None
        else {"kind": made.fix.kind, "safety": made.fix.safety, "title": made.fix_title},
        "message": made.message,
        "options": {name: {"default": value, "help": text} for name, (value, text) in made.options().items()},
        "explanation": made.documentation(),
    }


def explain(rule: type[Rule], *, markdown: bool) -> str:
    """One rule's page."""
    about = describe(rule)
    head = f"{about['code']} {about['name']}"
    facts = [f"severity {about['severity']}", "on by default" if about["default"] else "off by default"]
    facts += [f"needs {', '.join(about['needs'])}"] if about["needs"] else []
    fix = about["fix"]
    facts.append(f"fix: {fix['title']} ({fix['safety']})" if fix and fix["title"] else "no fix")
    text = _options(about["explanation"], about["options"])
    if markdown:
        return f"# {head}\n\n*{'; '.join(facts)}; since {about['since']}*\n\n{text}\n"
    plain = re.sub(r"^## (.*)$", lambda m: m[1], text, flags=re.MULTILINE)
    return f"{head}\n{'; '.join(facts)}\n\n{plain.replace('`', '')}\n"


def _options(text: str, options: dict[str, dict[str, Any]]) -> str:
    """The section on options, made from the options themselves: defaults cannot go stale."""
    lines = [
        f"- `{name}` (default {msgspec.json.encode(item['default']).decode()}): {item['help']}"
        for name, item in options.items()
    ]
    return re.sub(
        r"(## Options\n)(.*?)(?=\n\n## |\Z)",
        lambda m: m[1] + ("\n".join(lines) or "None."),
        text,
        flags=re.DOTALL,
    )


def table(rules: Sequence[type[Rule]], *, markdown: bool) -> str:
    """All rules, a line each."""
    rows = [("code", "name", "severity", "default", "fix", "what it reports")]
    for rule in rules:
        about = describe(rule)
        fix = about["fix"]
        on = ("when configured" if about["needs"] else "on") if about["default"] else "off"
        said = f"{fix['kind']} ({fix['safety']})" if fix else ""
        rows.append((about["code"], about["name"], about["severity"], on, said, about["summary"]))
    if markdown:
        body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
        return "\n".join([body[0], "|" + "---|" * len(rows[0]), *body[1:]])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return "\n".join(
        "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]).rstrip() for row in rows
    )
