"""How Sphinx builds this folder.

sphinx-build -W --keep-going docs build/docs
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from django_autoreload_plus import __version__

project = "django-autoreload-plus"
author = "django-autoreload-plus contributors"
project_copyright = author
version = release = __version__

extensions = ["myst_parser"]
myst_heading_anchors = 4
# A link or an anchor that leads nowhere is a warning, and a warning is an error.
nitpicky = True

html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = False
exclude_patterns = ["pictures"]
