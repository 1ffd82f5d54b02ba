-- Writes the whitelist entry of a new session: generation 1.
--
-- KEYS[1]  session:{<sid>}
-- ARGV[1]  client, 'browser' or 'native'
-- ARGV[2]  device_id_hash, or ''
-- ARGV[3]  idle time to live, ms
-- ARGV[4]  absolute time to live, ms
--
-- Returns { rotated_at, refresh_expires_at, expires_at }, ms by this server's clock.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local expires_at = now + tonumber(ARGV[4])
local refresh_expires_at = math.min(now + tonumber(ARGV[3]), expires_at)

redis.call('HSET', KEYS[1],
  'gen', 1,
  'client', ARGV[1],
  -- The first 128 bits, as in rotate-session.lua.
  'device_id_hash', string.sub(ARGV[2], 1, 22),
  'rotated_at', now,
  'expires_at', expires_at)
redis.call('PEXPIREAT', KEYS[1], refresh_expires_at)

return { now, refresh_expires_at, expires_at }
