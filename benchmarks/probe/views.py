"""One page that shows every stamp the benchmark sets."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpResponse

from probe import helper, models

if TYPE_CHECKING:
    from django.http import HttpRequest

VIEW_MODULE = "0"
LATE = "0"
#: Read while the module is imported, as a decorator or a class body reads a value.
LATE_READ = f"{LATE}"
SETTING = f"{settings.PROBE_READ}"

FRESH = [import_module(f"probe.fresh.view_{number:02}") for number in range(settings.PROBE_FRESH)]


def view_body() -> str:
    """Return what the benchmark edits."""
    return "0"


def page(request: HttpRequest) -> HttpResponse:
    """List the stamps."""
    stamps = {
        "view body": view_body(),
        "view module": VIEW_MODULE,
        "model body": models.Thing().model_body(),
        "model module": models.MODEL_MODULE,
        "helper body": helper.helper_body(),
        "helper module": helper.HELPER_MODULE,
        "urlconf": sys.modules[settings.ROOT_URLCONF].URLCONF,
        "settings": settings.PROBE_STAMP,
        "late module": LATE_READ,
        "model field": models.Thing._meta.get_field("name").help_text,  # noqa: SLF001 - as the admin reads it
        "setting read": SETTING,
        "data file": settings.PROBE_DATA.removeprefix("data=").removesuffix(";"),
        "process": os.getpid(),
        **{f"fresh {number:02}": view.FRESH for number, view in enumerate(FRESH)},
    }
    lines = [f"{name}={stamp};" for name, stamp in stamps.items()]
    return HttpResponse("\n".join(lines), content_type="text/plain")
