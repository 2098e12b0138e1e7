"""How the admin looks: names, colours, and the way through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_superuser)


def _page(title: str, icon: str, model: str, permission: Callable[[HttpRequest], bool] | None = None) -> dict[str, Any]:
    app_label, model_name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app_label}_{model_name}_changelist"),
        "permission": permission or _may(f"{app_label}.view_{model_name}"),
    }


def _link(title: str, icon: str, name: str, permission: Callable[[HttpRequest], bool] | None = None) -> dict[str, Any]:
    """Return the entry of a page that belongs to photos, for those who may see them or as `permission` says."""
    may_see = permission or _may("media_store.view_photojob")
    return {"title": title, "icon": icon, "link": reverse_lazy(name), "permission": may_see}


COLD = "admin:health_relationshiphealth_going_cold"


def _cold(title: str, icon: str) -> dict[str, Any]:
    return _link(title, icon, COLD, _may("health.view_relationshiphealth"))


def _relationships(title: str, icon: str) -> dict[str, Any]:
    """Return the entry of the list; the page of those who go cold lies under it and has an entry of its own."""
    page = _page(title, icon, "health.relationshiphealth")

    def is_active(request: HttpRequest) -> bool:
        return str(page["link"]) in request.path and request.path != reverse(COLD)

    return {**page, "active": is_active}


def _asset(path: str) -> Callable[[HttpRequest], str]:
    return lambda request: static(path)


NAVIGATION = [
    {"items": [{"title": "Home", "icon": "home", "link": reverse_lazy("admin:index")}]},
    {
        "title": "People",
        "items": [
            _page("Contacts", "group", "contacts.contact"),
            _page("Organizations", "domain", "contacts.organization"),
            _page("Tags", "label", "contacts.tag"),
            _page("Duplicates", "group_remove", "contacts.duplicatesuggestion"),
            _page("Merges", "merge", "contacts.mergerecord"),
            _page("Chats", "chat", "contacts.chat"),
        ],
    },
    {
        "title": "Health",
        "items": [
            _relationships("Relationships", "favorite"),
            _cold("Going cold", "ac_unit"),
            _page("Deals", "handshake", "contacts.deal"),
            _page("Deal scores", "monitoring", "health.dealhealth"),
            _page("Alerts", "notifications", "health.alert"),
            _page("Follow-ups", "event_upcoming", "health.reminder"),
            _page("Refreshes", "refresh", "health.healthrun"),
        ],
    },
    {
        "title": "Rules and texts",
        "collapsible": True,
        "items": [
            _page("Message templates", "drafts", "health.messagetemplate"),
            _page("Score profiles", "tune", "health.healthprofile"),
            _page("Alert rules", "rule", "health.alertrule"),
            _page("Deal stages", "view_kanban", "contacts.dealstage"),
        ],
    },
    {
        "title": "Bringing in",
        "items": [
            _page("Accounts", "link", "imports.provideraccount"),
            _page("Imports", "upload_file", "imports.importjob"),
            _page("Column presets", "view_column", "imports.mappingpreset"),
            _page("Syncs", "sync", "imports.syncrun"),
            _page("Photos", "photo_camera", "media_store.photojob"),
            _link("Photo statistics", "monitoring", "admin:media_store_statistics"),
            _link("Check an address", "travel_explore", "admin:media_store_check"),
        ],
    },
    {
        "title": "Catalogue",
        "collapsible": True,
        "items": [
            _page("Parts", "category", "media_store.part"),
            _page("Support videos", "smart_display", "media_store.supportvideo"),
        ],
    },
    {
        "title": "System",
        "collapsible": True,
        "items": [
            _page("Users", "person", "auth.user", _is_superuser),
            _page("Groups", "shield_person", "auth.group", _is_superuser),
            _page("Profiles", "badge", "contacts.userprofile"),
            _link("Storage doctor", "medical_services", "admin:media_store_doctor", _is_superuser),
            _page("Messages sent", "outgoing_mail", "config.notice"),
            _page("Revoked access", "link_off", "imports.revocation"),
            _page("Audit", "policy", "config.auditevent"),
            _page("Schedules", "schedule", "django_q.schedule", _is_superuser),
            _page("Queued tasks", "pending_actions", "django_q.ormq", _is_superuser),
            _page("Failed tasks", "error", "django_q.failure", _is_superuser),
            _page("Finished tasks", "task_alt", "django_q.success", _is_superuser),
            _page("Job attempts", "history", "config.jobattempt", _is_superuser),
            _page("Worker beats", "monitor_heart", "config.workerbeat", _is_superuser),
        ],
    },
]

# Unfold reads its palette from these; a calm teal that keeps a contrast of 4.5:1 under white text from 600 on.
TEAL = {
    "50": "oklch(98.4% .014 184)",
    "100": "oklch(95% .038 184)",
    "200": "oklch(90% .07 184)",
    "300": "oklch(83% .1 184)",
    "400": "oklch(74% .11 184)",
    "500": "oklch(63% .105 186)",
    "600": "oklch(51% .09 188)",
    "700": "oklch(44% .075 189)",
    "800": "oklch(38% .062 190)",
    "900": "oklch(33% .05 191)",
    "950": "oklch(25% .038 192)",
}

UNFOLD = {
    "SITE_TITLE": "Kith",
    "SITE_HEADER": "Kith",
    "SITE_SUBHEADER": "People, and what we owe them",
    "SITE_URL": None,
    "SITE_ICON": _asset("kith/kith.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _asset("kith/kith.svg")}],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {"primary": TEAL},
    "STYLES": [_asset("kith/kith.css")],
    "SCRIPTS": [_asset("kith/kith.js")],
    "DASHBOARD_CALLBACK": "config.dashboard.dashboard",
    "SIDEBAR": {"show_search": False, "navigation": NAVIGATION},
}
