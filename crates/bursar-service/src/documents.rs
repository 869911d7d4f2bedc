//! What Bursar keeps for a user without reading it: settings, keychains, and templates of tokens.

use bursar_core::id::TemplateId;
use bursar_core::ledger::{Document, DocumentKey, DocumentKind, Key, Record, Trace, Versioned, Write};
use bursar_store::Page;
use bursar_wire::json::FieldError;
use bursar_wire::requests::{CreateKeychain, CreateToken, Settings, Template, TemplateEdit};
use serde_json::{Map, Value};

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;

/// The longest settings document, in bytes.
const LONGEST_SETTINGS: usize = 64 * 1024;
/// How many keychains and how many templates a user may keep.
const MOST_DOCUMENTS: usize = 500;

impl Bursar {
    /// A user's settings.
    ///
    /// # Errors
    /// The caller is no person.
    pub async fn settings(&self, principal: &Principal) -> Result<Map<String, Value>, ServiceError> {
        self.person(principal)?;
        Ok(self.stored_settings(principal).await?.1)
    }

    /// Sets some of a user's settings and leaves the others.
    ///
    /// # Errors
    /// The caller is no person, or the settings become too long.
    pub async fn set_settings(&self, principal: &Principal, new: Settings) -> Result<Map<String, Value>, ServiceError> {
        self.person(principal)?;
        let (version, mut settings) = self.stored_settings(principal).await?;
        settings.extend(new.values);
        let body = Value::Object(settings.clone()).to_string().into_bytes();
        if body.len() > LONGEST_SETTINGS {
            return Err(ServiceError::invalid("settings", format!("become longer than {LONGEST_SETTINGS} bytes")));
        }
        self.put_document(principal, settings_key(principal), version, None, body, "settings.set").await?;
        Ok(settings)
    }

    async fn stored_settings(&self, principal: &Principal) -> Result<(u64, Map<String, Value>), ServiceError> {
        let key = settings_key(principal);
        let Some(found) = self.reads.look_up(|reader| reader.document(&key))? else {
            return Ok((0, Map::new()));
        };
        match serde_json::from_slice(&found.value.body) {
            Ok(settings) => Ok((found.version, settings)),
            Err(_) => Err(ServiceError::Unavailable("the stored settings cannot be read".to_owned())),
        }
    }

    /// Keeps a keychain, or finds the one that is kept under its public key. The private half is encrypted
    /// by the client, and is given back to an unlocked session only.
    ///
    /// # Errors
    /// The caller is no person, or there is no such keychain and none to keep.
    pub async fn keychain(
        &self,
        principal: &Principal,
        request: CreateKeychain,
    ) -> Result<(String, Option<String>), ServiceError> {
        self.person(principal)?;
        let key = DocumentKey { user: principal.user(), kind: DocumentKind::Keychain, name: request.xpub.clone() };
        let wanted = key.clone();
        let found = self.reads.look_up(|reader| reader.document(&wanted))?;
        match (found, request.encrypted_xprv) {
            (Some(_), Some(_)) => Err(ServiceError::Conflict("a keychain of this xpub is kept already".to_owned())),
            (Some(found), None) => {
                self.unlocked_person(principal)?;
                Ok((request.xpub, String::from_utf8(found.value.body).ok()))
            }
            (None, Some(encrypted)) => {
                self.refuse_more_than(principal, DocumentKind::Keychain, "keychains").await?;
                let body = encrypted.clone().into_bytes();
                self.put_document(principal, key, 0, None, body, "keychain.create").await?;
                Ok((request.xpub, Some(encrypted)))
            }
            (None, None) => Err(ServiceError::NotFound("keychain")),
        }
    }

