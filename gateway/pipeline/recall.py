"""The response cache on the request path: an equal request is answered from it, a new answer is kept."""

import time

from gateway.cache import cache_key, keep, replay
from gateway.openai_api.call import Call, Reply
from gateway.pipeline.account import Account
from gateway.routing.thinking import SUFFIX
from gateway.routing.types import Route


def recall(call: Call, route: Route, account: Account) -> Reply | None:
    """The kept answer, where the caller wants one and there is one."""
    cache, wish = account.state.cache, account.wish
    if cache is None or not wish:
        return None
    caller = account.caller
    tenant = caller.user_id or caller.key_id or caller.name
    rule = str(call.rule) if call.rule else ""
    asked = f"{route.id}{SUFFIX}" if any(target.thinking for target in route.targets) else route.id
    account.cache_key = key = cache_key(tenant, asked, call.operation, call.body, stream=call.stream, rule=rule)
    entry = cache.get(key, time.time()) if key and wish.read else None
    if entry is None:
        return None
    account.cached = True
    return replay(entry)


def keep_answer(reply: Reply, account: Account) -> Reply:
    cache, key = account.state.cache, account.cache_key
    return reply if cache is None or key is None or not account.wish.write else keep(reply, cache, key)
