//! Who and what money belongs to: users, organisations, wallets and the roles between them.

use crate::coin::Coin;
use crate::id::{OrganisationId, UserId, WalletId};
use crate::time::Timestamp;

/// A person's account. What it logs in with is kept apart, as credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The account's id.
    pub id: UserId,
    /// Lower-case: the SDK uses it unchanged as a key of the password verifier (WC §3.2).
    pub username: String,
    /// The name people call them by.
    pub full_name: String,
    /// Whether, why and until when the account is frozen.
    pub freeze: Option<Freeze>,
    /// Whether the account was made for the test environment, where its OTP is a fixed one.
    pub seeded: bool,
    /// When the account was made.
    pub created: Timestamp,
    /// Sessions from before this are over: since the password or the second factors were changed.
    pub sessions_since: Timestamp,
}

/// Why an account or a wallet may do nothing for now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Freeze {
    /// When it began.
    pub since: Timestamp,
    /// When it ends by itself; never, if absent.
    pub until: Option<Timestamp>,
    /// What was said when it was frozen.
    pub reason: String,
}

impl Freeze {
    /// Whether the freeze is in force.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// A group of users and wallets; `enterprise` on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Organisation {
    /// The organisation's id.
    pub id: OrganisationId,
    /// Its name.
    pub name: String,
}

/// What a member may do in an organisation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemberRole {
    /// Everything, also removing admins.
    Owner,
    /// Users, wallets and limits.
    Admin,
    /// What wallet roles allow.
    Member,
    /// Reading, also the audit log.
    Auditor,
}

/// A user's place in an organisation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Membership {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The member.
    pub user: UserId,
    /// What they may do there.
    pub role: MemberRole,
}

/// A spendable account on a rail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wallet {
    /// The wallet's id.
    pub id: WalletId,
    /// The coin it holds.
    pub coin: Coin,
    /// The name people call it by.
    pub label: String,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The name of the rail it is on.
    pub rail: String,
    /// What the rail calls it.
    pub reference: String,
    /// Whether, why and until when it is frozen.
    pub freeze: Option<Freeze>,
    /// When it was registered.
    pub created: Timestamp,
}

/// What a user may do with a wallet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WalletRole {
    /// Read it.
    pub view: bool,
    /// Spend from it.
    pub spend: bool,
    /// Change its settings and approve in it.
    pub admin: bool,
}

impl WalletRole {
    /// May do everything.
    pub const ALL: Self = Self { view: true, spend: true, admin: true };
}

impl MemberRole {
    /// Whether who has it runs the organisation.
    pub const fn administers(self) -> bool {
        matches!(self, Self::Owner | Self::Admin)
    }

    /// The stored and shown form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Auditor => "auditor",
        }
    }
}
