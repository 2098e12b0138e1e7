"""Proof that the tests of downloads and pictures can fail: each guard is taken out, and the named test must notice."""
