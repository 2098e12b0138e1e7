"""The profile `classic`: integers from counts, automated events among them."""

from __future__ import annotations

from health.scoring.factors import ago, counted

SCORE = """greatest(0, least(100, 10 * all_contacts_30 + 20 * all_meetings_30)
    - case when all_days_since > 14 then 2 * (all_days_since - 14) else 0 end)::integer"""

STATUS = """case when score >= %(b_healthy)s then 'healthy' when score >= %(b_at_risk)s then 'at_risk'
    when score >= %(b_critical)s then 'critical' else 'ghost' end"""

RISK_LEVEL = """case when score >= %(b_healthy)s then 'low' when score >= %(b_at_risk)s then 'medium'
    when score >= %(b_critical)s then 'high' else 'critical' end"""

PROBABILITY = "case when score < 30 then 75 when score < 50 then 40 else 10 end"

FACTORS = """jsonb_build_object(
    'contact_events', jsonb_build_object('value', all_contacts_30, 'points', 10 * all_contacts_30),
    'meetings', jsonb_build_object('value', all_meetings_30, 'points', 20 * all_meetings_30),
    'silence', jsonb_build_object('value', all_days_since,
        'points', case when all_days_since > 14 then -2 * (all_days_since - 14) else 0 end))"""

FACTS = """jsonb_strip_nulls(jsonb_build_object(
    'contact_events', all_contacts_30, 'meetings', all_meetings_30, 'days_since_contact', all_days_since,
    'communication_frequency_score', least(100, 25 * all_contacts_30), 'has_ghost_risk', score < 30))"""

SENTENCE = f"""concat(
    case status when 'healthy' then 'Healthy' when 'at_risk' then 'At risk' when 'critical' then 'Critical'
        else 'Ghost' end, ' at ', score, ': ', {counted("all_contacts_30", "message or call", "messages or calls")},
    ' and ', {counted("all_meetings_30", "meeting", "meetings")}, ' in 30 days; ',
    coalesce('last contact ' || {ago("all_days_since")}, 'no contact on record'), '.')"""
