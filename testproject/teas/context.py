"""What every page of the site knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str]:
    """Name and motto, which the settings read from ``tearoom.env``."""
    return {"site_name": settings.SITE_NAME, "site_motto": settings.SITE_MOTTO}
