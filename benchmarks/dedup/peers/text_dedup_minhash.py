"""text-dedup: its command `python -m text_dedup.minhash` with its defaults (word 5-grams, 250 permutations, .7)."""

import subprocess
import sys
import tempfile

from datasets import load_from_disk
from rows import report, texts

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "text_dedup.minhash", "--path", "json", "--data_files", sys.argv[1]]
        command += ["--split", "train", "--cache_dir", f"{folder}/cache", "--output", f"{folder}/out"]
        subprocess.run([*command, "--column", "text", "--batch_size", "10000"], check=True, stdout=sys.stderr)
        kept = set(load_from_disk(f"{folder}/out")["id"])
    report(set(range(len(texts(sys.argv[1])))) - kept)
