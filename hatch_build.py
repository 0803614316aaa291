"""What hatchling asks for while it builds: the README as an index of packages can show it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURE = re.compile(r'<picture>.*?alt="([^"]+)".*?</picture>', re.DOTALL)
IMAGE = re.compile(r"!\[([^\]]+)\]\((?!https?:)[^)\s]+\)")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)\s]+)\)")


class CustomMetadataHook(MetadataHookInterface):
    """Make the long description from the README."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set it."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        address = self.config.get("address", "")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": long_description(text, address),
        }


def long_description(readme: str, address: str) -> str:
    """Return the README for a place where its relative links and pictures lead nowhere.

    With the address at which the files of the repository are to be read, all of them lead there.
    Without one there stands what a picture shows, and of a link its text remains.
    """
    if address:
        base = address.rstrip("/")
        readme = LINK.sub(rf"[\1]({base}/\2)", readme)
        readme = re.sub(r"(!\[[^\]]*\]\()(?!https?:)", rf"\1{base}/", readme)
        return re.sub(r'((?:src|srcset)=")(?!https?:)', rf"\1{base}/", readme)
    return LINK.sub(r"\1", IMAGE.sub(r"*\1*", PICTURE.sub(r"*\1*", readme)))
