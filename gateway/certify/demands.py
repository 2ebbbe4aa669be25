"""`demand` and `Unmet`: how a check says what it expected and what came instead."""

from gateway.certify.client import Answer


class Unmet(Exception):
    """The scenario failed."""

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"expected {expected}; came {came}")
        self.expected, self.came = expected, came


def demand(holds: bool, expected: str, came: object) -> None:
    if not holds:
        raise Unmet(expected, str(came))


def demand_whole(answer: Answer) -> None:
    demand(answer.whole, "a whole answer: 60 tokens in order, finish_reason stop, [DONE]", answer)


def demand_from(answer: Answer, model: str) -> None:
    demand(answer.model == model, f"an answer of {model}", f"{answer.model}, attempts {answer.attempts}")


def demand_within(answer: Answer, seconds: float) -> None:
    demand(answer.seconds <= seconds, f"an answer within {seconds:g} s", f"{answer.seconds:.2f} s")
