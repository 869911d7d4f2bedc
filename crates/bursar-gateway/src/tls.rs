//! Whom an upstream is believed to be, and who we say we are to it.
//!
//! A certificate is always verified, with its name. An operator who names a certificate authority trusts that one alone: a
//! node of one's own has one of one's own, and whoever else can have a certificate made for its name is not believed.

use std::error::Error;
use std::io;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};

/// The most certificates that are read of a file.
const MOST_CERTIFICATES: usize = 512;

/// What a connection to an upstream believes and shows.
#[derive(Clone, Debug)]
pub struct Trust(Arc<ClientConfig>);

/// What is wrong with what an operator gave; the text says it after the name of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TrustProblem {
    /// With the certificate authorities.
    Authority(String),
    /// With the certificate of our own.
    Certificate(String),
    /// With its key.
    Key(String),
}

/// A certificate of our own with its key, both as PEM.
#[derive(Clone, Copy)]
pub struct Own<'a> {
    /// The certificate, and those between it and its authority.
    pub certificate: &'a [u8],
    /// Its key: PKCS#8, PKCS#1 or SEC1.
    pub key: &'a [u8],
}

impl Trust {
    /// Who has a certificate of an authority that browsers know is believed, and we show none.
    ///
    /// # Errors
    /// The machine's cryptography does not start.
    pub fn public() -> Result<Self, TrustProblem> {
        Self::new(None, None)
    }

    /// Believes these authorities alone, if any are given, and shows a certificate of our own to who asks for one.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn new(authorities: Option<&[u8]>, own: Option<Own<'_>>) -> Result<Self, TrustProblem> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|problem| TrustProblem::Authority(problem.to_string()))?;
        let builder = match authorities {
            None => builder.with_webpki_roots(),
            Some(pem) => builder.with_root_certificates(roots(pem)?),
        };
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(Own { certificate, key }) => {
                let chain = certificates(certificate).map_err(TrustProblem::Certificate)?;
                // What the parser says may have bytes of the key in it.
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_| TrustProblem::Key("has no private key in PEM".to_owned()))?;
                builder.with_client_auth_cert(chain, key).map_err(|problem| match problem {
                    rustls::Error::InconsistentKeys(_) => {
                        TrustProblem::Key("is not the key of the certificate".to_owned())
                    }
                    other => TrustProblem::Certificate(format!("cannot be used: {other}")),
                })?
            }
        };
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_slice_iter(pem).take(MOST_CERTIFICATES).collect::<Result<Vec<_>, _>>();
    match read {
        Ok(found) if found.is_empty() => Err("has no certificate in PEM".to_owned()),
        Ok(found) => Ok(found),
        Err(problem) => Err(format!("cannot be read as PEM: {problem}")),
    }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, TrustProblem> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem).map_err(TrustProblem::Authority)? {
        let added = roots.add(certificate);
        added.map_err(|problem| TrustProblem::Authority(format!("has a certificate that is none: {problem}")))?;
    }
    Ok(roots)
}

/// What went wrong with TLS on the way to an upstream, if it was that; nothing of its address.
pub(crate) fn problem(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(told(found));
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            // An error of IO shows what it wraps in no other way.
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

fn told(error: &rustls::Error) -> String {
    use rustls::Error::{AlertReceived, InvalidCertificate};
    match error {
        InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "its certificate is not of an authority that is trusted here; `ca_file` names another".to_owned()
        }
        InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            "its certificate is for another host name than that of the URL".to_owned()
        }
        InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "its certificate has expired".to_owned()
        }
        InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            "its certificate is not valid yet".to_owned()
        }
        InvalidCertificate(other) => format!("its certificate is refused: {other}"),
        AlertReceived(AlertDescription::CertificateRequired) => {
            "it wants a certificate of ours; `client_certificate_file` names one".to_owned()
        }
        AlertReceived(alert) => format!("it refused our side of TLS, perhaps our certificate: {alert:?}"),
        other => format!("no TLS can be agreed on: {other}"),
    }
}

#[cfg(test)]
mod tests;
