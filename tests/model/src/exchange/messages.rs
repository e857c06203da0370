//! The messages that an exchange is made of: a number each, so that a sequence of them shrinks.

use tidegate_proto::frontend::tag;

/// Messages, the plainest first: a tag and a body.
pub(super) const MESSAGES: [(u8, &[u8]); 40] = [
    (tag::SYNC, b""),
    (tag::QUERY, b"SELECT 'a' 2\0"),
    (tag::PARSE, b"\0SELECT 'b' 3\0\0\0"),
    (tag::BIND, b"\0\0\0\0\0\0\0\0"),
    (tag::EXECUTE, b"\0\0\0\0\0"),
    (tag::FLUSH, b""),
    (tag::COPY_DATA, b"line\n"),
    (tag::COPY_DONE, b""),
    (tag::COPY_FAIL, b"no\0"),
    (tag::QUERY, b"COPY t FROM STDIN\0"),
    (tag::QUERY, b"COPY t FROM STDIN 0\0"),
    (tag::QUERY, b"COPY t FROM STDIN 1\0"),
    (tag::QUERY, b"COPY t FROM STDIN 2\0"),
    (tag::QUERY, b"COPY t FROM STDIN; COPY t FROM STDIN\0"),
    (tag::QUERY, b"COPY t FROM STDIN 3; SELECT 'c'\0"),
    (
        tag::QUERY,
        b"SELECT 'd'; COPY t FROM STDIN; COPY t FROM STDIN 2\0",
    ),
    (tag::PARSE, b"\0COPY t FROM STDIN\0\0\0"),
    (tag::PARSE, b"\0COPY t FROM STDIN 0\0\0\0"),
    (tag::PARSE, b"\0COPY t FROM STDIN 1\0\0\0"),
    (tag::PARSE, b"\0COPY t FROM STDIN 2\0\0\0"),
    (tag::QUERY, b"COPY t TO STDOUT 2; COPY t TO STDOUT\0"),
    (tag::PARSE, b"\0COPY t TO STDOUT 2\0\0\0"),
    (tag::QUERY, b"FAIL\0"),
    (tag::QUERY, b"SELECT 'e'; FAIL; SELECT 'f'\0"),
    (tag::QUERY, b"NONSENSE\0"),
    (tag::QUERY, b"\0"),
    (tag::PARSE, b"\0\0\0\0"),
    (tag::PARSE, b"\0NONSENSE\0\0\0"),
    (tag::PARSE, b"\0FAIL\0\0\0"),
    (tag::PARSE, b"\0DOOM\0\0\0"),
    (tag::QUERY, b"BEGIN\0"),
    (tag::QUERY, b"ROLLBACK\0"),
    (tag::QUERY, b"COMMIT\0"),
    (tag::QUERY, b"SET TimeZone = 'UTC'\0"),
    (tag::EXECUTE, b"\0\0\0\0\x01"),
    (tag::DESCRIBE, b"S\0"),
    (tag::DESCRIBE, b"P\0"),
    (tag::CLOSE, b"P\0"),
    (tag::FUNCTION_CALL, b"\0\0\0\x01\0\0\0\0\0\0"),
    (tag::FUNCTION_CALL, b"\0\0\0"),
];

/// One of [`MESSAGES`], by any number.
pub(super) fn message(number: u8) -> (u8, &'static [u8]) {
    let known = MESSAGES.get(usize::from(number) % MESSAGES.len());
    known.copied().unwrap_or((tag::SYNC, b""))
}
