"""Profiles: what is known of trainers and services, and only where somebody read it."""

from pathlib import Path

import msgspec
import pytest

from datalint.config import load
from datalint.errors import ConfigError, UsageError
from datalint.profiles import Profile, load_profile, names
from datalint.run import check
from datalint.target import Target

EVERY = ("axolotl", "bedrock-nova", "llamafactory", "mistral-finetune", "openai", "together", "trl", "vertex-gemini")


def test_the_profiles_of_the_command_line_exist() -> None:
    assert set(EVERY) <= set(names())


@pytest.mark.parametrize("name", names())
def test_every_profile_names_its_sources_and_states_something(name: str) -> None:
    profile = load_profile(name)
    assert profile.title
    assert all(profile.sources)
    assert profile.sources
    said = msgspec.structs.asdict(profile) | {"title": "", "sources": []}
    assert said != msgspec.structs.asdict(Profile("", []))


def test_without_a_profile_the_trainer_keeps_the_start_and_appends_nothing() -> None:
    trainer = Target().trainer
    assert (trainer.cut, trainer.appends_eos, trainer.loss) == ("keep-start", False, None)


def test_an_unknown_profile_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown profile 'opnai'; did you mean 'openai'"):
        load_profile("opnai")
    with pytest.raises(ConfigError, match="unknown profile 'TRL'"):
        load(isolated=True, flags={"profile": "TRL"})
    (tmp_path / "datalint.toml").write_text('[datasets.a]\ntrain = ["a.jsonl"]\nprofile = "axolot"')
    with pytest.raises(ConfigError, match=r"'axolot' in \[datasets\.a\]; did you mean 'axolotl'"):
        load(start=tmp_path)


def test_rules_about_a_provider_are_silent_without_one_and_say_what_they_lack(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": "a"}\n')
    report = check(str(tmp_path), select=["QTY002"], isolated=True)
    assert report.findings.is_empty()
    assert any("--profile" in hint for hint in report.hints)
