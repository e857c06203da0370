//! Every fixed limit of the process, with its unit and where it comes from.
//!
//! Nothing here is a setting: what an operator may choose lives in `config`, and the constants below
//! are the walls around it. Limits that belong to the wire alone stand in `tidegate_proto`.
//!
//! A name ends in its unit (`_BYTES`, `_COUNT`); `_MAX` says that the value itself is still allowed.

use std::time::Duration;

use tidegate_proto::limits::AUTH_MESSAGE_BYTES_MAX;
use tidegate_proto::limits::PROXY_HEADER_BYTES_MAX;
use tidegate_proto::limits::STARTUP_BYTES_MAX;

/// The buffer a connection reads its PROXY header into, in bytes. One of the largest kind fits.
pub const EDGE_BUFFER_BYTES: usize = 4096;

/// The buffer a connection reads into until it is authenticated, in bytes: the usual messages of a
/// login fit, each in one read. A longer one gets a buffer of its size, up to the wire's limit.
pub const EDGE_READ_BYTES: usize = 512;

/// Packets a client may send before its `StartupMessage`: one `SSLRequest` and one
/// `GSSENCRequest`.
/// Without a limit the two can be alternated for ever (CVE-2026-6479).
pub const NEGOTIATIONS_COUNT_MAX: usize = 2;

/// What is read and thrown away of a refused client's bytes, so that the reason reaches it, in bytes.
pub const FAREWELL_BYTES_MAX: usize = 64 * 1024;

/// How long a refused client may take to read the reason and close.
pub const FAREWELL_TIME_MAX: Duration = Duration::from_secs(2);

/// How many workers a node may have; a cancel key tells in 16 bits on which its session is.
pub const WORKERS_COUNT_MAX: usize = 1024;

/// The buffer a worker reads into and all its connections share, in bytes.
pub const SCRATCH_BUFFER_BYTES: usize = 64 * 1024;

/// The longest plaintext of one TLS record, in bytes (RFC 8446, section 5.1).
pub const TLS_RECORD_BYTES_MAX: usize = 16 * 1024;

/// What encryption adds to a record, in bytes, and the few messages that TLS itself may put in front
/// of one (RFC 8446, section 5.2, allows 256; every cipher here adds less than 32).
pub const TLS_OVERHEAD_BYTES_MAX: usize = 256;

/// The record that announces the end of a stream, in bytes; every cipher here makes less than 32.
pub const TLS_CLOSE_BYTES_MAX: usize = 64;

/// How much of TLS that says nothing a client may send in a row: several times the longest record,
/// in bytes.
pub const TLS_FRUITLESS_BYTES_MAX: usize = 64 * 1024;

/// The buffer that TLS connections of a thread read records into, in bytes. The longest message of a
/// handshake and the longest record fit: what does not is refused.
pub const TLS_INCOMING_BYTES: usize = 64 * 1024;

/// The buffer that TLS connections of a thread encrypt into, in bytes: what a worker reads at once
/// goes out at once.
pub const TLS_OUTGOING_BYTES: usize = (SCRATCH_BUFFER_BYTES / TLS_RECORD_BYTES_MAX + 1)
    * (TLS_RECORD_BYTES_MAX + TLS_OVERHEAD_BYTES_MAX);

/// Buffers that a worker keeps for sessions that hold something back.
pub const SPARE_BUFFERS_COUNT_MAX: usize = 256;

/// The largest of them, in bytes: a worker keeps 1 MiB at most.
pub const SPARE_BUFFER_BYTES_MAX: usize = 4096;

/// The least of a message that is still to come for the kernel to move it, in bytes. Of less, moving
/// spares nothing.
pub const SPLICE_BYTES_MIN: usize = 2 * SCRATCH_BUFFER_BYTES;

/// What is moved of a message before others get their turn, in bytes: as much as a session copies.
pub const SPLICE_TURN_BYTES: u32 = 1 << 20;

/// The size of a pipe that the kernel moves bytes through, in bytes. No larger one is allowed to
/// every user (`fs.pipe-max-size`).
pub const PIPE_BYTES: usize = 1024 * 1024;