    /// All of a user's keychains, for re-encrypting them with a new password (WC §1.6).
    ///
    /// # Errors
    /// The session is not unlocked.
    pub async fn keychains(&self, principal: &Principal) -> Result<Map<String, Value>, ServiceError> {
        self.unlocked_person(principal)?;
        let (user, all) = (principal.user(), Page { limit: MOST_DOCUMENTS, after: None, newest_first: false });
        let found = self.reads.run(move |reader| reader.documents(user, DocumentKind::Keychain, &all)).await?;
        let text = |body: Vec<u8>| String::from_utf8(body).map_or(Value::Null, Value::String);
        Ok(found.into_iter().map(|(key, document)| (key.name, text(document.value.body))).collect())
    }

    /// A user's templates.
    ///
    /// # Errors
    /// The caller is no person.
    pub async fn templates(
        &self,
        principal: &Principal,
        page: Page<TemplateId>,
    ) -> Result<(Vec<(TemplateId, Template)>, Option<TemplateId>), ServiceError> {
        self.person(principal)?;
        let one_more = Page {
            limit: page.limit.saturating_add(1),
            after: page.after.map(|id| id.to_string()),
            newest_first: page.newest_first,
        };
        let user = principal.user();
        let found = self.reads.run(move |reader| reader.documents(user, DocumentKind::Template, &one_more)).await?;
        let mut templates = found
            .into_iter()
            .map(|(key, document)| Ok((template_id(&key)?, read_template(&document)?)))
            .collect::<Result<Vec<_>, ServiceError>>()?;
        let next = (templates.len() > page.limit).then(|| {
            templates.truncate(page.limit);
            templates.last().map(|(id, _)| *id)
        });
        Ok((templates, next.flatten()))
    }

    /// One of a user's templates.
    ///
    /// # Errors
    /// The caller is no person, or has no such template.
    pub async fn template(&self, principal: &Principal, id: TemplateId) -> Result<Template, ServiceError> {
        self.person(principal)?;
        Ok(self.stored_template(principal, id).await?.1)
    }

    /// Makes a template.
    ///
    /// # Errors
    /// The caller is no person with an unlocked session, or the name is taken.
    pub async fn create_template(
        &self,
        principal: &Principal,
        template: &Template,
    ) -> Result<TemplateId, ServiceError> {
        self.unlocked_person(principal)?;
        self.refuse_more_than(principal, DocumentKind::Template, "templates").await?;
        self.refuse_taken_name(principal, &template.name, None).await?;
        let id = TemplateId::time_ordered(self.clock.now(), self.random.bytes());
        let title = Some(template.name.clone());
        self.put_document(principal, template_key(principal, id), 0, title, template.to_bytes(), "template.create")
            .await?;
        Ok(id)
    }

    /// Edits a template; tokens made from it stay as they are.
    ///
    /// # Errors
    /// The caller is no person with an unlocked session, or has no such template, or the name is taken.
    pub async fn edit_template(
        &self,
        principal: &Principal,
        id: TemplateId,
        edit: TemplateEdit,
    ) -> Result<Template, ServiceError> {
        self.unlocked_person(principal)?;
        let (version, template) = self.stored_template(principal, id).await?;
        let template = template.edited(edit)?;
        self.refuse_taken_name(principal, &template.name, Some(id)).await?;
        let (key, title) = (template_key(principal, id), Some(template.name.clone()));
        self.put_document(principal, key, version, title, template.to_bytes(), "template.edit").await?;
        Ok(template)
    }

    /// Removes a template; tokens made from it stay valid.
    ///
    /// # Errors
    /// The caller is no person with an unlocked session, or has no such template.
    pub async fn delete_template(&self, principal: &Principal, id: TemplateId) -> Result<(), ServiceError> {
        self.unlocked_person(principal)?;
        let (version, _) = self.stored_template(principal, id).await?;
        let key = Key::Document(template_key(principal, id));
        let write = Write {
            read: vec![(key.clone(), version)],
            delete: vec![key],
            trace: Some(Trace::of("template.delete", "template", id, Vec::new())),
            ..Write::default()
        };
        self.must_write(principal.actor(), write).await
    }

