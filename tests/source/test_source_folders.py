"""Folders that say which of their files are data: dataset cards and what `save_to_disk` wrote."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest
from source_folders import found

from datalint.errors import InputError
from datalint.source import discover, open_source


def datasets_of(*paths) -> dict[str, str]:
    return {file.name: file.dataset for file in discover(paths)}


def card(folder: str, yaml: str, more: str = "") -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    Path(folder, "README.md").write_text(f"---\nlicense: mit\n{more}configs:\n{yaml}\n---\n# A dataset\n")


# Each as the hub's manual has it (huggingface.co/docs/hub/datasets-manual-configuration).
BY_SPLIT = """
- config_name: default
  data_files:
  - split: train
    path: "data/first*.jsonl"
  - split: test
    path: ["data/second.jsonl", data/third.jsonl]
"""


def test_the_splits_of_a_card_decide_not_the_names(folder) -> None:
    folder("hub/data/first-test.jsonl", "hub/data/second.jsonl", "hub/data/third.jsonl", "hub/data/left-out.jsonl")
    card("hub", BY_SPLIT)
    assert found("hub") == [
        ("hub/data/first-test.jsonl", "train"),
        ("hub/data/second.jsonl", "eval"),
        ("hub/data/third.jsonl", "eval"),
    ]
    assert set(datasets_of("hub").values()) == {""}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ("data_files: data/a.jsonl", {"data/a.jsonl": "train"}),
        ("data_files: data", {"data/a.jsonl": "train", "data/deep/validation.jsonl": "train"}),
        ('data_files: ["data/*.jsonl"]', {"data/a.jsonl": "train"}),
        ('data_files: "data/**/*.jsonl"', {"data/a.jsonl": "train", "data/deep/validation.jsonl": "train"}),
        ("data_files: {test: data/a.jsonl}", {"data/a.jsonl": "eval"}),
        ("data_dir: data", {"data/a.jsonl": "train", "data/deep/validation.jsonl": "eval"}),
        ("data_dir: data\n  data_files: a.jsonl", {"data/a.jsonl": "train"}),
        (
            "data_files: [{split: dev_sft, path: data/a.jsonl}, {split: unsupervised, path: data/deep/*}]",
            {"data/a.jsonl": "eval", "data/deep/validation.jsonl": "train"},
        ),
    ],
)
def test_every_form_of_data_files(folder, files, expected) -> None:
    folder("data/a.jsonl", "data/deep/validation.jsonl", "data/.hidden.jsonl", "other.jsonl", "data/picture.png")
    card(".", f"- config_name: default\n  {files}")
    assert dict(found(".")) == expected


def test_several_configurations_are_several_datasets(folder) -> None:
    folder("one/en/train.jsonl", "one/fr/train.jsonl", "two/en/train.jsonl", "two/fr/train.jsonl", "plain/x.jsonl")
    for name in ("one", "two"):
        card(name, "- {config_name: en, data_files: en/*}\n- {config_name: fr, data_dir: fr}")
    expected = {
        "one/en/train.jsonl": "one/en",
        "one/fr/train.jsonl": "one/fr",
        "two/en/train.jsonl": "two/en",
        "two/fr/train.jsonl": "two/fr",
    }
    assert datasets_of(".") == {**expected, "plain/x.jsonl": ""}
    assert datasets_of("two", "one") == expected


def test_a_file_of_two_configurations_is_read_once(folder) -> None:
    folder("all/a.jsonl", "all/b.jsonl")
    card(".", '- {config_name: all, data_files: "all/*"}\n- {config_name: some, data_files: all/a.jsonl}')
    assert datasets_of(".") == {"all/a.jsonl": "all", "all/b.jsonl": "all"}


def test_duplicates_do_not_meet_across_configurations(folder) -> None:
    import datalint

    folder("en/train.jsonl", "fr/train.jsonl")
    card(".", "- {config_name: en, data_files: en/*}\n- {config_name: fr, data_files: fr/*}")
    assert datalint.check(".", isolated=True, select=["DUP001"]).found.height == 0
    Path("README.md").unlink()
    assert datalint.check(".", isolated=True, select=["DUP001"]).found.height == 1


@pytest.mark.parametrize(
    "text",
    [
        "# No front matter\n",
        "---\nlicense: mit\n---\nconfigs:\n",
        "---\nconfigs:\n- config_name: default\n  description: no files\n---\n",
        "---\ntitle: my blog\nconfigs: yes\n---\n",
        "---\n- configs: 1\n- a list\n---\n",
        "---\nconfigs: not closed\n"[:3],
    ],
)
def test_a_card_that_names_no_files_changes_nothing(folder, text) -> None:
    folder("test.jsonl", "train.jsonl")
    Path("README.md").write_text(text)
    assert found(".") == [("test.jsonl", "eval"), ("train.jsonl", "train")]


@pytest.mark.parametrize(
    ("yaml", "match"),
    [
        ("- data_files: a.jsonl\n  x: [", r"README\.md:\d+: the card's YAML cannot be read"),
        ("- data_files: " + "[" * 5000, "cannot be read"),
        ("- data_files: missing.jsonl", r"'missing\.jsonl', which is missing"),
        ("- data_files: missing-*.jsonl", "matches no data file"),
        ("- data_files: ../secret.jsonl", "outside of its folder"),
        ("- data_files: ../*.jsonl", "outside of its folder"),
        ("- data_files: /etc/*", "outside of its folder"),
        ("- data_files: /etc/passwd", "outside of its folder"),
        ("- data_dir: ..", "outside of its folder"),
        ("- data_files: https://example.org/a.jsonl", "download it"),
        ('- data_files: "null\\0byte"', "missing|cannot be read"),
        ("- data_files: " + "x" * 300, "missing"),
    ],
)
def test_what_a_card_cannot_mean_is_an_error_that_names_it(folder, yaml, match) -> None:
    folder("hub/a.jsonl", "secret.jsonl")
    card("hub", yaml)
    with pytest.raises(InputError, match=match):
        found("hub")
    assert found("hub/a.jsonl") == [("hub/a.jsonl", "train")], "a file that is named is read all the same"


def test_a_card_makes_nothing_but_text(folder) -> None:
    folder("a.jsonl")
    bomb = "".join(f"a{i}: &a{i} {{<<: [{', '.join(f'*a{i - 1}' for _ in range(9))}]}}\n" for i in range(1, 40))
    card(
        ".",
        "- data_files: a.jsonl",
        more=f"a0: &a0 {{x: 1}}\n{bomb}evil: !!python/object/apply:os.system [touch owned]\n",
    )
    assert found(".") == [("a.jsonl", "train")]
    assert not Path("owned").exists()


def test_links_of_the_hugging_face_cache_are_followed(folder) -> None:
    folder("blobs/0f")
    card("snapshots/1", "- data_files: data/*.jsonl")
    Path("snapshots/1/data").mkdir()
    Path("snapshots/1/data/a.jsonl").symlink_to(Path("blobs/0f").resolve())
    assert found("snapshots/1") == [("snapshots/1/data/a.jsonl", "train")]


def saved(folder: str, split: str | None = None, shards: int = 2) -> None:
    """As `datasets.Dataset.save_to_disk` leaves it."""
    Path(folder).mkdir(parents=True)
    names = [f"data-{i:05}-of-{shards:05}.arrow" for i in range(shards)]
    table = pa.table({"prompt": ["q"], "completion": ["a"]})
    for name in [*names, "cache-0f3a.arrow"]:
        with pa.ipc.new_stream(Path(folder, name), table.schema) as writer:
            writer.write_table(table)
    Path(folder, "state.json").write_text(
        json.dumps({"_data_files": [{"filename": name} for name in names], "_split": split})
    )
    Path(folder, "dataset_info.json").write_text("{}")


def test_a_saved_dataset_is_its_shards(folder) -> None:
    saved("out")
    assert found("out") == [("out/data-00000-of-00002.arrow", "train"), ("out/data-00001-of-00002.arrow", "train")]
    saved("held", split="test", shards=1)
    assert found("held") == [("held/data-00000-of-00001.arrow", "eval")]
    assert found("held/data-00000-of-00001.arrow") == [("held/data-00000-of-00001.arrow", "train")]


def test_a_saved_dict_of_datasets_has_the_splits_of_its_folders(folder) -> None:
    for split in ("train_sft", "test_sft", "unsupervised"):
        saved(f"test/dict/{split}", shards=1)
    Path("test/dict/dataset_dict.json").write_text('{"splits": ["train_sft", "test_sft", "unsupervised"]}')
    assert [split for _, split in found("test/dict")] == ["train", "eval", "train"]
    assert [split for _, split in found(".")] == ["train", "eval", "train"]


@pytest.mark.parametrize("shard", ["../secret.arrow", "/etc/passwd", "missing.arrow"])
def test_a_saved_dataset_cannot_name_what_is_outside_or_missing(folder, shard) -> None:
    saved("out")
    folder("secret.arrow")
    Path("out/state.json").write_text(json.dumps({"_data_files": [{"filename": shard}]}))
    with pytest.raises(InputError, match=r"state\.json"):
        found("out")


@pytest.mark.parametrize("text", ["[]", "{", '{"some": "state"}', '{"splits": 1}', "[" * 100_000])
def test_files_that_only_share_a_name_are_not_obeyed(folder, text) -> None:
    folder("web/train.jsonl")
    for name in ("state.json", "dataset_dict.json", "manifest.json"):
        Path("web", name).write_text(text)
    assert ("web/train.jsonl", "train") in found("web")


def test_what_datasets_saves_is_read_as_it_was(tmp_path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [
        {
            "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "args": {"x": i}}],
            "n": i,
        }
        for i in range(10)
    ]
    value = datasets.Value
    features = datasets.Features(
        {
            "messages": [{"role": value("string"), "content": value("string"), "args": datasets.Json()}],
            "n": value("int64"),
        }
    )
    whole = datasets.Dataset.from_list(rows, features=features)
    datasets.DatasetDict({"train": whole, "test": whole.select([3])}).save_to_disk(tmp_path / "dict", num_proc=None)
    files = discover([tmp_path / "dict"])
    assert [file.split for file in files] == ["train", "eval"]
    read = [row for block in open_source(files[0].path, name=files[0].name).blocks() for row in block.values]
    assert read == rows
    picked = datasets.load_from_disk(tmp_path / "dict")["train"].filter(lambda row: row["n"] % 2)
    picked.save_to_disk(tmp_path / "picked")
    [file] = discover([tmp_path / "picked"])
    assert [
        row["n"] for block in open_source(file.path, name=file.name).blocks() for row in block.values
    ] == [1, 3, 5, 7, 9]  # fmt: skip


def test_shards_with_hugging_face_names_are_one_split(folder) -> None:
    names = [f"data/{split}-{i:05}-of-00002.parquet" for split in ("test", "train") for i in (0, 1)]
    folder(*names, "train-00000-of-00001-0f3c5b2a.parquet")
    assert sorted(found("data")) == [(name, "eval" if "test" in name else "train") for name in names]
    assert found("train-00000-of-00001-0f3c5b2a.parquet")[0][1] == "train"


def test_json_beside_a_model_or_a_program_is_no_data(folder) -> None:
    folder(
        "model/config.json", "model/model.safetensors", "model/model.safetensors.index.json", "model/all_results.json",
        "model/metadata.json", "model/tokenizer.json", "model/generation_config.json", "model/rows.jsonl",
        "data/metadata.json", "data/train.jsonl", "web/package.json", "web/package-lock.json", "web/tsconfig.json",
        "cache/cache-0f3a99.arrow",
    )  # fmt: skip
    expected = ["data/metadata.json", "data/train.jsonl", "model/rows.jsonl"]
    assert [name for name, _ in found(".")] == expected
    assert found("model/config.json")[0][0] == "model/config.json", "named on its own"
    for empty in ("web", "cache"):
        with pytest.raises(InputError, match="no data files"):
            found(empty)


def test_a_folder_with_a_pipe_in_it_does_not_wait(folder) -> None:
    folder("data/train.jsonl")
    os.mkfifo("data/pipe.jsonl")
    assert found("data") == [("data/train.jsonl", "train")]