/// Pipes of one worker. Each has two descriptors, and a client that does not read has up to
/// `PIPE_BYTES` in one.
pub const PIPES_COUNT_MAX: usize = 16;

/// How many times a worker does without a pipe before it asks the system again that has refused one.
pub const PIPE_REFUSAL_ASKS: u32 = 1000;

/// What one connection may hold back unsent before its other side is no longer read, in bytes.
pub const HELD_BYTES_MAX: usize = 256 * 1024;

/// The longest tenant name, in bytes: one DNS label, because SNI may carry it.
pub const TENANT_NAME_BYTES_MAX: usize = 63;

/// Pairs of address and tenant whose failed logins are remembered at once. A pair takes about 120
/// bytes, so a flood from a million addresses costs 8 MiB and no more.
pub const THROTTLE_ENTRIES_MAX: usize = 64 * 1024;

/// Locks over which the throttle's pairs are spread.
pub const THROTTLE_SHARDS_COUNT: usize = 64;

/// Pairs that are looked at when one has to make room: the least telling of them goes.
pub const THROTTLE_EVICTION_CANDIDATES_COUNT: usize = 8;

/// Doublings of the throttle's delay, after which only its configured maximum counts.
pub const THROTTLE_DOUBLINGS_MAX: u32 = 31;

/// How long failed logins are remembered after the last of them, as a multiple of the longest wait:
/// whoever pauses to be forgotten guesses more slowly than whoever waits.
pub const THROTTLE_MEMORY_FACTOR: u32 = 10;

/// Connections that may stand unauthenticated at once, whatever the configuration says. It also
/// bounds the table that counts them by address.
pub const UNAUTHENTICATED_COUNT_MAX: u32 = 64 * 1024;

/// The prefix by which IPv6 clients are counted, in bits: whoever has one address of a /64 has all.
pub const ADDRESS_PREFIX_V6_BITS: u32 = 64;

/// Text from outside is cut to this many bytes before it is logged.
pub const UNTRUSTED_TEXT_BYTES_MAX: usize = 128;

/// The longest secret of a user, in bytes: a password of this length fits into one message.
pub const SECRET_BYTES_MAX: usize = 4096;

/// The longest user name that PostgreSQL can have, in bytes: `NAMEDATALEN` less its zero byte.
pub const USER_NAME_BYTES_MAX: usize = 63;

/// Users whose looked-up secrets are remembered at once, those that do not exist among them. An
/// entry takes about 300 bytes.
pub const SECRET_CACHE_ENTRIES_MAX: usize = 16 * 1024;

/// Passwords whose SCRAM keys are remembered at once. An entry takes about 120 bytes.
pub const DERIVED_KEYS_ENTRIES_MAX: usize = 64 * 1024;

// A PROXY header is read whole, in the buffer every connection starts with.
const _: () = assert!(PROXY_HEADER_BYTES_MAX <= EDGE_BUFFER_BYTES);
const _: () = assert!(SECRET_BYTES_MAX < AUTH_MESSAGE_BYTES_MAX as usize);
// Whatever the edge has read fits into one read of the worker that takes the connection over.
const _: () = assert!(EDGE_BUFFER_BYTES + STARTUP_BYTES_MAX as usize <= SCRATCH_BUFFER_BYTES);
const _: () = assert!(SCRATCH_BUFFER_BYTES <= HELD_BYTES_MAX);
// Every shard has room for at least the candidates of one eviction.
const _: () = assert!(THROTTLE_ENTRIES_MAX.is_multiple_of(THROTTLE_SHARDS_COUNT));
const _: () =
    assert!(THROTTLE_EVICTION_CANDIDATES_COUNT <= THROTTLE_ENTRIES_MAX / THROTTLE_SHARDS_COUNT);
// One byte of a hash chooses the shard, evenly.
const _: () = assert!(THROTTLE_SHARDS_COUNT.is_power_of_two() && THROTTLE_SHARDS_COUNT <= 256);
const _: () = assert!(THROTTLE_DOUBLINGS_MAX < u32::BITS);
const _: () = assert!(ADDRESS_PREFIX_V6_BITS == u64::BITS);

/// The beginning of a command's tag that tells what it was, in bytes: `DEALLOCATE ALL` and its zero.
pub const COMMAND_TAG_BYTES: usize = 15;

