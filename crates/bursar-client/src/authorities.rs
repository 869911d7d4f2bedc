//! Whose certificates are believed.

use std::fmt;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// A text has no certificate in PEM, or one that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidAuthorities;

/// These authorities and no others.
pub(crate) fn only(pem: &[u8]) -> Result<TlsConfig, InvalidAuthorities> {
    let certificates: Result<Vec<Certificate<'static>>, _> = parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(_) => Some(Err(InvalidAuthorities)),
        })
        .collect();
    let certificates = certificates?;
    if certificates.is_empty() {
        return Err(InvalidAuthorities);
    }
    Ok(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&certificates)).build())
}

impl fmt::Display for InvalidAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("holds no certificate in PEM")
    }
}

impl std::error::Error for InvalidAuthorities {}
