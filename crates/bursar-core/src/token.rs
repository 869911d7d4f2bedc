//! Tokens: what software presents, and the state a token is in.

use std::net::IpAddr;

use crate::id::{OrganisationId, TemplateId, TokenId, UserId, WalletId};
use crate::ip::IpRestriction;
use crate::scope::Scopes;
use crate::time::{Span, Timestamp};

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TokenKind {
    /// From a login: a person's, short-lived, without limits.
    Session,
    /// Made by a person for software: long-lived.
    Access,
    /// A service's credential: it asks for spends on behalf of tokens and settles them, and spends nothing
    /// itself.
    Service,
}

/// A credential that software presents. Its secrets are kept beside it, never in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// The public id; it outlives every secret.
    pub id: TokenId,
    /// Session, access token or the credential of a service.
    pub kind: TokenKind,
    /// Whose it is.
    pub user: UserId,
    /// The name its owner gave it.
    pub label: Option<String>,
    /// What it may do.
    pub grant: Grant,
    /// When it was made.
    pub created: Timestamp,
    /// The first instant at which it is no longer valid.
    pub expires: Timestamp,
    /// The address it was asked for from.
    pub created_from: IpAddr,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// The lock on it. Outlives unlocks; only a resume clears it.
    pub locked: Option<Lock>,
    /// The latest unlock, running or over.
    pub unlock: Option<Unlock>,
    /// Whether limits are gone for good since an unlock, as BitGo has it (a switch, WC §4.3).
    pub limits_dropped: bool,
    /// Bitcoin address whose key may extend the session (WC §2.9).
    pub extension_address: Option<String>,
    /// Whether its secrets are handed out encrypted to the owner's ECDH key (WC §3.4).
    pub issued_by_ecdh: bool,
    /// The template it was made from, as long as that exists.
    pub template: Option<TemplateId>,
}

/// The whole of what a token may do, money aside.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Grant {
    /// Permissions.
    pub scopes: Scopes,
    /// The organisation the token is tied to.
    pub organisation: Option<OrganisationId>,
    /// Which wallets it may touch at all.
    pub narrowing: Narrowing,
    /// Where it may be used from.
    pub ips: IpRestriction,
}

/// Which part of its owner's wallets a token may touch (WC §5: one list or the other, never both).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Narrowing {
    /// All of them.
    #[default]
    None,
    /// Those of these organisations.
    Organisations(Vec<OrganisationId>),
    /// These.
    Wallets(Vec<WalletId>),
}

/// A token that is locked spends nothing by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lock {
    /// Since when.
    pub since: Timestamp,
    /// Why: the gravest reason there was since then.
    pub by: LockedBy,
}

/// Why a token is locked, the gravest last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LockedBy {
    /// Its owner wanted it, or the token itself.
    Owner,
    /// The operator replaced the second factors of its owner.
    Operator,
    /// More moved than was held for a spend of it.
    Rail,
    /// A budget of it does not say what its spends say: no unlock lifts that as long as it is so.
    Ledger,
}

impl LockedBy {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Operator, Self::Rail, Self::Ledger];

    /// The stored and shown form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::Rail => "rail",
            Self::Ledger => "ledger",
        }
    }

    /// What happened, if it is not its owner's wish alone.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Owner => None,
            Self::Operator => Some("the second factors of its owner were replaced"),
            Self::Rail => Some("more moved than was held for a spend of it"),
            Self::Ledger => Some("a budget of it does not say what its spends say"),
        }
    }
}

/// A time-boxed permission, given with a second factor, to spend without the token's own limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unlock {
    /// When it was given.
    pub since: Timestamp,
    /// The first instant at which it is over.
    pub until: Timestamp,
}

/// When a token was last used from an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub from: IpAddr,
}

/// The addresses a token was used from: each once, the latest first, and no more than [`Uses::MOST`].
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Uses(Vec<LastUse>);

impl Uses {
    /// How many addresses are kept: a client that changes them all the time pushes out its own.
    pub const MOST: usize = 10;

    /// Notes uses, in any order.
    pub fn note(&mut self, uses: impl IntoIterator<Item = LastUse>) {
        for used in uses {
            match self.0.iter_mut().find(|noted| noted.from == used.from) {
                Some(noted) => noted.at = noted.at.max(used.at),
                None => self.0.push(used),
            }
        }
        self.0.sort_by_key(|noted| std::cmp::Reverse(noted.at));
        self.0.truncate(Self::MOST);
    }

    /// When and from where it was used last.
    pub fn last(&self) -> Option<LastUse> {
        self.0.first().copied()
    }

    /// All of them, the latest first.
    pub fn places(&self) -> &[LastUse] {
        &self.0
    }
}

