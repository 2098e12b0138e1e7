from django.db import migrations

from config.members import grant

# Scores are computed; what is shared by all owners is a superuser's to change.
RIGHTS = {
    "relationshiphealth": ["view"],
    "dealhealth": ["view"],
    "healthsnapshot": ["view"],
    "bandchange": ["view"],
    "signal": ["view"],
    "alert": ["view", "change"],
    "reminder": ["view", "add", "change", "delete"],
    "keepintouch": ["view", "add", "change", "delete"],
    "healthprofile": ["view"],
    "stagelimits": ["view"],
    "alertrule": ["view"],
}

LIMITS = {"SQL": (7, 14, 30), "Opportunity": (14, 21, 45), "Verbal": (7, 14, 21)}
OTHERS = (14, 21, 30)

PROFILES = {
    "classic": {
        "weights": {},
        "thresholds": {
            "relationship": {"healthy": 70, "at_risk": 50, "critical": 30},
            "deal": {"healthy": 70, "warning": 50, "critical": 30},
        },
    },
    "signals": {
        "active": True,
        "weights": {
            "relationship": {
                "communication_frequency": 25,
                "response_behaviour": 30,
                "engagement": 20,
                "sentiment": 15,
                "meeting_pattern": 10,
            },
            "deal": {
                "stage_velocity": 30,
                "sentiment": 25,
                "engagement": 20,
                "activity": 15,
                "response_time": 10,
            },
        },
        "thresholds": {
            "relationship": {"healthy": 70, "at_risk": 50, "critical": 0},
            "deal": {"healthy": 75, "warning": 50, "critical": 25},
        },
    },
}

# name, metric, limit, severity, the rule that supersedes it
RULES = [
    ("30 days in the stage", "days_in_stage", 30, "critical", None),
    ("14 days in the stage", "days_in_stage", 14, "warning", "30 days in the stage"),
    ("Sentiment is falling", "sentiment_drop", "0.4", "warning", None),
    ("No activity for 14 days", "days_silent", 14, "critical", None),
    ("No activity for 7 days", "days_silent", 7, "warning", "No activity for 14 days"),
    ("No meeting in 30 days", "meetings", 1, "warning", None),
    ("Answers take more than 48 hours", "answer_hours", 48, "info", None),
    ("The close date is near or past", "days_to_close", 7, "warning", None),
    ("A contact became a ghost", "entered_ghost", 0, "critical", None),
]


def seed(apps, schema_editor):
    stages = {stage.name: stage for stage in apps.get_model("contacts", "DealStage").objects.all()}
    limits = apps.get_model("health", "StageLimits").objects
    rules = apps.get_model("health", "AlertRule").objects
    for name, values in PROFILES.items():
        profile, _ = apps.get_model("health", "HealthProfile").objects.get_or_create(name=name, defaults=values)
        rows = {stages[stage]: days for stage, days in LIMITS.items() if stage in stages}
        if name == "signals":
            rows[None] = OTHERS
        for stage, days in rows.items():
            names = ("optimal", "warning", "critical")
            limits.get_or_create(profile=profile, stage=stage, defaults=dict(zip(names, days)))
    for name, metric, limit, severity, superseding in RULES:
        rules.get_or_create(
            name=name,
            defaults={
                "metric": metric,
                "limit": limit,
                "severity": severity,
                "superseded_by": rules.get(name=superseding) if superseding else None,
                "is_system": True,
            },
        )


def grant_to_members(apps, schema_editor):
    grant(apps, "health", RIGHTS)


class Migration(migrations.Migration):

    dependencies = [("health", "0001_initial"), ("contacts", "0003_facts")]

    operations = [
        migrations.RunPython(seed, migrations.RunPython.noop),
        migrations.RunPython(grant_to_members, migrations.RunPython.noop),
    ]
