"""The process that renders chat templates: `python -m datalint.tokens.worker CPU_SECONDS MEMORY_BYTES`.

Reads batches from standard input and writes one reply a row to standard output, each with its length in
four bytes before it, so that the parent knows which row a dying worker was at. A template may try anything
here: memory, CPU time and the size of a render are limited, and the parent kills a worker that is silent.
"""

import math
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import jinja2
import msgspec

from datalint.tokens.environment import GenerationTag, compile_template
from datalint.tokens.rendering import Reply, Request, decode_row, placeholder

# The older names of a message's reasoning; templates read the first.
_REASONING = ("reasoning_content", "thinking", "reasoning")
# A render may be some times longer than its row; a hostile one must not fill the parent's memory instead.
_OUTPUT_FLOOR, _OUTPUT_FACTOR = 1 << 20, 16

Compiled = tuple[jinja2.Template, GenerationTag]


def main() -> None:
    """Answer batches until standard input ends."""
    cpu_seconds, memory = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory(memory)
    source, out = sys.stdin.buffer, sys.stdout.buffer
    _write(out, b"")  # tells the parent that the start succeeded
    templates: dict[str, Compiled] = {}
    for data in _frames(source):
        request = msgspec.msgpack.decode(data, type=Request)
        for row in request.rows:
            _limit_cpu(cpu_seconds)
            _write(out, msgspec.msgpack.encode(_reply(request, row, templates)))


def _frames(stream: BinaryIO) -> Iterator[bytes]:
    while head := stream.read(4):
        yield stream.read(struct.unpack(">I", head)[0])


def _write(stream: BinaryIO, data: bytes) -> None:
    stream.write(struct.pack(">I", len(data)) + data)
    stream.flush()


def _limit_memory(extra: int) -> None:
    # RLIMIT_AS counts what is mapped already; that differs by platform, so the limit is relative.
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        mapped = pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        mapped = 1 << 30
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    soft = mapped + extra if hard == resource.RLIM_INFINITY else min(mapped + extra, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _limit_cpu(seconds: int) -> None:
    used = math.ceil(sum(os.times()[:2]))
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = used + seconds if hard == resource.RLIM_INFINITY else min(used + seconds, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _reply(request: Request, row: bytes, templates: dict[str, Compiled]) -> Reply:
    try:
        text, spans = render(request, row, templates)
        limit = _OUTPUT_FLOOR + _OUTPUT_FACTOR * len(row)
        if len(text) > limit or len(spans) > limit >> 4:
            return Reply(error=("limit", "size", f"the render is longer than {limit:,} characters"))
        return Reply(text.encode("utf-8", "surrogatepass"), spans)
    except MemoryError:
        return Reply(error=("limit", "memory", "the template used up the memory limit"))
    except Exception as error:  # whatever a template provokes is that row's error
        return Reply(error=("raised", type(error).__name__, _message(error)))


def _message(error: Exception) -> str:
    return str(error)[:8192].encode("utf-8", "replace").decode()


def render(request: Request, encoded: bytes, templates: dict[str, Compiled]) -> tuple[str, list[tuple[int, int]]]:
    """Text and generation spans of one row, as `apply_chat_template(tokenize=False)` of transformers 5.23.

    `templates` is the worker's memory of compiled sources. Raises whatever the template raises.
    """
    row = decode_row(encoded)
    messages = [_message_data(index, message) for index, message in enumerate(row.messages)]
    if not messages:
        raise ValueError("the conversation has no messages")
    if row.tools is not None and not all(isinstance(tool, dict) for tool in row.tools):
        raise ValueError("a tool is no JSON object with a schema")
    name = "tool_use" if row.tools is not None and "tool_use" in request.named else "default"
    key = f"{request.digest}/{name}"
    if key not in templates:
        now = datetime.fromisoformat(request.now) if request.now else None
        templates[key] = compile_template(request.named[name], now)
    template, tag = templates[key]
    variables = {"documents": None, **request.special_tokens, **_plain(row.variables)}
    render = template.generate if tag.used else template.render
    result = render(
        messages=messages, tools=_plain(row.tools), add_generation_prompt=row.add_generation_prompt, **variables
    )
    if isinstance(result, str):
        return result, []
    parts: list[str] = []
    with tag.tracking() as tracker:
        for part in result:
            parts.append(part)
            tracker.length += len(part)
    return "".join(parts), tracker.spans


def _message_data(index: int, message: object) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise TypeError(f"message {index} is no object with role and content")
    # A null key counts as absent: many templates print `None` or crash on it.
    data = {key: value if type(value) is str else _plain(value) for key, value in message.items() if value is not None}
    reasoning = next((data[key] for key in _REASONING if key in data), None)
    return data if reasoning is None else {"thinking": reasoning, **data, "reasoning_content": reasoning}


def _plain(value: Any) -> Any:
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return placeholder(value)


if __name__ == "__main__":
    main()
