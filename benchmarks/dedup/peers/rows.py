"""What every peer script shares: reading one JSONL file and reporting. Standard library only."""

import json
import re
import resource
import sys
import unicodedata
from collections.abc import Collection
from pathlib import Path


def texts(path: str) -> list[str]:
    """The rows of a JSONL file as texts: its field `text`, or the turns of `messages` joined by line feeds."""
    with Path(path).open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [row["text"] if "text" in row else "\n".join(turn["content"] for turn in row["messages"]) for row in rows]


def words(text: str) -> set[str]:
    """The set of words of a text after Unicode NFKC and case folding."""
    return set(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def cpu() -> float:
    """User and system seconds of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def report(dropped: Collection[int], search: float | None = None) -> None:
    """Print the line that the benchmark reads: row numbers that the peer would drop, CPU seconds of the search."""
    sys.stdout.write("\n" + json.dumps({"search": search, "dropped": sorted(dropped)}) + "\n")
