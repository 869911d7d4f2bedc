//! Rotation: a second secret for the same token, the old one dated. Id, grant, limits, budgets and keys
//! stay, so rotation never refills anything.

use bursar_core::audit::Actor;
use bursar_core::id::TokenId;
use bursar_core::ledger::{Key, Outcome, Record, TokenSecret, Trace, Version, Write};
use bursar_core::refusal::Refusal;
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::{Token, TokenKind};
use bursar_wire::token_text::TokenText;

use crate::Bursar;
use crate::authenticate::{Principal, Unauthenticated};
use crate::error::ServiceError;
use crate::issue::TokenState;
use crate::step_up::Action;
use crate::stored::TRIES;

/// The longest that an old secret goes on.
pub const LONGEST_OVERLAP: Span = Span::from_seconds(7 * 86_400);

/// What is said where a rotation ends the secret of the one before it.
pub const VOID: &str = "the secret that the rotation before this made, and that nobody had used, is void";

/// A token with a new secret, shown here and never again.
#[derive(Debug)]
pub struct Rotated {
    /// The token.
    pub state: TokenState,
    /// Its new text.
    pub text: TokenText,
    /// Until when the old secret goes on.
    pub old_ends: Timestamp,
    /// Whether that is sooner than was asked for: a rotation before this dated it already.
    pub ends_sooner: bool,
    /// Whether a text of a rotation before this, which nobody had used, ended with this one.
    pub replaced: bool,
}

impl Bursar {
    /// Gives a token a new secret; the old one goes on for `overlap`, and once this is answered holds nothing
    /// after its end. If the answer is lost, ask again: a new secret that was never used is replaced.
    ///
    /// # Errors
    /// The caller is not the token's owner in person, the second factor is wrong, the overlap too long, or
    /// two secrets are in use.
    pub async fn rotate(
        &self,
        principal: &Principal,
        id: TokenId,
        overlap: Span,
        otp: Option<&str>,
    ) -> Result<Rotated, ServiceError> {
        self.person(principal)?;
        if overlap > LONGEST_OVERLAP {
            return Err(ServiceError::invalid("overlap", "is longer than 7 days"));
        }
        self.own_token(principal, id)?;
        let mut is_proven = false;
        // The first use of a secret is noted beside this, and counts the same record on.
        for _ in 0..TRIES {
            let found = self.reads.look_up(|reader| Ok(reader.token(id)?.zip(reader.secrets(id)?)))?;
            let (token, found) = found.ok_or(ServiceError::NotFound("token"))?;
            let (token, version) = (token.value, token.version);
            if token.kind == TokenKind::Session {
                return Err(ServiceError::invalid("id", "is a login session; log in again instead"));
            }
            if !is_proven {
                let _shown = self.prove_step_up(principal, Action::Rotate(id), otp).await?;
                is_proven = true;
            }
            let now = self.clock.now();
            if !token.lives_at(now) {
                return Err(ServiceError::Conflict("the token is revoked or expired".to_owned()));
            }
            let text = TokenText::from_random(self.random.bytes());
            let replaced = is_unused(&found.value);
            let (secrets, old_ends) = rotated(found.value, self.secret_of(&token, &text)?, overlap, now)?;
            let write = Write {
                // INVARIANT: a rotation counts the token's version on, so that nothing is held on what was read before.
                read: vec![(Key::Token(id), version), (Key::Secrets(id), found.version)],
                put: vec![Record::Token(id, token.clone()), Record::Secrets(id, secrets)],
                trace: Some(Trace::of("token.rotate", "token", id, vec![("old_ends", old_ends.to_string())])),
                ..Write::default()
            };
            if let Outcome::Written = self.write(principal.actor(), write).await? {
                let state = self.state_of(token).await?;
                let ends_sooner = old_ends < now.plus(overlap);
                return Ok(Rotated { state, text, old_ends, ends_sooner, replaced });
            }
        }
        Err(ServiceError::Busy)
    }

