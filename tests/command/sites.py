"""A bare Django site: starts fast, and counts how often its parts are imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from harness import DevServer, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MANAGE = """
import os, sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""
SETTINGS = """
import os

def count(name):
    with open(os.path.join(os.path.dirname(__file__), f"count-{name}"), "a") as file:
        file.write("x")

count("settings")
SECRET_KEY = "tea"
DEBUG = True
INSTALLED_APPS = ["django_autoreload_plus", "django.contrib.staticfiles", "shop"]
ROOT_URLCONF = "site_urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {}
STATIC_URL = "static/"
USE_TZ = True
"""
URLS = """
from django.urls import path
from site_settings import count
from shop import views

count("urls")
urlpatterns = [
    path("", views.page),
    path("slow/", views.slow),
    path("stream/", views.stream),
    path("template/", views.template),
]
"""
VIEWS = """
import os, threading, time
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render

VALUE = "one"

def page(request):
    return HttpResponse(VALUE)

def slow(request):
    open("slow-began", "w").close()
    while not os.path.exists("slow-may-end"):
        time.sleep(0.01)
    return HttpResponse("slow " + VALUE)

def stream(request):
    def parts():
        while True:
            yield VALUE + "\\n"
            time.sleep(0.01)
    return StreamingHttpResponse(parts())

def template(request):
    return render(request, "shop/page.html")
"""
FILES = {
    "manage.py": MANAGE,
    "site_settings.py": SETTINGS,
    "site_urls.py": URLS,
    "shop/__init__.py": "",
    "shop/views.py": VIEWS,
    "shop/templates/shop/page.html": "template one",
    "shop/static/shop/style.css": "body {}",
}
#: Makes the supervisor tell each step.
TALKING = {"DJANGO_AUTORELOAD_PLUS_DEBUG": "1"}


def make_site(root: Path, files: Mapping[str, str] | None = None, settings: str = "") -> Path:
    """Write a site to ``root``; ``settings`` is added to its settings."""
    for name, text in {**FILES, **(files or {})}.items():
        write_file(root / name, text)
    if settings:
        write_file(root / "site_settings.py", SETTINGS + settings)
    return root


def site(
    root: Path,
    *options: str,
    files: Mapping[str, str] | None = None,
    settings: str = "",
    **more: Any,
) -> DevServer:
    """Return the server of a new site; ``more`` is for :class:`DevServer`."""
    env = {"PYTHONUNBUFFERED": "1", **more.pop("env", {})}
    return DevServer(make_site(root, files, settings), options=options, env=env, **more)


def manage(*words: str) -> Sequence[str]:
    """Return the command line ``manage.py words``."""
    return (sys.executable, "manage.py", *words)


def is_page(server: DevServer, text: str, path: str = "/") -> None:
    """Await that a page has this text."""
    server.wait_for(path, lambda answer: answer.text == text)


def wait_until_followed(server: DevServer, since: int = 0) -> int:
    """Await the end of a start, by the line told to ``env=TALKING``; returns the next mark."""
    return server.wait_for_output(r"^.*  from \S.* ms$", since=since).end()


def counted(server: DevServer, name: str) -> int:
    """How often the settings or the URLconf have been imported."""
    return len(server.path(f"count-{name}").read_text())
