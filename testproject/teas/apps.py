"""The app of the tea room."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TeasConfig(AppConfig):
    """Teas, and what guests think of them."""

    name = "teas"
    verbose_name = _("Tea room")
