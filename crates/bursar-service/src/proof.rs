//! Proofs of identity: passwords and one-time passwords, counted before they are looked at.

use std::net::IpAddr;

use bursar_core::account::User;
use bursar_core::audit::Actor;
use bursar_core::id::UserId;
use bursar_core::ledger::{
    Credential, CredentialKind, Document, DocumentKey, DocumentKind, Key, Outcome, Record, Trace, Versioned, Write,
};
use bursar_core::secret::Secret;
use bursar_identity::attempts::{Attempts, Charge, Policy, Source};
use bursar_identity::fixed_otp::Origin;
use bursar_identity::password::PasswordHash;
use bursar_identity::recovery::{self, RecoveryVerdict};
use bursar_identity::step_up::Via;
use bursar_identity::totp::{self, OtpVerdict, TotpSecret};
use bursar_store::seal::Place;
use bursar_wire::password::WireVerifier;
use sha2::{Digest, Sha256};

use crate::Bursar;
use crate::error::{ServiceError, Unproven};
use crate::passkey_answer;
use crate::recovery_codes;
use crate::step_up::Purpose;
use crate::stored::TRIES;

/// Whose attempts stand for those on names that nobody has.
const NOBODY: UserId = UserId::from_bytes([0; 16]);
/// How many accounts or names wait for each other at most: those whose attempts are written one after the other.
const TURNS: usize = 128;

/// Who changes a record of attempts now. Names that nobody has wait for their turn just as others do.
pub(crate) struct AttemptTurns(Box<[tokio::sync::Mutex<()>]>);

impl AttemptTurns {
    pub(crate) fn new() -> Self {
        Self((0..TURNS).map(|_| tokio::sync::Mutex::default()).collect())
    }

    fn of(&self, name: &[u8]) -> &tokio::sync::Mutex<()> {
        self.place_of(name).1
    }

    fn place_of(&self, name: &[u8]) -> (usize, &tokio::sync::Mutex<()>) {
        static NOBODYS_TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let [first, ..] = <[u8; 32]>::from(Sha256::digest(name));
        let place = usize::from(first) % TURNS;
        (place, self.0.get(place).unwrap_or(&NOBODYS_TURN))
    }
}

/// Which guesses are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Password,
    Otp,
}

impl Kind {
    const fn policy(self) -> Policy {
        match self {
            Self::Password => Policy::PASSWORD,
            Self::Otp => Policy::OTP,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Otp => "otp",
        }
    }
}

impl Bursar {
    /// Checks a second factor of `user`, a one-time password, a recovery code or a passkey's answer, and uses it up.
    ///
    /// The attempt is counted, durably, before the code is looked at: guesses made at the same time
    /// cannot slip past the count.
    pub(crate) async fn prove_factor(
        &self,
        user: &User,
        proof: Option<&str>,
        purpose: &Purpose,
        source: Source,
        address: IpAddr,
    ) -> Result<Via, ServiceError> {
        let code = proof.ok_or(Unproven::OtpMissing)?;
        let now = self.clock.now();
        let origin = if user.seeded { Origin::Seeded } else { Origin::Enrolled };
        if self.policy.fixed_otp.is_some_and(|fixed| fixed.accepts(origin, code)) {
            return Ok(Via::Fixed);
        }
        self.rates.second_factor(user.id, address, now)?;
        // Nobody guesses a signature, so it is not counted as a guess.
        if passkey_answer::is_one(code) {
            let via = self.prove_passkey(user, code, purpose).await?;
            self.note_good_source(user.id, source).await?;
            return Ok(via);
        }
        let charge = self.charge(user.id, Kind::Otp, source).await?;
        let used = self.use_up(user.id, code).await;
        // A refund that does not come through costs its owner one attempt, not the code they have used up.
        let refunded = match &used {
            Ok(_) => self.refund(user.id, Kind::Otp, charge).await,
            Err(ServiceError::Unproven(_)) => Ok(()),
            Err(_) => self.take_back(user.id, Kind::Otp, charge).await,
        };
        if let Err(error) = refunded {
            tracing::warn!(user = %user.id, %error, "an attempt could not be taken back");
        }
        used
    }

    async fn use_up(&self, user: UserId, code: &str) -> Result<Via, ServiceError> {
        for _ in 0..TRIES {
            let credentials = self.reads.run(move |reader| reader.credentials(user)).await?;
            let (used, via) = if recovery::is_code(code) {
                (self.redeem(&credentials, code)?, Via::Recovery)
            } else {
                (self.check_totp(&credentials, code)?, Via::Otp)
            };
            let trace = Trace::of(
                "factor.use",
                "user",
                user,
                vec![("factor", used.value.id.to_string()), ("kind", used.value.kind.as_str().to_owned())],
            );
            let key = Key::Credential(used.value.id);
            let write = Write {
                read: vec![(key, used.version)],
                put: vec![Record::Credential(used.value.id, used.value)],
                trace: Some(trace),
                ..Write::default()
            };
            if let Outcome::Written = self.write(Actor::System, write).await? {
                return Ok(via);
            }
        }
        Err(ServiceError::Busy)
    }

