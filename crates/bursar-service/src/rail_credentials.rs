//! What rails show their other end (a node's password, a provider's key), sealed in the store. It is bound to its rail and
//! to the key of the rail's section; nothing here gives it out but to open the rail.

use bursar_core::audit::Actor;
use bursar_core::id::UserId;
use bursar_core::ledger::{Document, DocumentKey, DocumentKind, Key, Record, Trace, Write};
use bursar_core::secret::Secret;
use bursar_store::seal::{Place, Sealer};
use bursar_store::{Page, Reader};

use crate::Bursar;
use crate::error::ServiceError;

/// The longest credential, in bytes: a private key in PEM fits.
pub const LONGEST_CREDENTIAL: usize = 8 * 1024;
/// The most credentials of all rails.
const MOST_CREDENTIALS: usize = 1000;

const NOBODY: UserId = UserId::from_bytes([0; 16]);

/// Which credential: of this rail, under this key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CredentialName {
    /// The rail's name in the configuration.
    pub rail: String,
    /// The key in its section, such as `url` or `token`.
    pub key: String,
}

impl CredentialName {
    /// The name of a rail's credential.
    ///
    /// # Errors
    /// The rail or the key cannot be called so.
    pub fn new(rail: &str, key: &str) -> Result<Self, ServiceError> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        for (field, text) in [("rail", rail), ("name", key)] {
            if text.is_empty() || text.len() > 32 || !text.bytes().all(is_plain) {
                return Err(ServiceError::invalid(field, "is a name of small letters, digits, `-` and `_`"));
            }
        }
        Ok(Self { rail: rail.to_owned(), key: key.to_owned() })
    }

    fn read(document: &str) -> Option<Self> {
        let (rail, key) = document.split_once('/')?;
        Self::new(rail, key).ok()
    }

    fn document(&self) -> DocumentKey {
        let Self { rail, key } = self;
        DocumentKey { user: NOBODY, kind: DocumentKind::RailCredential, name: format!("{rail}/{key}") }
    }

    fn trace(&self, action: &'static str) -> Trace {
        Trace::of(action, "rail", &self.rail, vec![("credential", self.key.clone())])
    }

    // The kind is part of it: a rail's own sealed notes are documents too.
    fn row(&self) -> Vec<u8> {
        format!("rail_credential/{}/{}", self.rail, self.key).into_bytes()
    }
}

/// Opens a credential, before there are use cases: a rail is opened with it. None if it is not kept.
///
/// # Errors
/// The store does not answer, or what it has was not sealed there for this rail and key.
pub fn open(
    reader: &mut dyn Reader,
    sealer: &Sealer,
    name: &CredentialName,
) -> Result<Option<Secret<String>>, ServiceError> {
    let Some(found) = reader.document(&name.document())? else { return Ok(None) };
    let row = name.row();
    let broken = || {
        let CredentialName { rail, key } = name;
        ServiceError::Unavailable(format!("the sealed `{key}` of rail `{rail}` does not open; set it again"))
    };
    let opened = sealer.open(place(&row), &found.value.body).map_err(|_| broken())?;
    let text = std::str::from_utf8(opened.expose()).map_err(|_| broken())?;
    Ok(Some(Secret::new(text.to_owned())))
}

const fn place(row: &[u8]) -> Place<'_> {
    Place { table: "documents", column: "body", row }
}

impl Bursar {
    /// Seals a credential of a rail and keeps it, as the operator of the machine; one that was there is replaced. The rail has
    /// it from the next start on.
    ///
    /// # Errors
    /// It is empty or too long, or has characters in it that no header and no URL has.
    pub async fn seal_rail_credential(
        &self,
        name: &CredentialName,
        credential: &Secret<String>,
    ) -> Result<(), ServiceError> {
        let text = credential.expose().trim();
        if text.is_empty() || text.len() > LONGEST_CREDENTIAL {
            let problem =
                format!("has 1 to {LONGEST_CREDENTIAL} bytes: give the `{}` of the rail on standard input", name.key);
            return Err(ServiceError::invalid("credential", problem));
        }
        let row = name.row();
        let sealed = self.sealer.seal(place(&row), text.as_bytes(), self.random.bytes());
        let body = sealed.map_err(|error| ServiceError::Unavailable(error.to_string()))?;
        let key = Key::Document(name.document());
        let write = Write {
            read: vec![(key.clone(), self.stored(&key, |_| Ok(()))?.0)],
            put: vec![Record::Document(name.document(), Document { title: None, body })],
            trace: Some(name.trace("rail.credential_seal")),
            ..Write::default()
        };
        self.must_write(Actor::Operator, write).await
    }

    /// Which credentials are kept; never what they are.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn rail_credentials(&self) -> Result<Vec<CredentialName>, ServiceError> {
        let page = Page { limit: MOST_CREDENTIALS, after: None::<String>, newest_first: false };
        let found = self.reads.run(move |reader| reader.documents(NOBODY, DocumentKind::RailCredential, &page)).await?;
        Ok(found.iter().filter_map(|(key, _)| CredentialName::read(&key.name)).collect())
    }

    /// Removes a credential, as the operator of the machine.
    ///
    /// # Errors
    /// There is none.
    pub async fn remove_rail_credential(&self, name: &CredentialName) -> Result<(), ServiceError> {
        let key = Key::Document(name.document());
        let (version, ()) = self.stored(&key, |_| Ok(()))?;
        if version == 0 {
            return Err(ServiceError::NotFound("rail credential"));
        }
        let write = Write {
            read: vec![(key.clone(), version)],
            delete: vec![key],
            trace: Some(name.trace("rail.credential_remove")),
            ..Write::default()
        };
        self.must_write(Actor::Operator, write).await
    }
}
