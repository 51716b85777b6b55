"""A tokenizer's files from the Hugging Face hub, or from its local cache. Data only: no code of a model is loaded."""

import re
from functools import lru_cache
from pathlib import Path

from datalint.errors import TokenizerError, UsageError

# What the tokenizer and the rules read. Weights, code and pickles are never asked for.
FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "config.json",
    "chat_template.jinja",
    "additional_chat_templates/*.jinja",
    "chat_templates/*.jinja",
)
# Owner and name as the hub allows them; `a/b/c`, `./a/b` and `../a` are paths.
_HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}")


def tokenizer_folder(value: str, path: Path | None = None) -> Path:
    """The folder that `--tokenizer VALUE` means: a local one, else `owner/name` on the hub.

    `path` is where VALUE lies if it is a local path; default: as it stands. Raises UsageError for what is
    neither, and TokenizerError as `hub_folder` does.
    """
    folder = Path(value) if path is None else path
    if folder.is_dir():
        return folder
    if folder.exists() or _HUB_ID.fullmatch(value) is None:
        raise UsageError(f"--tokenizer: {folder} is not a folder with tokenizer files")
    return hub_folder(value)


@lru_cache(maxsize=16)  # each file of a run asks
def hub_folder(name: str) -> Path:
    """The local folder with the tokenizer files of `owner/name`: as the hub has them now, or as they are cached.

    HF_HUB_OFFLINE, HF_HUB_CACHE and HF_TOKEN count as the hub's own client reads them. Raises TokenizerError, with
    the remedy, for a name that is unknown, gated or out of reach.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        folder = Path(snapshot_download(name, allow_patterns=list(FILES)))
    except HFValidationError as error:
        raise TokenizerError(f"--tokenizer {name}: neither a folder nor a name on the Hugging Face hub") from error
    except GatedRepoError as error:
        raise TokenizerError(
            f"--tokenizer {name}: gated on the Hugging Face hub; accept its terms there, then run `hf auth login` "
            "or set HF_TOKEN"
        ) from error
    except RepositoryNotFoundError as error:
        raise TokenizerError(
            f"--tokenizer {name}: no such folder here, and no such model on the Hugging Face hub (or a private one: "
            "set HF_TOKEN)"
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise TokenizerError(
            f"--tokenizer {name}: no such folder here, not in the hub's cache, and the hub cannot be reached; "
            f"run `hf download {name} --include '*token*' '*.jinja' config.json` where it can, or give a folder"
        ) from error
    except Exception as error:  # of the network or the disk; the HTTP client's classes change with its versions
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TokenizerError(f"--tokenizer {name}: cannot be downloaded ({reason}); give a folder") from error
    if not any((folder / file).exists() for file in ("tokenizer.json", "tokenizer_config.json")):
        raise TokenizerError(f"--tokenizer {name}: the model on the hub has no tokenizer files; give a folder")
    return folder
