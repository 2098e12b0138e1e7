"""The group `member`: what a person who is no superuser may do, each app adding its own models by a migration."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

GROUP = "member"


def grant(apps: Any, app_label: str, rights: Mapping[str, Collection[str]]) -> None:
    """Let members do `rights`, model name -> some of view, add, change, delete; called by migrations.

    Django writes its permissions only after the last migration, so those that are granted here are written here.
    """
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=GROUP)
    content_types = apps.get_model("contenttypes", "ContentType").objects
    permissions = apps.get_model("auth", "Permission").objects
    for model, verbs in rights.items():
        content_type, _ = content_types.get_or_create(app_label=app_label, model=model)
        for verb in verbs:
            name = f"Can {verb} {apps.get_model(app_label, model)._meta.verbose_name}"
            permission, _ = permissions.get_or_create(
                content_type=content_type, codename=f"{verb}_{model}", defaults={"name": name}
            )
            group.permissions.add(permission)