/// The longest `Parse` that is kept to be sent to other servers, in bytes: the statement of a longer
/// one keeps its client's server. In a longer `Query`, SQL cannot name what the protocol has named.
pub const STATEMENT_BYTES_MAX: usize = 32 * 1024;

/// Texts that a pool knows to leave nothing behind, and the longest that it keeps, in bytes.
pub const FAMILIAR_TEXTS_COUNT_MAX: usize = 16;

/// See above: longer ones are few.
pub const FAMILIAR_TEXT_BYTES_MAX: usize = 1024;
/// How many numbers of such a text may be others.
pub const FAMILIAR_NUMBERS_COUNT_MAX: usize = 16;

/// Named statements that one client may have and take from server to server; more keep its server.
pub const CLIENT_STATEMENTS_COUNT_MAX: usize = 16 * 1024;

/// The names and texts of one client's statements, in bytes; more keep its server.
pub const CLIENT_STATEMENTS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The texts that a pool remembers for clients to share, in bytes.
pub const SHARED_STATEMENTS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long a server executes an unnamed statement again without parsing it anew: what has changed past
/// the pool, so that the same text means something else, is noticed then at the latest.
pub const SHARED_PARSE_AGE_MAX: Duration = Duration::from_secs(10);

/// Parameters that one session may set and Tidegate carries. PostgreSQL has about 400; a driver
/// sets under ten.
pub const SETTINGS_COUNT_MAX: usize = 128;

/// Sets of startup parameters of which a pool remembers what servers make of them.
pub const WELCOMES_COUNT_MAX: usize = 64;

/// The longest `ParameterStatus` or injected query's error that is read, in bytes; what is longer
/// passes unread.
pub const PARAMETER_STATUS_BYTES_MAX: usize = 8192;

/// The longest row that answers such a query and is read while a client waits for nothing, in bytes.
pub const INJECTED_ROW_BYTES_MAX: usize = 16 * 1024;

/// Parameters that a client may change in one transaction and take along; more keep its server.
pub const TOUCHED_COUNT_MAX: usize = 64;

/// The longest answer to a query of the pooler's own, in bytes.
pub const INJECTED_REPLY_BYTES_MAX: usize = 64 * 1024;

/// Replies that a server may owe before its client is no longer read, in messages. One read of the
/// scratch buffer may go beyond it by `SCRATCH_BUFFER_BYTES / 5`.
pub const LEDGER_ENTRIES_MAX: usize = 16 * 1024;

/// The longest round that is looked at for where it may go, in bytes; a longer one goes to the primary.
pub const ROUND_BYTES_MAX: usize = 16 * 1024;

/// How much of a replica's reply is held back until it shows whether it is an error, in bytes. More is
/// a reply.
pub const WITHHELD_BYTES_MAX: usize = 16 * 1024;

/// Shapes of texts that a pool remembers because a replica has refused to run them; and as many that
/// blocks begin with which write later.
pub const SHAPES_COUNT_MAX: usize = 4096;

/// How often in a row a primary may not say how far it has come before it is not asked for a while.
pub const POSITION_REFUSALS_MAX: u32 = 3;

/// How long it is not asked then.
pub const POSITION_REFUSED_PAUSE: Duration = Duration::from_secs(30);

/// How long a client waits for a server of a replica before the primary serves it.
pub const REPLICA_WAIT_MAX: Duration = Duration::from_millis(500);

/// Clients that may wait for a server of one pool at once.
pub const WAITING_COUNT_MAX: usize = 64 * 1024;

/// Seats in a queue that were given up, beyond as many as are taken, before they are cleared away.
pub const ABANDONED_SEATS_COUNT_MAX: usize = 64;

/// Seats that a queue keeps for those who will wait: as many may wait at once, again and again, without
/// taking memory anew. They take 0.1 MB.
pub const SPARE_SEATS_COUNT_MAX: usize = 1024;

/// Servers, and clients, that one worker has of a pool before another worker gets a part in it.
pub const POOL_SHARD_SERVERS: u32 = 10;

