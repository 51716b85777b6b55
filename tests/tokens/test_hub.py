"""`--tokenizer owner/name`: from the hub's cache, without a network; the right files; errors that tell the remedy."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

import datalint
from datalint.errors import TokenizerError, UsageError
from datalint.tokens import load_tokenizer
from datalint.tokens.hub import FILES, hub_folder, tokenizer_folder


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    hub_folder.cache_clear()
    yield
    hub_folder.cache_clear()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return folder


@pytest.fixture
def cached(cache: Path, folder: Path) -> Path:
    """The tokenizer of `folder` as `acme/small`, laid out as the hub's client does."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    model = cache / "models--acme--small"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(commit)
    (model / "snapshots").mkdir()
    snapshot = model / "snapshots" / commit
    snapshot.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (snapshot / name).write_bytes((folder / name).read_bytes())
    return snapshot


def test_a_cached_name_needs_no_network(cached: Path) -> None:
    assert tokenizer_folder("acme/small") == cached
    tokenizer = load_tokenizer(tokenizer_folder("acme/small"))
    assert tokenizer is not None
    assert tokenizer.eos == "<|im_end|>"


def test_a_check_takes_a_cached_name(cached: Path, tmp_path: Path) -> None:
    long = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "the lake " * 99}]}
    data = tmp_path / "train.jsonl"
    data.write_text(json.dumps(long) + "\n")
    report = datalint.check([data], isolated=True, tokenizer="acme/small", max_length=50, select=["TOK002"])
    assert report.findings["rule"].to_list() == ["TOK002"]


def test_a_local_folder_goes_first(cached: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme" / "small").mkdir(parents=True)
    assert tokenizer_folder("acme/small") == Path("acme/small")
    assert tokenizer_folder("small", tmp_path / "acme" / "small") == tmp_path / "acme" / "small"


@pytest.mark.parametrize(
    "value", ["absent", "./acme/small", "../small", "/acme/small", "a/b/c", "acme/", "-a/b", "a b/c"]
)
def test_a_path_is_never_asked_of_the_hub(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", None)
    with pytest.raises(UsageError, match="is not a folder with tokenizer files"):
        tokenizer_folder(value)


def test_a_file_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match="is not a folder"):
        tokenizer_folder("models/tokenizer.json")


def test_offline_and_not_cached(cache: Path) -> None:
    with pytest.raises(TokenizerError, match=r"not in the hub's cache.*hf download acme/absent") as caught:
        tokenizer_folder("acme/absent")
    assert "\n" not in str(caught.value)


def test_only_data_files_are_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def download(name: str, **options: Any) -> str:
        asked.update(options, name=name)
        (tmp_path / "tokenizer.json").write_text("{}")
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert tokenizer_folder("acme/small") == tmp_path
    assert tokenizer_folder("acme/small") == tmp_path
    assert asked == {"name": "acme/small", "allow_patterns": list(FILES)}
    assert all(pattern.endswith((".json", ".jinja")) for pattern in FILES)


class GatedError(GatedRepoError):
    def __init__(self) -> None:
        Exception.__init__(self, "gated\nmore")


class UnknownError(RepositoryNotFoundError):
    def __init__(self) -> None:
        Exception.__init__(self, "404\nmore")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (GatedError(), "gated.*hf auth login"),
        (UnknownError(), "no such model"),
        (LocalEntryNotFoundError("no\nnet"), "cannot be reached"),
        (Exception("proxy\nrefuses"), r"cannot be downloaded \(proxy\)"),
        (OSError(28, "No space left on device"), r"No space left on device"),
        (RuntimeError(), r"cannot be downloaded \(RuntimeError\)"),
    ],
)
def test_what_the_hub_refuses_is_told_in_one_line(error: Exception, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, **options: Any) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(TokenizerError, match=f"--tokenizer acme/small: .*{told}") as caught:
        tokenizer_folder("acme/small")
    assert "\n" not in str(caught.value)


def test_a_model_without_tokenizer_files(cached: Path) -> None:
    for path in cached.iterdir():
        path.unlink()
    with pytest.raises(TokenizerError, match="has no tokenizer files"):
        tokenizer_folder("acme/small")


def test_without_a_tokenizer_the_hubs_client_is_not_imported(tmp_path: Path) -> None:
    import subprocess

    code = "import sys, datalint.jobs, datalint.tokens.hub; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
