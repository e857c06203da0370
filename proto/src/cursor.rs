//! Reads the fields of one message body, in order, without ever reading past its end. Knows no
//! message; it never allocates and never copies.

use std::ffi::CStr;

use crate::error::Sender;
use crate::error::Violation;
use crate::error::ViolationKind;

/// A position in the body of one message. Every failure names the message and the field.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    sender: Sender,
    message: &'static str,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `body`, which is a `message` of `sender`.
    pub const fn new(sender: Sender, message: &'static str, body: &'a [u8]) -> Self {
        Self {
            sender,
            message,
            rest: body,
        }
    }

    /// One byte.
    ///
    /// # Errors
    ///
    /// [`ViolationKind::CutOff`] if the body ends before it; so for every reader below.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Violation> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    /// An `Int16`, signed.
    ///
    /// # Errors
    ///
    /// [`ViolationKind::CutOff`] if the body ends before it.
    pub fn i16(&mut self, field: &'static str) -> Result<i16, Violation> {
        self.array(field).map(i16::from_be_bytes)
    }

    /// An `Int16` that counts, and so reaches 65,535.
    ///
    /// # Errors
    ///
    /// [`ViolationKind::CutOff`] if the body ends before it.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, Violation> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// An `Int32`, signed.
    ///
    /// # Errors
    ///
    /// [`ViolationKind::CutOff`] if the body ends before it.
    pub fn i32(&mut self, field: &'static str) -> Result<i32, Violation> {
        self.array(field).map(i32::from_be_bytes)
    }

    /// An `Int32` without a sign: an object id, a length, a process id.
    ///
    /// # Errors
    ///
    /// [`ViolationKind::CutOff`] if the body ends before it.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, Violation> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// A `String`, without its terminator. Its encoding is the client's, so it stays bytes.
    ///
    /// # Errors
    ///
    /// [`ViolationKind::Unterminated`] if no zero byte follows in this body.
    pub fn cstr(&mut self, field: &'static str) -> Result<&'a [u8], Violation> {
        let Ok(string) = CStr::from_bytes_until_nul(self.rest) else {
            return Err(self.violation(field, ViolationKind::Unterminated));
        };
        let string = string.to_bytes();
        self.rest = self.rest.get(string.len() + 1..).unwrap_or_default();
        Ok(string)
    }

    /// Exactly `count` bytes.
    ///
    /// # Errors
    ///
    /// [`ViolationKind::CutOff`] if fewer remain.
    pub fn bytes(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], Violation> {
        // Compares with what remains; never adds to a position, which could overflow
        // (CVE-2026-6664).
        let Some((bytes, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.violation(field, ViolationKind::CutOff));
        };
        self.rest = rest;
        Ok(bytes)
    }

    /// Everything up to the end of the body.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// How many bytes are left.
    pub const fn remaining_bytes(&self) -> usize {
        self.rest.len()
    }

    /// The end of the message.
    ///
    /// # Errors
    ///
    /// [`ViolationKind::TrailingBytes`] if the body has not been read whole.
    pub fn finish(self) -> Result<(), Violation> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(self.violation("end", ViolationKind::TrailingBytes { count })),
        }
    }

    /// A violation of this message that only its decoder can see.
    #[cold]
    pub const fn violation(&self, field: &'static str, kind: ViolationKind) -> Violation {
        Violation {
            sender: self.sender,
            message: self.message,
            field,
            kind,
        }
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Violation> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.violation(field, ViolationKind::CutOff));
        };
        self.rest = rest;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(body: &[u8]) -> Cursor<'_> {
        Cursor::new(Sender::Backend, "DataRow", body)
    }

    #[test]
    fn fields_are_read_in_order_up_to_the_end() {
        let mut cursor =
            cursor(b"\x01\xff\xfe\x00\x02\xff\xff\xff\xff\x00\x00\x00\x07name\0abcdef");
        assert_eq!(cursor.u8("a"), Ok(1));
        assert_eq!(cursor.i16("b"), Ok(-2));
        assert_eq!(cursor.u16("c"), Ok(2));
        assert_eq!(cursor.i32("d"), Ok(-1));
        assert_eq!(cursor.u32("e"), Ok(7));
        assert_eq!(cursor.cstr("f"), Ok(&b"name"[..]));
        assert_eq!(cursor.bytes("g", 2), Ok(&b"ab"[..]));
        assert_eq!(cursor.remaining_bytes(), 4);
        assert_eq!(cursor.rest(), b"cdef");
        assert_eq!(cursor.finish(), Ok(()));
    }

    #[test]
    fn a_field_past_the_end_is_named() {
        let expected = |field, kind| Violation {
            sender: Sender::Backend,
            message: "DataRow",
            field,
            kind,
        };
        let cut_off = |field| expected(field, ViolationKind::CutOff);
        assert_eq!(cursor(b"").u8("a"), Err(cut_off("a")));
        assert_eq!(cursor(b"\0").i16("b"), Err(cut_off("b")));
        assert_eq!(cursor(b"\0").u16("b"), Err(cut_off("b")));
        assert_eq!(cursor(b"\0\0\0").i32("c"), Err(cut_off("c")));
        assert_eq!(cursor(b"\0\0\0").u32("c"), Err(cut_off("c")));
        assert_eq!(cursor(b"abc").bytes("d", 4), Err(cut_off("d")));
        assert_eq!(cursor(b"abc").bytes("d", usize::MAX), Err(cut_off("d")));
        let unterminated = expected("e", ViolationKind::Unterminated);
        assert_eq!(cursor(b"abc").cstr("e"), Err(unterminated));
        let trailing = expected("end", ViolationKind::TrailingBytes { count: 3 });
        assert_eq!(cursor(b"abc").finish(), Err(trailing));
    }

    #[test]
    fn a_failed_read_moves_nothing() {
        let mut cursor = cursor(b"ab");
        cursor.i32("length").unwrap_err();
        assert_eq!(cursor.rest(), b"ab");
    }
}
