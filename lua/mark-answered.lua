-- Remembers that answers which carried the head have left us. While there are others, its parent is replayed
-- however late it comes back: whoever sent it may not have seen the head.
--
-- KEYS[1]  session:{<sid>}
-- ARGV[1]  gen, the head in question
-- ARGV[2]  answers, how many have left
--
-- Returns how many have not, 0 where it is not the head.

local entry = redis.call('HMGET', KEYS[1], 'gen', 'unanswered')
if entry[1] ~= ARGV[1] then
  return 0
end
local unanswered = tonumber(entry[2] or 0) - tonumber(ARGV[2])
if unanswered > 0 then
  redis.call('HSET', KEYS[1], 'unanswered', unanswered)
  return unanswered
end
redis.call('HDEL', KEYS[1], 'unanswered')
return 0
