from django.db import migrations

from config.members import grant

ALL = ("view", "add", "change", "delete")
CONTACTS = {
    "contact": ALL,
    "contactemail": ALL,
    "contactphone": ALL,
    "contactaddress": ALL,
    "contactlink": ALL,
    "contactpicture": ALL,
    "externalidentity": ["view"],
    "communicationevent": ALL,
    "organization": ALL,
    "tag": ALL,
    "userprofile": ["view", "change"],
}
MEDIA_STORE = {"photojob": ["view", "change"]}


def grant_to_members(apps, schema_editor):
    grant(apps, "contacts", CONTACTS)
    grant(apps, "media_store", MEDIA_STORE)


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0001_initial"),
        ("media_store", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(grant_to_members, migrations.RunPython.noop)]
