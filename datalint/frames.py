"""Tables in memory as files: `check` and `clean` read one kind of thing."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datalint.errors import UsageError


@contextmanager
def as_paths(data: Any) -> Iterator[tuple[Sequence[str | Path] | None, Any]]:
    """Paths as they are; a polars, pandas or pyarrow table or a `datasets.Dataset` as a Parquet file for a while.

    Yields the paths, and the pyarrow table that they stand for (None where the data was paths).

    Raises UsageError for anything else.
    """
    if data is None or isinstance(data, (str, Path)):
        yield (None if data is None else [data]), None
    elif isinstance(data, (list, tuple)) and all(isinstance(item, (str, Path)) for item in data):
        yield list(data), None
    else:
        table = _arrow(data)
        import pyarrow.parquet

        from datalint.spool import temporary

        with temporary():
            made = tempfile.TemporaryDirectory(prefix="datalint-")
        with made as folder:
            path = Path(folder) / "frame.parquet"
            with temporary():
                pyarrow.parquet.write_table(table, path)
            yield [path], table


def _arrow(data: Any) -> Any:
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return data
    if hasattr(data, "collect") and hasattr(data, "collect_schema") and not hasattr(data, "height"):
        data = data.collect()  # a polars LazyFrame
    if hasattr(data, "to_arrow"):
        return data.to_arrow()  # polars
    if hasattr(data, "with_format") and hasattr(data, "features"):
        return data.with_format("arrow")[:]  # datasets.Dataset
    if hasattr(data, "__dataframe__") or type(data).__module__.startswith("pandas"):
        return pa.Table.from_pandas(data, preserve_index=False)
    raise UsageError(f"cannot lint a {type(data).__name__}: give a path, a table or a datasets.Dataset")
