"""QTY: how much there is, and what a provider takes."""
