from django.db import migrations
from django.db.models import F

from config.members import grant

RIGHTS = {"healthrun": ["view", "add"], "messagetemplate": ["view", "change"]}


def know_present_bands(apps, schema_editor):
    for name in ("RelationshipHealth", "DealHealth"):
        apps.get_model("health", name).objects.filter(told_status="").update(told_status=F("status"))


def grant_to_members(apps, schema_editor):
    grant(apps, "health", RIGHTS)


class Migration(migrations.Migration):

    dependencies = [("health", "0003_digest_and_messages")]

    operations = [
        migrations.RunPython(know_present_bands, migrations.RunPython.noop),
        migrations.RunPython(grant_to_members, migrations.RunPython.noop),
    ]
