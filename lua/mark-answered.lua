-- Remembers that the answer which carried the head has left us. Until then its parent is replayed however
-- late it comes back: whoever sent it can not have seen the head.
--
-- KEYS[1]  session:{<sid>}
-- ARGV[1]  gen, the head in question
--
-- Returns 1 where it was the head and had not been answered, else 0.

if redis.call('HGET', KEYS[1], 'gen') ~= ARGV[1] then
  return 0
end
return redis.call('HDEL', KEYS[1], 'unanswered')
