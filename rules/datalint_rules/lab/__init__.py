"""LAB: labels."""
