"""The peers of the speed table: how each is installed in a virtual environment of its own, and how it is called."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from processes import UnavailableError

SCRIPTS = Path(__file__).parent / "peers"
INSTALL_LIMIT = 300
"""Seconds."""

ENVIRONMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "datasketch": (("datasketch==2.0.0", "xxhash==4.1.0"),),
    "rensa": (("rensa==0.5.0",),),
    # All that it declares (Spark, an ONNX runtime) takes 1.3 GB; this is what its MinHash imports.
    "text-dedup": (
        ("--no-deps", "text-dedup==0.4.0"),
        ("datasets==5.2.0", "numpy==2.4.6", "scipy==1.17.1", "xxhash==4.1.0"),
        ("click<9", "click-option-group", "rich<14", "regex", "tqdm", "ftfy", "bitarray", "psutil"),
    ),
    # Its MinHash imports scipy and its command aiohttp, which it does not declare.
    "data-juicer": (("py-data-juicer==1.6.1", "scipy==1.17.1", "aiohttp"),),
    "datatrove": (("datatrove[io,processing]==0.10.1", "spacy", "xxhash"),),
    "duckdb": (("duckdb==2.0.0",),),
}


@dataclass(frozen=True)
class Peer:
    """One line of the table: a script of peers/, its mode, and the environment that it runs in."""

    name: str
    environment: str
    script: str
    mode: str = ""
    flat: bool = False  # reads a column of text, not chat rows
    optional: bool = False

    def command(self, environments: Path, path: Path) -> list[str]:
        """Argument list that runs the peer on a JSONL file; installs the environment if need be."""
        python = interpreter(self.environment, environments)
        return [str(python), str(SCRIPTS / self.script), str(path), *([self.mode] if self.mode else [])]


PEERS = (
    Peer("datasketch, as documented", "datasketch", "datasketch_lsh.py", "documented"),
    Peer("datasketch, bulk, 21 x 6", "datasketch", "datasketch_lsh.py", "bulk"),
    Peer("... with xxhash", "datasketch", "datasketch_lsh.py", "xxhash"),
    Peer("... with xxhash, verified", "datasketch", "datasketch_lsh.py", "verified"),
    Peer("rensa, deduplicator", "rensa", "rensa_dedup.py", "deduplicator"),
    Peer("rensa, rho", "rensa", "rensa_dedup.py", "rho"),
    Peer("text-dedup", "text-dedup", "text_dedup_minhash.py", flat=True),
    Peer("data-juicer", "data-juicer", "data_juicer_process.py", flat=True),
    Peer("duckdb, SQL", "duckdb", "duckdb_sql.py", flat=True),
    Peer("datatrove", "datatrove", "datatrove_minhash.py", flat=True, optional=True),
)


def interpreter(name: str, environments: Path) -> Path:
    """Python of the environment, made and filled on first use. Raises UnavailableError."""
    folder = environments / name
    python, stamp = folder / "bin/python", folder / "installed.txt"
    wanted = repr(ENVIRONMENTS[name])
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"installing {name} into {folder}", file=sys.stderr, flush=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    commands = [[sys.executable, "-m", "venv", "--clear", str(folder)], *([*pip, *what] for what in ENVIRONMENTS[name])]
    for command in commands:
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_LIMIT)
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(f"not installed within {INSTALL_LIMIT} s") from error
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip().splitlines() or ["no message"])[-1]
            raise UnavailableError(f"not installed: {last}") from error
    stamp.write_text(wanted, encoding="utf-8")
    return python
