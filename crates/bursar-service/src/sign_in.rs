//! Signing in by steps, as people do in a browser: the password first, then what the account offers as a
//! second factor. Between them stands a ticket, which is no session and good for nothing else.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bursar_core::id::UserId;
use bursar_core::secret::Secret;
use bursar_core::time::{Span, Timestamp};
use bursar_identity::attempts::{Credential as Presented, Source};
use bursar_wire::password::lower_case;
use serde_json::Value;

use crate::Bursar;
use crate::error::{ServiceError, Unproven};
use crate::login::{NewSession, refuse_frozen, verifiers};
use crate::opening::Opening;
use crate::pending::{Kept, Name};
use crate::step_up::Purpose;

/// How long a sign-in may take from the password to the second factor.
const SIGN_IN_TIME: Span = Span::from_seconds(5 * 60);
/// How many wrong second factors end a sign-in; the account's own count goes on beyond it.
const MOST_TRIES: u32 = 5;
/// How many sign-ins are under way at most, and how many of one user.
pub(crate) const MOST_SIGN_INS: usize = 4096;
pub(crate) const MOST_SIGN_INS_OF_ONE: usize = 16;
/// Random bytes of a ticket.
const TICKET_BYTES: usize = 32;

/// A sign-in whose password was right.
#[derive(Debug)]
pub struct SignIn {
    /// Names it when it is finished.
    pub ticket: Secret<String>,
    /// What it may be finished with.
    pub offers: Offers,
    /// The first instant at which it is over.
    pub ends: Timestamp,
}

/// What a sign-in may be finished with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Offers {
    /// A one-time password.
    pub otp: bool,
    /// A passkey: what `navigator.credentials.get` is called with.
    pub passkey: Option<Value>,
    /// A recovery code.
    pub recovery: bool,
    /// Whether the account has no second factor: then the password alone finishes the sign-in.
    pub has_none: bool,
}

/// What a sign-in is finished with.
#[derive(Debug)]
pub enum Proof {
    /// A one-time password or a recovery code.
    Code(Secret<String>),
    /// What a passkey answered, as JSON text.
    Passkey(String),
    /// Nothing more: the account has no second factor.
    PasswordAlone,
}

/// A sign-in between its two steps.
#[derive(Debug)]
pub(crate) struct UnderWay {
    pub(crate) user: UserId,
    pub(crate) began: Timestamp,
    /// Since when sessions counted when it began: another value says that all were ended since.
    pub(crate) began_in: Timestamp,
    pub(crate) tries: u32,
}

impl Bursar {
    /// Checks a password, in clear or as its verifier. Somebody who does not exist gets the same answer as
    /// somebody whose password is wrong, after the same work.
    ///
    /// # Errors
    /// Name or password is wrong, the account is frozen, or too much was tried.
    pub async fn begin_sign_in(
        &self,
        username: &str,
        password: &Secret<String>,
        address: IpAddr,
    ) -> Result<SignIn, ServiceError> {
        let now = self.clock.now();
        let username = lower_case(username);
        self.rates.login(&username, address, now)?;
        let wanted = username.clone();
        let user = self.reads.run(move |reader| reader.user_by_name(&wanted)).await?.map(|found| found.value);
        let presented = verifiers(&username, password.expose(), true);
        self.prove_password(&username, user.as_ref(), presented, Source::new(Presented::Login, address)).await?;
        let user = user.ok_or(Unproven::Password)?;
        refuse_frozen(&user, now)?;
        let ticket = Secret::new(URL_SAFE_NO_PAD.encode(self.random.bytes::<TICKET_BYTES>()));
        let name = Name::of(ticket.expose().as_bytes());
        let offers = self.offers(&user, name).await?;
        let under_way = UnderWay { user: user.id, began: now, began_in: user.sessions_since, tries: 0 };
        let ends = now.plus(SIGN_IN_TIME);
        self.sign_ins.put(name, Kept { of: Some(*user.id.as_bytes()), ends, value: under_way }, now);
        Ok(SignIn { ticket, offers, ends })
    }

    /// Finishes a sign-in with a second factor. A session of somebody who has none may only enrol one, if
    /// their organisation demands it.
    ///
    /// # Errors
    /// There is no such sign-in any more, the proof is wrong, or too much was tried.
    pub async fn finish_sign_in(
        &self,
        ticket: &str,
        proof: Proof,
        address: IpAddr,
    ) -> Result<NewSession, ServiceError> {
        let (name, now) = (Name::of(ticket.as_bytes()), self.clock.now());
        // Taken out while it is looked at: of two who finish it at the same time, one does.
        let Some(mut kept) = self.sign_ins.take(name, now) else {
            return Err(Unproven::SignIn.into());
        };
        let finished = self.prove_sign_in(&kept.value, name, proof, address).await;
        let opening = match finished {
            Ok(opening) => opening,
            Err(error) => {
                kept.value.tries =
                    kept.value.tries.saturating_add(u32::from(matches!(error, ServiceError::Unproven(_))));
                if kept.value.tries < MOST_TRIES && error != Unproven::SignIn.into() {
                    self.sign_ins.put(name, kept, now);
                }
                return Err(error);
            }
        };
        self.open_session(opening).await
    }

    async fn prove_sign_in(
        &self,
        under_way: &UnderWay,
        name: Name,
        proof: Proof,
        address: IpAddr,
    ) -> Result<Opening, ServiceError> {
        let id = under_way.user;
        let user = self.reads.look_up(|reader| reader.user(id))?.ok_or(Unproven::SignIn)?.value;
        // A new password ends what the old one began.
        if under_way.began < user.sessions_since || under_way.began_in != user.sessions_since {
            return Err(Unproven::SignIn.into());
        }
        refuse_frozen(&user, self.clock.now())?;
        let source = Source::new(Presented::Login, address);
        let shown = match &proof {
            Proof::Code(code) => Some(code.expose().as_str()),
            Proof::Passkey(answer) => Some(answer.as_str()),
            Proof::PasswordAlone => None,
        };
        let standing = self.prove_second_factor(&user, shown, &Purpose::SignIn(name), source, address).await?;
        Ok(Opening { user, address, standing, extension_address: None, plain_token: true })
    }
}
