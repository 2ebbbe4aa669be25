"""What Redis does for the counters, each in one step (Lua). Keys begin with ARGV[1], a prefix in braces.

The arguments come as one JSON list of strings, and the longest answer goes as one: the client reads that faster.

`clock` (hash), `epoch`, `leases` (sorted set of reservations by end of lease), `grant:<id>`, `done:<id>`,
`window:<scope>` (hash: `r<second>` requests, `t<second>` tokens), `parallel:<scope>`, `spent:<scope>:<period>`.
"""

_COMMON = """
local ARGV = cjson.decode(ARGV[1])
local P = ARGV[1]
local time = redis.call('TIME')
local real = time[1] + time[2] / 1000000

local function whole(number) return string.format('%.0f', number) end

local function spend(scope, period, nanos, ttl)
  local key = P .. ':spent:' .. scope .. ':' .. period
  redis.call('INCRBY', key, whole(nanos))
  if tonumber(ttl) > 0 then redis.call('EXPIRE', key, ttl) end
end

local function current_epoch(id)
  local epoch = redis.call('GET', P .. ':epoch')
  if not epoch then
    epoch = id
    redis.call('SET', P .. ':epoch', epoch)
  end
  return epoch
end

local function leave(scope)
  local key = P .. ':parallel:' .. scope
  if tonumber(redis.call('GET', key) or 0) > 1 then redis.call('DECR', key) else redis.call('DEL', key) end
end
"""

RESERVE = (
    _COMMON
    + """
local id, tokens, nanos = ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
local lease, settles, window = tonumber(ARGV[6]), ARGV[7] == '1', tonumber(ARGV[8])
local now = ARGV[3] == '' and real or tonumber(ARGV[3])

local epoch = current_epoch(id)

for _, dead in ipairs(redis.call('ZRANGEBYSCORE', P .. ':leases', '-inf', real, 'LIMIT', 0, 20)) do
  local held = redis.call('GET', P .. ':grant:' .. dead)
  if held and held ~= 'settled' then
    local grant = cjson.decode(held)
    for _, part in ipairs(grant.parts) do
      if part[3] == '1' then leave(part[1]) end
      if part[4] ~= '' then spend(part[1], part[4], -grant.nanos, part[5]) end
    end
    redis.call('DEL', P .. ':grant:' .. dead)
  end
  redis.call('ZREM', P .. ':leases', dead)
end

local set = redis.call('HMGET', P .. ':clock', 'latest', 'offset')
local latest, offset = tonumber(set[1] or 0), tonumber(set[2] or 0)
local steady = now + offset
if steady < latest then
  if latest - steady > 5 then offset = offset + latest - steady end
  steady = latest
end
redis.call('HSET', P .. ':clock', 'latest', string.format('%.6f', steady), 'offset', string.format('%.6f', offset))
redis.call('EXPIRE', P .. ':clock', 3 * window)
local second = math.floor(steady)

local function wait(buckets, excess)
  for past = second - window + 1, second do
    if excess <= 0 then return 0 end
    excess = excess - (buckets[past] or 0)
    if excess <= 0 then return past + window - steady end
  end
  return 0
end

local full, found, parts = false, {}, {}
for n = 9, #ARGV, 7 do
  local scope, rpm, tpm, most = ARGV[n], tonumber(ARGV[n + 1]), tonumber(ARGV[n + 2]), tonumber(ARGV[n + 3])
  local budget, period, ttl = tonumber(ARGV[n + 4]), ARGV[n + 5], ARGV[n + 6]
  local use = {scope = scope, rpm = rpm, tpm = tpm, requests = 0, used = 0, parallel = 0, spent = '0', r = {}, t = {}}
  if rpm >= 0 or tpm >= 0 then
    local key = P .. ':window:' .. scope
    local fields = redis.call('HGETALL', key)
    for f = 1, #fields, 2 do
      local at, count = tonumber(string.sub(fields[f], 2)), tonumber(fields[f + 1])
      if at <= second - window then
        redis.call('HDEL', key, fields[f])
      elseif string.sub(fields[f], 1, 1) == 'r' then
        use.requests, use.r[at] = use.requests + count, count
      else
        use.used, use.t[at] = use.used + count, count
      end
    end
  end
  if most >= 0 then use.parallel = tonumber(redis.call('GET', P .. ':parallel:' .. scope) or 0) end
  if period ~= '' then use.spent = redis.call('GET', P .. ':spent:' .. scope .. ':' .. period) or '0' end
  full = full or (rpm >= 0 and use.requests >= rpm) or (tpm >= 0 and use.used + tokens > tpm)
    or (most >= 0 and use.parallel >= most)
    or (period ~= '' and nanos > 0 and tonumber(use.spent) + nanos > budget)
  found[#found + 1] = use
  parts[#parts + 1] = {scope, tpm >= 0 and '1' or '0', most >= 0 and '1' or '0', period, ttl}
end

local answer = {full and 0 or 1, second, epoch, string.format('%.6f', real)}
for _, use in ipairs(found) do
  local ahead, behind = 0, 0
  if full then
    ahead = wait(use.r, use.requests + 1 - math.max(use.rpm, 0))
    behind = wait(use.t, use.used + tokens - math.max(use.tpm, 0))
  end
  for _, value in ipairs({whole(use.requests), whole(use.used), whole(use.parallel), use.spent,
      string.format('%.6f', ahead), string.format('%.6f', behind)}) do
    answer[#answer + 1] = value
  end
end
if full then return cjson.encode(answer) end

for n, use in ipairs(found) do
  local part, key = parts[n], P .. ':window:' .. use.scope
  if use.rpm >= 0 then redis.call('HINCRBY', key, 'r' .. second, 1) end
  if use.tpm >= 0 then redis.call('HINCRBY', key, 't' .. second, whole(tokens)) end
  if use.rpm >= 0 or use.tpm >= 0 then redis.call('EXPIRE', key, 2 * window) end
  if part[3] == '1' then redis.call('INCR', P .. ':parallel:' .. use.scope) end
  if part[4] ~= '' then spend(use.scope, part[4], nanos, part[5]) end
end
if settles then
  redis.call('SET', P .. ':grant:' .. id, cjson.encode({nanos = nanos, parts = parts}))
  redis.call('ZADD', P .. ':leases', real + lease, id)
end
return cjson.encode(answer)
"""
)
"""ARGV: prefix, id, now or '', tokens, nanos, lease, whether it is to be settled, window; then for each scope: name,
rpm, tpm, max_parallel, budget (-1: none), period, seconds to keep the sum.
Answers: admitted, second, epoch, time of Redis, then for each scope the six fields of `Use`."""