    /// Gives a new token what its request leaves to its template.
    ///
    /// # Errors
    /// The caller has no such template.
    pub async fn apply_template(&self, principal: &Principal, token: &mut CreateToken) -> Result<(), ServiceError> {
        let Some(id) = token.template else { return Ok(()) };
        self.person(principal)?;
        match self.stored_template(principal, id).await {
            Ok((_, template)) => Ok(template.apply_to(token)?),
            Err(ServiceError::NotFound(_)) => Err(FieldError {
                field: "accessTokenTemplateId".to_owned(),
                problem: "is no template of yours".to_owned(),
            }
            .into()),
            Err(error) => Err(error),
        }
    }

    async fn stored_template(&self, principal: &Principal, id: TemplateId) -> Result<(u64, Template), ServiceError> {
        let key = template_key(principal, id);
        let found = self.reads.look_up(|reader| reader.document(&key))?;
        let found = found.ok_or(ServiceError::NotFound("template"))?;
        Ok((found.version, read_template(&found)?))
    }

    async fn refuse_taken_name(
        &self,
        principal: &Principal,
        name: &str,
        own: Option<TemplateId>,
    ) -> Result<(), ServiceError> {
        let (user, all) = (principal.user(), Page { limit: MOST_DOCUMENTS, after: None, newest_first: false });
        let found = self.reads.run(move |reader| reader.documents(user, DocumentKind::Template, &all)).await?;
        let own = own.map(|id| id.to_string());
        let is_taken = found
            .iter()
            .any(|(key, document)| document.value.title.as_deref() == Some(name) && Some(&key.name) != own.as_ref());
        if is_taken { Err(ServiceError::Conflict(format!("there is a template `{name}` already"))) } else { Ok(()) }
    }

    async fn refuse_more_than(
        &self,
        principal: &Principal,
        kind: DocumentKind,
        what: &str,
    ) -> Result<(), ServiceError> {
        let (user, all) = (principal.user(), Page { limit: MOST_DOCUMENTS, after: None, newest_first: false });
        let found = self.reads.run(move |reader| reader.documents(user, kind, &all)).await?;
        if found.len() >= MOST_DOCUMENTS {
            return Err(ServiceError::Conflict(format!("there are {MOST_DOCUMENTS} {what} already; remove one first")));
        }
        Ok(())
    }

    async fn put_document(
        &self,
        principal: &Principal,
        key: DocumentKey,
        version: u64,
        title: Option<String>,
        body: Vec<u8>,
        action: &'static str,
    ) -> Result<(), ServiceError> {
        let subject = format!("{}:{}", key.kind.as_str(), if key.name.is_empty() { "own" } else { &key.name });
        // What tokens will be made of is told in full, and what people keep for themselves is not.
        let data = match key.kind {
            DocumentKind::Template => vec![("template", String::from_utf8_lossy(&body).into_owned())],
            _ => Vec::new(),
        };
        let write = Write {
            read: vec![(Key::Document(key.clone()), version)],
            put: vec![Record::Document(key, Document { title, body })],
            trace: Some(Trace { action, subject, data }),
            ..Write::default()
        };
        self.must_write(principal.actor(), write).await
    }
}

fn settings_key(principal: &Principal) -> DocumentKey {
    DocumentKey { user: principal.user(), kind: DocumentKind::Settings, name: String::new() }
}

fn template_key(principal: &Principal, id: TemplateId) -> DocumentKey {
    DocumentKey { user: principal.user(), kind: DocumentKind::Template, name: id.to_string() }
}

fn template_id(key: &DocumentKey) -> Result<TemplateId, ServiceError> {
    key.name.parse().map_err(|_| ServiceError::Unavailable("a stored template has no id".to_owned()))
}

fn read_template(document: &Versioned<Document>) -> Result<Template, ServiceError> {
    Template::from_bytes(&document.value.body)
        .ok_or_else(|| ServiceError::Unavailable("a stored template cannot be read".to_owned()))
}
