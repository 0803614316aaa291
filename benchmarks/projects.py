"""Projects to measure and to try things on, each with a virtual environment of its own.

    python benchmarks/projects.py DIRECTORY testproject wagtail oscar generated:1000

Each becomes ``DIRECTORY/NAME`` with ``venv/`` and ``site/``; one that is there
already is used as it is. The app ``probe`` is added to each: see ``probe/``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import textwrap
import venv
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import generated

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent

#: So many view modules are there to be edited for the first time.
FRESH_VIEWS = 24
SETTINGS = "probe_settings"

PROBE_SETTINGS = """\
import json
import os
from pathlib import Path

import probe.helper
from {settings} import *

PROBE_STAMP = "0"
PROBE_READ = "0"
PROBE_DATA = Path(__file__).with_name("probe.env").read_text().strip()
PROBE_FRESH = {fresh}

DEBUG = True
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["probe", *(app for app in INSTALLED_APPS if app != "django_autoreload_plus")]
AUTORELOAD_PLUS = json.loads(os.environ.get("PROBE_AUTORELOAD_PLUS", "{{}}"))
RELOADERS = {{
    "plus": "django_autoreload_plus",
    "watchfiles": "django_watchfiles",
    "extensions": "django_extensions",
}}
if os.environ.get("PROBE_RELOADER") in RELOADERS:
    INSTALLED_APPS.insert(0, RELOADERS[os.environ["PROBE_RELOADER"]])
"""

#: The modules by which a server other than ``runserver`` loads the project.
PROBE_ENTRIES = {
    "probe_asgi.py": """\
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "probe_settings")
application = get_asgi_application()
""",
    "probe_wsgi.py": """\
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "probe_settings")
application = get_wsgi_application()
""",
}

PROBE_URLS = """

# Added by the benchmark.
import probe.views
from django.urls import path as probe_path

URLCONF = "0"
urlpatterns = [probe_path("probe/", probe.views.page), *urlpatterns]
"""

OSCAR_SETTINGS = """\
from pathlib import Path

from oscar.defaults import *

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "benchmark"
DEBUG = True
SITE_ID = 1
ROOT_URLCONF = "shop.urls"
USE_TZ = True
STATIC_URL = "static/"
MEDIA_URL = "media/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "db.sqlite3",
        "ATOMIC_REQUESTS": True,
    }
}
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
AUTHENTICATION_BACKENDS = [
    "oscar.apps.customer.auth_backends.EmailBackend",
    "django.contrib.auth.backends.ModelBackend",
]
"""
OSCAR_SETTINGS += f"INSTALLED_APPS = [\n    *{generated.DJANGO_APPS},\n"
OSCAR_SETTINGS += """\
    "django.contrib.sites",
    "django.contrib.flatpages",
    "oscar.config.Shop",
    "oscar.apps.analytics.apps.AnalyticsConfig",
    "oscar.apps.checkout.apps.CheckoutConfig",
    "oscar.apps.address.apps.AddressConfig",
    "oscar.apps.shipping.apps.ShippingConfig",
    "oscar.apps.catalogue.apps.CatalogueConfig",
    "oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig",
    "oscar.apps.communication.apps.CommunicationConfig",
    "oscar.apps.partner.apps.PartnerConfig",
    "oscar.apps.basket.apps.BasketConfig",
    "oscar.apps.payment.apps.PaymentConfig",
    "oscar.apps.offer.apps.OfferConfig",
    "oscar.apps.order.apps.OrderConfig",
    "oscar.apps.customer.apps.CustomerConfig",
    "oscar.apps.search.apps.SearchConfig",
    "oscar.apps.voucher.apps.VoucherConfig",
    "oscar.apps.wishlists.apps.WishlistsConfig",
    "oscar.apps.dashboard.apps.DashboardConfig",
    "oscar.apps.dashboard.reports.apps.ReportsDashboardConfig",
    "oscar.apps.dashboard.users.apps.UsersDashboardConfig",
    "oscar.apps.dashboard.orders.apps.OrdersDashboardConfig",
    "oscar.apps.dashboard.catalogue.apps.CatalogueDashboardConfig",
    "oscar.apps.dashboard.offers.apps.OffersDashboardConfig",
    "oscar.apps.dashboard.partners.apps.PartnersDashboardConfig",
    "oscar.apps.dashboard.pages.apps.PagesDashboardConfig",
    "oscar.apps.dashboard.ranges.apps.RangesDashboardConfig",
    "oscar.apps.dashboard.reviews.apps.ReviewsDashboardConfig",
    "oscar.apps.dashboard.vouchers.apps.VouchersDashboardConfig",
    "oscar.apps.dashboard.communications.apps.CommunicationsDashboardConfig",
    "oscar.apps.dashboard.shipping.apps.ShippingDashboardConfig",
    "widget_tweaks",
    "haystack",
    "treebeard",
    "sorl.thumbnail",
    "django_tables2",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "oscar.apps.basket.middleware.BasketMiddleware",
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "oscar.apps.search.context_processors.search_form",
                "oscar.apps.checkout.context_processors.checkout",
                "oscar.apps.communication.notifications.context_processors.notifications",
                "oscar.core.context_processors.metadata",
            ]
        },
    }
]
"""

OSCAR_URLS = """\
from django.apps import apps
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
"""


@dataclass(frozen=True)
class Project:
    """A project with the probe in it, ready to be served with ``probe_settings``."""

    name: str
    python: str
    site: str
    #: The project's own settings module and URLconf, by their dotted names.
    settings: str
    urlconf: str

    def path(self, relative: str) -> Path:
        """Return the place of a file of the site."""
        return Path(self.site) / relative

    @property
    def urlconf_path(self) -> Path:
        """The file of the project's own URLconf."""
        return self.path(self.urlconf.replace(".", "/") + ".py")


