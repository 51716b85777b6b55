"""SEC: secrets and hidden content."""
