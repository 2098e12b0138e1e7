from django.db import migrations

from config.members import grant

RIGHTS = {
    "chat": ["view", "change"],
    "chatparticipant": ["view"],
    "chatattachment": ["view"],
    "chatpicturecount": ["view"],
}


def grant_to_members(apps, schema_editor):
    grant(apps, "contacts", RIGHTS)


class Migration(migrations.Migration):
    dependencies = [("contacts", "0007_chats")]

    operations = [migrations.RunPython(grant_to_members, migrations.RunPython.noop)]
