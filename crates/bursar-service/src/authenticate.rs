//! Who is asking: from the headers of a request to a living token and its owner (WC §2.3).

use std::net::IpAddr;
use std::sync::Arc;

use bursar_core::account::User;
use bursar_core::audit::Actor;
use bursar_core::authorize::{Need, authorize};
use bursar_core::id::{TokenId, UserId};
use bursar_core::refusal::Refusal;
use bursar_core::scope::ScopeName;
use bursar_core::time::Timestamp;
use bursar_core::token::{LastUse, Token, TokenKind};
use bursar_store::StoreError;
use bursar_store::seal::Place;
use bursar_wire::bearer::{Bearer, BearerError, SignatureHeader};
use bursar_wire::signature::{self, AuthVersion, Signature, SigningKey, target, v4, window};
use bursar_wire::token_text::{BearerHash, Diagnosis};

use crate::Bursar;
use crate::error::ServiceError;
use crate::known::{KnownSecret, KnownToken};
use crate::reads::Looker;
use crate::replay::{Replayed, Verb};

/// What a request carries to say who sends it. Texts are as they were on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// How the request is signed.
    pub signing: Signing<'a>,
    /// The request's method.
    pub method: &'a str,
    /// The request target, path and query, untouched.
    pub target: &'a str,
    /// The exact body.
    pub body: &'a [u8],
    /// Where it came from.
    pub address: IpAddr,
}

/// How a request is signed.
#[derive(Clone, Copy, Debug)]
pub enum Signing<'a> {
    /// Not at all: the bearer is the token itself.
    None,
    /// Version 2 or 3 (WC §2.4).
    Hmac {
        /// The `HMAC` header.
        hmac: &'a str,
        /// The `Auth-Timestamp` header, if there is one.
        timestamp: Option<&'a str>,
        /// The `BitGo-Auth-Version` header, if there is one.
        version: Option<&'a str>,
    },
    /// Version 4 (WC §2.8).
    V4 {
        /// The `X-Signature` header.
        signature: &'a str,
        /// The `X-Request-Timestamp` header, if there is one.
        timestamp: Option<&'a str>,
        /// The `X-Auth-Request-Id` header, if there is one.
        request_id: Option<&'a str>,
        /// The `X-Content-SHA256` header, if there is one.
        content: Option<&'a str>,
    },
}

/// A living token whose presenter was proven, with its owner.
#[derive(Clone, Debug)]
pub struct Principal {
    pub(crate) known: Arc<KnownToken>,
    /// The name of the secret that was presented.
    pub(crate) lookup: [u8; 32],
    /// The token's owner.
    pub owner: Arc<User>,
    /// Where the request came from.
    pub address: IpAddr,
    /// The raw text, when it was presented as such.
    pub mode: Mode,
}

/// How a token was presented.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// As its raw text.
    Raw,
    /// Signed, without the method in the subject.
    V2,
    /// Signed, with the method in the subject.
    V3,
    /// Signed with version 4.
    V4,
}

/// Signs answers to a signed request.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    scheme: Scheme,
    method: String,
    target: String,
}

#[derive(Clone)]
enum Scheme {
    Hmac(AuthVersion),
    V4 { request_id: String },
}

/// The headers that sign an answer.
#[derive(Debug)]
pub struct SignedAnswer {
    /// The timestamp header's name and text.
    pub timestamp: (&'static str, String),
    /// The signature header's name and text.
    pub signature: (&'static str, Signature),
}

/// Why a request's presenter is not known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unauthenticated {
    /// The `Authorization` header cannot be read.
    Malformed(BearerError),
    /// No token has this text or hash, or none that still counts.
    Unknown,
    /// The text is part of a token: characters are missing.
    CutOff,
    /// The text is a token with wrong characters.
    Mistyped,
    /// The token is known and may not be used: revoked, expired, frozen, wrong address.
    Refused(Box<Refusal>),
    /// The signature does not fit the request.
    BadSignature,
    /// The version header names a version that does not exist.
    UnknownVersion,
    /// A header that signing needs is missing or malformed.
    BadTimestamp,
    /// The timestamp is too far from our clock.
    OutsideWindow {
        /// Our clock.
        now: Timestamp,
    },
    /// The request was signed before this server started, or before its clock leapt ahead, so that it cannot be told
    /// whether it was seen.
    BeforeStart {
        /// From when on it can be told.
        started: Timestamp,
    },
    /// The signature was seen before.
    Replayed,
    /// The memory of seen signatures is full.
    ReplayMemoryFull,
    /// Who it is cannot be found out now.
    Unavailable(ServiceError),
}

impl From<StoreError> for Unauthenticated {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Principal {
    /// The token.
    pub fn token(&self) -> &Token {
        &self.known.token
    }

