"""The row as one HTML page without scripts or anything from elsewhere, to be kept or sent."""

from importlib.resources import files
from typing import Any

from datalint.explain.seen import Explained, Piece
from datalint.explain.text import counts, kind, printed
from datalint.report.escape import inert_html, named, shown, visible


def render(explained: Explained) -> str:
    """The page. Whatever came from the row is escaped."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(named=named, visible=visible, shown=shown, counts=counts)
    template = environment.from_string(files("datalint.explain").joinpath("page.html.jinja").read_text("utf-8"))
    texts = [(seen, _parts(seen.pieces)) for seen in explained.seen]
    return inert_html(template.render(explained=explained, texts=texts))


def _parts(pieces: tuple[Piece, ...]) -> list[dict[str, Any]]:
    """Each piece with its classes and its text, line feeds visible and still line feeds."""
    parts = []
    for number, piece in enumerate(pieces):
        after = next((other.text[0] for other in pieces[number + 1 :] if other.text), "")
        following = [*piece.text[1:], after]
        text = "".join(
            printed(char, then) + ("\n" if char == "\n" else "")
            for char, then in zip(piece.text, following, strict=bool(piece.text))
        )
        classes = [kind(piece), *(["control"] if piece.special else []), *([f"token{number % 2}"] if piece.ids else [])]
        parts.append({"text": text, "classes": " ".join(classes), "ids": " ".join(map(str, piece.ids))})
    return parts
