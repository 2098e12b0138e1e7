"""Contacts as files that other programs read, and that Kith reads back without loss.

people      contacts in pages, with everything that hangs on them, by a fixed number of queries a page
vcard       vCard 3.0 and 4.0
sheets      CSV: the round-trip form and the formula-safe form for spreadsheets
cells       values that no spreadsheet takes for a formula
writing     which of these, as chunks of bytes

A file written of contacts that were read from a file is that file, byte for byte: people come in the order of their
sort names, values in the order in which they were added, and what identifies a person is carried along.
"""
