"""Rows of a Parquet file. A module of its own: it alone imports pyarrow."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from prompts.errors import BadSource
from prompts.sources import RawRow

_BATCH = 1024


def read_parquet(path: Path, name: str) -> Iterator[RawRow]:
    """Rows in file order, counted from 1; a batch at a time is in memory. Raises `BadSource`."""
    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH):
                for values in batch.to_pylist():
                    number += 1
                    yield RawRow(f"{name} row {number}", values)
    except (OSError, pa.ArrowException) as error:
        raise BadSource(f"{name}: cannot read as Parquet: {error}. Is the file whole?") from error