    /// Ends the old secret of a rotation now, before its time, and says whether one went on. Needs no proof: it only tightens.
    /// If none goes on, nothing changes.
    ///
    /// # Errors
    /// The caller is not the token's owner in person, or there is no such token.
    pub async fn end_old_secret(&self, principal: &Principal, id: TokenId) -> Result<(TokenState, bool), ServiceError> {
        self.person(principal)?;
        self.own_token(principal, id)?;
        for _ in 0..TRIES {
            let found = self.reads.look_up(|reader| Ok(reader.token(id)?.zip(reader.secrets(id)?)))?;
            let (token, found) = found.ok_or(ServiceError::NotFound("token"))?;
            let now = self.clock.now();
            let Some(secrets) = without_old(found.value, now) else {
                return Ok((self.state_of(token.value).await?, false));
            };
            let write = Write {
                // INVARIANT: as with a rotation: nothing is held on what was read before.
                read: vec![(Key::Token(id), token.version), (Key::Secrets(id), found.version)],
                put: vec![Record::Token(id, token.value.clone()), Record::Secrets(id, secrets)],
                trace: Some(Trace::of("token.end_old_secret", "token", id, vec![("old_ends", now.to_string())])),
                ..Write::default()
            };
            if let Outcome::Written = self.write(principal.actor(), write).await? {
                return Ok((self.state_of(token.value).await?, true));
            }
        }
        Err(ServiceError::Busy)
    }

    /// Remembers that the newest of several secrets was used: from then on it is not replaced.
    pub(crate) async fn note_first_use(&self, token: &Token, lookup: [u8; 32]) -> Result<(), Unauthenticated> {
        let (id, now) = (token.id, self.clock.now());
        for _ in 0..TRIES {
            let found = self.reads.look_up(|reader| reader.secrets(id))?.ok_or(Unauthenticated::Unknown)?;
            let mut secrets = found.value;
            let own = secrets.iter_mut().find(|secret| secret.lookup == lookup).ok_or(Unauthenticated::Unknown)?;
            if own.used.is_some() {
                return Ok(());
            }
            own.used = Some(now);
            let write = Write {
                read: vec![(Key::Secrets(id), found.version)],
                put: vec![Record::Secrets(id, secrets)],
                ..Write::default()
            };
            if let Outcome::Written = self.write(Actor::System, write).await.map_err(Unauthenticated::Unavailable)? {
                return Ok(());
            }
        }
        Err(Unauthenticated::Unavailable(ServiceError::Busy))
    }

    /// The version of a token's record that says this secret still counts.
    pub(crate) fn still_presented(&self, id: TokenId, lookup: [u8; 32]) -> Result<(Key, Version), ServiceError> {
        let known = match self.token_of_id(id) {
            Ok(known) => known,
            Err(Unauthenticated::Unavailable(error)) => return Err(error),
            Err(_) => return Err(Refusal::TokenUnknown.into()),
        };
        let now = self.clock.now();
        match known.secrets.iter().any(|own| own.lookup == lookup && own.counts_at(now)) {
            true => Ok((Key::Token(id), known.version)),
            false => Err(Refusal::TokenUnknown.into()),
        }
    }
}

/// Whether the newest, which comes last, stands beside an older one, living or not, and was never used: its answer was lost.
fn is_unused(secrets: &[TokenSecret]) -> bool {
    secrets.len() > 1 && secrets.last().is_some_and(|newest| newest.used.is_none())
}

/// The secrets after a rotation, and when the old one ends. At most two live at any time.
fn rotated(
    mut secrets: Vec<TokenSecret>,
    new: TokenSecret,
    overlap: Span,
    now: Timestamp,
) -> Result<(Vec<TokenSecret>, Timestamp), ServiceError> {
    let ends = now.plus(overlap);
    if is_unused(&secrets) {
        secrets.pop();
    }
    let dated = |secret: &TokenSecret| secret.ends.unwrap_or(ends).min(ends);
    let mut living = secrets.iter().filter(|secret| secret.ends.is_none_or(|ends| now < ends));
    if let (Some(older), Some(_)) = (living.next(), living.next())
        && overlap > Span::ZERO
    {
        return Err(ServiceError::RotationUnderWay { until: dated(older) });
    }
    // Also one that has ended is kept beside the new one: it tells that the new one came by a rotation.
    let old = secrets.pop().map(|secret| TokenSecret { ends: Some(dated(&secret)), ..secret });
    let old_ends = old.as_ref().and_then(|secret| secret.ends).unwrap_or(now);
    Ok((old.into_iter().chain([new]).collect(), old_ends))
}

