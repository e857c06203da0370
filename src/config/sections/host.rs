//! Where an endpoint is reached.
//!
//! Nothing is resolved here, and nothing that some resolver would take for an address passes as a
//! name: what is written must be what is connected to.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;

/// The longest host name, RFC 1035 section 2.3.4, in bytes.
const NAME_BYTES_MAX: usize = 253;

/// The longest label of a host name, in bytes.
const LABEL_BYTES_MAX: usize = 63;

/// Where an endpoint is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name to resolve.
    Name(String),
    /// An address.
    Address(IpAddr),
    /// A unix socket, or the directory of one.
    Unix(PathBuf),
}

impl Host {
    /// Whether it is on this machine for certain.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost",
            Self::Address(address) => address.is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(formatter, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]"),
            Self::Unix(path) => write!(formatter, "{}", path.display()),
        }
    }
}

impl SettingValue for Host {
    fn read(written: &Value<'_>) -> Option<Self> {
        const EXPECTED: &str = "a host: a name, an address without brackets or port, or the directory of a unix socket";
        let text = written.text(EXPECTED)?;
        if text.starts_with('/') && !text.contains('\0') {
            return Some(Self::Unix(PathBuf::from(text.into_owned())));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical()));
        }
        if is_name(&text) {
            return Some(Self::Name(text.to_ascii_lowercase()));
        }
        written.malformed(EXPECTED)
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{}\"", self.to_string().trim_matches(['[', ']'])))
    }
}

fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    // `0x7f.1` and `127.1` are addresses to some resolvers: a last label that begins with a digit
    // is none of a name.
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= NAME_BYTES_MAX
        && name.split('.').all(is_label)
        && !last.starts_with(|first: char| first.is_ascii_digit())
}
