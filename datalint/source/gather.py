"""Neighbouring blocks joined into chunks: small blocks decode fastest, large chunks share the cost of a rule's call."""

from collections.abc import Iterator, Sequence

import numpy as np

from datalint.source.block import Block

CHUNK_ROWS = 4096
CHUNK_BYTES = 4 << 20


def gather(blocks: Iterator[Block], *, rows: int = CHUNK_ROWS, size: int = CHUNK_BYTES) -> Iterator[Block]:
    """Blocks of at least `rows` records or `size` bytes, but for the last one and those before a large one."""
    waiting: list[Block] = []
    count = held = 0
    for block in blocks:
        if waiting and block.size > size:  # a long record is not copied to stand beside short ones
            yield join(waiting)
            waiting, count, held = [], 0, 0
        waiting.append(block)
        count += len(block)
        held += block.size
        if count >= rows or held >= size:
            yield join(waiting)
            waiting, count, held = [], 0, 0
    if waiting:
        yield join(waiting)


def join(blocks: Sequence[Block]) -> Block:
    """Consecutive blocks of one file as one."""
    if len(blocks) == 1:
        return blocks[0]
    offsets = np.cumsum([0, *(len(block.data) for block in blocks[:-1])])
    counts = np.cumsum([0, *(len(block) for block in blocks[:-1])])
    lines = [block.lines for block in blocks if len(block) and block.lines is not None]
    lined = len(lines) == sum(1 for block in blocks if len(block))
    return Block(
        first_row=blocks[0].first_row,
        values=[value for block in blocks for value in block.values],
        lines=np.concatenate(lines) if lines and lined else None,
        data=b"".join(block.data for block in blocks),
        starts=np.concatenate([block.starts + at for block, at in zip(blocks, offsets, strict=True)]),
        ends=np.concatenate([block.ends + at for block, at in zip(blocks, offsets, strict=True)]),
        faults=tuple(fault for block in blocks for fault in block.faults),
        marks={
            row + int(at): mark for block, at in zip(blocks, counts, strict=True) for row, mark in block.marks.items()
        },
        weight=sum(block.weight for block in blocks),
        unreadable={
            row + int(at): code
            for block, at in zip(blocks, counts, strict=True)
            for row, code in block.unreadable.items()
        },
    )
