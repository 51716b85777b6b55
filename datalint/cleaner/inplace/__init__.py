"""Rewrites made in the files where they lie, or shown as a difference."""
