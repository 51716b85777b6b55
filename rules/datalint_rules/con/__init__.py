"""CON: rows that contradict each other."""
