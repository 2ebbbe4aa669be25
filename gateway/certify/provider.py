"""The built-in misbehaving provider: upstream models whose behaviour a scenario sets, behind a real HTTP server."""

from collections import deque

from gateway.certify.answer import Question, read_question
from gateway.certify.behaviours import Behaviour, well
from gateway.certify.wire import Exchange, LoopbackServer


class UpstreamModel:
    """One model: `behaviour` from now on, `next` for the questions before that, and what it was asked."""

    def __init__(self, name: str, prompt_tokens: int) -> None:
        self.name, self.prompt_tokens = name, prompt_tokens
        self.behaviour: Behaviour = well
        self.next: deque[Behaviour] = deque()
        self.asked: list[Question] = []

    async def answer(self, exchange: Exchange) -> None:
        question = read_question(exchange.document, self.prompt_tokens)
        self.asked.append(question)
        behaviour = self.next.popleft() if self.next else self.behaviour
        await behaviour(exchange, question)


class MisbehavingProvider(LoopbackServer):
    """Answers chat completions for its three models, whatever the path."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.primary = UpstreamModel("primary-model", 101)
        self.fallback = UpstreamModel("fallback-model", 202)
        self.large = UpstreamModel("large-model", 303)
        self._models = {model.name: model for model in (self.primary, self.fallback, self.large)}

    async def _answer(self, exchange: Exchange) -> None:
        await self._models[exchange.document["model"]].answer(exchange)
