-- Remembers that answers which carried the heads have left us. While there are others of a head, its parent is
-- replayed however late it comes back: whoever sent it may not have seen the head.
--
-- KEYS     session:{<sid>} of each
-- ARGV     two for each key:
--          gen, the head in question
--          answers, how many have left

for index, key in ipairs(KEYS) do
  local entry = redis.call('HMGET', key, 'gen', 'unanswered')
  if entry[1] == ARGV[2 * index - 1] then
    local unanswered = tonumber(entry[2] or 0) - tonumber(ARGV[2 * index])
    if unanswered > 0 then
      redis.call('HSET', key, 'unanswered', unanswered)
    else
      redis.call('HDEL', key, 'unanswered')
    end
  end
end