    /// Whether this is a person's session rather than software's token.
    pub fn is_person(&self) -> bool {
        self.token().kind == TokenKind::Session
    }

    /// Whose share of what takes long to look for is used.
    pub(crate) fn looker(&self) -> Looker {
        Looker { user: self.user(), is_person: self.is_person() }
    }

    /// Whether this is the session of somebody who has still to enrol a second factor: it is good for that alone.
    pub fn is_enrolling(&self) -> bool {
        self.is_person() && !self.token().grant.scopes.allow(ScopeName::UserManage)
    }

    /// Who the audit log names.
    pub fn actor(&self) -> Actor {
        Actor::Token { user: self.owner.id, token: self.token().id }
    }

    /// Whose token it is.
    pub fn user(&self) -> UserId {
        self.owner.id
    }
}

impl Signer {
    /// Signs an answer's exact bytes.
    pub fn sign(&self, status: u16, body: &[u8], now: Timestamp) -> SignedAnswer {
        use bursar_wire::header;
        match &self.scheme {
            Scheme::Hmac(version) => {
                let timestamp = now.as_millis().to_string();
                let signature = self.key.sign(&signature::Response {
                    version: *version,
                    method: &self.method,
                    timestamp: &timestamp,
                    target: &self.target,
                    status,
                    body,
                });
                SignedAnswer { timestamp: (header::TIMESTAMP, timestamp), signature: (header::HMAC, signature) }
            }
            Scheme::V4 { request_id } => {
                let timestamp = now.as_seconds().to_string();
                let signature = self.key.sign(&v4::Response {
                    method: &self.method,
                    timestamp: &timestamp,
                    target: &self.target,
                    status,
                    content: &v4::ContentHash::of(body),
                    request_id,
                });
                SignedAnswer {
                    timestamp: (header::V4_TIMESTAMP, timestamp),
                    signature: (header::V4_SIGNATURE, signature),
                }
            }
        }
    }
}

/// What authentication found: a principal or why there is none, and a signer as soon as there is a key.
pub struct Authenticated {
    /// The principal; none for an anonymous request.
    pub principal: Result<Option<Principal>, Unauthenticated>,
    /// Signs the answer, whatever it will be.
    pub signer: Option<Signer>,
}

/// What a presenter has proven.
struct Verified {
    mode: Mode,
    signer: Option<Signer>,
    signed_at: Option<Timestamp>,
    /// The secret's name.
    lookup: [u8; 32],
    /// Whether its first use is still to be noted.
    is_unused: bool,
}

impl Authenticated {
    fn failed(why: Unauthenticated) -> Self {
        Self { principal: Err(why), signer: None }
    }
}

impl Bursar {
    /// Finds out who sends a request. A token that was presented and is not good is never treated as
    /// anonymous, also on public routes: an unsigned success would look like an attack to the client.
    pub async fn authenticate(&self, presented: Presented<'_>) -> Authenticated {
        let form = match presented.signing {
            Signing::None => SignatureHeader::Absent,
            Signing::Hmac { .. } => SignatureHeader::Hmac,
            Signing::V4 { .. } => SignatureHeader::V4,
        };
        let found = match Bearer::read(presented.authorization, form) {
            Ok(Bearer::Anonymous) => return Authenticated { principal: Ok(None), signer: None },
            Ok(Bearer::Raw(text)) => self.token_of_text(text.expose()),
            Ok(Bearer::Hashed(hash)) => self.token_of_hash(&hash).map(|found| (found, Some(hash))),
            Ok(Bearer::PublicId(id)) => self.token_of_id(id).map(|found| (found, None)),
            Err(error) => Err(Unauthenticated::Malformed(error)),
        };
        let (known, hash) = match found {
            Ok(found) => found,
            Err(why) => return Authenticated::failed(why),
        };
        let now = self.clock.now();
        let verified = match self.verify(&presented, &known, hash.as_ref(), now) {
            Ok(verified) => verified,
            Err(why) => return Authenticated::failed(why),
        };
        let Verified { mode, signer, signed_at, lookup, is_unused } = verified;
        // Only what changes something must not be done twice, now or after a restart.
        if let Some(signed_at) = signed_at.filter(|_| verb_of(presented.method) == Verb::Change)
            && let Err(error) = self.reach(signed_at).await
        {
            return Authenticated { principal: Err(Unauthenticated::Unavailable(error)), signer };
        }
        let principal = self.admit(&presented, known, (mode, lookup), now);
        // A use that is not noted could be taken for none: its secret would be replaced under its holder's hands.
        if let Ok(principal) = &principal
            && is_unused
            && let Err(why) = self.note_first_use(principal.token(), lookup).await
        {
            return Authenticated { principal: Err(why), signer };
        }
        Authenticated { principal: principal.map(Some), signer }
    }

