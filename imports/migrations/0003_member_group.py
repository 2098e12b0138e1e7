from django.db import migrations

from config.members import grant

RIGHTS = {"importjob": ["view", "add", "change"], "importrow": ["view", "change"]}


def grant_to_members(apps, schema_editor):
    grant(apps, "imports", RIGHTS)


class Migration(migrations.Migration):
    dependencies = [
        ("imports", "0002_importrow_room"),
        ("contacts", "0002_member_group"),
    ]

    operations = [migrations.RunPython(grant_to_members, migrations.RunPython.noop)]
