//! Telling owners that a token ends: once for each token and end, a week ahead, whether or not the server was started since;
//! or that it has ended, where nobody could tell before.

use bursar_core::audit::Actor;
use bursar_core::id::{TokenId, UserId};
use bursar_core::ledger::{Document, DocumentKey, DocumentKind, Key, Outcome, Record, Trace, Version, Write};
use bursar_core::time::Timestamp;
use bursar_core::token::Token;

use crate::Bursar;
use crate::error::ServiceError;
use crate::notices::Notice;

/// Tokens looked at in one read.
const AT_ONCE: usize = 256;

/// The last token whose owner was told, by its end and then by its id: what ends before it was told of, or is no news.
type Told = (Timestamp, TokenId);

fn key() -> DocumentKey {
    DocumentKey { user: UserId::from_bytes([0; 16]), kind: DocumentKind::ExpiryHorizon, name: String::new() }
}

fn to_bytes((end, id): Told) -> Vec<u8> {
    [&end.as_millis().to_be_bytes()[..], id.as_bytes()].concat()
}

fn from_bytes(bytes: &[u8]) -> Option<Told> {
    let (end, id) = bytes.split_first_chunk::<8>()?;
    Some((Timestamp::from_millis(i64::from_be_bytes(*end)), TokenId::from_bytes(id.try_into().ok()?)))
}

impl Bursar {
    /// Tells the owners of tokens that end within a week, or have ended since this was done last, those aside who were told, and
    /// whose tokens were made for less. Each leaves an event in the trail, too.
    ///
    /// # Errors
    /// The store or the ledger does not answer; the rest is told of the next time.
    pub async fn tell_of_expiries(&self) -> Result<usize, ServiceError> {
        // By committed time: a clock that leaps ahead ends nothing, and what ends in between would never be told of.
        let now = self.reads.run(|reader| reader.time()).await?;
        let (mut version, told) = self.told_of()?;
        let mut after = match told {
            Some(told) => told,
            // What had ended before this was done first is no news.
            None => {
                let first = (now, TokenId::from_bytes([0xff; 16]));
                let Some(begun) = self.note_told(first, version, None).await? else { return Ok(0) };
                version = begun;
                first
            }
        };
        let mut count: usize = 0;
        loop {
            let tokens = self.reads.run(move |reader| reader.ending(after, now.plus(Token::SOON), AT_ONCE)).await?;
            let Some(last) = tokens.last() else { return Ok(count) };
            after = (last.expires, last.id);
            for token in tokens.into_iter().filter(Token::outlives_its_notice) {
                let Some(next) = self.tell_of_expiry(&token, version, now).await? else { return Ok(count) };
                version = next;
                count = count.saturating_add(1);
            }
        }
    }

    fn told_of(&self) -> Result<(Version, Option<Told>), ServiceError> {
        let found = self.reads.look_up(|reader| reader.document(&key()))?;
        Ok(found.map_or((0, None), |found| (found.version, from_bytes(&found.value.body))))
    }

    /// Tells the owner of one token. The version of what says who was told, from then on; nothing if somebody else tells them.
    async fn tell_of_expiry(
        &self,
        token: &Token,
        version: Version,
        now: Timestamp,
    ) -> Result<Option<Version>, ServiceError> {
        let has_ended = token.expires <= now;
        let action = if has_ended { "token.expired" } else { "token.expires_soon" };
        let trace = Some(Trace::of(action, "token", token.id, vec![("expires", token.expires.to_string())]));
        // Noted before it is told: twice would be a habit to pass over.
        let Some(next) = self.note_told((token.expires, token.id), version, trace).await? else { return Ok(None) };
        if let Some(owner) = self.owner(token.user)? {
            let (label, at) = (token.label.clone().unwrap_or_else(|| token.id.to_string()), token.expires);
            let notice =
                if has_ended { Notice::TokenExpired { label, at } } else { Notice::TokenExpires { label, at } };
            self.notify(&owner, &notice);
        }
        Ok(Some(next))
    }

    async fn note_told(
        &self,
        told: Told,
        version: Version,
        trace: Option<Trace>,
    ) -> Result<Option<Version>, ServiceError> {
        let write = Write {
            read: vec![(Key::Document(key()), version)],
            put: vec![Record::Document(key(), Document { title: None, body: to_bytes(told) })],
            trace,
            ..Write::default()
        };
        let Outcome::Written = self.write(Actor::System, write).await? else { return Ok(None) };
        Ok(Some(self.told_of()?.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_told_last_reads_back_as_it_was_written() {
        let told = (Timestamp::from_millis(-7), TokenId::from_bytes([9; 16]));
        assert_eq!(from_bytes(&to_bytes(told)), Some(told));
        assert_eq!(from_bytes(&to_bytes(told)[..23]), None);
    }
}
