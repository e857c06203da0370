//! A place in the write-ahead log.
//!
//! See "`pg_lsn` Type", <https://www.postgresql.org/docs/current/datatype-pg-lsn.html>.

use std::fmt;
use std::str::FromStr;

/// A place in the write-ahead log, in bytes from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

/// `XLOG_BLCKSZ` as it is built, if not told otherwise.
const WAL_PAGE_BYTES: u64 = 8192;

/// `SizeOfXLogShortPHD`. The first page of a segment has a longer header, but where segments begin
/// depends on how the cluster was initialized: such a place is not rounded, and a standby is taken to be
/// behind until more is written.
const SHORT_PAGE_HEADER_BYTES: u64 = 24;

/// The text is no `pg_lsn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a log sequence number is two hexadecimal numbers of at most eight digits, such as 16/B374D848"
)]
pub struct NoLsn;

impl Lsn {
    /// By how many bytes this place is behind another one.
    pub const fn behind(self, other: Self) -> u64 {
        other.0.saturating_sub(self.0)
    }

    /// The end of the record before this place, which is where the next one is to be inserted. At the
    /// beginning of a page these two differ by the page's header, which replay does not count: a standby
    /// that has replayed everything ends before it. No record ends right behind a header.
    #[must_use]
    pub const fn end_of_record(self) -> Self {
        if self.0 % WAL_PAGE_BYTES == SHORT_PAGE_HEADER_BYTES {
            Self(self.0 - self.0 % WAL_PAGE_BYTES)
        } else {
            self
        }
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Lsn {
    type Err = NoLsn;

    fn from_str(text: &str) -> Result<Self, NoLsn> {
        let half = |digits: &str| {
            let is_plain = digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let digits = is_plain.then_some(digits).ok_or(NoLsn)?;
            u64::from_str_radix(digits, 16).map_err(|_empty| NoLsn)
        };
        let (high, low) = text.split_once('/').ok_or(NoLsn)?;
        Ok(Self(half(high)? << 32 | half(low)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_postgres_writes_it_and_read_again() {
        for (text, place) in [
            ("0/0", 0),
            ("0/3000060", 0x300_0060),
            ("16/B374D848", 0x16_B374_D848),
            ("FFFFFFFF/FFFFFFFF", u64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(Lsn(place)));
            assert_eq!(Lsn(place).to_string(), text);
        }
    }

    #[test]
    fn what_is_none_is_not_read_as_one() {
        for text in [
            "",
            "/",
            "0",
            "0/",
            "/0",
            "0/0/0",
            "x/0",
            "+1/0",
            "000000001/0",
            " 0/0",
        ] {
            assert_eq!(text.parse::<Lsn>(), Err(NoLsn), "{text}");
        }
    }

    #[test]
    fn what_is_inserted_behind_the_header_of_a_page_comes_after_what_ends_before_it() {
        for (inserted, end) in [
            (0x300_0028, 0x300_0028),
            (0x300_0018, 0x300_0000),
            (0x300_2018, 0x300_2000),
            (0x300_2028, 0x300_2028),
            (0x300_2020, 0x300_2020),
            (0x300_0000, 0x300_0000),
            (0x300_3FF8, 0x300_3FF8),
        ] {
            assert_eq!(Lsn(inserted).end_of_record(), Lsn(end), "{inserted:X}");
        }
    }

    #[test]
    fn nobody_is_behind_an_earlier_place() {
        assert_eq!(Lsn(10).behind(Lsn(30)), 20);
        assert_eq!(Lsn(30).behind(Lsn(10)), 0);
    }
}
