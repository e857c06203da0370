//! A certificate chain and its private key: `{ certificate = "..", key = ".." }`.

use std::path::PathBuf;

use crate::config::bounds::Bounds;
use crate::config::pem::CertificatePem;
use crate::config::pem::KeyPem;
use crate::config::reading::problem::Problem;
use crate::config::reading::section::Section;
use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;

/// A certificate chain and its private key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateFiles {
    /// The chain, PEM, the own certificate first.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

impl SettingValue for CertificateFiles {
    fn read(written: &Value<'_>) -> Option<Self> {
        let mut table = written.section("{ certificate = \"..\", key = \"..\" }")?;
        let certificate = file(&mut table, "certificate", &CertificatePem);
        let key = file(&mut table, "key", &KeyPem);
        table.finish();
        Some(Self {
            certificate: certificate?,
            key: key?,
        })
    }

    fn show(&self) -> Option<String> {
        let certificate = self.certificate.show()?;
        let key = self.key.show()?;
        Some(format!("{{ certificate = {certificate}, key = {key} }}"))
    }
}

fn file(
    table: &mut Section<'_>,
    name: &'static str,
    bounds: &impl Bounds<PathBuf>,
) -> Option<PathBuf> {
    let Some(written) = table.value(name) else {
        let example = format!("{name} = \"server.pem\"");
        table.mistake_here(name, Problem::Missing { example });
        return None;
    };
    let path = PathBuf::read(&written)?;
    // The path stands, so that the file is the only thing that is complained of.
    if let Some(problem) = bounds.refuse(&path, &written) {
        written.mistake(problem);
    }
    Some(path)
}
