"""The ids of requests: their form, their order, and that none comes twice."""

import re
import time

from gateway.observe.request_ids import new_request_id


def test_an_id_is_req_and_32_hexadecimal_digits() -> None:
    assert re.fullmatch(r"req-[0-9a-f]{32}", new_request_id())


def test_ids_of_later_milliseconds_sort_behind_earlier_ones() -> None:
    made = []
    for _ in range(5):
        made.append(new_request_id())
        time.sleep(0.002)
    assert made == sorted(made)


def test_no_id_comes_twice_within_one_millisecond() -> None:
    made = [new_request_id() for _ in range(20_000)]
    assert len(set(made)) == len(made)
