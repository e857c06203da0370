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

const _: () = assert!(FRONTEND_MESSAGE_BYTES_MAX < BACKEND_MESSAGE_BYTES_MAX);
const _: () = assert!(BACKEND_MESSAGE_BYTES_MAX < i32::MAX as u32);
const _: () = assert!(SMALL_MESSAGE_BYTES_MAX < FRONTEND_MESSAGE_BYTES_MAX);