/// The secrets once all but the newest have ended; nothing if none of them goes on.
fn without_old(mut secrets: Vec<TokenSecret>, now: Timestamp) -> Option<Vec<TokenSecret>> {
    let (_, old) = secrets.split_last_mut()?;
    let goes_on = |secret: &&mut TokenSecret| secret.ends.is_none_or(|ends| now < ends);
    let mut has_changed = false;
    for secret in old.iter_mut().filter(goes_on) {
        secret.ends = Some(now);
        has_changed = true;
    }
    has_changed.then_some(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: u8, ends: Option<i64>, used: bool) -> TokenSecret {
        let at = |ms| Timestamp::from_millis(ms);
        TokenSecret { lookup: [name; 32], sealed: Vec::new(), ends: ends.map(at), used: used.then(|| at(1)) }
    }

    fn rotate(secrets: Vec<TokenSecret>, overlap: u64) -> Result<Vec<(u8, Option<i64>)>, ServiceError> {
        let now = Timestamp::from_millis(1000);
        let (after, _) = rotated(secrets, secret(9, None, false), Span::from_millis(overlap), now)?;
        Ok(after.into_iter().map(|secret| (secret.lookup[0], secret.ends.map(Timestamp::as_millis))).collect())
    }

    #[test]
    fn the_old_secret_goes_on_for_the_overlap_and_no_longer() {
        assert_eq!(rotate(vec![secret(1, None, false)], 500).unwrap(), [(1, Some(1500)), (9, None)]);
        assert_eq!(rotate(vec![secret(1, None, true)], 0).unwrap(), [(1, Some(1000)), (9, None)]);
    }

    #[test]
    fn a_lost_answer_is_asked_for_again() {
        let lost = vec![secret(1, Some(1400), true), secret(2, None, false)];
        assert_eq!(rotate(lost, 500).unwrap(), [(1, Some(1400)), (9, None)]);
        let ended_meanwhile = vec![secret(1, Some(900), true), secret(2, None, false)];
        assert_eq!(rotate(ended_meanwhile, 500).unwrap(), [(1, Some(900)), (9, None)]);
    }

    #[test]
    fn no_third_secret_comes_to_life() {
        let both = vec![secret(1, Some(1400), true), secret(2, None, true)];
        assert_eq!(
            rotate(both.clone(), 500),
            Err(ServiceError::RotationUnderWay { until: Timestamp::from_millis(1400) })
        );
        assert_eq!(rotate(both, 0).unwrap(), [(2, Some(1000)), (9, None)]);
    }

    #[test]
    fn an_old_secret_ends_before_its_time_and_the_newest_never_does() {
        let now = Timestamp::from_millis(1000);
        let ends = |secrets| {
            let after: Option<Vec<TokenSecret>> = without_old(secrets, now);
            after.map(|after| after.iter().map(|one| one.ends.map(Timestamp::as_millis)).collect::<Vec<_>>())
        };
        let both = vec![secret(1, Some(1400), true), secret(2, None, false)];
        assert_eq!(ends(both), Some(vec![Some(1000), None]));
        assert_eq!(ends(vec![secret(1, Some(900), true), secret(2, None, true)]), None);
        assert_eq!(ends(vec![secret(2, None, true)]), None);
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let ended = vec![secret(1, Some(900), true), secret(2, None, true)];
        assert_eq!(rotate(ended, 500).unwrap(), [(2, Some(1500)), (9, None)]);
    }
}
