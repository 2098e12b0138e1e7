"""Which identities an import may know: those of its own source and account."""

from __future__ import annotations

# Files have no account. One of the two halves folds to nothing, as the parameter is part of the text, and the other
# one uses the unique index; `is not distinct from` could not.
OF_ACCOUNT = "(identity.account_key is null and %(account)s::uuid is null or identity.account_key = %(account)s::uuid)"
