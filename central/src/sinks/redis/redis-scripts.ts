/**
 * What Redis does in one step. Keys of one prefix (docs/operations.md):
 *
 *   <prefix>                      hash: <region>:<windowStart ms> → count
 *   <prefix>:<region>:<start>     hash: every field of the latest revision, `generation` and `revision` among them
 *   <prefix>:index                sorted set: <region>:<start> by the window's end in ms; what is pruned is found there
 *   <prefix>:generation           the generation of the central that writes here
 *
 * A writer of an earlier generation is refused (MILLRACE_FENCED); one that finds no generation, or an earlier one, writes nothing
 * (MILLRACE_EMPTY): what Redis holds is not what was written to it.
 */
const FENCE = `
local generation = tonumber(ARGV[1])
local held = tonumber(redis.call('GET', KEYS[1]) or '-1')
if held > generation then return redis.error_reply('MILLRACE_FENCED ' .. held) end
`;

const IS_THERE = `
if held < generation then return redis.error_reply('MILLRACE_EMPTY ' .. held) end
`;

/** KEYS generation; ARGV generation. Claims the prefix; the generation that was there, or -1. */
export const BEGIN_SCRIPT = `${FENCE}
redis.call('SET', KEYS[1], ARGV[1])
return held
`;

/**
 * KEYS generation, counts, index, window; ARGV generation, revision, member, end, count (empty: none), then fields and texts.
 * 1 where it was taken, 0 where a later revision is there. Begins with a write that Redis refuses when it is out of memory.
 */
export const WRITE_SCRIPT = `${FENCE}${IS_THERE}
local old = redis.call('HMGET', KEYS[4], 'generation', 'revision')
local oldGeneration, oldRevision = tonumber(old[1] or '-1'), tonumber(old[2] or '-1')
if oldGeneration > generation then return 0 end
if oldGeneration == generation and oldRevision > tonumber(ARGV[2]) then return 0 end
for at = 6, #ARGV, 1000 do redis.call('HSET', KEYS[4], unpack(ARGV, at, math.min(at + 999, #ARGV))) end
if redis.call('HLEN', KEYS[4]) > (#ARGV - 5) / 2 then
  local kept = {}
  for at = 6, #ARGV, 2 do kept[ARGV[at]] = true end
  for _, name in ipairs(redis.call('HKEYS', KEYS[4])) do
    if not kept[name] then redis.call('HDEL', KEYS[4], name) end
  end
end
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[3])
if ARGV[5] == '' then redis.call('HDEL', KEYS[2], ARGV[3]) else redis.call('HSET', KEYS[2], ARGV[3], ARGV[5]) end
return 1
`;

/**
 * KEYS generation, counts, index; ARGV generation, ended before, at most, prefix of the windows' keys. How
 * many were removed, how many the index had before, and how many more there are counts of.
 */
export const PRUNE_SCRIPT = `${FENCE}${IS_THERE}
local indexed = redis.call('ZCARD', KEYS[3])
local lacking = math.max(0, redis.call('HLEN', KEYS[2]) - indexed)
local members = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. ARGV[2], 'LIMIT', 0, ARGV[3])
for _, member in ipairs(members) do
  redis.call('UNLINK', ARGV[4] .. member)
  redis.call('HDEL', KEYS[2], member)
  redis.call('ZREM', KEYS[3], member)
end
return {#members, indexed, lacking}
`;
