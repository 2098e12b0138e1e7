from django.db import migrations

from config.members import grant

REFUSE = """
create function config_audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the audit journal is append-only' using errcode = 'insufficient_privilege';
end
$$;
create trigger audit_append_only before update or delete on config_auditevent
    for each row execute function config_audit_refuse();
"""

ALLOW = """
drop trigger audit_append_only on config_auditevent;
drop function config_audit_refuse();
"""


def grant_to_members(apps, schema_editor):
    grant(apps, "config", {"auditevent": ["view"]})


class Migration(migrations.Migration):
    dependencies = [
        ("config", "0002_audit"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RunSQL(REFUSE, ALLOW),
        migrations.RunPython(grant_to_members, migrations.RunPython.noop),
    ]
