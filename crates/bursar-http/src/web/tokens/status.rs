//! In which state a token is, as people see it.

use bursar_core::time::Timestamp;
use bursar_service::issue::TokenState;
use maud::{Markup, html};

use crate::web::words;

/// In which state a token is: the first that fits, the gravest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Status {
    Revoked(Timestamp),
    Expired,
    Unlocked(Timestamp),
    Locked,
    Paused(Timestamp),
    ExpiresSoon,
    Active,
}

impl Status {
    pub(super) fn of(state: &TokenState, now: Timestamp) -> Self {
        let token = &state.token;
        if let Some(at) = token.revoked {
            return Self::Revoked(at);
        }
        if now >= token.expires {
            return Self::Expired;
        }
        if let Some(unlock) = token.unlocked_at(now) {
            return Self::Unlocked(unlock.until);
        }
        if token.locked.is_some() {
            return Self::Locked;
        }
        if let Some(until) = state.pauses.iter().map(|paused| paused.pause.until).max() {
            return Self::Paused(until);
        }
        if token.expires_soon_at(now) { Self::ExpiresSoon } else { Self::Active }
    }

    /// As filters name it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Revoked(_) => "revoked",
            Self::Expired => "expired",
            Self::Unlocked(_) => "unlocked",
            Self::Locked => "locked",
            Self::Paused(_) => "paused",
            Self::ExpiresSoon => "expiring",
            Self::Active => "active",
        }
    }

    /// A word in colour; the colour says nothing that the word does not.
    pub(super) fn badge(self, now: Timestamp) -> Markup {
        let (class, text) = match self {
            Self::Revoked(_) => ("off", "Revoked".to_owned()),
            Self::Expired => ("off", "Expired".to_owned()),
            Self::Unlocked(until) => ("warn", format!("Unlocked for {}", words::span(until.since(now)))),
            Self::Locked => ("bad", "Locked".to_owned()),
            Self::Paused(until) => ("bad", format!("Paused for {}", words::span(until.since(now)))),
            Self::ExpiresSoon => ("warn", "Expires soon".to_owned()),
            Self::Active => ("good", "Active".to_owned()),
        };
        html! { span class={ "badge " (class) } { (text) } }
    }
}
