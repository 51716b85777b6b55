"""The rules that ship with datalint."""
