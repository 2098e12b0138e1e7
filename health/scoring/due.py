"""Which scores are due, and the ranges in which they are computed."""

from __future__ import annotations

RANGE_ROWS = 20_000

STALE = """
    (health.id is null or health.profile <> %(profile)s or health.version <> %(version)s
        or (health.calculated_at <= %(oldest)s and health.calculated_at < %(now)s)
        or health.next_event_at <= %(now)s
"""

# A digest of the open deals of each contact that has any. A table of its own, analysed, because the planner knows
# nothing of freshly written rows and would look through all deals once for every contact.
LINKS = """
    create temporary table health_links on commit drop as
    select link.contact_id, md5(string_agg(concat_ws(
        ' ', deal.id, deal.stage_id, deal.stage_changed_at, deal.one_off_amount, deal.monthly_amount
    ), ',' order by deal.id)) as digest
    from contacts_deal_contacts link
    join contacts_deal deal on deal.id = link.deal_id and deal.owner_id = %(owner)s and deal.status = 'active'
    join contacts_dealstage stage on stage.id = deal.stage_id and stage.outcome = 'open'
    group by link.contact_id
"""

# The facts that were seen are compared with those of now, not two times: a transaction that commits late brings facts
# with an early time.
CONTACTS = f"""
    from contacts_contact contact
    left join health_relationshiphealth health on health.contact_id = contact.id {{bounds}}
    left join health_keepintouch wish on wish.contact_id = contact.id
    left join health_links deals on deals.contact_id = contact.id
    where contact.owner_id = %(owner)s and contact.archived_at is null and {STALE}
        or health.facts_seen_at is distinct from contact.facts_at
        or health.deals_seen <> coalesce(deals.digest, ''))
"""

DEALS = f"""
    from contacts_deal deal
    join contacts_dealstage stage on stage.id = deal.stage_id
    left join health_dealhealth health on health.deal_id = deal.id
    left join (
        select link.deal_id, min(coming.happened_at) as next_event_at,
            string_agg(concat_ws(' ', contact.id, contact.facts_at), ',' order by contact.id) as facts
        from contacts_deal_contacts link
        join contacts_contact contact on contact.id = link.contact_id and contact.owner_id = %(owner)s
        left join lateral (
            select min(happened_at) as happened_at from contacts_communicationevent event
            where event.contact_id = contact.id and event.happened_at > %(now)s
        ) coming on true
        group by link.deal_id
    ) links on links.deal_id = deal.id
    cross join lateral (
        select md5(concat_ws(' ', deal.stage_id, deal.stage_changed_at, deal.created_at, deal.one_off_amount,
            deal.monthly_amount, deal.expected_close, links.facts)) as digest
    ) seen
    where deal.owner_id = %(owner)s and deal.status = 'active' and stage.outcome = 'open' and {STALE}
        or health.facts_seen <> seen.digest)
"""

RANGES = f"""
    select (array_agg(id order by id))[1] as first, (array_agg(id order by id desc))[1] as last
    from (select id, (row_number() over (order by id) - 1) / {RANGE_ROWS} as number from (%s) due) numbered
    group by number order by number
"""

CONTACT_RANGES = RANGES.replace("%s", f"select contact.id {CONTACTS.format(bounds='')}")
DEAL_RANGES = RANGES.replace("%s", f"select deal.id {DEALS}")

# Said of the scores too, or the planner reads all of them for each range.
BOUNDS = "and health.contact_id between %(first)s and %(last)s"

DUE_CONTACTS = f"""
    create temporary table health_due on commit drop as
    select contact.id, contact.facts_at, coalesce(deals.digest, '') as deals_seen, wish.wished_gap_days
    {CONTACTS.format(bounds=BOUNDS)} and contact.id between %(first)s and %(last)s
"""

DUE_DEALS = f"""
    create temporary table health_due on commit drop as
    select deal.id, deal.stage_id, deal.expected_close, seen.digest as facts_seen, links.next_event_at,
        links.deal_id is not null as has_contact,
        greatest(
            0, floor(extract(epoch from %(now)s - coalesce(deal.stage_changed_at, deal.created_at)) / 86400)
        )::integer as days_in_stage
    {DEALS} and deal.id between %(first)s and %(last)s
"""
