"""Accounts at providers: consent, grants, and calls on behalf of the person who gave them.

providers       what Google and Microsoft need: addresses, scopes for each feature, whose account it is
signing_in      from the consent page back to an account: PKCE, single-use state, mismatches
grants          a valid access token; one refresh at a time, whoever asks
holding         what becomes of an account's jobs when its grant is refused, and when it works again
disconnecting   take the permission back at the provider and forget the tokens
rotating        seal the tokens of all accounts with the first key
transport       the only way out: time, size and hosts are limited for every request
sessions        an API of a provider, for one account: Bearer, refresh on 401, failures by class
importing       import the contacts of an account, now or by its rhythm
"""
