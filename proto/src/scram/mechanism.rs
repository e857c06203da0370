//! The two SASL mechanisms, and which of them a client takes.

use super::channel_binding::ChannelBindingData;
use super::error::ScramError;

/// A SASL mechanism that Tidegate speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// `SCRAM-SHA-256`.
    ScramSha256,
    /// `SCRAM-SHA-256-PLUS`: the proof also binds to the server's certificate.
    ScramSha256Plus,
}

impl Mechanism {
    /// The name as the wire has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
        }
    }

    /// The mechanism of that name; `None` if it is not one of ours.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        [Self::ScramSha256, Self::ScramSha256Plus]
            .into_iter()
            .find(|mechanism| mechanism.as_str().as_bytes() == name)
    }
}

/// How a client (Tidegate, towards a server) binds its proof to the TLS connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientBinding {
    /// `n`: we cannot bind.
    Unsupported,
    /// `y`: we can, the server says it cannot. A server that can refuses this, so nobody in
    /// between can take the offer off the list.
    NotOffered,
    /// `p=tls-server-end-point`: bound to the certificate that the server showed.
    TlsServerEndPoint(ChannelBindingData),
}

impl ClientBinding {
    /// Chooses from what the server offers: the strongest that both can do.
    ///
    /// `binding` is what the server's certificate gives, `None` without TLS or if its signature
    /// algorithm allows no binding; `tls` tells these two apart.
    ///
    /// # Errors
    /// The server's fault: [`ScramError::NoMechanism`] if nothing on the list can be used;
    /// [`ScramError::ChannelBindingWithoutTls`] if it offers SCRAM-SHA-256-PLUS on a connection
    /// that has no TLS here: somebody in between ends it.
    pub fn choose<'name>(
        offered: impl IntoIterator<Item = &'name [u8]>,
        tls: bool,
        binding: Option<ChannelBindingData>,
    ) -> Result<Self, ScramError> {
        let mut plain = false;
        let mut plus = false;
        for mechanism in offered.into_iter().filter_map(Mechanism::from_name) {
            match mechanism {
                Mechanism::ScramSha256 => plain = true,
                Mechanism::ScramSha256Plus => plus = true,
            }
        }
        match binding {
            _ if plus && !tls => Err(ScramError::ChannelBindingWithoutTls),
            Some(data) if plus => Ok(Self::TlsServerEndPoint(data)),
            Some(_) if plain => Ok(Self::NotOffered),
            None if plain => Ok(Self::Unsupported),
            Some(_) | None => Err(ScramError::NoMechanism),
        }
    }

    /// The mechanism to name in `SASLInitialResponse`.
    pub fn mechanism(&self) -> Mechanism {
        match self {
            Self::Unsupported | Self::NotOffered => Mechanism::ScramSha256,
            Self::TlsServerEndPoint(_) => Mechanism::ScramSha256Plus,
        }
    }

    /// `gs2-header`.
    pub(super) fn gs2_header(&self) -> &'static str {
        match self {
            Self::Unsupported => "n,,",
            Self::NotOffered => "y,,",
            Self::TlsServerEndPoint(_) => "p=tls-server-end-point,,",
        }
    }

    /// The bytes behind the header in `c=`.
    pub(super) fn data(&self) -> &[u8] {
        match self {
            Self::Unsupported | Self::NotOffered => &[],
            Self::TlsServerEndPoint(data) => data.as_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scram::SignatureHash;

    const PLAIN: &[u8] = b"SCRAM-SHA-256";
    const PLUS: &[u8] = b"SCRAM-SHA-256-PLUS";

    fn data() -> ChannelBindingData {
        ChannelBindingData::tls_server_end_point(SignatureHash::Sha256, b"certificate")
    }

    #[test]
    fn plus_is_taken_when_offered_over_tls_in_any_order() {
        for offered in [[PLUS, PLAIN], [PLAIN, PLUS]] {
            let choice = ClientBinding::choose(offered, true, Some(data())).unwrap();
            assert_eq!(choice, ClientBinding::TlsServerEndPoint(data()));
            assert_eq!(choice.mechanism(), Mechanism::ScramSha256Plus);
        }
    }

    #[test]
    fn a_server_without_plus_is_told_that_we_could() {
        let choice = ClientBinding::choose([PLAIN], true, Some(data()));
        assert_eq!(choice, Ok(ClientBinding::NotOffered));
    }

    #[test]
    fn without_a_usable_certificate_the_plain_mechanism_is_taken() {
        assert_eq!(
            ClientBinding::choose([PLUS, PLAIN], true, None),
            Ok(ClientBinding::Unsupported)
        );
        assert_eq!(
            ClientBinding::choose([PLAIN], false, None),
            Ok(ClientBinding::Unsupported)
        );
        assert_eq!(
            ClientBinding::choose([PLUS], true, None),
            Err(ScramError::NoMechanism)
        );
    }

    #[test]
    fn plus_without_tls_is_refused() {
        assert_eq!(
            ClientBinding::choose([PLUS, PLAIN], false, None),
            Err(ScramError::ChannelBindingWithoutTls)
        );
    }

    #[test]
    fn unknown_mechanisms_are_stepped_over() {
        let offered = [&b"OAUTHBEARER"[..], b"scram-sha-256", PLAIN];
        assert_eq!(
            ClientBinding::choose(offered, false, None),
            Ok(ClientBinding::Unsupported)
        );
        assert_eq!(
            ClientBinding::choose([&b"OAUTHBEARER"[..]], false, None),
            Err(ScramError::NoMechanism)
        );
    }
}
