-- Decides what a presented refresh token is worth, and rotates the session where it is the head.
-- One key, one script, one decision: this is the only lock that a refresh takes.
--
-- KEYS[1]   session:{<sid>}
-- ARGV[1]   gen, the generation presented
-- ARGV[2]   client, the transport it came by: 'browser' or 'native'
-- ARGV[3]   device_id_hash of the request, or ''
-- ARGV[4]   idempotency_key_hash of the request, or ''
-- ARGV[5]   overlap, ms
-- ARGV[6]   idle time to live, ms
-- ARGV[7]   rotations a minute, 0 = no limit
-- ARGV[8]   rotations a session, 0 = no limit
-- ARGV[9]   network that the request comes from, or ''; kept with the head that it makes
-- ARGV[10…16] only where Postgres vouches for a session whose key is gone, the entry to write anew:
--           gen, client, device_id_hash, rotated_at, refresh_expires_at, expires_at, idempotency_key_hash
--
-- Returns one text, which is read faster than an array: verdict,kind,gen,rotated_at,refresh_expires_at,now,network of
-- the head; times in ms by this server's clock. For a verdict other than rotated and replayed the numbers say what the
-- entry held, or 0. No field has a comma.
--   rotated          kind head | roll_forward | rebuilt   gen is the new head
--   replayed         kind overlap | idempotency_key | unanswered   gen is the head, as it was; remembered are
--                    one more answer under way and the Idempotency-Key of who asked
--   absent           no entry: ask Postgres
--   reused           an old token came back; the entry is marked, whoever asks next is told the same
--   exhausted        over the limit of rotations; marked likewise
--   expired          past the absolute expiry; the entry is gone
--   too_many_refreshes   nothing changed; kind is the ms to wait
--   wrong_transport  nothing changed
--   device_changed   nothing changed

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local gen = tonumber(ARGV[1])
-- Hashes are kept by their first 128 bits, which nobody finds a second value for: the entry stays small.
local kept = 22
local device_id_hash = string.sub(ARGV[3], 1, kept)
local idempotency_key_hash = string.sub(ARGV[4], 1, kept)

local entry = redis.call('HMGET', KEYS[1], 'gen', 'client', 'device_id_hash', 'rotated_at', 'expires_at',
  'idempotency_key_hashes', 'unanswered', 'ended', 'window', 'network')
local refresh_expires_at = redis.call('PEXPIRETIME', KEYS[1])

local rebuilt = false
if not entry[1] then
  if not ARGV[10] then
    return string.format('absent,,0,0,0,%.0f,', now)
  end
  rebuilt = true
  entry = { ARGV[10], ARGV[11], string.sub(ARGV[12], 1, kept), ARGV[13], ARGV[15], string.sub(ARGV[16], 1, kept) }
  refresh_expires_at = tonumber(ARGV[14])
end

local head = tonumber(entry[1])
local rotated_at = tonumber(entry[4])
local expires_at = tonumber(entry[5])

local function answer(verdict, kind)
  return string.format('%s,%s,%.0f,%.0f,%.0f,%.0f,%s', verdict, kind or '', head, rotated_at, refresh_expires_at, now,
    entry[10] or '')
end

-- Writes fields, and before them the rest of an entry that is being written anew.
local function write(...)
  if rebuilt then
    redis.call('HSET', KEYS[1], 'gen', head, 'client', entry[2], 'device_id_hash', entry[3],
      'rotated_at', rotated_at, 'expires_at', expires_at, 'idempotency_key_hashes', entry[6])
  end
  if select('#', ...) > 0 then
    redis.call('HSET', KEYS[1], ...)
  end
  redis.call('PEXPIREAT', KEYS[1], refresh_expires_at)
end

if entry[8] then
  return answer(entry[8])
end
if now >= expires_at then
  redis.call('DEL', KEYS[1])
  return answer('expired')
end
if entry[2] ~= ARGV[2] then
  return answer('wrong_transport')
end
-- A browser's device cookie may be cleared by itself; a native app that named its device must go on naming it.
if entry[3] ~= '' and string.sub(entry[3], 1, kept) ~= device_id_hash and (device_id_hash ~= '' or ARGV[2] == 'native') then
  return answer('device_changed')
end

-- Answers that carry the head and have not left us, as far as lua/mark-answered.lua has told. Strict single use
-- (no overlap) has no such mercy.
local overlap = tonumber(ARGV[5])
local function under_way(answers)
  return overlap > 0 and answers or 0
end

if gen < head then
  local keys = entry[6] or ''
  local known = idempotency_key_hash ~= '' and string.find(keys, idempotency_key_hash, 1, true)
  local unanswered = tonumber(entry[7] or 0)
  local kind
  if gen == head - 1 then
    if now - rotated_at < overlap then
      kind = 'overlap'
    elseif known then
      kind = 'idempotency_key'
    elseif unanswered > 0 then
      kind = 'unanswered'
    end
  end
  if kind then
    -- Another tab's attempt, whose answer may be lost as well. Sixteen at most: the entry stays small.
    if idempotency_key_hash ~= '' and not known and #keys < 16 * kept then
      keys = keys .. ' ' .. idempotency_key_hash
    end
    write('unanswered', under_way(unanswered + 1), 'idempotency_key_hashes', keys)
    return answer('replayed', kind)
  end
  write('ended', 'reused')
  return answer('reused')
end

local max_rotations = tonumber(ARGV[8])
if max_rotations > 0 and gen > max_rotations then
  write('ended', 'exhausted')
  return answer('exhausted')
end

local rate = tonumber(ARGV[7])
local window_started_at, window_rotations = string.match(entry[9] or '0 0', '^(%d+) (%d+)$')
window_started_at = tonumber(window_started_at)
window_rotations = tonumber(window_rotations)
if now - window_started_at >= 60000 then
  window_started_at = now
  window_rotations = 0
end
if rate > 0 and window_rotations >= rate then
  return answer('too_many_refreshes', tostring(window_started_at + 60000 - now))
end

local kind = 'head'
if rebuilt then
  kind = 'rebuilt'
elseif gen > head then
  -- Only this server can have signed gen: the store lost acknowledged writes. Never a theft.
  kind = 'roll_forward'
end
head = gen + 1
rotated_at = now
refresh_expires_at = math.min(now + tonumber(ARGV[6]), expires_at)
write('gen', head, 'rotated_at', rotated_at, 'idempotency_key_hashes', idempotency_key_hash, 'network', ARGV[9],
  'unanswered', under_way(1), 'window', string.format('%.0f %d', window_started_at, window_rotations + 1))
return answer('rotated', kind)
