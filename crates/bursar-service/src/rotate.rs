//! Rotation: a second secret for the same token, the old one dated. Id, grant, limits, budgets and keys
//! stay, so rotation never refills anything.

use bursar_core::audit::Actor;
use bursar_core::id::TokenId;
use bursar_core::ledger::{Key, Record, TokenSecret, Trace, Write};
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::{Token, TokenKind};
use bursar_wire::token_text::TokenText;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::issue::TokenState;

/// The longest that an old secret goes on.
pub const LONGEST_OVERLAP: Span = Span::from_seconds(7 * 86_400);

/// A token with a new secret, shown here and never again.
#[derive(Debug)]
pub struct Rotated {
    /// The token.
    pub state: TokenState,
    /// Its new text.
    pub text: TokenText,
    /// Until when the old secret goes on.
    pub old_ends: Timestamp,
}

impl Bursar {
    /// Gives a token a new secret; the old one goes on for `overlap`. If the answer is lost, ask again: a
    /// new secret that was never used is replaced.
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
        let token = self.own_token(principal, id)?;
        if token.kind == TokenKind::Session {
            return Err(ServiceError::invalid("id", "is a login session; log in again instead"));
        }
        let source = self.source(principal);
        self.prove_otp(&principal.owner, otp, source, principal.address).await?;
        let now = self.clock.now();
        if !token.lives_at(now) {
            return Err(ServiceError::Conflict("the token is revoked or expired".to_owned()));
        }
        let found = self.reads.look_up(|reader| reader.secrets(id))?.ok_or(ServiceError::NotFound("token"))?;
        let text = TokenText::from_random(self.random.bytes());
        let (secrets, old_ends) = rotated(found.value, self.secret_of(&token, &text)?, overlap, now)?;
        let write = Write {
            // The token's record is written too, so that of two rotations at once one is told.
            read: vec![(Key::Secrets(id), found.version)],
            put: vec![Record::Secrets(id, secrets)],
            trace: Some(Trace {
                action: "token.rotate",
                subject: format!("token:{id}"),
                data: vec![("old_ends", old_ends.to_string())],
            }),
            ..Write::default()
        };
        self.must_write(principal.actor(), write).await?;
        let state = self.state_of(token).await?;
        Ok(Rotated { state, text, old_ends })
    }

    /// Remembers that the newest of several secrets was used: from then on it is not replaced.
    pub(crate) async fn note_first_use(&self, token: &Token, lookup: [u8; 32]) -> Result<(), ServiceError> {
        let (id, now) = (token.id, self.clock.now());
        let found = self.reads.look_up(|reader| reader.secrets(id))?.ok_or(ServiceError::NotFound("token"))?;
        let mut secrets = found.value;
        match secrets.iter_mut().find(|secret| secret.lookup == lookup && secret.used.is_none()) {
            None => return Ok(()),
            Some(secret) => secret.used = Some(now),
        }
        let write = Write {
            read: vec![(Key::Secrets(id), found.version)],
            put: vec![Record::Secrets(id, secrets)],
            ..Write::default()
        };
        // Somebody else was faster: then it is noted, or no longer matters.
        self.write(Actor::System, write).await.map(drop)
    }
}

/// The secrets after a rotation, and when the old one ends. At most two live at any time.
fn rotated(
    secrets: Vec<TokenSecret>,
    new: TokenSecret,
    overlap: Span,
    now: Timestamp,
) -> Result<(Vec<TokenSecret>, Timestamp), ServiceError> {
    let ends = now.plus(overlap);
    let mut living: Vec<TokenSecret> =
        secrets.into_iter().filter(|secret| secret.ends.is_none_or(|ends| now < ends)).collect();
    // The newest comes last. Beside an older one, and never used: its answer was lost.
    if living.len() > 1 && living.last().is_some_and(|newest| newest.used.is_none()) {
        living.pop();
    }
    let dated = |secret: &TokenSecret| secret.ends.unwrap_or(ends).min(ends);
    if let [older, _, ..] = &living[..]
        && overlap > Span::ZERO
    {
        return Err(ServiceError::RotationUnderWay { until: dated(older) });
    }
    let mut after: Vec<TokenSecret> = living
        .into_iter()
        .map(|secret| TokenSecret { ends: Some(dated(&secret)), ..secret })
        .filter(|secret| secret.ends.is_some_and(|ends| now < ends))
        .collect();
    let old_ends = after.last().and_then(|secret| secret.ends).unwrap_or(now);
    after.push(new);
    Ok((after, old_ends))
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
        assert_eq!(rotate(vec![secret(1, None, true)], 0).unwrap(), [(9, None)]);
    }

    #[test]
    fn a_lost_answer_is_asked_for_again() {
        let lost = vec![secret(1, Some(1400), true), secret(2, None, false)];
        assert_eq!(rotate(lost, 500).unwrap(), [(1, Some(1400)), (9, None)]);
    }

    #[test]
    fn no_third_secret_comes_to_life() {
        let both = vec![secret(1, Some(1400), true), secret(2, None, true)];
        assert_eq!(
            rotate(both.clone(), 500),
            Err(ServiceError::RotationUnderWay { until: Timestamp::from_millis(1400) })
        );
        assert_eq!(rotate(both, 0).unwrap(), [(9, None)]);
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let ended = vec![secret(1, Some(900), true), secret(2, None, true)];
        assert_eq!(rotate(ended, 500).unwrap(), [(2, Some(1500)), (9, None)]);
    }
}
