"""SPL: splits and leakage."""
