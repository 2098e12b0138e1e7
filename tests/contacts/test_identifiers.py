from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from contacts.identifiers import uuid7


def test_each_key_is_larger_than_the_one_before() -> None:
    keys = [uuid7() for _ in range(20_000)]
    assert keys == sorted(set(keys))


def test_threads_never_get_the_same_key() -> None:
    with ThreadPoolExecutor(4) as threads:
        keys = [key for keys in threads.map(lambda _: [uuid7() for _ in range(5_000)], range(4)) for key in keys]
    assert len(set(keys)) == 20_000


def test_a_key_says_when_it_was_made_and_what_it_is() -> None:
    before = time.time_ns() // 1_000_000
    key = uuid7()
    assert before <= key.int >> 80 <= time.time_ns() // 1_000_000 + 1
    assert (key.version, key.variant) == (7, "specified in RFC 4122")
