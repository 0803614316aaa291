"""The documents, their code blocks and their commands."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "benchmarks/README.md",
        *sorted(DOCS.glob("*.md")),
    )
}
#: Its indentation, its language (or a directive of the site, in braces), and what is in it.
BLOCK = re.compile(r"^( *)```([^\n`]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PROGRAMS = (
    "python3?",
    "autoreload-plus",
    "pip",
    "manage.py",
    "ruff",
    "twine",
    "sphinx-build",
    "git config",
    "sudo",
)
INLINE = re.compile(rf"`((?:{'|'.join(PROGRAMS)}) [^`]+)`")


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language, without their indentation."""
    return [
        re.sub(rf"^{found[1]}", "", found[3], flags=re.MULTILINE)
        for found in BLOCK.finditer(PAGES[page])
        if found[2] == language
    ]


def languages() -> set[str]:
    """Return the languages of all code blocks; ``""``: none is named."""
    found = {found[2] for text in PAGES.values() for found in BLOCK.finditer(text)}
    return {language for language in found if not language.startswith("{")}


def commands() -> dict[str, list[str]]:
    """Return every command once, and the pages it is on: lines of blocks, and within sentences."""
    found: dict[str, list[str]] = {}
    for page, text in PAGES.items():
        lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
        inline = INLINE.findall(BLOCK.sub("", text))
        for line in [*(line.partition("#")[0] for line in lines), *inline]:
            command = " ".join(line.split())
            if command and page not in found.setdefault(command, []):
                found[command].append(page)
    return found
