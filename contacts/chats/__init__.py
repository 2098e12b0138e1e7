"""Conversations of messengers: what they are, whom they are with, and the pictures that stand for them.

incoming    what a source says of chats, people in them and messages
writing     bring our rows up to date with it
matching    find the contacts by phone number and e-mail address
recording   messages as communication events, without their text
linking     what a person decides: this is her, this is nobody, this is somebody new
caching     photo jobs for the pictures: queue, refresh, clear, block
picturing   which picture is shown, and why
counting    hits, misses and refetches of the pictures, written in batches
coverage    how many chats have their picture
"""
