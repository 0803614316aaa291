"""Compiled gettext catalogues, written without the gettext tools."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HEADER = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"
MAGIC = 0x950412DE
FORMAT = "<7I"


def write_catalog(path: Path, messages: Mapping[str, str]) -> None:
    """Write ``messages`` (original to translation) as a ``.mo`` file."""
    # Readers may look an original up by bisection: sorted, the header under the empty one.
    entries = sorted((one.encode(), two.encode()) for one, two in {"": HEADER, **messages}.items())
    originals = struct.calcsize(FORMAT)
    translations = originals + 8 * len(entries)
    offset = translations + 8 * len(entries)
    tables, texts = b"", b""
    for column in (0, 1):
        for entry in entries:
            text = entry[column]
            tables += struct.pack("<2I", len(text), offset + len(texts))
            texts += text + b"\0"
    head = struct.pack(FORMAT, MAGIC, 0, len(entries), originals, translations, 0, offset)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + tables + texts)
