"""Something to look at, and somebody who may change it."""

from django.contrib.auth.hashers import make_password
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TEAS = [
    ("Sencha", "Japan", 70, 2, "Grassy and bright, steamed the morning it was picked."),
    ("Hojicha", "Japan", 95, 2, "Roasted over charcoal: toast, caramel, hardly any caffeine."),
    ("Longjing", "China", 80, 3, "Flat leaves from Hangzhou that taste of chestnut and sweet peas."),
    ("Lapsang Souchong", "China", 95, 4, "Dried over pine fires. A camp fire, politely."),
    ("Darjeeling First Flush", "India", 90, 3, "Spring in the hills: muscat, meadow, a light cup."),
    ("Assam", "India", 95, 4, "Malt and strength, the reason milk was invented."),
]


def pour(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Fill the menu and create the user ``demo`` with the password ``demo``."""
    Tea = apps.get_model("teas", "Tea")
    for name, origin, celsius, minutes, description in TEAS:
        Tea.objects.create(
            name=name,
            slug=name.lower().replace(" ", "-"),
            origin=origin,
            celsius=celsius,
            minutes=minutes,
            description=description,
        )
    apps.get_model("auth", "User").objects.create(
        username="demo",
        password=make_password("demo"),
        is_staff=True,
        is_superuser=True,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("teas", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(pour, migrations.RunPython.noop)]