/// How long a client waits before other workers with a part in its pool are asked for a server, and
/// how long until the next of them is asked.
pub const SIBLING_ASK_INTERVAL: Duration = Duration::from_millis(10);

/// How long a worker remembers that another one asked it for a server.
pub const SIBLING_ASK_LIFETIME: Duration = Duration::from_secs(1);

/// Rounds of one session before others get their turn.
pub const SESSION_STEPS_MAX: usize = 64;

/// Letters that may wait for a worker.
pub const LETTERS_COUNT_MAX: usize = 1024;

/// Less sleep of the machine than this does not end its connections.
pub const SUSPENSION_MIN: Duration = Duration::from_secs(2);

/// How often a worker looks at what happens by time.
pub const TICK_INTERVAL: Duration = Duration::from_millis(250);

/// How many of its clients it looks at then, beside those that have a server: of more, each has its
/// turn within some ticks. A million idle clients must not cost what a transaction does.
pub const CLIENTS_PER_TICK_COUNT: usize = 5_000;

/// How many ways to come in, each an address of ours and a name of a database, a worker knows that
/// clients share. Whoever comes in by another one has a note of its own.
pub const ENTRANCES_COUNT_MAX: usize = 16;

/// How long a session may take to send its last words.
pub const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a reset query may take before its server is closed.
pub const RESET_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may take to answer whether it lives.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a cancel request may take to be delivered.
pub const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server that nobody has any more may take to end, after each cancel request.
pub const WIND_UP_PAUSES_MILLIS: [u64; 5] = [50, 200, 1000, 5000, 20_000];

/// Of one whose end nobody sees, as its connection is closed, so many further rounds are canceled.
pub const WIND_UP_ROUNDS_COUNT_MAX: usize = 4;

/// How much a server that nobody has any more may say until it ends, in bytes; then its connection is closed.
pub const WIND_UP_BYTES_MAX: usize = 16 << 20;

/// How many such servers a pool may have. Others are canceled once, and their connections closed.
pub const WIND_UPS_PER_POOL_COUNT_MAX: u32 = 64;

/// How long a server that has answered a round of the pooler's own has to begin with what its client
/// asked for, before a cancel request for that is sent.
pub const CANCEL_AFTER_OWN_ROUND: Duration = Duration::from_millis(20);

/// How many cancel requests may be on their way to one server. Each is a connection of its own, and
/// nothing but this keeps a client from asking for them as fast as it can.
pub const CANCELS_PER_SERVER_COUNT_MAX: u32 = 4;

/// The pause after the first failure to open a server; doubled up to `server_login_retry`.
pub const SERVER_RETRY_FIRST: Duration = Duration::from_millis(250);

/// What a client may say while its login waits for a server before it is no longer read, in bytes;
/// one read may go beyond it. No driver says anything then.
pub const EARLY_BYTES_MAX: usize = 16 * 1024;

// What is said early is read again from the scratch buffer.
const _: () = assert!(EARLY_BYTES_MAX <= SCRATCH_BUFFER_BYTES / 2);

// What is held back to be decided on fits into the buffer that it is read into.
const _: () = assert!(WITHHELD_BYTES_MAX < SCRATCH_BUFFER_BYTES / 2);
const _: () = assert!(ROUND_BYTES_MAX < SCRATCH_BUFFER_BYTES / 2);
const _: () = assert!(PARAMETER_STATUS_BYTES_MAX < SCRATCH_BUFFER_BYTES / 2);

// A statement is held back until all of its `Parse` is there.
const _: () = assert!(STATEMENT_BYTES_MAX <= SCRATCH_BUFFER_BYTES / 2);

/// The longest message of a server before it is ready for the first query, in bytes.
pub const LOGIN_MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What is kept of the notices that a server raises at login, in bytes.
pub const LOGIN_NOTICES_BYTES_MAX: usize = 16 * 1024;

/// Parameters that a server may report at login.
pub const REPORTED_COUNT_MAX: usize = 256;

/// How long a tenant's other endpoints have to answer for the first time before one that takes writes
/// is believed to be the primary.
pub const FIRST_LOOK_WAIT: Duration = MONITOR_TIMEOUT;

/// After how long without a look what endpoints said is worth nothing.
pub const SIGHTING_AGE_MAX: Duration = Duration::from_secs(3);

