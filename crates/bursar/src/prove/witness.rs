//! What whoever asked was told, spend by spend.

use bursar_client::ClientError;

/// What came back when a spend was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// It went through; the rail calls it so.
    Acknowledged(String),
    /// The token's own limit has no room for it.
    OverLimit,
    /// The wallet's limit, which others use up too, has no room for it.
    OverWallet,
    /// The rail would not carry it out.
    RailRefused,
    /// It is held, and what became of it is not known.
    Pending,
    /// The server had no time for it.
    TurnedAway,
    /// The connection broke.
    None,
    /// Something that nobody may be told here.
    Strange(String),
}

impl Answer {
    /// Reads the answer to a spend.
    pub(crate) fn read(answer: Result<serde_json::Value, ClientError>) -> Self {
        match answer {
            Ok(answer) => match answer.get("txid").and_then(serde_json::Value::as_str) {
                Some(txid) => Self::Acknowledged(txid.to_owned()),
                None => Self::Strange(format!("an answer without a transaction: {answer}")),
            },
            Err(ClientError::Declined(declined)) => match (declined.status(), declined.code()) {
                (401, Some("limit_exceeded")) => Self::OverLimit,
                // A limit that is not the token's own, so that no unlock would help.
                (403, Some("limit_exceeded")) => Self::OverWallet,
                (400, Some("rail_refused")) => Self::RailRefused,
                (409, Some("outcome_pending")) => Self::Pending,
                (503, Some("busy" | "unavailable")) => Self::TurnedAway,
                (status, _) => Self::Strange(format!("status {status}: {}", declined.body())),
            },
            // A kill may come in the middle of an answer.
            Err(ClientError::Unreachable { .. } | ClientError::Unreadable { .. }) => Self::None,
        }
    }
}

/// What is remembered of one spend.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Told {
    /// Every answer in its order; empty if it was never asked for.
    pub(crate) answers: Vec<Answer>,
}

impl Told {
    pub(crate) fn was_asked(&self) -> bool {
        !self.answers.is_empty()
    }

    /// What the rail calls it, each time that it was acknowledged.
    pub(crate) fn acknowledged(&self) -> impl Iterator<Item = &str> {
        self.answers.iter().filter_map(|answer| match answer {
            Answer::Acknowledged(txid) => Some(txid.as_str()),
            _ => None,
        })
    }

    /// Whether it was refused: by one of the limits, or by the rail.
    pub(crate) fn was_refused(&self) -> bool {
        [Answer::OverLimit, Answer::OverWallet, Answer::RailRefused].iter().any(|refused| self.has(refused))
    }

    /// Whether one of the answers was this.
    pub(crate) fn has(&self, answer: &Answer) -> bool {
        self.answers.contains(answer)
    }

    /// How many of the answers were this.
    pub(crate) fn count(&self, answer: &Answer) -> usize {
        self.answers.iter().filter(|one| *one == answer).count()
    }

    /// Whether it was asked for and nobody said yes or no.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.was_asked() && !self.was_refused() && self.acknowledged().next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spend_is_in_doubt_until_somebody_said_yes_or_no() {
        let told = |answers: &[Answer]| Told { answers: answers.to_vec() };
        assert!(!told(&[]).is_doubtful());
        assert!(told(&[Answer::None, Answer::Pending, Answer::TurnedAway]).is_doubtful());
        assert!(!told(&[Answer::None, Answer::Acknowledged("t".to_owned())]).is_doubtful());
        assert!(!told(&[Answer::Pending, Answer::OverLimit]).is_doubtful());
        assert!(!told(&[Answer::RailRefused]).is_doubtful());
        assert!(!told(&[Answer::OverWallet]).is_doubtful());
    }
}
