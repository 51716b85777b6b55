"""Does `datalint impact` keep its promise? The whole calibration, one table after the other.

    python benchmarks/impact DATA [--resume DIR] [--quick]

Labelled rows, chat rows, what a verdict costs, and whether the learning curve is right; hours of work, which go on
where they were with --resume. --quick runs a trial of each. Each part is a script of its own.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DATA")
    parser.add_argument("--resume", type=Path, metavar="DIR")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="impact-") as name:
        kept = options.resume or Path(name)
        kept.mkdir(parents=True, exist_ok=True)
        few = options.quick
        for script, more in {
            "labelled": ["--json", kept / "labelled.jsonl", *(["--nulls", 1, "--power", 1] if few else [])],
            "chat": ["--resume", kept / "chat", *(["--nulls", 1, "--power", 0] if few else [])],
            "cost": ["--only", "labelled"] if few else [],
            "curve": ["--trials", 1] if few else [],
        }.items():
            print(f"\n== {script}", flush=True)
            command = [sys.executable, HERE / f"{script}.py", options.folder, *more]
            subprocess.run([str(part) for part in command], check=True)


if __name__ == "__main__":
    main()
