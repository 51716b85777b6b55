"""Configuration: found, checked, and traceable."""

from pathlib import Path

import pytest

from datalint.config import flatten, load, schema
from datalint.errors import ConfigError, UsageError


def test_the_nearest_file_counts(tmp_path: Path) -> None:
    (tmp_path / "datalint.toml").write_text('ignore = ["FMT"]')
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "pyproject.toml").write_text("[tool.other]\nx = 1")
    (tmp_path / "sub" / "deep").mkdir()
    assert load(start=tmp_path / "sub" / "deep").file == tmp_path / "datalint.toml"
    (tmp_path / "sub" / "pyproject.toml").write_text('[tool.datalint]\nfail-on = "warning"')
    settings = load(start=tmp_path / "sub" / "deep")
    assert settings.config.fail_on == "warning"
    assert settings.config.ignore == []
    assert settings.origin("fail-on") == "pyproject.toml"
    assert settings.origin("select") == "default"


def test_flags_beat_the_file_and_tables_are_merged(tmp_path: Path) -> None:
    (tmp_path / "datalint.toml").write_text('fail-on = "never"\n[severity]\nTXT = "info"\nDUP = "error"')
    settings = load(start=tmp_path, flags={"fail-on": "error", "severity": {"DUP": "info"}})
    assert settings.config.fail_on == "error"
    assert settings.config.severity == {"TXT": "info", "DUP": "info"}
    assert settings.origin("fail-on") == "--fail-on"


def test_a_rule_asked_for_on_the_command_line_runs_whatever_the_file_ignores(tmp_path: Path) -> None:
    (tmp_path / "datalint.toml").write_text('ignore = ["FMT011"]\nextend-select = ["DUP"]')
    settings = load(start=tmp_path, flags={"select": ["FMT011"]})
    assert settings.config.ignore == []
    assert settings.config.extend_select == []


def test_inline_values(tmp_path: Path) -> None:
    settings = load(start=tmp_path, inline=["fail-on=never", "rules.DUP002.threshold=0.9", "max-examples = 5"])
    assert settings.config.fail_on == "never"
    assert settings.config.rules == {"DUP002": {"threshold": 0.9}}
    assert settings.config.max_examples == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fail_on = 'error'", "did you mean 'fail-on'"),
        ("[datasets.a]\ntrian = ['x']", "did you mean 'train'"),
        ("fail-on = 'sometimes'", "fail-on"),
        ("ignore = 'FMT'", "ignore"),
        ("format = 'alpacca'", "did you mean 'alpaca'"),
        ("columns = { message = 'x' }", "did you mean 'messages'"),
        ("this is not toml", "not valid TOML"),
    ],
)
def test_mistakes_are_named_with_the_file_and_the_nearest_key(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "datalint.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(start=tmp_path)
    assert said in str(caught.value)
    assert "datalint.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        load(file=tmp_path / "nowhere.toml")


def test_every_option_is_shown_and_has_a_schema() -> None:
    shown = {key for key, _, _ in flatten(load(isolated=True))}
    assert shown == set(schema()["$defs"]["Config"]["properties"])
