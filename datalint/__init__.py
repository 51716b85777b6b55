"""A linter and cleaner for LLM fine-tuning datasets."""

__version__ = "0.1.0"