    fn admit(
        &self,
        presented: &Presented<'_>,
        known: Arc<KnownToken>,
        (mode, lookup): (Mode, [u8; 32]),
        now: Timestamp,
    ) -> Result<Principal, Unauthenticated> {
        let owner = self.owner(known.token.user)?.ok_or(Unauthenticated::Unknown)?;
        authorize(&known.token, &owner, presented.address, Need::Presence, now)
            .map_err(|refusal| Unauthenticated::Refused(Box::new(refusal)))?;
        self.seen.note(known.token.id, LastUse { at: now, from: presented.address });
        Ok(Principal { known, lookup, owner, address: presented.address, mode })
    }

    pub(crate) fn token_of_text(&self, text: &str) -> Result<(Arc<KnownToken>, Option<BearerHash>), Unauthenticated> {
        match Diagnosis::of(text) {
            Diagnosis::CutOff => return Err(Unauthenticated::CutOff),
            Diagnosis::Mistyped => return Err(Unauthenticated::Mistyped),
            Diagnosis::WellFormed(_) | Diagnosis::OtherFormat => {}
        }
        let hash = BearerHash::of(text);
        let known = self.token_of_hash(&hash)?;
        Ok((known, Some(hash)))
    }

    fn token_of_hash(&self, hash: &BearerHash) -> Result<Arc<KnownToken>, Unauthenticated> {
        if let Some(known) = self.known.token_by_hash(hash) {
            return Ok(known);
        }
        let lookup = self.sealer.lookup(hash.expose());
        match self.reads.look_up(|reader| reader.token_by_secret(&lookup))? {
            Some(found) => self.token_of_id(found.token.id),
            None => Err(Unauthenticated::Unknown),
        }
    }

    pub(crate) fn token_of_id(&self, id: TokenId) -> Result<Arc<KnownToken>, Unauthenticated> {
        if let Some(known) = self.known.token(id) {
            return Ok(known);
        }
        let read_at = self.known.generation();
        let read = self.reads.look_up(|reader| Ok((reader.token(id)?, reader.secrets(id)?)))?;
        let (Some(token), Some(secrets)) = read else {
            return Err(Unauthenticated::Unknown);
        };
        let opened_of_several = secrets.value.len() > 1;
        let opened = secrets.value.iter().map(|secret| {
            let bytes = self.sealer.open(secret_place(&id), &secret.sealed).ok()?;
            // The hash comes first; an extensible session keeps its text behind it (WC §2.9).
            let hash = BearerHash::from_bytes(*bytes.expose().first_chunk()?);
            let is_unused = opened_of_several && secret.used.is_none();
            Some(KnownSecret { key: SigningKey::new(&hash), hash, lookup: secret.lookup, ends: secret.ends, is_unused })
        });
        let secrets = opened.collect::<Option<Vec<_>>>().ok_or_else(|| StoreError::Inconsistent {
            table: "token_secrets",
            problem: format!("a secret of token {id} does not open with the master key"),
        })?;
        // The token was read first: its version is never newer than what was read of its secrets.
        let (token, version) = (token.value, token.version);
        Ok(self.known.keep_token(KnownToken { token, version, secrets }, read_at))
    }

    pub(crate) fn owner(&self, id: UserId) -> Result<Option<Arc<User>>, StoreError> {
        if let Some(owner) = self.known.owner(id) {
            return Ok(Some(owner));
        }
        let read_at = self.known.generation();
        let owner = self.reads.look_up(|reader| reader.user(id))?;
        Ok(owner.map(|owner| self.known.keep_owner(owner.value, read_at)))
    }

