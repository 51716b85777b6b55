"""DUP: exact and near duplicates."""
