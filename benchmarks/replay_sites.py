"""Sites that are made of a published package as their own code, to replay its history on.

Each becomes ``DIRECTORY/NAME-VERSION`` with ``venv/``, ``site/`` (the older version of the package
lies in it, as a developer's own code does), ``older/`` and ``newer/`` (the package as published).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import venv
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import generated
import projects
from projects import pip, write_manage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TESTS = projects.CHECKOUT / "tests"
#: What the sites show of themselves needs these modules.
VIEWS = {
    projects.HERE / "replay_views.py": "replay_views.py",
    TESTS / "checkpoints/state_view.py": "state_view.py",
    TESTS / "swap/description.py": "state_description.py",
}
DJANGO = "Django==5.2.*"
SETTINGS, URLCONF = "site_settings", "site_urls"


@dataclass(frozen=True)
class Subject:
    """A package with two releases, and a site of it."""

    distribution: str
    #: The folders of the package in a release.
    packages: tuple[str, ...]
    older: str
    newer: str
    #: A page that the package itself answers.
    page: str
    settings: str
    urls: str
    extras: str = ""
    requirements: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReplaySite:
    """A subject set up below a directory."""

    name: str
    subject: Subject
    root: Path

    @property
    def python(self) -> str:
        """The interpreter of the site's virtual environment."""
        return str(self.root / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python")

    @property
    def site(self) -> Path:
        """The folder of ``manage.py``."""
        return self.root / "site"

    @property
    def older(self) -> Path:
        """The folder of the package's older version, as published."""
        return self.root / "older"

    @property
    def newer(self) -> Path:
        """The folder of the package's newer version."""
        return self.root / "newer"

    def restore(self) -> None:
        """Take back what was edited in the site."""
        for path in self.older.rglob("*.py"):
            edited = self.site / path.relative_to(self.older)
            if not edited.exists() or edited.read_bytes() != path.read_bytes():
                shutil.copy(path, edited)


HEAD = """\
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "benchmark"
DEBUG = True
ALLOWED_HOSTS = ["*"]
SITE_ID = 1
USE_TZ = True
STATIC_URL = "static/"
MEDIA_URL = "media/"
MEDIA_ROOT = BASE_DIR / "media"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "db.sqlite3",
        "ATOMIC_REQUESTS": True,
    }
}
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
CONTEXT_PROCESSORS = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": CONTEXT_PROCESSORS},
    }
]
"""
HEAD += f"INSTALLED_APPS = [*{generated.DJANGO_APPS}, 'django.contrib.sites']\n"
TAIL = f"""
ROOT_URLCONF = "{URLCONF}"
INSTALLED_APPS = ["django_autoreload_plus", *INSTALLED_APPS]
AUTORELOAD_PLUS = {{"CHECKS": "before"}}
"""
URLS_TAIL = """
import replay_views

urlpatterns = [
    path("replay/code/", replay_views.code),
    path("replay/state/", replay_views.state),
    *urlpatterns,
]
"""

WAGTAIL_SETTINGS = """
INSTALLED_APPS += [
    *(
        f"wagtail.contrib.{name}"
        for name in (
            "forms", "redirects", "search_promotions", "settings", "simple_translation",
            "styleguide", "table_block", "typed_table_block", "routable_page", "sitemaps",
            "frontend_cache",
        )
    ),
    "wagtail.embeds",
    "wagtail.sites",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail.api.v2",
    "wagtail.locales",
    "wagtail",
    "modelcluster",
    "taggit",
    "rest_framework",
]
MIDDLEWARE += ["wagtail.contrib.redirects.middleware.RedirectMiddleware"]
CONTEXT_PROCESSORS += ["wagtail.contrib.settings.context_processors.settings"]
WAGTAIL_SITE_NAME = "Replay"
WAGTAILADMIN_BASE_URL = "http://localhost:8000"
WAGTAIL_I18N_ENABLED = True
"""
WAGTAIL_URLS = """\
from django.contrib import admin
from django.urls import include, path
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.api.v2.router import WagtailAPIRouter
from wagtail.api.v2.views import PagesAPIViewSet
from wagtail.documents import urls as wagtaildocs_urls
from wagtail.images.api.v2.views import ImagesAPIViewSet

api_router = WagtailAPIRouter("wagtailapi")
api_router.register_endpoint("pages", PagesAPIViewSet)
api_router.register_endpoint("images", ImagesAPIViewSet)
urlpatterns = [
    path("django-admin/", admin.site.urls),
    path("admin/", include(wagtailadmin_urls)),
    path("documents/", include(wagtaildocs_urls)),
    path("api/", api_router.urls),
    path("", include(wagtail_urls)),
]
"""

OSCAR_SETTINGS = f"""
from oscar.defaults import *

{projects.OSCAR_SETTINGS.partition("HAYSTACK")[1]}{projects.OSCAR_SETTINGS.partition("HAYSTACK")[2]}
"""

REST_SETTINGS = """
INSTALLED_APPS += ["django_filters", "rest_framework", "rest_framework.authtoken"]
REST_FRAMEWORK = {
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.SearchFilter",
        "rest_framework.filters.OrderingFilter",
    ],
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.QueryParameterVersioning",
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"anon": "100000/min"},
    "PAGE_SIZE": 20,
}
"""
REST_URLS = """\
from django.contrib import admin
from django.urls import include, path
from rest_framework import routers
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.schemas import get_schema_view

from people import UserViewSet

router = routers.DefaultRouter()
router.register("users", UserViewSet)
urlpatterns = [
    path("admin/", admin.site.urls),
    path("auth/", include("rest_framework.urls")),
    path("token/", obtain_auth_token),
    path("schema/", get_schema_view(title="Replay")),
    path("", include(router.urls)),
]
"""
REST_PEOPLE = """\
from django.contrib.auth.models import User
from rest_framework import serializers, viewsets


class UserSerializer(serializers.HyperlinkedModelSerializer):
    class Meta:
        model = User
        fields = ["url", "username", "email", "is_staff"]


class UserViewSet(viewsets.ModelViewSet):
    queryset = User.objects.order_by("pk")
    serializer_class = UserSerializer
    search_fields = ["username"]
    filterset_fields = ["is_staff"]
"""

CMS_SETTINGS = """
INSTALLED_APPS += ["cms", "menus", "treebeard", "sekizai"]
MIDDLEWARE += [
    "django.middleware.locale.LocaleMiddleware",
    "cms.middleware.user.CurrentUserMiddleware",
    "cms.middleware.page.CurrentPageMiddleware",
    "cms.middleware.toolbar.ToolbarMiddleware",
    "cms.middleware.language.LanguageCookieMiddleware",
]
CONTEXT_PROCESSORS += [
    "django.template.context_processors.i18n",
    "sekizai.context_processors.sekizai",
    "cms.context_processors.cms_settings",
]
LANGUAGES = [("en", "English"), ("de", "German")]
LANGUAGE_CODE = "en"
CMS_CONFIRM_VERSION4 = True
CMS_TEMPLATES = [("page.html", "Page")]
X_FRAME_OPTIONS = "SAMEORIGIN"
"""
CMS_URLS = """\
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import include, path

urlpatterns = i18n_patterns(path("admin/", admin.site.urls), path("", include("cms.urls")))
"""

ALLAUTH_SETTINGS = """
INSTALLED_APPS += [
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.mfa",
    "allauth.headless",
    "allauth.usersessions",
    *(
        f"allauth.socialaccount.providers.{name}"
        for name in (
            "apple", "auth0", "discord", "dropbox", "facebook", "github", "gitlab", "google",
            "linkedin_oauth2", "microsoft", "openid_connect", "saml", "slack", "spotify", "stripe",
            "telegram", "twitch", "twitter_oauth2", "vk",
        )
    ),
]
MIDDLEWARE += [
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
HEADLESS_ENABLED = True
"""
ALLAUTH_URLS = """\
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
]
"""

SUBJECTS = {
    "wagtail": Subject(
        "wagtail", ("wagtail",), "7.4", "8.0", "/admin/login/", WAGTAIL_SETTINGS, WAGTAIL_URLS
    ),
    "oscar": Subject(
        "django-oscar",
        ("oscar",),
        "4.1",
        "4.2",
        "/catalogue/",
        OSCAR_SETTINGS,
        projects.OSCAR_URLS,
        extras="[sorl-thumbnail]",
        requirements=("django-treebeard<5",),
    ),
    "rest": Subject(
        "djangorestframework",
        ("rest_framework",),
        "3.17.0",
        "3.18.0",
        "/",
        REST_SETTINGS,
        REST_URLS,
        requirements=("django-filter", "uritemplate", "inflection", "pyyaml"),
        files={"people.py": REST_PEOPLE},
    ),
    "cms": Subject(
        "django-cms",
        ("cms", "menus"),
        "5.0.13",
        "5.1.0",
        "/en/admin/login/",
        CMS_SETTINGS,
        CMS_URLS,
        files={"templates/page.html": "{% load cms_tags %}{% placeholder 'content' %}"},
    ),
    "allauth": Subject(
        "django-allauth",
        ("allauth",),
        "65.20.0",
        "65.22.1",
        "/accounts/login/",
        ALLAUTH_SETTINGS,
        ALLAUTH_URLS,
        extras="[socialaccount,mfa,headless,saml,openid]",
    ),
}


def create(name: str, directory: Path) -> ReplaySite:
    """Set up the subject ``name`` below ``directory``, or use what is there.

    Raises :class:`subprocess.CalledProcessError` when an installation fails.
    """
    subject = SUBJECTS[name]
    root = (directory / f"{name}-{subject.older}-{subject.newer}").resolve()
    found = ReplaySite(name, subject, root)
    finished = root / "finished.json"
    if not finished.exists():
        shutil.rmtree(root, ignore_errors=True)
        _build(found)
        finished.write_text(json.dumps([name, subject.older, subject.newer]), encoding="utf-8")
    # They may have changed since.
    _add_views(found)
    found.restore()
    return found


def _build(built: ReplaySite) -> None:
    subject, site = built.subject, built.site
    venv.create(built.root / "venv", with_pip=True, symlinks=os.name != "nt")
    wanted = f"{subject.distribution}{subject.extras}=={subject.older}"
    pip(built.python, wanted, DJANGO, "watchdog", "setuptools<81", *subject.requirements)
    site.mkdir()
    for version, target in ((subject.older, built.older), (subject.newer, built.newer)):
        _unpack(built, version, target)
    shutil.copytree(built.older, site, dirs_exist_ok=True)
    write_manage(site, SETTINGS)
    files = {
        f"{SETTINGS}.py": HEAD + subject.settings + TAIL,
        f"{URLCONF}.py": subject.urls + URLS_TAIL,
        **subject.files,
    }
    for relative, text in files.items():
        path = site / relative
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    _add_views(built)
    env = {**os.environ, "PYTHONPATH": str(projects.CHECKOUT)}
    # What is compiled here is read again by every start.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [built.python, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(command, cwd=site, env=env, check=True)


def _add_views(built: ReplaySite) -> None:
    for module, name in VIEWS.items():
        shutil.copy(module, built.site / name)


def _unpack(built: ReplaySite, version: str, target: Path) -> None:
    """Unpack the folders of the package from its wheel."""
    wheels = built.root / "wheels"
    command = [built.python, "-m", "pip", "download", "--quiet", "--no-deps"]
    wanted = f"{built.subject.distribution}=={version}"
    subprocess.run(
        [*command, "--only-binary=:all:", "--dest", str(wheels / version), wanted], check=True
    )
    (wheel,) = (wheels / version).glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.partition("/")[0] in built.subject.packages:
                archive.extract(name, target)
