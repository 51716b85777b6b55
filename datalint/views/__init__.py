"""Rows as those see them who ask: as turns, as columns, as a chat template, a trainer or another row sees them."""
