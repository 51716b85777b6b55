"""FMT: container, format and structure."""
