//! Scopes: the closed list of what a token can be allowed to do (WC §5).

use std::fmt;
use std::str::FromStr;

use crate::id::WalletId;

macro_rules! scope_names {
    ($($(#[$doc:meta])* $variant:ident = $text:literal)*) => {
        /// A permission's name (WC §5).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum ScopeName { $($(#[$doc])* $variant),* }

        impl ScopeName {
            /// Every name there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

scope_names! {
    /// Everything; test environments only.
    All = "all"
    /// Identity check.
    Openid = "openid"
    /// Read one's own profile.
    Profile = "profile"
    /// Account administration; short-lived login sessions only.
    UserManage = "user_manage"
    /// Read all organisations of the user.
    EnterpriseViewAll = "enterprise_view_all"
    /// Administer all organisations of the user.
    EnterpriseManageAll = "enterprise_manage_all"
    /// Read audit logs.
    AuditlogsViewAll = "auditlogs_view_all"
    /// Read one wallet.
    WalletView = "wallet_view"
    /// Read every wallet of the user.
    WalletViewAll = "wallet_view_all"
    /// Read the wallets of the token's organisation.
    WalletViewEnterprise = "wallet_view_enterprise"
    /// Create wallets.
    WalletCreate = "wallet_create"
    /// Spend from one wallet.
    WalletSpend = "wallet_spend"
    /// Spend from every wallet the user may spend from.
    WalletSpendAll = "wallet_spend_all"
    /// Spend from the wallets of the token's organisation.
    WalletSpendEnterprise = "wallet_spend_enterprise"
    /// Approve in one wallet.
    WalletApprove = "wallet_approve"
    /// Approve in every wallet the user administers.
    WalletApproveAll = "wallet_approve_all"
    /// Approve in the wallets of the token's organisation.
    WalletApproveEnterprise = "wallet_approve_enterprise"
    /// Change one wallet's settings.
    WalletManage = "wallet_manage"
    /// Change the settings of every wallet the user administers.
    WalletManageAll = "wallet_manage_all"
    /// Change the settings of the wallets of the token's organisation.
    WalletManageEnterprise = "wallet_manage_enterprise"
    /// Comment on one wallet's transfers.
    WalletEdit = "wallet_edit"
    /// Comment on transfers of every wallet.
    WalletEditAll = "wallet_edit_all"
    /// Comment on transfers of the token's organisation (deprecated by BitGo).
    WalletEditEnterprise = "wallet_edit_enterprise"
    /// Freeze one wallet.
    WalletFreeze = "wallet_freeze"
    /// Freeze every wallet.
    WalletFreezeAll = "wallet_freeze_all"
    /// Stake from one wallet.
    WalletStake = "wallet_stake"
    /// Stake from every wallet.
    WalletStakeAll = "wallet_stake_all"
    /// Approve or reject pending approvals.
    PendingApprovalUpdate = "pending_approval_update"
    /// Read the trading API.
    TradeView = "trade_view"
    /// Trade.
    TradeTrade = "trade_trade"
    /// Trade over FIX.
    TradeFix = "trade_fix"
    /// Read settlement network data.
    SettlementNetworkRead = "settlement_network_read"
    /// Write settlement network data.
    SettlementNetworkWrite = "settlement_network_write"
    /// Deprecated by BitGo; accepted, grants nothing here.
    PortfolioView = "portfolio_view"
    /// Deprecated by BitGo; accepted, grants nothing here.
    MetamaskInstitutional = "metamask_institutional"
    /// Market data.
    CryptoCompare = "crypto_compare"
}

/// What is done to a wallet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WalletAction {
    /// Read it.
    View,
    /// Spend from it.
    Spend,
    /// Approve in it.
    Approve,
    /// Change its settings.
    Manage,
    /// Comment on its transfers.
    Edit,
    /// Freeze it.
    Freeze,
    /// Stake from it.
    Stake,
}

impl WalletAction {
    /// All actions.
    pub const ALL: [Self; 7] =
        [Self::View, Self::Spend, Self::Approve, Self::Manage, Self::Edit, Self::Freeze, Self::Stake];

    /// The scopes that allow the action: on one wallet, on all, on those of the token's organisation.
    const fn scopes(self) -> (ScopeName, ScopeName, Option<ScopeName>) {
        use ScopeName as S;
        match self {
            Self::View => (S::WalletView, S::WalletViewAll, Some(S::WalletViewEnterprise)),
            Self::Spend => (S::WalletSpend, S::WalletSpendAll, Some(S::WalletSpendEnterprise)),
            Self::Approve => (S::WalletApprove, S::WalletApproveAll, Some(S::WalletApproveEnterprise)),
            Self::Manage => (S::WalletManage, S::WalletManageAll, Some(S::WalletManageEnterprise)),
            Self::Edit => (S::WalletEdit, S::WalletEditAll, Some(S::WalletEditEnterprise)),
            Self::Freeze => (S::WalletFreeze, S::WalletFreezeAll, None),
            Self::Stake => (S::WalletStake, S::WalletStakeAll, None),
        }
    }

    /// The scope a refusal names: the one tied to a single wallet, the least that would do.
    pub const fn scope(self) -> ScopeName {
        self.scopes().0
    }
}

impl ScopeName {
    /// Whether the name is only valid with a wallet behind it: `wallet_spend:<walletId>`.
    pub const fn needs_wallet(self) -> bool {
        matches!(
            self,
            Self::WalletView
                | Self::WalletSpend
                | Self::WalletApprove
                | Self::WalletManage
                | Self::WalletEdit
                | Self::WalletFreeze
                | Self::WalletStake
        )
    }

    /// Whether the scope lets money move or lets somebody else move it.
    ///
    /// Such tokens get a warning when they have no limit, and need an IP restriction under `spend` policy (WC §6).
    pub const fn can_spend(self) -> bool {
        matches!(
            self,
            Self::All
                | Self::WalletSpend
                | Self::WalletSpendAll
                | Self::WalletSpendEnterprise
                | Self::WalletStake
                | Self::WalletStakeAll
                | Self::WalletApprove
                | Self::WalletApproveAll
                | Self::WalletApproveEnterprise
                | Self::WalletManage
                | Self::WalletManageAll
                | Self::WalletManageEnterprise
        )
    }
}

/// A permission, tied to one wallet where its name demands it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Scope {
    name: ScopeName,
    wallet: Option<WalletId>,
}

/// Why a text is not a scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InvalidScope {
    /// No scope has this name.
    Unknown,
    /// The scope needs a wallet: `wallet_spend:<walletId>`.
    NeedsWallet(ScopeName),
    /// The scope cannot be tied to a wallet.
    TakesNoWallet(ScopeName),
    /// What follows the colon is not a wallet's id.
    BadWallet,
}

impl Scope {
    /// The permission of this name, for all wallets it speaks of.
    ///
    /// # Errors
    /// The name needs a wallet.
    pub fn of(name: ScopeName) -> Result<Self, InvalidScope> {
        if name.needs_wallet() { Err(InvalidScope::NeedsWallet(name)) } else { Ok(Self { name, wallet: None }) }
    }

    /// The permission's name.
    pub const fn name(self) -> ScopeName {
        self.name
    }

    /// The one wallet it is for, if it is tied to one.
    pub const fn wallet(self) -> Option<WalletId> {
        self.wallet
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        let (name, wallet) = match text.split_once(':') {
            Some((name, wallet)) => (name, Some(wallet)),
            None => (text, None),
        };
        let name = *ScopeName::ALL.iter().find(|known| known.as_str() == name).ok_or(InvalidScope::Unknown)?;
        match (name.needs_wallet(), wallet) {
            (true, Some(wallet)) => {
                let wallet = wallet.parse().map_err(|_| InvalidScope::BadWallet)?;
                Ok(Self { name, wallet: Some(wallet) })
            }
            (false, None) => Ok(Self { name, wallet: None }),
            (true, None) => Err(InvalidScope::NeedsWallet(name)),
            (false, Some(_)) => Err(InvalidScope::TakesNoWallet(name)),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_str())?;
        self.wallet.map_or(Ok(()), |wallet| write!(f, ":{wallet}"))
    }
}

impl fmt::Display for InvalidScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no scope of this name"),
            Self::NeedsWallet(name) => write!(f, "this scope needs a wallet: `{}:<walletId>`", name.as_str()),
            Self::TakesNoWallet(name) => write!(f, "`{}` cannot be tied to a wallet", name.as_str()),
            Self::BadWallet => f.write_str("what follows the colon is not a wallet id (32 hex characters)"),
        }
    }
}

