"""What tests of rules share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datalint.run import check

Find = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def find(tmp_path: Path, request: pytest.FixtureRequest) -> Find:
    """Findings on rows, with a chat template given as text or file; of the rule that the module is about."""
    about: str = request.module.RULE

    def found(template: str | Path, *rows: dict[str, Any], select: str = about) -> list[dict[str, Any]]:
        data = tmp_path / "train.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        path = template if isinstance(template, Path) else tmp_path / "template.jinja"
        if isinstance(template, str):
            path.write_text(template, encoding="utf-8")
        options = {"select": select.split(","), "chat_template": str(path), "isolated": True}
        return check(str(data), **options).findings.to_dicts()

    return found
