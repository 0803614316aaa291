"""What a swap has exchanged, in words."""

from __future__ import annotations

import pytest

from django_autoreload_plus.swap.compare import Refusal
from django_autoreload_plus.swap.plan import plan
from django_autoreload_plus.swap.support import unavailable

OLD = "import os\nX = 1\n\ndef f():\n    return 1\n"
KINDS = {
    OLD.replace("return 1", "return 2"): ("function bodies",),
    OLD.replace("X = 1", "X = 2"): ("values",),
    OLD.replace("import os", "import os\nimport sys"): ("imports",),
    OLD.replace("X = 1", "X = 2").replace("return 1", "return 2"): ("function bodies", "values"),
    OLD + "\ndef g():\n    return 2\n": ("functions",),
    OLD.replace("X = 1", "# more\nX = 1"): ("line numbers",),
}


@pytest.mark.skipif(unavailable() is not None, reason="nothing is exchanged here")
@pytest.mark.parametrize("new", KINDS)
def test_kinds(new: str) -> None:
    """Who edits a setting would read that function bodies were exchanged."""
    old, after = ((text.encode(), compile(text, "x.py", "exec")) for text in (OLD, new))
    found = plan("x.py", old, after)
    assert not isinstance(found, Refusal)
    assert found.kinds == KINDS[new]


@pytest.mark.skipif(unavailable() is not None, reason="nothing is exchanged here")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        # The same bytes in another encoding.
        (
            b"# coding: latin-1\nX = 1\n\ndef f(a='\xc3\xa9'):\n    return a\n",
            b"# coding: utf-8\nX = 2\n\ndef f(a='\xc3\xa9'):\n    return a\n",
        ),
        # What splits lines of text, but not those of a source.
        (
            "X = 1\nTEXT = '\u2028\x1c'\n\n\x0c\ndef f(a=1):\n    return a\n".encode(),
            "X = 2\nTEXT = '\u2028\x1c'\n\n\x0c\ndef f(a=2):\n    return a\n".encode(),
        ),
        (
            b"X = 1\n\n@staticmethod\ndef f(a=1):\n    return a\n",
            b"X = 2\n\n@staticmethod\ndef f(a=2):\n    return a\n",
        ),
        (
            b"X = 1\n\nclass A:\n    def f(self, a=1):\n        return a\n",
            b"X = 2\n\nclass A:\n    def f(self, a=2):\n        return a\n",
        ),
    ],
)
def test_a_default_beside_a_constant(old: bytes, new: bytes) -> None:
    """It would keep its value, where functions of equal text are not looked at."""
    versions = ((text, compile(text, "x.py", "exec")) for text in (old, new))
    found = plan("x.py", *versions)
    assert not isinstance(found, Refusal)
    assert found.headers
