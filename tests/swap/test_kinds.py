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
