//! Reads the `letter=value` attributes that SCRAM messages are made of.
//!
//! It borrows from the message and allocates nothing. It does not know which attribute belongs
//! where; the states do.
//!
//! See [RFC 5802 §5.1](https://www.rfc-editor.org/rfc/rfc5802#section-5.1).

use super::error::Defect;

/// The attributes of one message, read from left to right.
pub(super) struct Attributes<'message> {
    /// `None` once the last attribute was taken. A message that ends in a comma has an empty
    /// attribute there, which no one accepts.
    rest: Option<&'message [u8]>,
}

impl<'message> Attributes<'message> {
    pub(super) fn new(message: &'message [u8]) -> Self {
        Self {
            rest: Some(message),
        }
    }

    /// The value of the next attribute, which has to be `name`.
    pub(super) fn expect(&mut self, name: u8) -> Result<&'message [u8], Defect> {
        match self.next()? {
            Some((found, value)) if found == name => Ok(value),
            _ => Err(Defect::AttributeExpected(char::from(name))),
        }
    }

    /// The next attribute; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u8, &'message [u8])>, Defect> {
        let Some(rest) = self.rest else {
            return Ok(None);
        };
        let (attribute, rest) = match split_at_comma(rest) {
            Some((attribute, rest)) => (attribute, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        match attribute {
            [name, b'=', value @ ..] if name.is_ascii_alphabetic() => Ok(Some((*name, value))),
            _ => Err(Defect::NotAnAttribute),
        }
    }

    /// Demands that nothing follows.
    pub(super) fn finish(self) -> Result<(), Defect> {
        match self.rest {
            None => Ok(()),
            Some(_) => Err(Defect::TrailingData),
        }
    }

    /// Steps over the optional extensions that the RFC allows at the end. A proof among them would
    /// be a second one.
    pub(super) fn skip_extensions(mut self) -> Result<(), Defect> {
        while let Some((name, _)) = self.next()? {
            if name == b'p' {
                return Err(Defect::TrailingData);
            }
        }
        Ok(())
    }
}

/// The bytes before the first comma and those behind it.
pub(super) fn split_at_comma(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let comma = bytes.iter().position(|byte| *byte == b',')?;
    let (before, from_comma) = bytes.split_at_checked(comma)?;
    Some((before, from_comma.get(1..)?))
}

/// The bytes before the last comma and those behind it.
pub(super) fn split_at_last_comma(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let comma = bytes.iter().rposition(|byte| *byte == b',')?;
    let (before, from_comma) = bytes.split_at_checked(comma)?;
    Some((before, from_comma.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_in_order_and_end() {
        let mut attributes = Attributes::new(b"r=abc,s=,i=1=2");
        assert_eq!(attributes.expect(b'r'), Ok(&b"abc"[..]));
        assert_eq!(attributes.expect(b's'), Ok(&b""[..]));
        assert_eq!(attributes.expect(b'i'), Ok(&b"1=2"[..]));
        assert_eq!(attributes.expect(b'x'), Err(Defect::AttributeExpected('x')));
        assert_eq!(attributes.finish(), Ok(()));
    }

    #[test]
    fn what_is_not_an_attribute_is_refused() {
        for message in [&b""[..], b"r", b"=a", b"1=a", b"ra=", b",r=a"] {
            assert_eq!(
                Attributes::new(message).next(),
                Err(Defect::NotAnAttribute),
                "{message:?}"
            );
        }
        let mut trailing_comma = Attributes::new(b"r=a,");
        assert_eq!(trailing_comma.expect(b'r'), Ok(&b"a"[..]));
        assert_eq!(trailing_comma.next(), Err(Defect::NotAnAttribute));
    }

    #[test]
    fn extensions_are_stepped_over_but_not_a_second_proof() {
        assert_eq!(Attributes::new(b"x=1,Y=2").skip_extensions(), Ok(()));
        assert_eq!(
            Attributes::new(b"x=1,p=2").skip_extensions(),
            Err(Defect::TrailingData)
        );
    }

    #[test]
    fn a_message_is_split_at_its_first_and_last_comma() {
        assert_eq!(split_at_comma(b"a,b,c"), Some((&b"a"[..], &b"b,c"[..])));
        assert_eq!(
            split_at_last_comma(b"a,b,c"),
            Some((&b"a,b"[..], &b"c"[..]))
        );
        assert_eq!(split_at_comma(b"abc"), None);
        assert_eq!(split_at_last_comma(b"a,"), Some((&b"a"[..], &b""[..])));
    }
}
