"""The door costs little beside the SDK's own path: at most half as much again in CPU time (it is less for streams)."""

import pytest

from tests.chute.overhead import ratios

pytestmark = pytest.mark.chute
GOAL = 1.5


@pytest.mark.parametrize(("stream", "calls"), [(False, 150), (True, 20)])
def test_the_door_costs_at_most_half_as_much_again_as_a_bare_route(stream: bool, calls: int) -> None:
    ratio, bare = ratios(stream=stream, calls=calls)
    assert bare > 0
    assert ratio <= GOAL