/// How many endpoints of a tenant, the first of the configuration, may be read from.
pub const READERS_COUNT_MAX: usize = 64;

/// How many places of a primary's write-ahead log are remembered, and how far apart in time: what a
/// standby has replayed is held against them.
pub const PROGRESS_COUNT_MAX: usize = 64;
/// See [`PROGRESS_COUNT_MAX`].
pub const PROGRESS_SPACING: Duration = Duration::from_millis(250);

/// For how long an endpoint is left out of reads when a server of it has failed for the first time;
/// each further failure doubles it.
pub const EJECTION_FIRST: Duration = Duration::from_secs(1);

/// The longest time that an endpoint is left out of reads for its failures.
pub const EJECTION_MAX: Duration = Duration::from_mins(1);

/// After how long without another one, since it is no more left out, its failures are forgotten.
pub const EJECTION_FORGOTTEN_AFTER: Duration = Duration::from_mins(1);

/// How long the share of the reads grows that an endpoint gets which was away: its caches are cold.
pub const WARM_IN: Duration = Duration::from_secs(10);

/// How long a pool whose login an endpoint refuses leaves it to others to look at endpoints.
pub const WATCH_PAUSE: Duration = Duration::from_secs(5);

/// How often an endpoint is asked how it is.
pub const MONITOR_INTERVAL: Duration = Duration::from_secs(1);

/// The same while nobody takes the tenant's writes.
pub const MONITOR_INTERVAL_URGENT: Duration = Duration::from_millis(200);

/// The same while a read waits for what a standby replays.
pub const MONITOR_INTERVAL_WANTED: Duration = Duration::from_millis(10);

/// How long one read that waits keeps it so.
pub const NEWS_WANTED_FOR: Duration = Duration::from_secs(1);

/// How long before endpoints rest pools stop to rely on what they said: longer than two of their looks at
/// what happens by time.
pub const REST_NOTICE: Duration = Duration::from_secs(1);
const _: () = assert!(REST_NOTICE.as_millis() > TICK_INTERVAL.as_millis() * 2);

/// How long a server waits, after a rest, for its endpoints to be asked again. All of them have been, or
/// cannot be, long before.
pub const REST_END_WAIT: Duration = Duration::from_secs(10);
const _: () = assert!(REST_END_WAIT.as_secs() >= MONITOR_TIMEOUT.as_secs() * 2);

/// By how much that is multiplied at most for an endpoint that does not answer.
pub const MONITOR_PATIENCE_MAX: u32 = 5;

/// How long an endpoint may take to answer that, connecting included.
pub const MONITOR_TIMEOUT: Duration = Duration::from_secs(5);

/// How many names may be looked up at once. Each takes a thread, for as long as the resolver wants.
pub const LOOKUPS_COUNT_MAX: usize = 256;

/// How many of them may be one tenant's: names whose servers do not answer must not take all.
pub const LOOKUPS_PER_TENANT_COUNT_MAX: usize = 4;
const _: () = assert!(LOOKUPS_PER_TENANT_COUNT_MAX * 16 <= LOOKUPS_COUNT_MAX);

/// How long a connection waits for a name to be looked up again before it goes to the addresses that
/// the name had.
pub const NAME_REFRESH_WAIT: Duration = Duration::from_secs(1);

/// How long the last addresses of a name are used while the resolver has no others.
pub const NAME_KEPT_FOR: Duration = Duration::from_hours(1);

/// How often a name is looked up at most that servers are connected by, however short `dns_max_ttl` is.
pub const NAME_REFRESH_MIN: Duration = Duration::from_secs(1);

/// After how long without use a name is forgotten.
pub const NAME_FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// How many addresses of a name are used, and how many former ones are remembered.
pub const ADDRESSES_COUNT_MAX: usize = 64;

/// How long it is remembered that a name had an address.
pub const ADDRESS_REMEMBERED_FOR: Duration = Duration::from_mins(10);

/// How often addresses must come back within that time until a name is one whose answers take turns. One
/// that moves there and back again is not.
pub const ADDRESS_RETURNS_MAX: u32 = 3;

