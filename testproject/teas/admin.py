"""The back office."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from teas.models import Tasting, Tea

# Django's own classes take a type argument for type checkers only.
if TYPE_CHECKING:
    TastingInlineBase = admin.TabularInline[Tasting, Tea]
    TeaAdminBase = admin.ModelAdmin[Tea]
else:
    TastingInlineBase = admin.TabularInline
    TeaAdminBase = admin.ModelAdmin


class TastingInline(TastingInlineBase):
    """Tastings below their tea."""

    model = Tasting
    extra = 0


@admin.register(Tea)
class TeaAdmin(TeaAdminBase):
    """The menu."""

    list_display = ["name", "origin", "celsius", "minutes"]
    list_filter = ["origin"]
    search_fields = ["name", "description"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [TastingInline]
