"""Write down what mailboxes and calendars say. Each contact that an event is written for has new facts (a trigger)."""

from contacts.recording.answers import link_answers
from contacts.recording.meetings import Meeting, record_meetings
from contacts.recording.messages import Message, Recorded, record_messages

__all__ = ["Meeting", "Message", "Recorded", "link_answers", "record_meetings", "record_messages"]
