"""Teas and tastings."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from teas.steeping import describe_steeping


class Tea(models.Model):
    """A tea on the menu."""

    name = models.CharField(_("name"), max_length=60)
    slug = models.SlugField(unique=True)
    origin = models.CharField(_("origin"), max_length=60)
    celsius = models.PositiveSmallIntegerField(_("temperature in °C"))
    minutes = models.PositiveSmallIntegerField(_("steeping time in minutes"))
    description = models.TextField(_("description"))

    class Meta:
        """Listed by name."""

        verbose_name = _("tea")
        verbose_name_plural = _("teas")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the address of the tea's own page."""
        return reverse("teas:tea", args=[self.slug])

    def steeping(self) -> str:
        """Return the instruction shown on the menu."""
        return describe_steeping(self.celsius, self.minutes)


class Tasting(models.Model):
    """What a guest thought of a tea."""

    tea = models.ForeignKey(
        Tea, on_delete=models.CASCADE, related_name="tastings", verbose_name=_("tea")
    )
    stars = models.PositiveSmallIntegerField(
        _("stars"), validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    note = models.CharField(_("note"), max_length=120)
    tasted_at = models.DateTimeField(_("tasted at"), auto_now_add=True)

    class Meta:
        """Listed with the latest first."""

        verbose_name = _("tasting")
        verbose_name_plural = _("tastings")
        ordering = ["-tasted_at"]

    def __str__(self) -> str:
        return f"{'★' * self.stars} {self.note}"
