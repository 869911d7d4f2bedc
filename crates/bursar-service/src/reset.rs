//! A new password for somebody who has forgotten theirs, by a link in a mail.
//!
//! Whoever asks learns nothing: the answer is given before anything is looked up. A few links are live at once and
//! none makes another void, so that nobody who asks in the owner's name can keep them from theirs; more are not sent.

use std::net::IpAddr;
use std::sync::Arc;

use bursar_core::account::User;
use bursar_core::audit::Actor;
use bursar_core::id::UserId;
use bursar_core::ledger::{Document, DocumentKey, DocumentKind, Key, Record, Trace, Version, Write};
use bursar_core::refusal::Refusal;
use bursar_core::secret::Secret;
use bursar_core::time::{Span, Timestamp};
use bursar_identity::attempts::{Credential as Presented, Source};
use bursar_identity::link::LinkSecret;
use bursar_wire::password::lower_case;

use crate::Bursar;
use crate::error::ServiceError;
use crate::notices::Notice;

/// How many requests are looked into at once; more are sent away, whoever asks.
pub(crate) const MOST_AT_ONCE: usize = 32;
/// How long a link works.
const WITHIN: Span = Span::from_seconds(30 * 60);
/// How many links of an account live at once.
const MOST_LINKS: usize = 3;
/// The longest name that is looked for, in bytes.
const LONGEST_NAME: usize = 254;

type Link = ([u8; 32], Timestamp);

