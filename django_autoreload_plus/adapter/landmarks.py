"""What leads to the place of a mistake in a Django project; nothing here imports Django."""

from __future__ import annotations

from ..failure.landmarks import Landmarks

LANDMARKS = Landmarks(
    entries=(
        "django.setup(",
        "execute_from_command_line(",
        "get_asgi_application(",
        "get_wsgi_application(",
    ),
    settings_variable="DJANGO_SETTINGS_MODULE",
    settings_name="INSTALLED_APPS",
)
