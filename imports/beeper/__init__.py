"""Beeper Desktop: conversations of many messengers on a machine of one's own, by its API.

connection   where it is and with which token, for one account
connecting   a person connects their Beeper
client       the API: one request, one answer, failures by class
reading      its answers in our terms
media        where the bytes of an address are, and what is no address of a picture
fetching     the source kind `beeper` of photo jobs
attachments  files of messages, streamed
views        /attachments/<id>

https://developers.beeper.com/desktop-api-reference
"""
