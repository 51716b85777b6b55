"""One row as the model will see it: rendered, cut into tokens, what is trained, what the trainer's cut takes."""

from datalint.explain.seen import Explained, Piece, Seen, explain, parse_location

__all__ = ["Explained", "Piece", "Seen", "explain", "parse_location"]