/// How long an address may take to accept a connection while there is another one to try.
pub const ADDRESS_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an address that did not comes after all others.
pub const ADDRESS_SHUNNED_FOR: Duration = Duration::from_mins(1);

/// How long the command line looks at endpoints before it says what it knows.
pub const EXPLAIN_TIMEOUT: Duration = Duration::from_secs(6);
const _: () = assert!(EXPLAIN_TIMEOUT.as_secs() > MONITOR_TIMEOUT.as_secs());

/// How long it waits before it looks whether that is enough.
pub const EXPLAIN_PAUSE: Duration = Duration::from_millis(20);

/// Functions of one database that are not PostgreSQL's own and are known by name, in pairs of schema
/// and name. A large extension has some hundreds.
pub const FUNCTIONS_COUNT_MAX: usize = 16 * 1024;

/// The names of these functions and of their schemas, in bytes.
pub const FUNCTIONS_BYTES_MAX: usize = 512 * 1024;

/// How long a database may take to say which functions it has, connecting included.
pub const FUNCTIONS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long after that it is asked again, if a function is called that it did not name.
pub const FUNCTIONS_MISS_PAUSE: Duration = Duration::from_secs(30);

/// How old what it said may be, while functions are called. As long, at most, the pause between two
/// questions gets.
pub const FUNCTIONS_AGE_MAX: Duration = Duration::from_mins(5);

/// The least time between two questions, whatever happens to the functions meanwhile; and how long
/// after a failure it is asked again. Each failure doubles that.
pub const FUNCTIONS_PAUSE_MIN: Duration = Duration::from_secs(1);

/// How long a pool waits for another one that asks.
pub const FUNCTIONS_OTHERS_PAUSE: Duration = Duration::from_millis(250);

/// The pause after a database could not be woken, and the longest one: each failure doubles it.
pub const WAKE_RETRY_FIRST: Duration = Duration::from_secs(1);
/// See [`WAKE_RETRY_FIRST`].
pub const WAKE_RETRY_MAX: Duration = Duration::from_secs(30);

/// What is kept of the words with which a request or a program refuses, in bytes.
pub const HOOK_ANSWER_BYTES_MAX: usize = 2048;

/// How long one lookup of a secret may take, connecting included and again for the query.
pub const AUTH_QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers about users of one tenant that are kept for those who waited for them.
pub const RECENT_SECRETS_COUNT_MAX: usize = 64;

/// For how long after a failure a tenant's database is not asked for secrets again.
pub const SECRET_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Orders of operators that may wait for the main thread.
pub const ORDERS_COUNT_MAX: usize = 16;

/// How long the console and the HTTP endpoints wait for workers to say what they look like.
pub const WORKER_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Operators that may be at the console at once.
pub const CONSOLE_SESSIONS_MAX: usize = 64;

/// The longest message of an operator, in bytes. The longest command has a few hundred.
pub const CONSOLE_MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Statements, and portals, that one operator may hold.
pub const CONSOLE_STATEMENTS_MAX: usize = 64;

/// What is written to an operator at once, in bytes; one row may go beyond it.
pub const CONSOLE_OUTGOING_BYTES: usize = 32 * 1024;

/// How long an operator may take to read what is written at once.
pub const CONSOLE_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The time between two samples that averages are worked out from: PgBouncer's `stats_period`.
pub const STATS_PERIOD: Duration = Duration::from_mins(1);

/// Connections that the HTTP endpoints serve at once; more wait to be accepted.
pub const HTTP_CONNECTIONS_MAX: usize = 32;

/// How long one of them lives, from accept to the last byte: it serves one request.
pub const HTTP_CONNECTION_TIME_MAX: Duration = Duration::from_secs(15);

/// What one of them may send, in bytes.
pub const HTTP_REQUEST_BYTES_MAX: usize = 16 * 1024;

/// How long a page of metrics may be served again: whoever asks more often does not keep the
/// workers busy.
pub const METRICS_AGE_MAX: Duration = Duration::from_secs(1);

// A page of metrics can be made and sent while its connection lives.
const _: () = assert!(WORKER_ANSWER_TIMEOUT.as_secs() * 2 < HTTP_CONNECTION_TIME_MAX.as_secs());
