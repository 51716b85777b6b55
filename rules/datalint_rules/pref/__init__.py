"""PREF: pairs and verdicts that preference training learns from."""
