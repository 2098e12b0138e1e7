"""Bring mail, meetings and chats in as communication events."""
