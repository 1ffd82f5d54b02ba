-- Lets one request renew the access token of a session, of all that would at once, on whatever node.
--
-- KEYS[1]  session:{<sid>}
-- ARGV[1]  pause, ms, before it may be renewed again: an answer may have been lost
--
-- Returns refresh_expires_at, ms by this server's clock, to whoever may renew it; 0 to everybody else, and where
-- the entry is gone or its session has ended.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local entry = redis.call('HMGET', KEYS[1], 'gen', 'ended', 'renewed_at')
if not entry[1] or entry[2] or now - tonumber(entry[3] or 0) < tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'renewed_at', now)
return redis.call('PEXPIRETIME', KEYS[1])
