"""Microsoft: contacts and their pictures by Graph."""
