//! Throw-away certificates: an authority, and key pairs that it signed.

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::DnType;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::KeyPair as RcgenKeyPair;
use rcgen::KeyUsagePurpose;

use crate::failure::Failure;

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// The certificate as PEM.
    pub certificate_pem: String,
    /// The private key as PEM (PKCS #8).
    pub key_pem: String,
}

impl KeyPair {
    /// Both in one text, which is how HAProxy wants them.
    pub fn bundle_pem(&self) -> String {
        format!("{}{}", self.certificate_pem, self.key_pem)
    }
}

/// A certificate authority that lives as long as the test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, RcgenKeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a new authority.
    ///
    /// # Errors
    /// [`Failure::Certificate`] if no key can be made.
    pub fn new() -> Result<Self, Failure> {
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Tidegate test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, RcgenKeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// The authority's own certificate as PEM: what `sslrootcert` and `ca-file` take.
    pub fn certificate_pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a server under these names and addresses.
    ///
    /// # Errors
    /// [`Failure::Certificate`] if a name is none.
    pub fn server(&self, names: &[&str]) -> Result<KeyPair, Failure> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Tidegate test server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    /// A certificate for a client with this common name.
    ///
    /// # Errors
    /// [`Failure::Certificate`] if no key can be made.
    pub fn client(&self, common_name: &str) -> Result<KeyPair, Failure> {
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<KeyPair, Failure> {
        let key = RcgenKeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(KeyPair {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}
