from django.db import migrations

from config.members import grant

RIGHTS = {"duplicatesuggestion": ["view", "change"], "mergerecord": ["view", "change"]}


def grant_to_members(apps, schema_editor):
    grant(apps, "contacts", RIGHTS)


class Migration(migrations.Migration):
    dependencies = [("contacts", "0005_duplicates")]

    operations = [migrations.RunPython(grant_to_members, migrations.RunPython.noop)]
