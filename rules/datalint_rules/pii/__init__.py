"""PII: personal data."""