    fn check_totp(
        &self,
        credentials: &[Versioned<Credential>],
        code: &str,
    ) -> Result<Versioned<Credential>, ServiceError> {
        let now = self.clock.now();
        let mut verdict = Unproven::OtpWrong;
        for device in credentials.iter().filter(|device| device.value.kind == CredentialKind::Totp) {
            let opened = self.open_credential(&device.value)?;
            let secret = TotpSecret::new(opened.expose().as_slice().try_into().map_err(|_| damaged("TOTP secret"))?);
            let last = device.value.progress.as_slice().try_into().ok().map(u64::from_be_bytes);
            match totp::verify(&secret, code, now, last) {
                OtpVerdict::Accepted { step } => {
                    let mut used = device.clone();
                    used.value.progress = step.to_be_bytes().to_vec();
                    used.value.last_used = Some(now);
                    return Ok(used);
                }
                OtpVerdict::AlreadyUsed { next_code_at } => verdict = Unproven::OtpUsed { next_at: next_code_at },
                OtpVerdict::Wrong | OtpVerdict::Malformed => {}
            }
        }
        Err(verdict.into())
    }

    fn redeem(&self, credentials: &[Versioned<Credential>], code: &str) -> Result<Versioned<Credential>, ServiceError> {
        let now = self.clock.now();
        for set in credentials.iter().filter(|set| set.value.kind == CredentialKind::RecoveryCodes) {
            let mut codes = recovery_codes::read(&set.value).ok_or_else(|| damaged("set of recovery codes"))?;
            if let RecoveryVerdict::Accepted { .. } = codes.redeem(code, now) {
                let mut used = set.clone();
                used.value.progress = recovery_codes::progress(&codes);
                used.value.last_used = Some(now);
                return Ok(used);
            }
        }
        Err(Unproven::OtpWrong.into())
    }

    /// Checks a user's password; the same work is done for a user who does not exist.
    ///
    /// `presented` holds every verifier that the text on the wire may stand for.
    pub(crate) async fn prove_password(
        &self,
        name: &str,
        user: Option<&User>,
        presented: Vec<WireVerifier>,
        source: Source,
    ) -> Result<(), ServiceError> {
        let Some(user) = user else {
            return Err(self.refuse_stranger(name, presented, source).await);
        };
        let id = user.id;
        let charge = self.charge(id, Kind::Password, source).await?;
        let stored = self.password_of(id).await?;
        let hash = stored.map(|credential| self.open_password(&credential.value)).transpose()?;
        match self.hashing.matches(id.as_bytes(), hash, presented).await {
            Ok(true) => self.refund(id, Kind::Password, charge).await,
            Ok(false) => Err(Unproven::Password.into()),
            Err(busy) => {
                self.take_back(id, Kind::Password, charge).await?;
                Err(busy)
            }
        }
    }

    /// Refuses somebody whose name nobody has, just as somebody with a wrong password is refused: after the
    /// same work, and after as many attempts.
    async fn refuse_stranger(&self, name: &str, presented: Vec<WireVerifier>, source: Source) -> ServiceError {
        let now = self.clock.now();
        let mut attempts = self.strangers.get(name).unwrap_or_default();
        let charged = attempts.charge(&Kind::Password.policy(), source, now);
        self.strangers.insert(name.to_owned(), attempts);
        let charge = match charged {
            Ok(charge) => charge,
            Err(wait) => return ServiceError::TooManyAttempts { until: wait.until },
        };
        self.write_as_for_a_user(name, source).await;
        match self.hashing.matches(name.as_bytes(), None, presented).await {
            Ok(_) => Unproven::Password.into(),
            Err(busy) => {
                let mut attempts = self.strangers.get(name).unwrap_or_default();
                attempts.take_back(charge);
                self.strangers.insert(name.to_owned(), attempts);
                self.write_as_for_a_user(name, source).await;
                busy
            }
        }
    }

    /// An attempt on an account is written down before the password is looked at. One on a name that nobody
    /// has takes as long: its record says nothing and is nobody's.
    async fn write_as_for_a_user(&self, name: &str, source: Source) {
        let now = self.clock.now();
        let (place, turn) = self.attempt_turns.place_of(name.as_bytes());
        let name = format!("{}/{place}", Kind::Password.name());
        let key = DocumentKey { user: NOBODY, kind: DocumentKind::Attempts, name };
        let written = self.change_attempts_at(key, turn, |attempts| {
            attempts.failed(&Kind::Password.policy(), source, now);
            Ok(())
        });
        if let Err(error) = written.await {
            tracing::debug!(%error, "an attempt on nobody was not written down");
        }
    }

