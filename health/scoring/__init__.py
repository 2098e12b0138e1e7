"""Scores as SQL: for a range of contacts or deals at a time, never one by one.

messages, facts     what happened, counted as of `now`
classic, signals    the two profiles: factors, score, band, risk
ghosts              signs that a contact is drifting away
deal_facts, deals   the same for deals
"""