impl std::error::Error for InvalidScope {}

/// The scopes of a grant. An empty set allows nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// These scopes, each once, in the order given.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        let mut unique = Vec::new();
        for scope in scopes {
            if !unique.contains(&scope) {
                unique.push(scope);
            }
        }
        Self(unique)
    }

    /// The scopes in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }

    /// Whether the named permission is there.
    pub fn allow(&self, name: ScopeName) -> bool {
        self.0.iter().any(|scope| scope.wallet.is_none() && (scope.name == name || scope.name == ScopeName::All))
    }

    /// Whether any of them lets money move.
    pub fn can_spend(&self) -> bool {
        self.0.iter().any(|scope| scope.name.can_spend())
    }

    /// The permission to see that the first permission to spend lacks: over a rail's own protocol only what is seen is spent.
    pub fn unseen(&self) -> Option<Scope> {
        let (spend, spend_all, spend_of_organisation) = WalletAction::Spend.scopes();
        let (view, view_all, view_of_organisation) = WalletAction::View.scopes();
        if self.allow(view_all) {
            return None;
        }
        let sees_organisation = view_of_organisation.is_some_and(|name| self.allow(name));
        self.iter().find_map(|scope| {
            let (name, is_seen) = match scope.name {
                name if name == spend => (view, sees_organisation),
                name if name == spend_all => (view_all, false),
                name if Some(name) == spend_of_organisation => (view_of_organisation?, sees_organisation),
                _ => return None,
            };
            let lacking = Scope { name, wallet: scope.wallet };
            (!is_seen && !self.0.contains(&lacking)).then_some(lacking)
        })
    }

    /// Whether the action on this wallet is allowed; `in_organisation` says that the token is tied to
    /// an organisation and the wallet belongs to it.
    pub fn allow_on(&self, action: WalletAction, wallet: WalletId, in_organisation: bool) -> bool {
        let (one, all, organisation) = action.scopes();
        self.0.iter().any(|scope| {
            scope.name == ScopeName::All
                || scope.name == all
                || (scope.name == one && scope.wallet == Some(wallet))
                || (in_organisation && Some(scope.name) == organisation)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALLET: WalletId = WalletId::from_bytes([7; 16]);
    const OTHER: WalletId = WalletId::from_bytes([8; 16]);

    fn scopes(texts: &[&str]) -> Scopes {
        Scopes::new(texts.iter().map(|text| text.parse().unwrap()))
    }

    #[test]
    fn every_scope_reads_back_as_it_was_written() {
        for name in ScopeName::ALL {
            let text =
                if name.needs_wallet() { format!("{}:{WALLET}", name.as_str()) } else { name.as_str().to_owned() };
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn bare_wallet_scopes_and_suffixes_elsewhere_are_refused() {
        assert_eq!("wallet_spend".parse::<Scope>(), Err(InvalidScope::NeedsWallet(ScopeName::WalletSpend)));
        assert_eq!(
            format!("wallet_spend_all:{WALLET}").parse::<Scope>(),
            Err(InvalidScope::TakesNoWallet(ScopeName::WalletSpendAll))
        );
        assert_eq!("wallet_spend:xyz".parse::<Scope>(), Err(InvalidScope::BadWallet));
        assert_eq!("wallet_steal_all".parse::<Scope>(), Err(InvalidScope::Unknown));
    }

    #[test]
    fn a_scope_tied_to_a_wallet_allows_that_wallet_only() {
        let one = scopes(&[&format!("wallet_spend:{WALLET}")]);
        assert!(one.allow_on(WalletAction::Spend, WALLET, false));
        assert!(!one.allow_on(WalletAction::Spend, OTHER, false));
        assert!(!one.allow_on(WalletAction::View, WALLET, false));
        assert!(!one.allow(ScopeName::WalletSpend));
    }

    #[test]
    fn whoever_may_spend_and_not_see_lacks_the_permission_to_see_the_same() {
        let one = format!("wallet_spend:{WALLET}");
        let (view_one, view_other) = (format!("wallet_view:{WALLET}"), format!("wallet_view:{OTHER}"));
        for (given, lacking) in [
            (&["wallet_spend_all"][..], Some("wallet_view_all")),
            (&["wallet_spend_all", &view_one], Some("wallet_view_all")),
            (&[&one], Some(&*view_one)),
            (&[&one, &view_other], Some(&view_one)),
            (&["wallet_spend_enterprise"], Some("wallet_view_enterprise")),
            (&[&one, &view_one], None),
            (&[&one, "wallet_view_enterprise"], None),
            (&["wallet_spend_all", "wallet_view_all"], None),
            (&["all"], None),
            (&["wallet_view_all"], None),
        ] {
            let found = scopes(given).unseen().map(|scope| scope.to_string());
            assert_eq!(found.as_deref(), lacking, "{given:?}");
        }
    }

    #[test]
    fn organisation_scopes_reach_only_wallets_of_the_tokens_organisation() {
        let organisation = scopes(&["wallet_spend_enterprise"]);
        assert!(organisation.allow_on(WalletAction::Spend, WALLET, true));
        assert!(!organisation.allow_on(WalletAction::Spend, WALLET, false));
    }

    #[test]
    fn an_empty_set_allows_nothing() {
        assert!(!Scopes::default().allow(ScopeName::Profile));
        assert!(!Scopes::default().allow_on(WalletAction::View, WALLET, true));
    }
}
