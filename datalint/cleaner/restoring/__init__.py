"""From an output folder back to the input files."""
