//! Every limit of this crate, by name, with its unit and where it comes from. A limit is never
//! written as a bare number anywhere else.

// The frame: one tag byte and a length word that counts itself.

/// Bytes of a frame's header: the tag and the length word.
pub const FRAME_HEADER_BYTES: usize = 5;

/// Bytes of the length word, which it counts itself. The smallest legal length.
pub const LENGTH_WORD_BYTES: u32 = 4;

/// The largest length word a server accepts from a client. In bytes, the word itself included.
///
/// `PQ_LARGE_MESSAGE_LIMIT` of `libpq/libpq.h`, which is `MaxAllocSize - 1`.
pub const FRONTEND_MESSAGE_BYTES_MAX: u32 = 0x3fff_fffe;

/// The largest length word a server sends. In bytes, the word itself included.
///
/// A server gathers a body in a `StringInfo`, which holds fewer than `MaxAllocSize` (0x3fffffff)
/// bytes, and then counts the length word on top. So this is a little above what it accepts.
pub const BACKEND_MESSAGE_BYTES_MAX: u32 = 0x3fff_fffe + LENGTH_WORD_BYTES;

/// The largest length word a server accepts for a message whose body is only names and numbers
/// (`Describe`, `Execute`, `Close`, `Sync`, `Flush`, `Terminate`, `CopyDone`, `CopyFail`). In
/// bytes, the word itself included. `PQ_SMALL_MESSAGE_LIMIT` of `libpq/libpq.h`.
///
/// Such a message may be gathered whole; anything larger must stream.
pub const SMALL_MESSAGE_BYTES_MAX: u32 = 10_000;

/// The fewest bytes of a cancel key. Up to protocol 3.0 it is the only legal length.
///
/// "`BackendKeyData`": the minimum and maximum key length are 4 and 256 bytes.
pub const CANCEL_KEY_BYTES_MIN: usize = 4;

/// The most bytes of a cancel key, from protocol 3.2 on.
pub const CANCEL_KEY_BYTES_MAX: usize = 256;

/// The most bytes of one text (message, detail, hint) in an error that Tidegate writes. Our own
/// texts quote names that a client chose; longer ones are cut.
pub const ERROR_TEXT_BYTES_MAX: usize = 2_048;

// The messages that open a connection.

/// The smallest length word of a message that opens a connection: itself and a code. In bytes.
pub const STARTUP_BYTES_MIN: u32 = LENGTH_WORD_BYTES + 4;

/// The largest length word of a message that opens a connection. In bytes, the word included.
///
/// `MAX_STARTUP_PACKET_LENGTH` (10,000) of `libpq/pqcomm.h` counts without the word.
pub const STARTUP_BYTES_MAX: u32 = 10_000 + LENGTH_WORD_BYTES;

/// The length word of a `CancelRequest` with the shortest key: itself, code, process id. In bytes.
pub const CANCEL_REQUEST_BYTES_MIN: u32 = 16;

/// The length word of a `CancelRequest` with the longest key. In bytes.
pub const CANCEL_REQUEST_BYTES_MAX: u32 = 268;

/// The largest length word of a `PasswordMessage`, `SASLInitialResponse` or `SASLResponse` that a
/// client may send before it is authenticated. In bytes, the word included.
///
/// Servers take 65,535 for tokens of GSSAPI, which Tidegate does not speak, and 1,024 for SASL.
pub const AUTH_MESSAGE_BYTES_MAX: u32 = 8_192;

const _: () = assert!(CANCEL_KEY_BYTES_MIN < CANCEL_KEY_BYTES_MAX);
const _: () = assert!(CANCEL_REQUEST_BYTES_MIN as usize == 12 + CANCEL_KEY_BYTES_MIN);
const _: () = assert!(CANCEL_REQUEST_BYTES_MAX as usize == 12 + CANCEL_KEY_BYTES_MAX);
const _: () = assert!(CANCEL_REQUEST_BYTES_MAX < STARTUP_BYTES_MAX);
const _: () = assert!(STARTUP_BYTES_MIN < STARTUP_BYTES_MAX);
const _: () = assert!(AUTH_MESSAGE_BYTES_MAX < SMALL_MESSAGE_BYTES_MAX);
const _: () = assert!(FRONTEND_MESSAGE_BYTES_MAX < BACKEND_MESSAGE_BYTES_MAX);
const _: () = assert!(BACKEND_MESSAGE_BYTES_MAX < i32::MAX as u32);
const _: () = assert!(SMALL_MESSAGE_BYTES_MAX < FRONTEND_MESSAGE_BYTES_MAX);

// The PROXY protocol.

/// The longest PROXY v1 line, CRLF included ("a 108-byte buffer is always enough", §2.1 of the
/// [PROXY protocol](https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt); the 108th byte
/// is the NUL of a C string).
pub const PROXY_V1_BYTES_MAX: usize = 107;

/// The fixed part of a PROXY v2 header: signature, version and command, family and transport,
/// length (§2.2).
pub const PROXY_V2_FIXED_BYTES: usize = 16;

/// The longest PROXY header accepted, its fixed part included. The v2 length field allows 65,551
/// bytes; nginx (`NGX_PROXY_PROTOCOL_MAX_HEADER`) and others stop at the same 4,096.
pub const PROXY_HEADER_BYTES_MAX: usize = 4096;

/// The longest host name in `PP2_TYPE_AUTHORITY`: what fits in DNS without the trailing dot
/// (RFC 1035 §2.3.4).
pub const PROXY_AUTHORITY_BYTES_MAX: usize = 253;

