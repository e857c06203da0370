//! A connection to a client against rustls' own client, both in memory and polled by hand.

mod behaviour;
mod far;
mod hostile;
mod pair;
mod properties;

use std::sync::Arc;
use std::sync::LazyLock;

use rcgen::CertifiedKey;
use rcgen::KeyPair;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::SupportedProtocolVersion;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::version::TLS12;
use rustls::version::TLS13;

use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prop_oneof;

const NAME: &str = "db.example.com";

static CERTIFIED: LazyLock<CertifiedKey<KeyPair>> =
    LazyLock::new(|| rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap());

/// How the two sides are set up.
#[derive(Debug, Clone, Copy)]
struct Setup {
    version: &'static SupportedProtocolVersion,
    /// The longest record that the client makes.
    far_record_bytes: Option<usize>,
    /// What fits into the wire, in each direction.
    wire_bytes: usize,
}

const EASY: Setup = Setup {
    version: &TLS13,
    far_record_bytes: None,
    wire_bytes: 1024 * 1024,
};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

fn any_setup() -> impl Strategy<Value = Setup> {
    let version = prop_oneof![Just(&TLS12), Just(&TLS13)];
    let record = prop_oneof![2 => Just(None), 1 => (32_usize..400).prop_map(Some)];
    let wire = prop_oneof![1_usize..8, 8_usize..400, Just(20_000), Just(1_000_000)];
    (version, record, wire).prop_map(|(version, far_record_bytes, wire_bytes)| Setup {
        version,
        far_record_bytes,
        wire_bytes,
    })
}

impl Setup {
    fn server(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::try_from(CERTIFIED.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[self.version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CERTIFIED.cert.der().clone()], key);
        let mut config = config.unwrap();
        config.send_tls13_tickets = 0;
        Arc::new(config)
    }

    fn client(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CERTIFIED.cert.der().clone()).unwrap();
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&[self.version])
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.max_fragment_size = self.far_record_bytes;
        Arc::new(config)
    }
}

/// What either side says: every byte tells where it belongs.
fn text(from: usize, count: usize) -> Vec<u8> {
    let byte = |at: usize| (at.wrapping_mul(31) ^ (at >> 8)).to_le_bytes()[0];
    (from..from + count).map(byte).collect()
}
