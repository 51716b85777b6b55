"""`python -m datalint.docs`: pages in docs/rules and the README's table, made from the rules; `--check` compares."""

import re
import sys
from pathlib import Path

from datalint.catalogue import explain, table
from datalint.registry import all_rules

_TABLE = re.compile(r"(<!-- rules -->\n)(.*?)(<!-- /rules -->)", re.DOTALL)


def pages(root: Path) -> dict[Path, str]:
    """Every generated file and what it should hold. Third-party packs document themselves."""
    rules = [rule for rule in all_rules().values() if rule.__module__.startswith("datalint_rules.")]
    made = {root / "docs" / "rules" / f"{rule.code}.md": explain(rule, markdown=True) for rule in rules}
    readme = root / "README.md"
    text = table(rules, markdown=True)
    for rule in rules:
        text = text.replace(f"| {rule.code} |", f"| [{rule.code}](docs/rules/{rule.code}.md) |")
    made[readme] = _TABLE.sub(lambda m: f"{m[1]}{text}\n{m[3]}", readme.read_text(encoding="utf-8"))
    return made


def main(arguments: list[str]) -> int:
    """Write what is out of date, or with `--check` only name it (exit 1)."""
    root = Path.cwd()
    made = pages(root)
    old = {path for path in (root / "docs" / "rules").glob("*.md") if path not in made}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        for path in [*stale, *old]:
            print(f"{path.relative_to(root)} is out of date: run `python -m datalint.docs`")
        return 1 if stale or old else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[path], encoding="utf-8")
    for path in old:
        path.unlink()
    print(f"{len(stale)} written, {len(old)} removed, {len(made) - len(stale)} up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
