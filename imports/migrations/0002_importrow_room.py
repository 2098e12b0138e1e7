from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """Leave room on each page for the second version of its rows.

    The plan and the outcome are written to rows that were just inserted. With room on the same page, and no index on
    these columns, PostgreSQL writes no index entries for that (HOT updates).
    """

    dependencies = [("imports", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "alter table imports_importrow set (fillfactor = 50)",
            "alter table imports_importrow reset (fillfactor)",
        )
    ]
