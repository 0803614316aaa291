"""The codes of reasons, and where they are explained."""

from __future__ import annotations

import re
from pathlib import Path

import django_autoreload_plus
from django_autoreload_plus.protocol.reasons import DOCUMENT, KINDS, Reason

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = Path(django_autoreload_plus.__file__).parent


def test_each_code_is_explained() -> None:
    """A code that the status shows would lead nowhere, or the page would explain dead ones."""
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    headings = re.findall(r"^### (AP\d{3})\n\n\*\*(.+?)\.\*\* \S", text, re.MULTILINE)
    assert dict(headings) == KINDS
    assert [code for code, _ in headings] == list(KINDS) == sorted(KINDS)
    assert Reason("AP120", "f ran while starting").place == f"{DOCUMENT}#ap120"


def test_only_known_codes_are_used() -> None:
    """A user could meet a code that the documents do not know."""
    for path in PACKAGE.rglob("*.py"):
        used = set(re.findall(r'"(AP\d{2,})"', path.read_text(encoding="utf-8")))
        assert used <= KINDS.keys(), path
