from django.db import migrations

from config.members import grant


def grant_to_members(apps, schema_editor):
    grant(apps, "config", {"notice": ["view", "change"]})


class Migration(migrations.Migration):
    dependencies = [("config", "0004_notices"), ("contenttypes", "0002_remove_content_type_name")]

    operations = [migrations.RunPython(grant_to_members, migrations.RunPython.noop)]
