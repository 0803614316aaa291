"""The model of the first installed app: loaded before all other apps."""

from django.db import models

from probe.helper import helper_body

MODEL_MODULE = "0"


class Thing(models.Model):
    """A model without a table: it is loaded, never asked for."""

    name = models.CharField(max_length=20, default=helper_body, help_text="0")

    class Meta:
        """It needs no migration."""

        app_label = "probe"
        managed = False

    def __str__(self) -> str:
        return self.name

    def model_body(self) -> str:
        """Return what the benchmark edits."""
        return "0"