    fn verify(
        &self,
        presented: &Presented<'_>,
        known: &KnownToken,
        hash: Option<&BearerHash>,
        now: Timestamp,
    ) -> Result<Verified, Unauthenticated> {
        let counts = |secret: &&KnownSecret| secret.counts_at(now);
        let matching = |secret: &&KnownSecret| hash.is_none_or(|hash| secret.hash == *hash);
        let mut secrets = known.secrets.iter().filter(counts).filter(matching);
        let signer = |key: &SigningKey, scheme| {
            let (method, target) = (presented.method.to_owned(), presented.target.to_owned());
            Signer { key: key.clone(), scheme, method, target }
        };
        match presented.signing {
            Signing::None => match secrets.next() {
                Some(&KnownSecret { lookup, is_unused, .. }) => {
                    Ok(Verified { mode: Mode::Raw, signer: None, signed_at: None, lookup, is_unused })
                }
                None => Err(Unauthenticated::Unknown),
            },
            Signing::Hmac { hmac, timestamp, version } => {
                let secret = secrets.next().ok_or(Unauthenticated::Unknown)?;
                let version = AuthVersion::from_header(version).map_err(|_| Unauthenticated::UnknownVersion)?;
                let text = timestamp.ok_or(Unauthenticated::BadTimestamp)?;
                let signed_at = window::read_millis(text).map_err(|_| Unauthenticated::BadTimestamp)?;
                let fits = |target: &str| {
                    let (method, timestamp, body) = (presented.method, text, presented.body);
                    secret.key.verify(&signature::Request { version, method, timestamp, target, body }, hmac).is_ok()
                };
                // Characters that a client wrote raw reach us escaped (WC §2.4); the path is the same.
                // A pipe separates the parts of what is signed, so a raw one in the target could make an answer of
                // ours, or another target and body, look like this request. Clients send it escaped.
                let signed = (!presented.target.contains('|') && fits(presented.target))
                    || target::escaped(presented.target).is_some_and(|target| fits(&target))
                    || target::decoded(presented.target).is_some_and(|target| fits(&target));
                if !signed {
                    return Err(Unauthenticated::BadSignature);
                }
                self.check_freshness(presented.method, hmac, signed_at, now)?;
                let mode = if version == AuthVersion::V2 { Mode::V2 } else { Mode::V3 };
                let signer = Some(signer(&secret.key, Scheme::Hmac(version)));
                let KnownSecret { lookup, is_unused, .. } = *secret;
                Ok(Verified { mode, signer, signed_at: Some(signed_at), lookup, is_unused })
            }
            Signing::V4 { signature, timestamp, request_id, content } => {
                let (Some(timestamp), Some(request_id)) = (timestamp, request_id) else {
                    return Err(Unauthenticated::BadTimestamp);
                };
                let signed_at = window::read_seconds(timestamp).map_err(|_| Unauthenticated::BadTimestamp)?;
                let hash = v4::ContentHash::of(presented.body);
                if content.is_some_and(|content| !hash.is(content)) {
                    return Err(Unauthenticated::BadSignature);
                }
                let (method, target) = (presented.method, presented.target);
                let request = v4::Request { method, timestamp, target, content: &hash, request_id };
                let secret = secrets
                    .find(|secret| secret.key.verify(&request, signature).is_ok())
                    .ok_or(Unauthenticated::BadSignature)?;
                self.check_freshness(presented.method, signature, signed_at, now)?;
                let signer = Some(signer(&secret.key, Scheme::V4 { request_id: request_id.to_owned() }));
                let KnownSecret { lookup, is_unused, .. } = *secret;
                Ok(Verified { mode: Mode::V4, signer, signed_at: Some(signed_at), lookup, is_unused })
            }
        }
    }

    /// A verified signature counts once, within its window, and not if it is older than our memory.
    fn check_freshness(
        &self,
        method: &str,
        signature: &str,
        signed_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Unauthenticated> {
        window::check(signed_at, now).map_err(|_| Unauthenticated::OutsideWindow { now })?;
        let verb = verb_of(method);
        if verb == Verb::Change && signed_at < self.started {
            return Err(Unauthenticated::BeforeStart { started: self.started });
        }
        self.replays.check(signature, verb, signed_at, now).map_err(|replayed| match replayed {
            Replayed::Seen => Unauthenticated::Replayed,
            Replayed::MemoryFull => Unauthenticated::ReplayMemoryFull,
            Replayed::Forgotten { since } => Unauthenticated::BeforeStart { started: since },
        })
    }
}

fn verb_of(method: &str) -> Verb {
    if matches!(method, "GET" | "HEAD") { Verb::Get } else { Verb::Change }
}

pub(crate) fn secret_place(id: &TokenId) -> Place<'_> {
    Place { table: "token_secrets", column: "sealed", row: id.as_bytes() }
}