impl FromIterator<LastUse> for Uses {
    fn from_iter<I: IntoIterator<Item = LastUse>>(uses: I) -> Self {
        let mut noted = Self::default();
        noted.note(uses);
        noted
    }
}

impl Grant {
    /// Whether money lies inside the narrowing and the token's organisation: that of a wallet of this organisation, or its
    /// money in no wallet.
    pub fn permits(&self, wallet: Option<WalletId>, organisation: OrganisationId) -> bool {
        let inside = match &self.narrowing {
            Narrowing::None => true,
            Narrowing::Organisations(permitted) => permitted.contains(&organisation),
            // Money in no wallet lies outside of any list of wallets.
            Narrowing::Wallets(permitted) => wallet.is_some_and(|wallet| permitted.contains(&wallet)),
        };
        inside && self.organisation.is_none_or(|own| own == organisation)
    }
}

impl Token {
    /// The unlock that is running now.
    pub fn unlocked_at(&self, now: Timestamp) -> Option<Unlock> {
        self.unlock.filter(|unlock| now < unlock.until)
    }

    /// The lock by the check of the ledger, which no second factor lifts; unless it was found to be over, and the token
    /// was unlocked since.
    pub fn stopped_at(&self, now: Timestamp) -> Option<Lock> {
        self.locked.filter(|lock| lock.by == LockedBy::Ledger && self.unlocked_at(now).is_none())
    }

    /// How long before its end a token is said to expire soon, and its owner told: a week.
    pub const SOON: Span = Span::from_seconds(7 * 86_400);

    /// Whether it lives, and not for long any more: for a week, or the last quarter of a life that is no longer than that.
    pub fn expires_soon_at(&self, now: Timestamp) -> bool {
        let soon = match self.outlives_its_notice() {
            true => Self::SOON,
            false => Span::from_millis(self.expires.since(self.created).as_millis() / 4),
        };
        self.lives_at(now) && self.expires.since(now) < soon
    }

    /// Whether it was made to live longer than its owner is told ahead of its end: only then does the end come as news.
    pub fn outlives_its_notice(&self) -> bool {
        self.expires.since(self.created) > Self::SOON
    }

    /// Whether the token is neither revoked nor expired.
    pub fn lives_at(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && now < self.expires
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{TOKEN, USER, token};

    #[test]
    fn money_in_no_wallet_lies_outside_of_any_list_of_wallets_and_inside_its_organisation() {
        let [wallet, other] = [1, 2].map(|byte| WalletId::from_bytes([byte; 16]));
        let [organisation, foreign] = [3, 4].map(|byte| OrganisationId::from_bytes([byte; 16]));
        let permits = |narrowing, of: Option<OrganisationId>| {
            let grant = Grant { narrowing, organisation: of, ..Grant::default() };
            [Some(wallet), Some(other), None].map(|wallet| grant.permits(wallet, organisation))
        };
        assert_eq!(permits(Narrowing::None, Some(organisation)), [true, true, true]);
        assert_eq!(permits(Narrowing::None, Some(foreign)), [false, false, false]);
        assert_eq!(permits(Narrowing::Wallets(vec![wallet]), Some(organisation)), [true, false, false]);
        assert_eq!(permits(Narrowing::Organisations(vec![organisation]), None), [true, true, true]);
        assert_eq!(permits(Narrowing::Organisations(vec![foreign]), Some(organisation)), [false, false, false]);
    }

    #[test]
    fn the_end_is_near_for_a_week_or_for_the_last_quarter_of_a_shorter_life() {
        let day = |days: i64| Timestamp::from_millis(days * 86_400_000);
        let soon = |lives, at| Token { created: day(0), expires: day(lives), ..token(TOKEN, USER) }.expires_soon_at(at);
        assert!(!soon(30, day(22)) && !soon(30, day(23)) && soon(30, day(24)));
        assert!(!soon(4, day(0)) && !soon(4, day(3)) && soon(4, day(3).plus(Span::from_seconds(1))));
        assert!(!soon(4, day(4)), "it is over");
    }

    #[test]
    fn a_token_is_seen_once_at_each_address_and_at_ten_in_all() {
        let used = |at, last| LastUse { at: Timestamp::from_millis(at), from: [192, 0, 2, last].into() };
        let mut uses: Uses = [used(1, 1), used(2, 2), used(3, 1)].into_iter().collect();
        assert_eq!(uses.places(), [used(3, 1), used(2, 2)]);
        uses.note([used(2, 1)]);
        assert_eq!(uses.last(), Some(used(3, 1)), "an older use changes nothing");
        uses.note((10..30).map(|at| used(i64::from(at), at)));
        assert_eq!(uses.places(), (20..30).rev().map(|at| used(i64::from(at), at)).collect::<Vec<_>>());
    }
}
