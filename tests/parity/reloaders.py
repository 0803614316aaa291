"""The ways of reloading that are compared, and a small site for all of them."""

from __future__ import annotations

import os
import re
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness import CAN_SWAP, DEADLINE, DevServer, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: What is said of the fastest reload after an edit of a function.
EXCHANGED = "from ready, function bodies exchanged" if CAN_SWAP else "from (at |setup|before )"
MANAGE = """
import os, sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""
SETTINGS = """
import os, sys
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "tea"
DEBUG = True
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [{apps}"shop"]
ROOT_URLCONF = "urls"
DATABASES = {{
    "default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
}}
USE_TZ = True
AUTORELOAD_PLUS = {options}
"""
URLS = """
from django.urls import path
import views

urlpatterns = [path("", views.page)]
"""
VIEWS = """
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def page(request):
    return HttpResponse(VALUE)
"""
#: ``ready()`` is given as the body of a method.
APPS = """
import os, sys
from django.apps import AppConfig

class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        {ready}
"""


@dataclass(frozen=True)
class Reloader:
    """A way of reloading; ``options`` are those of ``AUTORELOAD_PLUS``."""

    name: str
    installed: bool = True
    options: str = "{}"

    def __str__(self) -> str:
        return self.name

    def maker(self, root: Path) -> Callable[..., ParitySite]:
        """Return what makes a site at ``root`` for this way."""

        def make(
            files: Mapping[str, str] | None = None,
            *,
            settings: str = "",
            ready: str = "pass",
            **more: Any,
        ) -> ParitySite:
            apps = '"django_autoreload_plus", ' if self.installed else ""
            base = {
                "manage.py": MANAGE,
                "settings.py": SETTINGS.format(apps=apps, options=self.options) + settings,
                "urls.py": URLS,
                "views.py": VIEWS,
                "shop/__init__.py": "",
                "shop/apps.py": APPS.format(ready=ready),
            }
            for name, text in {**base, **(files or {})}.items():
                write_file(root / name, text)
            env = {"PYTHONUNBUFFERED": "1", **more.pop("env", {})}
            return ParitySite(root, reloader=self, env=env, **more)

        return make


DJANGO = Reloader("django", installed=False)
COPIES = Reloader("copies")
PLAIN = Reloader("plain", options='{"CHECKPOINTS": False, "SWAP": False}')
RELOADERS = (DJANGO, COPIES, PLAIN)


class ParitySite(DevServer):
    """A server of the site; its edits wait until Django's reloader can see them."""

    def __init__(self, root: Path, *, reloader: Reloader, **more: Any) -> None:
        self.reloader = reloader
        super().__init__(root, **more)

    def change(self, relative: str, old: str, new: str) -> None:
        """Edit a file so that every reloader notices it.

        Django's compares times once a second, with those of its first look as the beginning:
        an edit before that look is never noticed, so the time moves on until it says so.
        """
        if self.reloader is not DJANGO:
            self.edit(relative, old, new)
            return
        since = self.mark()
        path = self.path(relative)
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} in {relative}"
        # Another second than before, from the first moment on: Python looks at nothing else.
        moment = max(path.stat().st_mtime_ns, time.time_ns()) + 10**9
        draft = path.with_name(f".{path.name}~")
        draft.write_text(text.replace(old, new), encoding="utf-8")
        shutil.copymode(path, draft)
        os.utime(draft, ns=(moment, moment))
        draft.replace(path)
        noticed = re.compile("changed, reloading")
        deadline = time.monotonic() + DEADLINE
        while not noticed.search(self.output, since):
            if time.monotonic() > deadline:
                raise AssertionError(f"Django's reloader did not notice {relative}: {self.output}")
            moment += 10**9
            os.utime(path, ns=(moment, moment))
            # Nothing tells when Django looks: it does once a second.
            time.sleep(0.2)

    def shows(self, text: str, path: str = "/") -> None:
        """Await that a page is exactly this text."""
        self.wait_for(path, lambda answer: answer.status == 200 and answer.text == text)
