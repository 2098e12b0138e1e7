from django.db import migrations

from config.members import grant

RIGHTS = {"syncrun": ["view", "change"]}


def grant_to_members(apps, schema_editor):
    grant(apps, "imports", RIGHTS)


class Migration(migrations.Migration):
    dependencies = [("imports", "0011_sync_upload_name")]

    operations = [migrations.RunPython(grant_to_members, migrations.RunPython.noop)]
