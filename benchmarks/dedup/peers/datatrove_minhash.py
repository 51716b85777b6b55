"""datatrove: its four MinHash stages on this machine, with the defaults (word 5-grams, 14 buckets of 8 hashes)."""

import json
import sys
import tempfile
from pathlib import Path

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
from datatrove.utils.typeshelper import Languages
from rows import report

if __name__ == "__main__":
    source, config = Path(sys.argv[1]), MinhashConfig()
    reader = JsonlReader(str(source.parent), glob_pattern=source.name)
    with tempfile.TemporaryDirectory() as folder:
        signatures, buckets, ids, removed = (f"{folder}/{name}" for name in ("signatures", "buckets", "ids", "removed"))
        stages = (
            (1, [reader, MinhashDedupSignature(signatures, config=config, language=Languages.english)]),
            (config.num_buckets, [MinhashDedupBuckets(signatures, buckets, config=config)]),
            (1, [MinhashDedupCluster(buckets, ids, config=config)]),
            (1, [reader, MinhashDedupFilter(ids, exclusion_writer=JsonlWriter(removed, compression=None))]),
        )
        for number, (tasks, pipeline) in enumerate(stages):
            LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=f"{folder}/log{number}").run()
        lines = "".join(file.read_text(encoding="utf-8") for file in Path(removed).glob("*.jsonl"))
    report([int(json.loads(line)["id"]) for line in lines.splitlines()])