SETTLE = (
    _COMMON
    + """
local grant = P .. ':grant:' .. ARGV[2]
local held = redis.call('GET', grant)
if held == 'settled' then return 0 end
local tokens, nanos, more = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[4]) - tonumber(ARGV[5])
for n = 8, #ARGV, 5 do
  local scope, counted, slot, period, ttl = ARGV[n], ARGV[n + 1], ARGV[n + 2], ARGV[n + 3], ARGV[n + 4]
  if held then
    local key = P .. ':window:' .. scope
    if counted == '1' and redis.call('HEXISTS', key, 't' .. ARGV[7]) == 1 then
      redis.call('HINCRBY', key, 't' .. ARGV[7], tokens)
    end
    if slot == '1' then leave(scope) end
  end
  if period ~= '' then spend(scope, period, held and more or nanos, ttl) end
end
redis.call('SET', grant, 'settled', 'EX', ARGV[6])
redis.call('ZREM', P .. ':leases', ARGV[2])
return 1
"""
)
"""ARGV: prefix, id, tokens more than reserved, actual nanos, reserved nanos, seconds to remember, second; then for each
scope: name, whether it counts tokens, whether it counts parallel requests, period, seconds to keep the sum."""

ADD = (
    _COMMON
    + """
if not redis.call('SET', P .. ':done:' .. ARGV[2], 1, 'NX', 'EX', ARGV[3]) then return 0 end
for n = 4, #ARGV, 5 do
  local key = P .. ':spent:' .. ARGV[n] .. ':' .. ARGV[n + 1]
  local below = tonumber(ARGV[n + 2]) - tonumber(redis.call('GET', key) or 0)
  spend(ARGV[n], ARGV[n + 1], math.max(below, 0) + tonumber(ARGV[n + 3]), ARGV[n + 4])
end
return 1
"""
)
"""ARGV: prefix, id, seconds to remember; then for each sum: scope, period, floor, more, seconds to keep it."""

RENEW = (
    _COMMON
    + """
for n = 3, #ARGV do redis.call('ZADD', P .. ':leases', 'XX', real + tonumber(ARGV[2]), ARGV[n]) end
return 1
"""
)
"""ARGV: prefix, lease, ids."""

EPOCH = (
    _COMMON
    + """
local now = string.format('%.6f', real)
return {current_epoch(now), now}
"""
)
"""ARGV: prefix. Answers: the epoch, which changes when everything was forgotten, and the time of Redis."""

FORGET = (
    _COMMON
    + """
redis.call('DEL', P .. ':window:' .. ARGV[2], P .. ':parallel:' .. ARGV[2])
for n = 3, #ARGV do redis.call('DEL', P .. ':spent:' .. ARGV[2] .. ':' .. ARGV[n]) end
return 1
"""
)
"""ARGV: prefix, scope, windows."""
