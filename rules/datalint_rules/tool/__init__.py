"""TOOL: declared tools, calls of them and their results."""
