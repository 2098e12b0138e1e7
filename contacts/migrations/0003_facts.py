from django.db import migrations

from config.members import grant

# Whoever writes, changes or deletes an event, in whatever way: the contact has new facts. Rows are locked in the order
# of their ids, so that two writers of events of the same contacts cannot deadlock.
MARK = """
create function contacts_mark_facts() returns trigger language plpgsql as $$
begin
    update contacts_contact contact set facts_at = clock_timestamp()
    from (
        select id from contacts_contact where id in (select contact_id from changed)
        order by id for no key update
    ) touched
    where contact.id = touched.id;
    return null;
end
$$;
create trigger events_written after insert on contacts_communicationevent
    referencing new table as changed for each statement execute function contacts_mark_facts();
create trigger events_changed_to after update on contacts_communicationevent
    referencing new table as changed for each statement execute function contacts_mark_facts();
create trigger events_changed_from after update on contacts_communicationevent
    referencing old table as changed for each statement execute function contacts_mark_facts();
create trigger events_deleted after delete on contacts_communicationevent
    referencing old table as changed for each statement execute function contacts_mark_facts();
"""

UNMARK = """
drop trigger events_written on contacts_communicationevent;
drop trigger events_changed_to on contacts_communicationevent;
drop trigger events_changed_from on contacts_communicationevent;
drop trigger events_deleted on contacts_communicationevent;
drop function contacts_mark_facts();
"""

STAGES = [("SQL", "open"), ("Opportunity", "open"), ("Verbal", "open"), ("Won", "won"), ("Lost", "lost")]


def seed_stages(apps, schema_editor):
    stages = apps.get_model("contacts", "DealStage").objects
    for position, (name, outcome) in enumerate(STAGES, start=1):
        stages.get_or_create(name=name, defaults={"position": position * 10, "outcome": outcome})


def grant_to_members(apps, schema_editor):
    grant(apps, "contacts", {"deal": ["view", "add", "change", "delete"], "dealstage": ["view"], "dealstay": ["view"]})


class Migration(migrations.Migration):

    dependencies = [("contacts", "0002_member_group")]

    operations = [
        migrations.RunSQL(MARK, UNMARK),
        migrations.RunPython(seed_stages, migrations.RunPython.noop),
        migrations.RunPython(grant_to_members, migrations.RunPython.noop),
    ]
