"""Google: contacts by the People API."""
