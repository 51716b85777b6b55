"""data-juicer: `dj-process` with document_minhash_deduplicator at its defaults (word 5-grams, 256 permutations, .7)."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rows import report, texts

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        recipe = {
            "project_name": "near-duplicates",
            "dataset_path": sys.argv[1],
            "export_path": f"{folder}/out/kept.jsonl",
            "work_dir": f"{folder}/out",
            "np": os.cpu_count(),
            "use_cache": False,
            "process": [{"document_minhash_deduplicator": {"tokenization": "space"}}],
        }
        # JSON is YAML too, and needs no further package here.
        Path(folder, "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")
        environment = os.environ | {"HF_DATASETS_CACHE": f"{folder}/cache", "DATA_JUICER_CACHE_HOME": f"{folder}/dj"}
        program = Path(sys.executable).with_name("dj-process")
        command = [program, "--config", f"{folder}/recipe.yaml"]
        subprocess.run(command, check=True, stdout=sys.stderr, env=environment)
        lines = Path(folder, "out/kept.jsonl").read_text(encoding="utf-8").split("\n")
        kept = {json.loads(line)["id"] for line in lines if line}
    report(set(range(len(texts(sys.argv[1])))) - kept)
