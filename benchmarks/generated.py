"""A project of any size: apps with models, views, URLs and modules of plain code.

Importing one of its modules costs about what a module of a real project costs
(a millisecond): functions, classes, a data class, compiled patterns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: The apps of Django's own that every generated project has.
DJANGO_APPS = tuple(
    f"django.contrib.{name}"
    for name in ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")
)
MODULES_PER_APP = 20
#: models, views, urls and the package itself
FIXED_MODULES = 4

SETTINGS = """\
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "benchmark"
DEBUG = True
ROOT_URLCONF = "base.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
USE_TZ = True
DATABASES = {{
    "default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
}}
INSTALLED_APPS = [
    *{django_apps},
    *(f"app_{{number:03}}" for number in range({apps})),
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {{
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        }},
    }}
]
"""

URLS = """\
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    *(path(f"{{number:03}}/", include(f"app_{{number:03}}.urls")) for number in range({apps})),
]
"""

MODELS = """\
from django.db import models

from probe.helper import helper_body
{imports}


class Customer(models.Model):
    name = models.CharField(max_length=80)
    email = models.EmailField(unique=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "{app}"
        ordering = ["name"]

    def label(self):
        return f"{{self.name}} <{{self.email}}> {{helper_body()}}"


class Invoice(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="invoices")
    number = models.CharField(max_length=20)
    total = models.DecimalField(max_digits=10, decimal_places=2)
    paid = models.BooleanField(default=False)

    class Meta:
        app_label = "{app}"
        constraints = [
            models.UniqueConstraint(fields=["customer", "number"], name="{app}_number")
        ]

    def overdue(self):
        return not self.paid and self.total > 0
"""

VIEWS = """\
from django.http import JsonResponse
from django.shortcuts import get_object_or_404

from {app}.models import Customer, Invoice


def customers(request):
    return JsonResponse({{"customers": [one.label() for one in Customer.objects.all()]}})


def customer(request, pk):
    one = get_object_or_404(Customer, pk=pk)
    return JsonResponse({{"name": one.name, "open": one.invoices.filter(paid=False).count()}})


def invoice(request, pk):
    return JsonResponse({{"total": str(get_object_or_404(Invoice, pk=pk).total)}})
"""

APP_URLS = """\
from django.urls import path

from {app} import views

app_name = "{app}"
urlpatterns = [
    path("customers/", views.customers, name="customers"),
    path("customers/<int:pk>/", views.customer, name="customer"),
    path("invoices/<int:pk>/", views.invoice, name="invoice"),
]
"""

CODE_HEAD = """\
import re
from dataclasses import dataclass
from functools import lru_cache

from probe.helper import helper_body

PATTERN = re.compile(r"^(?P<year>[0-9]{{4}})-(?P<kind>{app}|{module})-(?P<number>[0-9]+)$")


@dataclass(frozen=True)
class Line:
    article: str
    amount: int = 1
    price: float = 0.0

    def total(self):
        return self.amount * self.price


class Ledger:
    def __init__(self, lines=()):
        self.lines = list(lines)

    def total(self):
        return sum(line.total() for line in self.lines)

    @property
    def stamp(self):
        return helper_body()
"""

CODE_STEP = """

@lru_cache(maxsize=64)
def step_{number}(text, limit={number}):
    found = PATTERN.match(text)
    if found is None:
        return None
    parts = [found["year"], found["kind"], found["number"]]
    return "-".join(part for part in parts if len(part) > limit)
"""

STEPS = 8


def write_project(site: Path, modules: int) -> None:
    """Write about ``modules`` modules in apps of twenty below ``site``."""
    apps = max(1, round(modules / MODULES_PER_APP))
    base = site / "base"
    base.mkdir()
    write(base / "__init__.py", "")
    write(base / "settings.py", SETTINGS.format(apps=apps, django_apps=DJANGO_APPS))
    write(base / "urls.py", URLS.format(apps=apps))
    for number in range(apps):
        write_app(site, f"app_{number:03}")


def write_app(site: Path, app: str) -> None:
    """Write one app."""
    root = site / app
    root.mkdir()
    names = [f"code_{number:02}" for number in range(MODULES_PER_APP - FIXED_MODULES)]
    steps = "".join(CODE_STEP.format(number=number) for number in range(STEPS))
    for name in names:
        write(root / f"{name}.py", CODE_HEAD.format(app=app, module=name) + steps)
    imports = "\n".join(f"from {app} import {name}" for name in names)
    write(root / "__init__.py", "")
    write(root / "models.py", MODELS.format(app=app, imports=imports))
    write(root / "views.py", VIEWS.format(app=app))
    write(root / "urls.py", APP_URLS.format(app=app))


def write(path: Path, text: str) -> None:
    """Write a module."""
    path.write_text(text, encoding="utf-8")
