//! The parameters of a session as its client is told of them: written once for all clients that
//! hear the same.
//!
//! A few parameters are the client's own, and are written again for each that has a value of its
//! own for one.

use std::ops::Range;

use tidegate_proto::backend::ParameterStatus;
use tidegate_proto::error::EncodeError;

use crate::pool::APPLICATION_NAME;
use crate::pool::Reported;

/// Drivers look for it: `target_session_attrs`.
pub const IN_HOT_STANDBY: &str = "in_hot_standby";

/// A `ParameterStatus` for each parameter that a server reports, in its order.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    messages: Vec<u8>,
    /// Where the messages of parameters are that a client may have a value of its own for, in order.
    own: Vec<(Box<str>, Range<usize>)>,
}

impl Told {
    /// Writes the messages.
    ///
    /// # Errors
    ///
    /// A name or a value cannot be sent.
    pub fn of(reported: &Reported) -> Result<Self, EncodeError> {
        let (mut messages, mut own) = (Vec::new(), Vec::new());
        for (name, value) in reported {
            let start = messages.len();
            status(name, value).encode(&mut messages)?;
            if [APPLICATION_NAME, IN_HOT_STANDBY]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known))
            {
                own.push((name.clone(), start..messages.len()));
            }
        }
        Ok(Self { messages, own })
    }

    /// Puts the messages behind `out`, with the client's own values as `own` gives them by name.
    ///
    /// # Errors
    ///
    /// Such a value cannot be sent.
    pub fn tell<'a>(
        &self,
        own: impl Fn(&str) -> Option<&'a str>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let mut told = 0;
        for (name, place) in &self.own {
            if let Some(value) = own(name) {
                out.extend_from_slice(self.messages.get(told..place.start).unwrap_or_default());
                status(name, value).encode(out)?;
                told = place.end;
            }
        }
        out.extend_from_slice(self.messages.get(told..).unwrap_or_default());
        Ok(())
    }
}

fn status<'a>(name: &'a str, value: &'a str) -> ParameterStatus<'a> {
    ParameterStatus {
        name: name.as_bytes(),
        value: value.as_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_one_by_one(reported: &Reported) -> Vec<u8> {
        let mut messages = Vec::new();
        for (name, value) in reported {
            status(name, value).encode(&mut messages).unwrap();
        }
        messages
    }

    #[test]
    fn a_client_hears_its_own_values_where_the_server_reports_them_and_else_the_servers() {
        let reported = |name: &str, standby: &str| -> Reported {
            vec![
                ("in_hot_standby".into(), standby.into()),
                ("application_name".into(), name.into()),
                ("TimeZone".into(), "UTC".into()),
            ]
        };
        let told = Told::of(&reported("", "off")).unwrap();
        for (name, standby) in [
            (None, None),
            (Some("psql"), None),
            (None, Some("on")),
            (Some("longer than the other"), Some("on")),
        ] {
            let mut heard = b"before".to_vec();
            let own = |known: &str| match known {
                "application_name" => name,
                "in_hot_standby" => standby,
                other => panic!("{other} is the server's"),
            };
            told.tell(own, &mut heard).unwrap();
            let expected = reported(name.unwrap_or_default(), standby.unwrap_or("off"));
            let expected = [b"before".as_slice(), &told_one_by_one(&expected)].concat();
            assert_eq!(heard, expected);
        }
    }

    #[test]
    fn what_a_server_does_not_report_is_not_told() {
        let reported = vec![("TimeZone".into(), "UTC".into())];
        let mut heard = Vec::new();
        let told = Told::of(&reported).unwrap();
        told.tell(|_| Some("own"), &mut heard).unwrap();
        assert_eq!(heard, told_one_by_one(&reported));
    }

    #[test]
    fn a_value_that_no_message_can_carry_is_refused() {
        let broken = |value: &str| vec![("TimeZone".into(), Box::from(value))];
        assert!(Told::of(&broken("a\0b")).is_err());
        let told = Told::of(&vec![("application_name".into(), "".into())]).unwrap();
        let mut heard = Vec::new();
        assert!(told.tell(|_| Some("a\0b"), &mut heard).is_err());
    }
}
