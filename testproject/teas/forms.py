"""The guest book's form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms

from teas.models import Tasting

if TYPE_CHECKING:
    TastingFormBase = forms.ModelForm[Tasting]
else:
    TastingFormBase = forms.ModelForm


class TastingForm(TastingFormBase):
    """Stars and a note."""

    class Meta:
        """The fields a guest fills in."""

        model = Tasting
        fields = ["stars", "note"]
