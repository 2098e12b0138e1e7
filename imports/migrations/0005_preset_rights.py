from django.db import migrations

from config.members import grant

RIGHTS = {"mappingpreset": ["view", "change", "delete"]}


def grant_to_members(apps, schema_editor):
    grant(apps, "imports", RIGHTS)


class Migration(migrations.Migration):
    dependencies = [("imports", "0004_undo_and_presets")]

    operations = [migrations.RunPython(grant_to_members, migrations.RunPython.noop)]
