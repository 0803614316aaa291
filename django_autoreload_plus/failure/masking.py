"""Blanks secrets that stand in source lines or in messages.

Lines of a settings module may end up on the error page, next to the mistake.
Values that look like a secret by the name they are given are replaced by
stars of the same length, so that line numbers and columns stay right.
"""

from __future__ import annotations

import re

_NAME = (
    r"(?:[A-Z0-9_]{0,40}(?:TOKEN|KEY|SECRET|PASS|SIGNATURE|CREDENTIAL|DSN)[A-Z0-9_]{0,40}"
    r"|[A-Za-z0-9_]{0,40}(?:password|passwd|secret|token|api_?key)[A-Za-z0-9_]{0,40})"
)
#: The last quote is optional: what is being typed may not be closed yet.
_STRING = (
    r"(?:\"\"\"[\s\S]*?(?:\"\"\"|\Z)"
    r"|'''[\s\S]*?(?:'''|\Z)"
    r"|\"(?:\\.|[^\"\\\n])*\"?"
    r"|'(?:\\.|[^'\\\n])*'?)"
)
_ASSIGNED = re.compile(
    rf"(?<![A-Za-z0-9_])(?P<name>{_NAME}(?![A-Za-z0-9_])['\"]?\]?[ \t]*"
    r"(?::[ \t]*[\w.\[\], |]{1,60}=|[:=](?!=))[ \t]*(?:[^\n'\"#]{0,200}\(\s*)?)"
    rf"(?P<value>[^\n'\"#]{{0,200}}{_STRING}(?:(?:[^\n'\"#]{{0,200}}|\s+){_STRING})*)"
)
_INSIDE = re.compile(_STRING)
_ADDRESS = re.compile(r"(?P<head>\w{1,40}://[^\s:/@'\"]{0,100}:)(?P<password>[^\s@/'\"]{1,200})@")


def mask_secrets(text: str) -> str:
    """``text`` with the same lines and columns, secrets as stars."""
    text = _ASSIGNED.sub(
        lambda found: found["name"] + _INSIDE.sub(_starred, found["value"]),
        text,
    )
    return _ADDRESS.sub(lambda found: f"{found['head']}{'*' * len(found['password'])}@", text)


def _starred(found: re.Match[str]) -> str:
    literal = found[0]
    quote = literal[:3] if literal[:3] in {'"""', "'''"} else literal[:1]
    closed = len(literal) >= 2 * len(quote) and literal.endswith(quote)
    inner = literal[len(quote) : -len(quote)] if closed else literal[len(quote) :]
    return quote + re.sub(r"[^\n]", "*", inner) + (quote if closed else "")
