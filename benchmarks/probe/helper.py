"""Imported by everything, the settings first."""

HELPER_MODULE = "0"


def helper_body() -> str:
    """Return what the benchmark edits."""
    return "0"
