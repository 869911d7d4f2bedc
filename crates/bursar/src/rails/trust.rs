//! Whom a rail's node is believed to be, and who we say we are to it: files of certificates.

use std::path::Path;

use bursar_core::secret::Secret;
use bursar_gateway::tls::{Own, Trust, TrustProblem};

use super::sealed::{MayHave, Vault};
use crate::regular_file;

/// The key of the authorities' file.
const CA: &str = "ca_file";
/// The key of the file with our certificate.
const CERTIFICATE: &str = "client_certificate_file";
/// The key of the file with its key.
const KEY: &str = "client_key_file";

/// The files of a section, each in PEM.
pub(super) struct Certificates<'a> {
    /// Authorities: they alone are believed.
    pub(super) authorities: Option<&'a Path>,
    /// The certificate that we show.
    pub(super) certificate: Option<&'a Path>,
    /// Its key.
    pub(super) key: Option<&'a Path>,
    /// Whether the key is sealed in the store instead.
    pub(super) key_is_sealed: bool,
}

/// The name of the key among a section's secrets.
pub(super) const CLIENT_KEY: &str = "client_key";

impl<'a> Certificates<'a> {
    /// Its secret.
    pub(super) const fn secret(&self) -> MayHave<'a> {
        MayHave { key: CLIENT_KEY, file: self.key }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match (self.certificate, self.key) {
            (Some(_), None) if self.key_is_sealed => Ok(()),
            (None, _) if self.key_is_sealed => {
                Err(format!("a sealed `{CLIENT_KEY}` means nothing without a `{CERTIFICATE}`"))
            }
            (Some(_), None) => Err(format!("`{CERTIFICATE}` means nothing without a `{KEY}`")),
            (None, Some(_)) => Err(format!("`{KEY}` means nothing without a `{CERTIFICATE}`")),
            (Some(_), Some(_)) | (None, None) => Ok(()),
        }
    }

    /// Reads the files.
    ///
    /// # Errors
    /// One of them is not there, or has not in it what it is named for; the message names its key.
    pub(super) fn read(&self, vault: Vault<'_>) -> Result<Trust, String> {
        self.check()?;
        let authorities = self.authorities.map(|file| read(CA, file)).transpose()?;
        let certificate = self.certificate.map(|file| read(CERTIFICATE, file)).transpose()?;
        let key = match self.key {
            Some(file) => Some(Secret::new(read(KEY, file)?)),
            None if self.key_is_sealed => Some(Secret::new(vault.secret(CLIENT_KEY)?.expose().as_bytes().to_vec())),
            None => None,
        };
        let own = match (&certificate, &key) {
            (Some(certificate), Some(key)) => Some(Own { certificate, key: key.expose() }),
            _ => None,
        };
        Trust::new(authorities.as_deref(), own).map_err(|problem| match problem {
            TrustProblem::Authority(problem) => at(CA, self.authorities, &problem),
            TrustProblem::Certificate(problem) => at(CERTIFICATE, self.certificate, &problem),
            TrustProblem::Key(problem) => at(KEY, self.key, &problem),
        })
    }
}

fn read(key: &str, file: &Path) -> Result<Vec<u8>, String> {
    regular_file::read(file).map_err(|problem| at(key, Some(file), &problem.to_string()))
}

fn at(key: &str, file: Option<&Path>, problem: &str) -> String {
    let file = file.map(|file| format!("{}: ", file.display())).unwrap_or_default();
    format!("`{key}`: {file}{problem}")
}
