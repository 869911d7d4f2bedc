//! Where a node is: a URL, or a file that has it if something in it is secret.

use std::path::Path;

use bursar_core::secret::Secret;

use super::sealed::{MayHave, Vault};
use crate::regular_file;

/// Where a node is, as a section says it.
pub(super) struct Place<'a> {
    /// The key in the section.
    pub(super) name: &'static str,
    /// The URL.
    pub(super) url: Option<&'a str>,
    /// The file that has it.
    pub(super) file: Option<&'a Path>,
    /// Whether it is sealed in the store.
    pub(super) sealed: bool,
}

impl<'a> Place<'a> {
    /// Its secret.
    pub(super) const fn secret(&self) -> MayHave<'a> {
        MayHave { key: self.name, file: self.file }
    }

    /// Whether anything says where it is.
    pub(super) const fn is_there(&self) -> bool {
        self.url.is_some() || self.file.is_some() || self.sealed
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let name = self.name;
        match (self.url, self.file) {
            (Some(_), _) if self.sealed => Err(format!("there is a `{name}`, and one that is sealed; one will do")),
            (None, None) if self.sealed => Ok(()),
            (None, None) => Err(format!("name the node's `{name}`, or a `{name}_file` that has it")),
            (Some(_), Some(_)) => Err(format!("there is a `{name}` and a `{name}_file`; one will do")),
            (Some(url), None) => {
                let parsed = url::Url::parse(url).map_err(|_| format!("`{name}` is no URL"))?;
                if parsed.password().is_some() || !parsed.username().is_empty() || parsed.query().is_some() {
                    return Err(format!(
                        "`{name}` has something in it that may be secret; say sealed = [\"{name}\"] in its place and give it to \
                         `bursar rail credential set`, or put it into a `{name}_file`"
                    ));
                }
                Ok(())
            }
            (None, Some(_)) => Ok(()),
        }
    }

    pub(super) fn read(&self, vault: Vault<'_>) -> Result<Secret<String>, String> {
        match (self.url, self.file) {
            _ if self.sealed => vault.secret(self.name),
            (Some(url), _) => Ok(Secret::new(url.to_owned())),
            (None, Some(file)) => {
                let text =
                    regular_file::read_to_string(file).map_err(|problem| format!("{}: {problem}", file.display()))?;
                Ok(Secret::new(text.trim().to_owned()))
            }
            (None, None) => Err(format!("there is no `{}`", self.name)),
        }
    }
}
