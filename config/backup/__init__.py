"""A hub in one folder, and back: everything in PostgreSQL and every file of the `files` tier.

manifest    manifest.json: what the folder holds, with counts and hashes
programs    pg_dump and pg_restore of a version that fits the server
tables      counts and digests of all rows
writing     make a backup: in a folder beside the target, renamed at the end
restoring   check it, put it into an empty database, check what is there then
"""

from __future__ import annotations


class BackupFailure(Exception):
    """The backup or restore was not done; the message says why, and what to do, in plain English."""
