//! What happened, who did it, and the canonical form of both.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::Hash;
use crate::id::{TokenId, UserId};
use crate::time::Timestamp;

/// Who did it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Actor {
    /// Bursar itself: a reconciler, a timer.
    System,
    /// The operator of the machine, through the command line.
    Operator,
    /// Somebody without a token: a login.
    Anonymous,
    /// A user through one of their tokens.
    Token {
        /// The user.
        user: UserId,
        /// The token.
        token: TokenId,
    },
}

/// The text names no actor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidActor;

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Ledger time.
    pub time: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What they did: `token.issue`, `spend.hold`, ...
    pub action: String,
    /// What it was done to, its kind first: `token:<id>`.
    pub subject: String,
    /// Figures and facts, in the order given.
    pub data: Vec<(String, String)>,
}

impl Event {
    /// The hash of the event's canonical form.
    pub fn hash(&self) -> Hash {
        let mut hasher = Sha256::new();
        let mut field = |text: &str| {
            hasher.update(length(text));
            hasher.update(text.as_bytes());
        };
        field(&self.time.as_millis().to_string());
        field(&self.actor.to_string());
        field(&self.action);
        field(&self.subject);
        for (key, value) in &self.data {
            field(key);
            field(value);
        }
        hasher.finalize().into()
    }
}

/// What stands before a text in every canonical form: its length in bytes, as four big-endian bytes.
pub(super) fn length(text: &str) -> [u8; 4] {
    // Longer texts cannot occur: labels and reasons are bounded where they are read.
    u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes()
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Operator => f.write_str("operator"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::Token { user, token } => write!(f, "user:{user} token:{token}"),
        }
    }
}

impl FromStr for Actor {
    type Err = InvalidActor;

    /// Reads what [`fmt::Display`] writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, InvalidActor> {
        match text {
            "system" => return Ok(Self::System),
            "operator" => return Ok(Self::Operator),
            "anonymous" => return Ok(Self::Anonymous),
            _ => {}
        }
        let ids = text.strip_prefix("user:").and_then(|rest| rest.split_once(" token:"));
        let (user, token) = ids.ok_or(InvalidActor)?;
        let user = user.parse().map_err(|_| InvalidActor)?;
        let token = token.parse().map_err(|_| InvalidActor)?;
        Ok(Self::Token { user, token })
    }
}

impl fmt::Display for InvalidActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an actor is `system`, `operator`, `anonymous` or `user:<id> token:<id>`")
    }
}

impl std::error::Error for InvalidActor {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_reads_as_it_is_written() {
        let (user, token) = (UserId::from_bytes([1; 16]), TokenId::from_bytes([2; 16]));
        for actor in [Actor::System, Actor::Operator, Actor::Anonymous, Actor::Token { user, token }] {
            assert_eq!(actor.to_string().parse(), Ok(actor));
        }
        for text in ["", "root", "System", "user:1 token:2", "operator ", &format!("user:{user}")] {
            assert_eq!(text.parse::<Actor>(), Err(InvalidActor), "{text}");
        }
    }
}
