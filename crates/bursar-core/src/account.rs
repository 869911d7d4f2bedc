//! Who and what money belongs to: users, organisations, wallets and the roles between them.

use crate::coin::Coin;
use crate::id::{InvitationId, OrganisationId, UserId, WalletId};
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
    /// Where mail for its owner goes.
    pub email: Option<Email>,
}

impl Wallet {
    /// Whether money of a coin can be in it: of its own, and unless that is a token's, of any on its chain.
    pub fn may_hold(&self, coin: &Coin) -> bool {
        self.coin.chain() == coin.chain() && (!self.coin.is_token() || self.coin == *coin)
    }
}

impl User {
    /// Where mail for the owner goes for sure: an address that they have shown to be theirs.
    pub fn verified_address(&self) -> Option<&str> {
        self.email.as_ref().filter(|email| email.is_verified).map(|email| email.address.as_str())
    }
}

/// An e-mail address of an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Email {
    /// The address, in lower case.
    pub address: String,
    /// Whether the account's owner has shown that they read what is sent there. No two accounts have the same
    /// verified address.
    pub is_verified: bool,
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
    /// Who stopped it, and so who may lift it.
    pub by: FrozenBy,
    /// From when on a person may, as they froze it for longer than whoever is above them; never before its end, if absent.
    pub persons_from: Option<Timestamp>,
}

/// Who stopped an account, a wallet or an organisation, in the order of their authority.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FrozenBy {
    /// Its owner, or somebody who runs it: lifted by whoever runs it.
    Person,
    /// The operator of the machine: lifted by the operator only.
    Operator,
    /// A check of the server, as a budget does not add up or money left unexplained: lifted by the operator, once they
    /// have looked.
    Ledger,
}

impl FrozenBy {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Person, Self::Operator, Self::Ledger];

    /// The name under which it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Operator => "operator",
            Self::Ledger => "ledger",
        }
    }
}

impl Freeze {
    /// Who may lift it at this moment.
    pub fn is_lifted_by(&self, now: Timestamp) -> FrozenBy {
        if self.persons_from.is_some_and(|from| from <= now) { FrozenBy::Person } else { self.by }
    }

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
    /// Whether, why and until when nothing of it may be spent.
    pub freeze: Option<Freeze>,
    /// Whether its members need a second factor to get in.
    pub requires_second_factor: bool,
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

/// A place in an organisation that is offered to whoever reads the mail of an address. Taking it ends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invitation {
    /// The invitation's id.
    pub id: InvitationId,
    /// The organisation.
    pub organisation: OrganisationId,
    /// Who is invited.
    pub address: String,
    /// What they will be there.
    pub role: MemberRole,
    /// What they may do with which of its wallets.
    pub wallets: Vec<(WalletId, WalletRole)>,
    /// Who invites; the operator of the machine, if nobody is named. What they may no longer give is not given.
    pub invited_by: Option<UserId>,
    /// Finds the secret of its link without being one.
    pub lookup: [u8; 32],
    /// Whether the link went to the address and nowhere else, so that whoever has it reads the mail there.
    pub is_mailed: bool,
    /// How often it was sent.
    pub sent: u32,
    /// When it was made.
    pub created: Timestamp,
    /// The first instant at which it is over.
    pub expires: Timestamp,
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

    /// Whether it allows nothing that `other` does not.
    pub const fn is_within(self, other: Self) -> bool {
        (!self.view || other.view) && (!self.spend || other.spend) && (!self.admin || other.admin)
    }
}

impl MemberRole {
    /// Whether who has it runs the organisation.
    pub const fn administers(self) -> bool {
        matches!(self, Self::Owner | Self::Admin)
    }

    /// Whether who has it sees what goes on in the organisation as a whole.
    pub const fn oversees(self) -> bool {
        matches!(self, Self::Owner | Self::Admin | Self::Auditor)
    }

    /// Every role.
    pub const EVERY: [Self; 4] = [Self::Owner, Self::Admin, Self::Member, Self::Auditor];

    /// Whether who has it may make somebody `other`, and unmake them: owners may all, admins who is no admin.
    pub const fn may_make(self, other: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => !other.administers(),
            Self::Member | Self::Auditor => false,
        }
    }

    /// Whether who has it may do nothing that `other` may not.
    pub const fn is_within(self, other: Self) -> bool {
        matches!(
            (self, other),
            (_, Self::Owner)
                | (Self::Admin | Self::Member | Self::Auditor, Self::Admin)
                | (Self::Member, Self::Member)
                | (Self::Auditor, Self::Auditor)
        )
    }

    /// Reads the stored and shown form.
    pub fn parse(text: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|role| role.as_str() == text)
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
