"""Google, Microsoft and Beeper Desktop as real HTTP servers on this machine.

    with google_stand_in(people=50) as google:   # tests.providers.google; likewise microsoft and beeper
        google.settings()                        # {"GOOGLE_PEOPLE_URL": "http://127.0.0.1:…", …}
        google.fault("connections", throttled(retry_after=2), cut())
        google.change_person(3, title="Chief of everything")
        google.requests                          # what was asked, oldest first

Every answer is checked against the provider's schema; a stand-in that broke one fails the test at the end of the block.
`python -m tests.providers google --contacts 5000` runs one for a person to click through.
"""
