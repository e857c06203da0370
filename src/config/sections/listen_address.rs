//! Where a listener listens: a TCP address with a port, or the path of a unix socket.

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::de::DeValue;

use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;
use crate::config::reading::value::text;

/// The longest path of a unix socket, in bytes: `sockaddr_un` holds 108 with the NUL.
const UNIX_PATH_BYTES_MAX: usize = 107;

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// TCP; `[::]` accepts IPv4 too.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix {
        /// The socket's path.
        path: PathBuf,
        /// The permissions of the socket.
        mode: u32,
    },
}

impl ListenAddress {
    /// Whether only processes of this machine can connect.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix { .. } => true,
        }
    }
}

impl SettingValue for ListenAddress {
    fn read(written: &Value<'_>) -> Option<Self> {
        const EXPECTED: &str = "an address with a port such as \"[::]:6432\", or the path of a unix socket, at most 107 bytes long";
        let text = written.text(EXPECTED)?;
        if text.starts_with('/') {
            let is_path = text.len() <= UNIX_PATH_BYTES_MAX && !text.contains('\0');
            let SocketMode(mode) = SocketMode::default();
            return if is_path {
                Some(Self::Unix {
                    path: PathBuf::from(text.into_owned()),
                    mode,
                })
            } else {
                written.malformed(EXPECTED)
            };
        }
        text.parse()
            .ok()
            .map(Self::Tcp)
            .or_else(|| written.malformed(EXPECTED))
    }

    fn show(&self) -> Option<String> {
        match self {
            Self::Tcp(address) => address.show(),
            Self::Unix { path, .. } => path.show(),
        }
    }
}

/// Permissions of a unix socket, nine bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketMode(pub u32);

impl Default for SocketMode {
    fn default() -> Self {
        Self(0o777)
    }
}

impl SettingValue for SocketMode {
    fn read(written: &Value<'_>) -> Option<Self> {
        const EXPECTED: &str = "permissions in octal such as \"0770\" or 0o770";
        const MODE_MAX: u32 = 0o777;
        // A decimal 770 would mean other permissions than it seems to.
        let digits = if let DeValue::Integer(integer) = written.toml()
            && integer.radix() == 8
        {
            integer.as_str().to_owned()
        } else {
            text::read(written, EXPECTED)?
        };
        let is_octal = digits.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
        match u32::from_str_radix(&digits, 8) {
            Ok(mode) if is_octal && mode <= MODE_MAX => Some(Self(mode)),
            _ => written.malformed(EXPECTED),
        }
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{:04o}\"", self.0))
    }
}
