//! What operators meet, one file a concept. The files and variables they see are in memory.

mod console;
mod documentation;
mod durations;
mod endpoints;
mod inheritance;
mod keys;
mod listeners;
mod log;
mod networks;
mod numbers;
mod reads;
mod reload;
mod restart;
mod secrets;
mod show;
mod syntax;
mod tenant_files;
mod tenants;
mod tls;
mod variables;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::config::Config;
use crate::config::Loaded;
use crate::config::Refused;
use crate::config::Surroundings;
use crate::config::load_from;

/// What stands before a test's own lines: enough to be accepted.
const LISTENER: &str = "[[listener]]\nname = \"main\"\naddress = \"127.0.0.1:6432\"\n";

/// A tenant that is accepted.
const TENANT: &str = "[[tenant]]\nname = \"acme\"\n[[tenant.endpoint]]\nhost = \"127.0.0.1\"\n";

/// Files and environment variables of a machine that is not there.
#[derive(Default)]
struct Sample {
    files: BTreeMap<PathBuf, Vec<u8>>,
    variables: BTreeMap<String, String>,
}

impl Sample {
    fn with_file(mut self, path: &str, contents: &str) -> Self {
        self.files
            .insert(PathBuf::from(path), contents.as_bytes().to_vec());
        self
    }

    fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a certificate and its key, signed by itself.
    fn with_certificate(self, certificate: &str, key: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["db.example.com".to_owned()]);
        let made = made.expect("a certificate");
        self.with_file(certificate, &made.cert.pem())
            .with_file(key, &made.signing_key.serialize_pem())
    }

    fn load(self, text: &str) -> Result<Loaded, Refused> {
        load_from(
            Path::new("/etc/c.toml"),
            &self.with_file("/etc/c.toml", text),
        )
    }

    fn config(self, text: &str) -> Config {
        self.load(text)
            .unwrap_or_else(|refused| panic!("{:#?}", refused.report))
            .config
    }

    /// The mistakes as `check` prints them, without the path of the file.
    fn mistakes(self, text: &str) -> Vec<String> {
        match self.load(text) {
            Ok(_) => Vec::new(),
            Err(refused) => lines(&refused.report.mistakes),
        }
    }
}

impl Surroundings for Sample {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let inside = self
            .files
            .keys()
            .filter(|path| path.parent() == Some(folder));
        // In no order that anything may rely on.
        let mut entries: Vec<PathBuf> = inside.rev().cloned().collect();
        if entries.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        entries.rotate_left(1);
        Ok(entries)
    }
}

fn lines(findings: &[crate::config::Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|finding| finding.to_string().replace("/etc/c.toml:", ""))
        .collect()
}

fn config(text: &str) -> Config {
    Sample::default().config(text)
}

fn mistakes(text: &str) -> Vec<String> {
    Sample::default().mistakes(text)
}

fn warnings(text: &str) -> Vec<String> {
    let loaded = Sample::default().load(text);
    lines(
        &loaded
            .unwrap_or_else(|refused| panic!("{:#?}", refused.report))
            .warnings,
    )
}

/// The mistakes of a listener with these lines more.
fn listener_mistakes(lines: &str) -> Vec<String> {
    mistakes(&format!("{LISTENER}{lines}\n{TENANT}"))
}

/// The mistakes of a tenant with these lines more, after its endpoint.
fn tenant_mistakes(lines: &str) -> Vec<String> {
    mistakes(&format!("{LISTENER}{TENANT}{lines}\n"))
}