def create(spec: str, directory: Path) -> Project:
    """Create the project ``spec`` (``name`` or ``generated:MODULES``) below ``directory``.

    Raises :class:`ValueError` for a name that is not known, and
    :class:`subprocess.CalledProcessError` when an installation fails.
    """
    kind, _, size = spec.partition(":")
    if kind not in BUILDERS or bool(size) != (kind == "generated"):
        raise ValueError(f"unknown project {spec!r}: choose from {', '.join(SPECS)}")
    root = (directory / spec.replace(":", "-")).resolve()
    # The number changes with what is added to the project.
    description = root / "project-2.json"
    if description.exists():
        return Project(**json.loads(description.read_text(encoding="utf-8")))
    shutil.rmtree(root, ignore_errors=True)
    venv.create(root / "venv", with_pip=True, symlinks=os.name != "nt")
    scripts = "Scripts" if os.name == "nt" else "bin"
    python = str(root / "venv" / scripts / "python")
    pip(python, "-e", str(CHECKOUT))
    site = root / "site"
    settings, urlconf = BUILDERS[kind](python, site, int(size or 0))
    project = Project(spec, python, str(site), settings, urlconf)
    add_probe(project)
    manage(project, "migrate", "--verbosity=0")
    description.write_text(json.dumps(asdict(project), indent=2), encoding="utf-8")
    return project


def pip(python: str, *words: str) -> None:
    """Install into the virtual environment of ``python``."""
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "--retries=10", "--timeout=60", *words], check=True)


def manage(project: Project, *words: str) -> None:
    """Run a management command of the project."""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": SETTINGS}
    # What is compiled here is read again by every start that is measured.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([project.python, "manage.py", *words], cwd=project.site, env=env, check=True)


def add_probe(project: Project) -> None:
    """Add the probe's app, its settings and its address."""
    write_probe(project)
    with project.urlconf_path.open("a", encoding="utf-8") as file:
        file.write(PROBE_URLS)


def write_probe(project: Project) -> None:
    """Write the probe's own files, also over those that a run cut short has left edited."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HERE / "probe", project.path("probe"), ignore=ignore, dirs_exist_ok=True)
    fresh = project.path("probe/fresh")
    fresh.mkdir(exist_ok=True)
    (fresh / "__init__.py").touch()
    for number in range(FRESH_VIEWS):
        (fresh / f"view_{number:02}.py").write_text('FRESH = "0"\n', encoding="utf-8")
    settings = PROBE_SETTINGS.format(settings=project.settings, fresh=FRESH_VIEWS)
    project.path(f"{SETTINGS}.py").write_text(settings, encoding="utf-8")
    project.path("probe.env").write_text("data=0;\n", encoding="utf-8")
    for name, text in PROBE_ENTRIES.items():
        project.path(name).write_text(text, encoding="utf-8")


def build_testproject(python: str, site: Path, size: int) -> tuple[str, str]:
    """Copy this repository's own demo."""
    ignore = shutil.ignore_patterns("__pycache__", "*.sqlite3*")
    shutil.copytree(CHECKOUT / "testproject", site, ignore=ignore)
    return "config.settings", "config.urls"


def build_wagtail(python: str, site: Path, size: int) -> tuple[str, str]:
    """Start a Wagtail site as its documentation says."""
    pip(python, "wagtail")
    site.mkdir()
    wagtail = Path(python).with_name("wagtail")
    subprocess.run([wagtail, "start", "home_page", "."], cwd=site, check=True)
    return "home_page.settings.dev", "home_page.urls"


def build_oscar(python: str, site: Path, size: int) -> tuple[str, str]:
    """Set up a django-oscar shop as its documentation says."""
    pip(python, "django-oscar[sorl-thumbnail]")
    (site / "shop").mkdir(parents=True)
    write_manage(site, "shop.settings")
    (site / "shop/__init__.py").touch()
    (site / "shop/settings.py").write_text(OSCAR_SETTINGS, encoding="utf-8")
    (site / "shop/urls.py").write_text(OSCAR_URLS, encoding="utf-8")
    return "shop.settings", "shop.urls"


def build_generated(python: str, site: Path, size: int) -> tuple[str, str]:
    """Write a project of ``size`` modules."""
    site.mkdir()
    write_manage(site, "base.settings")
    generated.write_project(site, size)
    return "base.settings", "base.urls"


def write_manage(site: Path, settings: str) -> None:
    """Write a ``manage.py`` as ``django-admin startproject`` has it."""
    text = f"""\
        import os
        import sys

        if __name__ == "__main__":
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")
            from django.core.management import execute_from_command_line

            execute_from_command_line(sys.argv)
        """
    (site / "manage.py").write_text(textwrap.dedent(text), encoding="utf-8")


BUILDERS: dict[str, Callable[[str, Path, int], tuple[str, str]]] = {
    "testproject": build_testproject,
    "wagtail": build_wagtail,
    "oscar": build_oscar,
    "generated": build_generated,
}
SPECS = ("testproject", "wagtail", "oscar", "generated:MODULES")


def main() -> None:
    """Create the projects named on the command line and say how to serve them."""
    parser = argparse.ArgumentParser(description="Create projects to measure and to try.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("projects", nargs="+", metavar="PROJECT", help=", ".join(SPECS))
    arguments = parser.parse_args()
    for spec in arguments.projects:
        try:
            project = create(spec, arguments.directory)
        except (ValueError, subprocess.CalledProcessError) as error:
            sys.exit(f"{spec}: {error}")
        print(
            f"cd {project.site} && PROBE_RELOADER=plus {project.python}"
            f" manage.py runserver --settings={SETTINGS}"
        )


if __name__ == "__main__":
    main()
