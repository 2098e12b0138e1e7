from django.db import migrations

from config.members import grant

RIGHTS = {"provideraccount": ["view", "add", "change", "delete"]}


def grant_to_members(apps, schema_editor):
    grant(apps, "imports", RIGHTS)


class Migration(migrations.Migration):
    dependencies = [("imports", "0008_account_cursor")]

    operations = [migrations.RunPython(grant_to_members, migrations.RunPython.noop)]
