"""The app: what ``INSTALLED_APPS`` turns on."""

from __future__ import annotations

from types import ModuleType

from django.apps import AppConfig
from django.core import checks

from .adapter import startup


class AutoreloadPlusConfig(AppConfig):
    """Takes over ``runserver`` before any model is imported."""

    name = "django_autoreload_plus"
    verbose_name = "Autoreload plus"

    def __init__(self, app_name: str, app_module: ModuleType | None) -> None:
        super().__init__(app_name, app_module)
        # Apps are created before any model is imported: the process the user
        # started need not import the project only to start another that does.
        startup.at_app_creation()

    def ready(self) -> None:
        """Register the system checks."""
        # They load the commands of Django and what these need: much more than the process
        # that the user started has a use for before it becomes the supervisor.
        from .adapter.checks import check_app_order, check_settings

        checks.register(check_settings)
        checks.register(check_app_order)
