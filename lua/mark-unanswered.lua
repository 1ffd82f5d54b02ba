-- Remembers that the answer which carried the head never left us (Postgres could not vouch for it), so
-- that its parent is replayed however late the client comes back, until the next rotation.
--
-- KEYS[1]  session:{<sid>}
-- ARGV[1]  gen, the head in question
--
-- Returns 1 where it was still the head, else 0.

if redis.call('HGET', KEYS[1], 'gen') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'unanswered', 1)
return 1