impl Bursar {
    /// Has a link for a new password sent to the verified address of an account, if there is such an account. `name`
    /// is its username or that address. The answer is the same, and as fast, if there is none.
    ///
    /// # Errors
    /// No mail is sent here, or too much is asked for from there.
    pub fn ask_reset(self: &Arc<Self>, name: &str, address: IpAddr) -> Result<(), ServiceError> {
        self.needs_mail()?;
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err(ServiceError::invalid("username", format!("must have 1 to {LONGEST_NAME} bytes")));
        }
        let name = lower_case(name);
        self.rates.mail_to(&name, address, self.clock.now())?;
        let permit = Arc::clone(&self.resets).try_acquire_owned().map_err(|_| ServiceError::Busy)?;
        let bursar = Arc::clone(self);
        // Some time later: what is looked up for some names only must not be felt in the answer.
        let [random] = self.random.bytes::<1>();
        let later = std::time::Duration::from_millis(50 + 2 * u64::from(random));
        tokio::spawn(async move {
            tokio::time::sleep(later).await;
            if let Err(error) = bursar.send_reset(name).await {
                tracing::warn!(%error, "a link for a new password could not be made");
            }
            drop(permit);
        });
        Ok(())
    }

    async fn send_reset(&self, name: String) -> Result<(), ServiceError> {
        let found = self
            .reads
            .run(move |reader| match reader.user_by_name(&name)? {
                Some(user) => Ok(Some(user)),
                None => reader.user_by_address(&name),
            })
            .await?;
        let Some(user) = found.map(|found| found.value) else { return Ok(()) };
        let now = self.clock.now();
        // Whoever froze an account may have done so because somebody else reads its owner's mail.
        let is_frozen = user.freeze.as_ref().is_some_and(|freeze| freeze.holds_at(now));
        let Some(address) = user.verified_address().filter(|_| !is_frozen) else { return Ok(()) };
        let link = self.new_link(*user.id.as_bytes());
        let (key, lookup) = (links_of(user.id), self.sealer.lookup(&link.hash()));
        let is_made = self
            .decide(Actor::Anonymous, || {
                let (version, mut links) = self.live_links(&key)?;
                if links.len() >= MOST_LINKS {
                    return Ok((Write::default(), false));
                }
                links.push((lookup, now.plus(WITHIN)));
                let write = Write {
                    read: vec![(Key::Document(key.clone()), version)],
                    put: vec![Record::Document(key.clone(), Document { title: None, body: to_bytes(&links) })],
                    trace: Some(Trace::of("user.ask_reset", "user", user.id, Vec::new())),
                    ..Write::default()
                };
                Ok((write, true))
            })
            .await?;
        if is_made {
            self.mail(address, &Notice::ResetAsked { link });
        }
        Ok(())
    }

    /// Whether a link for a new password still works.
    ///
    /// # Errors
    /// It does not, or too much is asked for from there.
    pub fn check_reset(&self, link: &str, address: IpAddr) -> Result<(), ServiceError> {
        self.rates.link(address, self.clock.now())?;
        self.reset_of(link).map(drop)
    }

    /// Sets a new password with a link from a mail, which ends all sessions and all such links. Second factors and
    /// access tokens stay as they are.
    ///
    /// # Errors
    /// The link is over, the account is frozen, or the password is too weak.
    pub async fn redeem_reset(&self, link: &str, clear: &Secret<String>, address: IpAddr) -> Result<(), ServiceError> {
        self.rates.link(address, self.clock.now())?;
        let user = self.reset_of(link)?;
        self.check_not_frozen(&user)?;
        let factors = self.beside_password(&user).await?;
        self.check_password(&user, clear, factors)?;
        let key = links_of(user.id);
        self.replace_password(Actor::Anonymous, &user, clear, "link", |now_stored| {
            // Hashing took its time: who froze the account meanwhile meant this, too.
            self.check_not_frozen(now_stored)?;
            self.reset_of(link)?;
            let (version, _) = self.live_links(&key)?;
            let read = vec![(Key::Document(key.clone()), version)];
            Ok(Write { read, delete: vec![Key::Document(key.clone())], ..Write::default() })
        })
        .await?;
        // Whoever reads the owner's mail is heard from here, however often others guess.
        self.note_password_source(user.id, Source::new(Presented::Login, address)).await?;
        self.notify(&user, &Notice::PasswordChanged);
        Ok(())
    }

    fn check_not_frozen(&self, user: &User) -> Result<(), ServiceError> {
        match user.freeze.clone().filter(|freeze| freeze.holds_at(self.clock.now())) {
            Some(freeze) => Err(Refusal::OwnerFrozen(freeze).into()),
            None => Ok(()),
        }
    }

    /// The account whose live link this is.
    fn reset_of(&self, link: &str) -> Result<User, ServiceError> {
        let link = LinkSecret::read(link).ok_or(ServiceError::LinkOver)?;
        let id = UserId::from_bytes(link.owner());
        let lookup = self.sealer.lookup(&link.hash());
        let (_, links) = self.live_links(&links_of(id))?;
        if !links.iter().any(|(live, _)| *live == lookup) {
            return Err(ServiceError::LinkOver);
        }
        let found = self.reads.look_up(|reader| reader.user(id))?;
        found.map(|found| found.value).ok_or(ServiceError::LinkOver)
    }

    fn live_links(&self, key: &DocumentKey) -> Result<(Version, Vec<Link>), ServiceError> {
        let Some(found) = self.reads.look_up(|reader| reader.document(key))? else { return Ok((0, Vec::new())) };
        let now = self.clock.now();
        let mut links = from_bytes(&found.value.body)
            .ok_or_else(|| ServiceError::Unavailable("stored links for a new password cannot be read".to_owned()))?;
        links.retain(|(_, expires)| now < *expires);
        Ok((found.version, links))
    }
}

fn links_of(user: UserId) -> DocumentKey {
    DocumentKey { user, kind: DocumentKind::ResetLinks, name: String::new() }
}

/// 40 bytes for each link.
fn to_bytes(links: &[Link]) -> Vec<u8> {
    links.iter().flat_map(|(lookup, expires)| lookup.iter().copied().chain(expires.as_millis().to_be_bytes())).collect()
}

fn from_bytes(bytes: &[u8]) -> Option<Vec<Link>> {
    let (entries, []) = bytes.as_chunks::<40>() else { return None };
    let read = |entry: &[u8; 40]| {
        let (lookup, expires) = entry.split_first_chunk::<32>()?;
        Some((*lookup, Timestamp::from_millis(i64::from_be_bytes(*expires.first_chunk()?))))
    };
    entries.iter().map(read).collect()
}