/// The longest label of a host name (RFC 1035 §2.3.4).
pub const PROXY_AUTHORITY_LABEL_BYTES_MAX: usize = 63;

/// The longest protocol name in `PP2_TYPE_ALPN`: its length is one byte in TLS (RFC 7301 §3.1).
pub const PROXY_ALPN_BYTES_MAX: usize = 255;

/// The longest `PP2_TYPE_UNIQUE_ID` (§2.2.5).
pub const PROXY_UNIQUE_ID_BYTES_MAX: usize = 128;

/// The longest text in the `PP2_SUBTYPE_SSL_*` values and in `PP2_TYPE_NETNS`. The protocol names
/// no limit; RFC 5280 stops a common name at 64 characters, Linux a file name at 255 bytes.
pub const PROXY_TEXT_BYTES_MAX: usize = 255;

/// The longest private-endpoint id. AWS writes 22 characters (`vpce-` and 17 hexadecimal digits),
/// the decimal ids of Azure and Google Cloud have at most 20.
pub const PROXY_ENDPOINT_ID_BYTES_MAX: usize = 64;

const _: () = assert!(PROXY_V1_BYTES_MAX < PROXY_HEADER_BYTES_MAX);
// The largest address block that is decoded (IPv6) and every bounded TLV fit into one header.
const _: () = assert!(PROXY_V2_FIXED_BYTES + 36 < PROXY_HEADER_BYTES_MAX);
const _: () = assert!(PROXY_AUTHORITY_LABEL_BYTES_MAX < PROXY_AUTHORITY_BYTES_MAX);
const _: () = assert!(
    PROXY_AUTHORITY_BYTES_MAX
        + PROXY_ALPN_BYTES_MAX
        + PROXY_UNIQUE_ID_BYTES_MAX
        + 8 * PROXY_TEXT_BYTES_MAX
        + PROXY_ENDPOINT_ID_BYTES_MAX
        < PROXY_HEADER_BYTES_MAX
);
// A u64 in decimal has 20 digits.
const _: () = assert!(20 <= PROXY_ENDPOINT_ID_BYTES_MAX);

// SCRAM: what a peer can make us hold, and how long it can make us work.

/// The longest SCRAM message accepted from a client, in bytes; `PG_MAX_SASL_MESSAGE_LENGTH` of
/// `PostgreSQL`, which counts the mechanism's name in.
pub const SCRAM_CLIENT_MESSAGE_BYTES_MAX: usize = 1024;

/// The longest SCRAM message accepted from a server, in bytes. It has to hold the longest nonce and
/// the longest salt in base64.
pub const SCRAM_SERVER_MESSAGE_BYTES_MAX: usize = 2048;

/// The random bytes in a nonce of ours; `SCRAM_RAW_NONCE_LEN` of `PostgreSQL`.
pub const SCRAM_RAW_NONCE_BYTES: usize = 18;

/// The longest nonce accepted from a server, ours included, in bytes. `PostgreSQL` sends 48.
pub const SCRAM_NONCE_BYTES_MAX: usize = 512;

/// The bytes in a salt of ours; `SCRAM_DEFAULT_SALT_LEN` of `PostgreSQL`.
pub const SCRAM_SALT_BYTES: usize = 16;

/// The longest salt accepted, in bytes. `PostgreSQL` makes 16, other servers up to 64.
pub const SCRAM_SALT_BYTES_MAX: usize = 256;

/// The iterations that `PostgreSQL` uses unless `scram_iterations` says otherwise.
pub const SCRAM_ITERATIONS_DEFAULT: u32 = 4096;

/// The iterations a server may ask of us unless the operator says otherwise: each costs two
/// hashes, and it is the server that names their number (RUSTSEC-2026-0179, CVE-2026-42198).
pub const SCRAM_ITERATIONS_ASKED_MAX_DEFAULT: u32 = 100_000;

/// The iterations in a stored secret that is believed at all.
pub const SCRAM_ITERATIONS_STORED_MAX: u32 = 10_000_000;

/// The longest text of a stored SCRAM secret, in bytes.
pub const SCRAM_SECRET_BYTES_MAX: usize = 512;

const _: () = assert!(
    SCRAM_RAW_NONCE_BYTES.is_multiple_of(3),
    "a nonce has no base64 padding"
);
const _: () = assert!(SCRAM_RAW_NONCE_BYTES / 3 * 4 < SCRAM_NONCE_BYTES_MAX);
const _: () = assert!(SCRAM_SALT_BYTES <= SCRAM_SALT_BYTES_MAX);
const _: () = assert!(SCRAM_ITERATIONS_DEFAULT <= SCRAM_ITERATIONS_ASKED_MAX_DEFAULT);
const _: () = assert!(SCRAM_ITERATIONS_ASKED_MAX_DEFAULT <= SCRAM_ITERATIONS_STORED_MAX);
const _: () = assert!(
    SCRAM_NONCE_BYTES_MAX + SCRAM_SALT_BYTES_MAX.div_ceil(3) * 4 + "r=,s=,i=4294967295".len()
        <= SCRAM_SERVER_MESSAGE_BYTES_MAX
);
// The longest salt and the two keys fit into a stored secret.
const _: () = assert!(
    "SCRAM-SHA-256$4294967295:$:".len() + SCRAM_SALT_BYTES_MAX.div_ceil(3) * 4 + 2 * 44
        <= SCRAM_SECRET_BYTES_MAX
);
