"""Proof that the tests of downloads, pictures and grants can fail: each guard is taken out and its test must notice."""
