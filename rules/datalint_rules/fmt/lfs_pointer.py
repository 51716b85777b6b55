"""FMT012."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample


@dataclass(frozen=True)
class LfsPointer(Rule):
    """The file is a Git LFS pointer where data is expected.

    ## What it does
    Recognises the pointer's first line, whatever the file is called.

    ## Why is this bad?
    The repository was cloned without Git LFS: the three lines of the pointer would be read as data, or nothing would.

    ## Example
    A `train.jsonl` that starts with `version https://git-lfs.github.com/spec/v1`.

    ## Fix safety
    There is no fix here: run `git lfs pull`.

    ## Options
    None.

    ## References
    The Git LFS specification, section "The Pointer".
    """

    code, name = "FMT012", "lfs-pointer"
    severity = "error"
    message = "a Git LFS pointer, not the data: {reason}"
    always = True
    bad = [
        Sample(
            files={
                "train.jsonl": "version https://git-lfs.github.com/spec/v1\n"
                "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
            }
        ),
    ]
    good = [
        [
            {
                "prompt": "What is version https://git-lfs.github.com/spec/v1?",
                "completion": "A pointer's first line.",
            }
        ],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        return chunk.told(self.code)
