"""Links that open a file at a line in the developer's editor, by the editor's own URL scheme."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

_BY_FILE = "://open?file={file}&line={line}"
_BY_PATH = "://file{file}:{line}:{column}"
_BY_URL = "://open?url=file://{file}&line={line}&column={column}"
#: The URLs of the editors that are known; a file's path begins with a slash.
TEMPLATES = {
    "clion": f"clion{_BY_FILE}",
    "cursor": f"cursor{_BY_PATH}",
    "emacs": f"emacs{_BY_URL}",
    "goland": f"goland{_BY_FILE}",
    "idea": f"idea{_BY_FILE}",
    "macvim": f"mvim{_BY_URL}",
    "nova": "nova://open?path={file}&line={line}&column={column}",
    "phpstorm": f"phpstorm{_BY_FILE}",
    "pycharm": f"pycharm{_BY_FILE}",
    "rider": f"rider{_BY_FILE}",
    "rubymine": f"rubymine{_BY_FILE}",
    "sublime": f"subl{_BY_URL}",
    "textmate": f"txmt{_BY_URL}",
    "vscode": f"vscode{_BY_PATH}",
    "vscode-insiders": f"vscode-insiders{_BY_PATH}",
    "vscodium": f"vscodium{_BY_PATH}",
    "webstorm": f"webstorm{_BY_FILE}",
    "windsurf": f"windsurf{_BY_PATH}",
    "zed": f"zed{_BY_PATH}",
}
#: Programs that are named otherwise than the editor.
_PROGRAMS = {
    "charm": "pycharm",
    "code": "vscode",
    "code-insiders": "vscode-insiders",
    "codium": "vscodium",
    "mate": "textmate",
    "mvim": "macvim",
    "pycharm-community": "pycharm",
    "pycharm-professional": "pycharm",
    "subl": "sublime",
    "sublime_text": "sublime",
    "zeditor": "zed",
}
#: Where editors are named for other tools, in the order in which these look.
_CHOICES = ("REACT_EDITOR", "LAUNCH_EDITOR", "VISUAL", "EDITOR")
#: Set where the files are on another computer than the browser and the editor.
_ELSEWHERE = ("SSH_CONNECTION", "REMOTE_CONTAINERS", "CODESPACES")
_SCHEME = re.compile(r"(?i)(?!javascript:|data:|vbscript:)[a-z][a-z0-9+.-]*:")
_NAMES = ", ".join(TEMPLATES)
_FIELDS = {"{file}", "{line}", "{column}"}


def expected(value: object) -> str | None:
    """What a choice of the user's must be instead; ``None``: it is fine.

    An editor by its name, a template for a URL, ``""`` for no links, or ``None``.
    """
    if value is None or value == "":
        return None
    what = f"a URL with {{file}}, and perhaps {{line}} and {{column}}, or one of {_NAMES}"
    if not isinstance(value, str):
        return what
    if value in TEMPLATES:
        return None
    if not _SCHEME.match(value):
        known = _known(value)
        return f'"{known}"' if known else what
    fields = set(re.findall(r"\{[^}]*\}", value))
    return None if "{file}" in fields and fields <= _FIELDS else what


def template(choice: str | None, environ: Mapping[str, str]) -> str:
    """The template for a choice of the user's, or else for the environment; ``""``: no links."""
    if choice is not None:
        return TEMPLATES.get(choice, choice)
    return TEMPLATES.get(_from_environment(environ), "")


def link(template: str, path: str, line: int, column: int = 1) -> str:
    """The URL that opens a file; ``""``: there is no such file, or no template.

    ``line`` and ``column`` count from 1.
    """
    if not template or not os.path.isabs(path):
        return ""
    # Python has it loaded only where pages are made.
    from urllib.parse import quote

    try:
        file = quote(os.fsencode(path))
    except UnicodeEncodeError:
        return ""
    values = {"{file}": file, "{line}": str(max(1, line)), "{column}": str(max(1, column))}
    return re.sub(r"\{[a-z]+\}", lambda field: values[field[0]], template)


def _from_environment(environ: Mapping[str, str]) -> str:
    chosen = next(filter(None, map(environ.get, _CHOICES[:2])), "")
    if chosen or any(name in environ for name in _ELSEWHERE):
        # Whoever names one for such links means it; "none" is a way to want none.
        return _known(chosen)
    commands = (environ.get(name, "") for name in _CHOICES[2:])
    return next(filter(None, map(_known, commands)), "") or _of_terminal(environ)


def _of_terminal(environ: Mapping[str, str]) -> str:
    """The editor in whose terminal the command was typed."""
    program = environ.get("TERM_PROGRAM", "")
    if program == "vscode":
        # What was made from it calls itself the same; its own folder is in this path.
        folder = environ.get("VSCODE_GIT_ASKPASS_NODE", "").lower()
        if "CURSOR_TRACE_ID" in environ:
            return "cursor"
        others = ("cursor", "windsurf", "codium", "insiders")
        found = next((name for name in others if name in folder), "")
        return {"codium": "vscodium", "insiders": "vscode-insiders"}.get(found, found) or program
    if "JetBrains" in environ.get("TERMINAL_EMULATOR", ""):
        return "pycharm"
    return _known(program)


def _known(command: str) -> str:
    """The editor that a command line starts, among those that are known."""
    words = re.findall(r'"([^"]*)"|(\S+)', command)
    program = os.path.basename("".join(words[0])).lower() if words else ""
    name = re.sub(r"(64)?(\.(exe|cmd|sh|app))?$", "", program)
    name = _PROGRAMS.get(name, name)
    return name if name in TEMPLATES else ""
