//! The server names that a certificate is good for, from its subject alternative names.
//!
//! The subject's common name does not count: no client has looked at it for years
//! (RFC 9525 §2). Names are compared in lower case, a wildcard stands for one whole label.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

/// How well a certificate fits a server name; a better fit is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It is for other names.
    None,
    /// By `*.domain`.
    Wildcard,
    /// By the name itself.
    Exact,
}

/// The DNS names of one certificate, in lower case.
#[derive(Debug, Default)]
pub(super) struct ServerNames(Vec<Box<str>>);

impl ServerNames {
    /// Reads them from a certificate; one without the extension, or with an unreadable one, is for
    /// no name, and can still be the default.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let Ok(Some(extension)) = certificate.subject_alternative_name() else {
            return Self::default();
        };
        let names = extension.value.general_names.iter();
        Self(
            names
                .filter_map(|name| {
                    let GeneralName::DNSName(name) = name else {
                        return None;
                    };
                    Some(name.to_ascii_lowercase().into())
                })
                .collect(),
        )
    }

    /// How well they fit `server_name`.
    pub(super) fn fit(&self, server_name: &str) -> Fit {
        let server_name = server_name.to_ascii_lowercase();
        let fits = self.0.iter().map(|name| fit(name, &server_name));
        fits.max().unwrap_or(Fit::None)
    }
}

fn fit(name: &str, server_name: &str) -> Fit {
    if name == server_name {
        return Fit::Exact;
    }
    let below_wildcard = name
        .strip_prefix("*.")
        .zip(server_name.split_once('.'))
        .is_some_and(|(domain, (label, rest))| !label.is_empty() && domain == rest);
    if below_wildcard {
        Fit::Wildcard
    } else {
        Fit::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> ServerNames {
        ServerNames(names.iter().map(|name| Box::from(*name)).collect())
    }

    #[test]
    fn a_name_fits_itself_in_any_case() {
        assert_eq!(names(&["db.example.com"]).fit("DB.Example.com"), Fit::Exact);
        assert_eq!(names(&["db.example.com"]).fit("example.com"), Fit::None);
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let wildcard = names(&["*.example.com"]);
        assert_eq!(wildcard.fit("acme.example.com"), Fit::Wildcard);
        for other in [
            "example.com",
            "a.b.example.com",
            ".example.com",
            "acme.example.org",
        ] {
            assert_eq!(wildcard.fit(other), Fit::None, "{other}");
        }
    }

    #[test]
    fn the_best_of_several_names_counts() {
        let both = names(&["*.example.com", "acme.example.com"]);
        assert_eq!(both.fit("acme.example.com"), Fit::Exact);
        assert_eq!(names(&[]).fit("acme.example.com"), Fit::None);
    }
}