    pub(crate) async fn password_of(&self, user: UserId) -> Result<Option<Versioned<Credential>>, ServiceError> {
        let credentials = self.reads.run(move |reader| reader.credentials(user)).await?;
        Ok(credentials.into_iter().find(|credential| credential.value.kind == CredentialKind::Password))
    }

    fn open_password(&self, credential: &Credential) -> Result<PasswordHash, ServiceError> {
        let opened = self.open_credential(credential)?;
        let text = std::str::from_utf8(opened.expose()).map_err(|_| damaged("password hash"))?;
        PasswordHash::parse(text).map_err(|_| damaged("password hash"))
    }

    pub(crate) fn open_credential(&self, credential: &Credential) -> Result<Secret<Vec<u8>>, ServiceError> {
        self.sealer.open(credential_place(credential), &credential.sealed).map_err(|_| damaged("credential"))
    }

    pub(crate) fn seal_credential(&self, mut credential: Credential, plain: &[u8]) -> Result<Credential, ServiceError> {
        let sealed = self.sealer.seal(credential_place(&credential), plain, self.random.bytes());
        credential.sealed = sealed.map_err(|_| damaged("credential"))?;
        Ok(credential)
    }

    async fn charge(&self, user: UserId, kind: Kind, source: Source) -> Result<Charge, ServiceError> {
        let now = self.clock.now();
        let mut charged = None;
        self.change_attempts(user, kind, |attempts| {
            let charge = attempts.charge(&kind.policy(), source, now);
            charged = Some(charge.map_err(|wait| ServiceError::TooManyAttempts { until: wait.until })?);
            Ok(())
        })
        .await?;
        charged.ok_or(ServiceError::Busy)
    }

    async fn refund(&self, user: UserId, kind: Kind, charge: Charge) -> Result<(), ServiceError> {
        let now = self.clock.now();
        self.change_attempts(user, kind, |attempts| {
            attempts.refund(&kind.policy(), charge, now);
            Ok(())
        })
        .await
    }

    /// What was charged for was not looked at, for want of time: it is no failed attempt, and shows nothing.
    async fn take_back(&self, user: UserId, kind: Kind, charge: Charge) -> Result<(), ServiceError> {
        self.change_attempts(user, kind, |attempts| {
            attempts.take_back(charge);
            Ok(())
        })
        .await
    }

    /// Remembers that a second factor was right from here, so that guesses from elsewhere cannot keep
    /// this source from being heard.
    pub(crate) async fn note_good_source(&self, user: UserId, source: Source) -> Result<(), ServiceError> {
        let now = self.clock.now();
        self.change_attempts(user, Kind::Otp, |attempts| {
            attempts.succeeded(&Kind::Otp.policy(), source, now);
            Ok(())
        })
        .await
    }

    /// The same for a password that was just set from here.
    pub(crate) async fn note_password_source(&self, user: UserId, source: Source) -> Result<(), ServiceError> {
        let now = self.clock.now();
        self.change_attempts(user, Kind::Password, |attempts| {
            attempts.succeeded(&Kind::Password.policy(), source, now);
            Ok(())
        })
        .await
    }

    async fn change_attempts(
        &self,
        user: UserId,
        kind: Kind,
        change: impl FnMut(&mut Attempts) -> Result<(), ServiceError>,
    ) -> Result<(), ServiceError> {
        let key = DocumentKey { user, kind: DocumentKind::Attempts, name: kind.name().to_owned() };
        self.change_attempts_at(key, self.attempt_turns.of(user.as_bytes()), change).await
    }

    async fn change_attempts_at(
        &self,
        key: DocumentKey,
        turn: &tokio::sync::Mutex<()>,
        mut change: impl FnMut(&mut Attempts) -> Result<(), ServiceError>,
    ) -> Result<(), ServiceError> {
        // One after the other, so that none is ever told that others were faster: a name that nobody has never is.
        let _turn = turn.lock().await;
        let decided = || {
            let found = self.reads.look_up(|reader| reader.document(&key))?;
            let (version, mut attempts) = match found {
                Some(found) => {
                    let attempts =
                        Attempts::from_bytes(&found.value.body).map_err(|_| damaged("record of attempts"))?;
                    (found.version, attempts)
                }
                None => (0, Attempts::default()),
            };
            change(&mut attempts)?;
            let document = Document { title: None, body: attempts.to_bytes() };
            let write = Write {
                read: vec![(Key::Document(key.clone()), version)],
                put: vec![Record::Document(key.clone(), document)],
                ..Write::default()
            };
            Ok((write, ()))
        };
        self.decide(Actor::System, decided).await
    }
}

fn credential_place(credential: &Credential) -> Place<'_> {
    Place { table: "credentials", column: "sealed", row: credential.id.as_bytes() }
}

fn damaged(what: &str) -> ServiceError {
    ServiceError::Unavailable(format!("a stored {what} cannot be read"))
}
