//! What changes more than one key, or only what is still as it was. All keys of a script are of one shard.

use redis::Script;

/// One shard becomes part of an activation. Keys: meta, log. Arguments: the activation that was found (or nothing), the new
/// one, the process's run ID, format, shards, keys that the process dropped so far.
///
/// It is complete no more: the newest of what was lost may be a new shop.
pub(super) const BEGIN: &str = "\
local held = redis.call('HGET', KEYS[1], 'activation') or ''
if held ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'format', ARGV[4], 'activation', ARGV[2], 'shards', ARGV[5], 'seq', 0, 'run', ARGV[3], 'evicted', ARGV[6])
redis.call('HDEL', KEYS[1], 'complete')
redis.call('UNLINK', KEYS[2])
return 1
";

/// Keys: meta, list, detail, log, ids. Arguments: activation, what the document began with when it was read, list part,
/// detail part, log entry, shop ID. Answers the sequence; 0: another save came between; -1: another activation.
///
/// A document's first bytes are its position. A value of another type compares as nothing, and is replaced.
const SAVE: &str = "\
if redis.call('HGET', KEYS[1], 'activation') ~= ARGV[1] then return -1 end
local held = redis.pcall('GETRANGE', KEYS[2], 0, 11)
if type(held) ~= 'string' then held = '' end
if held ~= ARGV[2] then return 0 end
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
local position = struct.pack('>I4I8', tonumber(ARGV[1]), seq)
redis.call('SET', KEYS[2], position .. ARGV[3])
redis.call('SET', KEYS[3], position .. ARGV[4])
redis.call('XADD', KEYS[4], ARGV[1] .. '-' .. seq, 'e', ARGV[5])
redis.call('ZADD', KEYS[5], 0, ARGV[6])
return seq
";

/// Keys: meta. Arguments: activation, field, value, condition ([`Condition`]). Answers -1: another activation; -2: there is
/// nothing to replace.
const NOTE: &str = "\
if redis.call('HGET', KEYS[1], 'activation') ~= ARGV[1] then return -1 end
local held = redis.call('HGET', KEYS[1], ARGV[2])
if ARGV[4] == 'greater' and held and tonumber(held) >= tonumber(ARGV[3]) then return 0 end
if ARGV[4] == 'held' and not held then return -2 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return 1
";

/// What a noted field replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Whatever is there.
    Any,
    /// A smaller number, or nothing.
    Greater,
    /// Something.
    Held,
}

impl Condition {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Greater => "greater",
            Self::Held => "held",
        }
    }
}

/// The scripts of one activation, as one look at the store's processes loaded them. Their texts name both, so that no other
/// process knows them, nor what a later look finds in its place.
#[derive(Clone, Debug)]
pub(super) struct Scripts {
    pub(super) activation: u32,
    pub(super) save: Named,
    pub(super) note: Named,
}

/// A text and its hash.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) text: String,
    pub(super) hash: String,
}

impl Scripts {
    /// `look` is another number each time.
    pub(super) fn of(activation: u32, look: i128) -> Self {
        let named = |text: &str| {
            let text = format!("-- shopfront, activation {activation}, look {look}\n{text}");
            Named { hash: Script::new(&text).get_hash().to_owned(), text }
        };
        Self { activation, save: named(SAVE), note: named(NOTE) }
    }
}
