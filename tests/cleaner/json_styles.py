"""JSON Lines in anybody's style, and with what is no row."""

import json
from typing import Any

from hypothesis import strategies as st

_TWICE = '{"prompt": "a", "prompt": "b\\u200b", "completion": "c", "completion": "d "}'


@st.composite
def json_lines(draw: Any, rows: st.SearchStrategy[dict[str, Any]]) -> bytes:
    """A file of such rows, with its byte order mark, line ends and end."""
    end = draw(st.sampled_from([b"\n", b"\n", b"\r\n"]))
    body = end.join(draw(st.lists(_records(rows), min_size=1, max_size=12)))
    mark = b"\xef\xbb\xbf" if draw(st.integers(0, 5)) == 0 else b""
    return mark + body + draw(st.sampled_from([b"", end, end + end, b"\n \n"]))


@st.composite
def _records(draw: Any, rows: st.SearchStrategy[dict[str, Any]]) -> bytes:
    layout = draw(st.sampled_from([(", ", ": "), (",", ":"), (" , ", " : "), (",", ": ")]))
    ascii_only, sort = draw(st.booleans()), draw(st.booleans())
    text = json.dumps(draw(rows), ensure_ascii=ascii_only, separators=layout, sort_keys=sort)
    odd = {
        0: "",
        1: "{" + text,
        2: "[" + text + ", " + text + "]",
        3: "  " + text + "\t",
        4: text + text,
        5: text.replace("/", "\\/"),
        6: '{"a": "\\ud83d"}',
        7: _TWICE,
    }
    return odd.get(draw(st.integers(0, 23)), text).encode()
