"""The hooks, run by real pre-commit in a real git repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOOKS = """
repos:
  - repo: local
    hooks:
"""


def git(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false", *args],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A data repository whose hooks are those of the manifest, run with the installed datalint."""
    if shutil.which("git") is None:
        pytest.skip("no git")
    lines = (ROOT / ".pre-commit-hooks.yaml").read_text().splitlines()
    # `language: python` would install datalint from a repository; the hooks themselves are taken as they are.
    hooks = "\n".join("      " + line for line in lines if line.strip()).replace("language: python", "language: system")
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / ".pre-commit-config.yaml").write_text(HOOKS + hooks + "\n")
    git(folder, "init", "-q")
    installed = subprocess.run(
        [sys.executable, "-m", "pre_commit", "install", "-t", "pre-commit", "-t", "pre-push"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    return folder


def test_a_bad_row_stops_the_commit_and_a_good_one_passes(repository: Path) -> None:
    data = repository / "data files" / "train.jsonl"
    data.parent.mkdir()
    data.write_text('{"prompt": "Name a sea.", "completion": ""}\n')
    git(repository, "add", "-A")
    refused = git(repository, "commit", "-q", "-m", "bad")
    assert refused.returncode != 0
    assert "FMT011" in refused.stdout + refused.stderr
    data.write_text('{"prompt": "Name a sea.", "completion": "The Baltic."}\n')
    git(repository, "add", "-A")
    accepted = git(repository, "commit", "-q", "-m", "good")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr


def test_a_hook_that_fixes_stops_the_commit_once(repository: Path) -> None:
    config = repository / ".pre-commit-config.yaml"
    config.write_text(config.read_text().replace("- id: datalint\n", "- id: datalint\n        args: [--fix]\n", 1))
    bad = '{"prompt": "Name a sea.", "completion": "The Bal\u200btic."}\n'
    (repository / "train.jsonl").write_text(bad)
    git(repository, "add", "-A")
    refused = git(repository, "commit", "-q", "-m", "bad")
    assert refused.returncode != 0
    assert "files were modified by this hook" in refused.stdout + refused.stderr
    assert "Fixed 1 problem in 1 row: TXT002 1" in refused.stdout + refused.stderr
    assert (repository / "train.jsonl").read_text() == bad.replace("\u200b", "")
    git(repository, "add", "-A")
    accepted = git(repository, "commit", "-q", "-m", "good")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr


def test_a_push_looks_at_the_whole_dataset(repository: Path, tmp_path: Path) -> None:
    row = '{"text": "win a phone", "label": "%s"}\n'
    (repository / "train.jsonl").write_text(row % "spam" + row % "ham")
    git(repository, "add", "-A")
    committed = git(repository, "commit", "-q", "-m", "each row is fine by itself")
    assert committed.returncode == 0, committed.stdout + committed.stderr
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "remote.git")], check=True)
    git(repository, "remote", "add", "origin", str(tmp_path / "remote.git"))
    refused = git(repository, "push", "-q", "origin", "HEAD:main")
    assert refused.returncode != 0
    assert "CON002" in refused.stdout + refused.stderr
