"""Hostile text in options, settings, tokenizers and manifests: the error that names it is one harmless line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile import HOSTILE
from hostile_world import Ran, assert_told, toml

MODEL = Path(__file__).parents[2] / "fixtures" / "model"
Run = Callable[..., Ran]

# Each ends before anything is read. {x} is the text.
OPTIONS = [
    "{x}",
    "--{x}",
    "check {x}",
    "check a.jsonl --{x}",
    "check a.jsonl --color {x}",
    "check a.jsonl --max-length {x}",
    "check a.jsonl --select {x}",
    "check a.jsonl --severity {x}",
    "check a.jsonl --severity DUP001={x}",
    "check a.jsonl --gate {x}",
    "check a.jsonl --gate DUP001>{x}",
    "check a.jsonl --tokenizer {x}",
    "check a.jsonl --chat-template {x}",
    "check a.jsonl --profile {x}",
    "check a.jsonl --format {x}",
    "check a.jsonl --output-format {x}",
    "check a.jsonl --output-format json:{x}/x",
    "check a.jsonl --config {x}",
    "check a.jsonl --config {x}=1",
    'check a.jsonl --config ignore="{x}',
    "check a.jsonl --config rules.{x}.a=1",
    "check a.jsonl --memory-limit {x}",
    "check a.jsonl --against {x}",
    "check a.jsonl --against redis://{x}",
    "check a.jsonl --train {x}",
    "clean a.jsonl --out o --to {x}",
    "clean a.jsonl --out o --max-shard-size {x}",
    "clean a.jsonl --out a.jsonl/{x}",
    "explain a.jsonl:{x}",
    "explain {x}:1",
    "restore {x} --out b",
    "rule {x}",
    "index info --index {x}",
    "index {x}",
    "impact a.jsonl --eval {x} --objective {x}",
]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_wrong_on_the_command_line_is_told_in_a_harmless_line(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    given = text.replace("\0", "")
    for line in OPTIONS:
        ran = run(*(word.replace("{x}", given) for word in line.split()))
        assert_told(ran)
        assert ran.code == 2, line
        if ran.err.startswith(b"datalint: "):
            assert ran.err.count(b"\n") == 1


TABLES = [
    "{x} = 1",
    "[datasets.{x}]\n{x} = 1",
    "[datasets.a]\nformat = {x}",
    "[datasets.a]\ntrain = [{x}]",
    "[datasets.a]\nprofile = {x}",
    "select = [{x}]",
    "select = {x}",
    "loss = {x}",
    "[rules.{x}]\na = 1",
    "[rules.DUP002]\n{x} = 1",
    "[rules.DUP002]\nthreshold = {x}",
    "[severity]\n{x} = 'error'",
    "[severity]\nDUP001 = {x}",
    "[gate]\n{x} = '> 1'",
    "[gate]\nDUP001 = {x}",
    "[columns]\n{x} = 'a'",
    "[per-file-ignores]\n{x} = [{x}]",
]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_wrong_in_a_configuration_is_told_in_a_harmless_line(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    for table in TABLES:
        (tmp_path / "datalint.toml").write_text(table.replace("{x}", toml(text)))
        ran = run("check", *(["a.jsonl"] if "datasets" not in table else []))
        assert_told(ran)
        assert ran.code == 2, table
        assert ran.err.count(b"\n") == 1
    for broken in (f"{text} = 1", f'a = "{text}', f"[{text}"):
        (tmp_path / "datalint.toml").write_text(broken, encoding="utf-8")
        assert_told(run("check", "a.jsonl"))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_broken_tokenizers_and_manifests_are_told_in_a_harmless_line(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    quoted = json.dumps(text)
    for name, content in (
        ("tokenizer.json", quoted),
        ("tokenizer.json", f'{{"version": "1.0", "model": {{"type": {quoted}, {quoted}: 1}}, {quoted}: {quoted}}}'),
        ("tokenizer_config.json", f"{{{quoted}: 1"),
        ("tokenizer_config.json", f'{{"eos_token": {quoted}, {quoted}: {{}}}}'),
    ):
        (folder / name).write_text(content)
        assert_told(run("check", "a.jsonl", "--tokenizer", folder))
        assert_told(run("explain", "a.jsonl:1", "--tokenizer", folder))
    for content in (
        f'{{"schema": {quoted}}}',
        f'{{"schema": "datalint-clean/1", {quoted}: 1, "files": [{{"input": {quoted}, "output": {quoted}}}]}}',
        text,
    ):
        (folder / "manifest.json").write_text(content, encoding="utf-8")
        assert run("restore", folder, "--out", tmp_path / "b").code == 2
        assert_told(run("restore", folder, "--out", tmp_path / "b"))
        assert_told(run("check", folder))
    (folder / "manifest.json").unlink()
    for content in (
        f"---\nconfigs:\n- config_name: {quoted}\n  data_files: {quoted}\n---\n",
        f"---\nconfigs:\n- config_name: {text}\n---",
        f"---\nconfigs: {quoted}\n{text}\n---\n",
    ):
        (folder / "README.md").write_text(content, encoding="utf-8")
        assert_told(run("check", folder))
