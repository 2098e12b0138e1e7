"""The roll-up: an organization's score is the mean of its contacts' scores, weighted by their touches in 30 days."""

from __future__ import annotations

# Where nobody was in touch, every contact weighs the same.
ORGANIZATIONS = """
    create temporary table health_scored on commit drop as
    with member as (
        select contact.organization_id as subject_id, health.score, health.touches, health.next_event_at
        from contacts_contact contact
        join health_relationshiphealth health on health.contact_id = contact.id
        where contact.owner_id = %(owner)s and contact.organization_id is not null and contact.archived_at is null
    ), mean as (
        select subject_id, count(*) as members, count(score) as scored, sum(touches) as touches,
            round(coalesce(
                sum(score * touches)::numeric / nullif(sum(touches) filter (where score is not null), 0), avg(score)
            ))::integer as score
        from member group by subject_id
    ), rated as (
        select *, jsonb_build_object('contacts', members, 'scored', scored, 'touches', touches) as facts,
            case when score is null then 'unstarted' when score >= %(b_healthy)s then 'healthy'
            when score >= %(b_at_risk)s then 'at_risk' when score >= %(b_critical)s then 'critical'
            else 'ghost' end as status
        from mean
    )
    select subject_id, rated.score, rated.status, touches, scored as known, members as possible,
        array[]::text[] as risk_factors,
        case rated.status when 'healthy' then 'low' when 'at_risk' then 'medium' when 'critical' then 'high'
            when 'ghost' then 'critical' else '' end as risk_level,
        rated.facts,
        case when rated.score is null then 'Not started: no contact of this organization has a score.'
            else concat('The mean of the scores of ', scored, ' of ', members,
                case members when 1 then ' contact' else ' contacts' end, ', weighted by who was in touch.')
            end as sentence,
        null::timestamptz as next_event_at,
        old.score as old_score, old.status as old_status, old.previous_status as old_previous_status,
        old.status_since as old_status_since
    from rated
    left join (
        select organization_id, score, status, previous_status, status_since, facts, profile, version
        from health_relationshiphealth
    ) old on old.organization_id = subject_id
    where old.organization_id is null or old.profile <> %(profile)s or old.version <> %(version)s
        or old.score is distinct from rated.score
        or old.facts <> rated.facts
"""
