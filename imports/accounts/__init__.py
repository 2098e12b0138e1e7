"""Accounts at providers: consent, grants, and calls on behalf of the person who gave them.

providers       what Google and Microsoft need: addresses, scopes for each feature, whose account it is
signing_in      from the consent page back to an account: PKCE, single-use state, mismatches
grants          a valid access token; one refresh at a time, whoever asks
holding         what becomes of an account's jobs when its grant is refused, and when it works again
disconnecting   forget the tokens and take the permission back
revoking        take permissions back at the provider, at once or when it can be reached again
rotating        seal the tokens of all accounts with the first key
transport       the only way out: time, size and hosts are limited for every request
places          no more requests of one account at once than its provider takes
sessions        an API of a provider, for one account: Bearer, refresh on 401, failures by class
importing       import the contacts of an account, now or by its rhythm
"""
