use super::*;
use crate::fixtures::{ADDRESS, ORGANISATION, TOKEN, USER, WALLET, at, freeze, scopes, token, user, wallet};
use crate::id::{OrganisationId, WalletId};
use crate::ip::{IpRestriction, IpRule};
use crate::token::Narrowing;

const OTHER_WALLET: WalletId = WalletId::from_bytes([9; 16]);
const OTHER_ORGANISATION: OrganisationId = OrganisationId::from_bytes([9; 16]);

struct Case {
    token: Token,
    owner: User,
    wallet: Wallet,
    role: Option<WalletRole>,
}

impl Case {
    fn new() -> Self {
        let role = Some(WalletRole::ALL);
        Self { token: token(TOKEN, USER), owner: user(USER), wallet: wallet(WALLET, "tbtc"), role }
    }

    fn ask(&self, need: Need<'_>) -> Result<(), Refusal> {
        authorize(&self.token, &self.owner, ADDRESS, need, at(0))
    }

    fn on_wallet(&self, action: WalletAction) -> Result<(), Refusal> {
        self.ask(Need::Wallet { action, wallet: &self.wallet, role: self.role })
    }

    fn code(&self, action: WalletAction) -> &'static str {
        self.on_wallet(action).map_or_else(|refusal| refusal.code(), |()| "allowed")
    }
}

type Spoil = fn(&mut Case);

/// What can be wrong with a request to spend, in the order in which it is told.
const FLAWS: [(&str, Spoil); 9] = [
    ("token_revoked", |case| case.token.revoked = Some(at(-1))),
    ("token_expired", |case| case.token.expires = at(0)),
    ("owner_frozen", |case| case.owner.freeze = Some(freeze(None))),
    ("ip_not_allowed", |case| {
        case.token.grant.ips = IpRestriction::new(vec![IpRule::parse("192.0.2.0/24").unwrap()]);
    }),
    ("wallet_unknown", |case| case.role = None),
    ("scope_missing", |case| case.token.grant.scopes = scopes(&["profile"])),
    ("role_missing", |case| {
        if let Some(role) = &mut case.role {
            role.spend = false;
        }
    }),
    ("wallet_not_permitted", |case| case.token.grant.narrowing = Narrowing::Wallets(vec![OTHER_WALLET])),
    ("wallet_frozen", |case| case.wallet.freeze = Some(freeze(None))),
];

#[test]
fn a_sound_request_is_allowed() {
    assert_eq!(Case::new().on_wallet(WalletAction::Spend), Ok(()));
}

#[test]
fn of_any_two_refusals_the_first_in_order_is_the_answer() {
    for (first, (code, spoil)) in FLAWS.iter().enumerate() {
        for (_, spoil_too) in &FLAWS[first..] {
            let mut case = Case::new();
            spoil_too(&mut case);
            spoil(&mut case);
            assert_eq!(case.code(WalletAction::Spend), *code);
        }
    }
}

#[test]
fn whatever_a_token_may_do_it_must_be_alive_unfrozen_and_in_its_place() {
    for (code, spoil) in &FLAWS[..4] {
        let mut case = Case::new();
        spoil(&mut case);
        for need in [Need::Presence, Need::Scope(ScopeName::WalletViewAll)] {
            assert_eq!(case.ask(need).unwrap_err().code(), *code);
        }
    }
}

#[test]
fn a_token_ends_at_its_end_and_not_after() {
    let mut case = Case::new();
    case.token.expires = at(1);
    assert_eq!(case.ask(Need::Presence), Ok(()));
    case.token.expires = at(0);
    assert_eq!(case.ask(Need::Presence), Err(Refusal::TokenExpired { at: at(0) }));
}

#[test]
fn a_freeze_that_is_over_refuses_nothing() {
    let mut case = Case::new();
    case.owner.freeze = Some(freeze(Some(at(0))));
    case.wallet.freeze = Some(freeze(Some(at(0))));
    assert_eq!(case.on_wallet(WalletAction::Spend), Ok(()));
    case.owner.freeze = Some(freeze(Some(at(1))));
    assert_eq!(case.code(WalletAction::Spend), "owner_frozen");
}

#[test]
fn a_frozen_wallet_can_be_read_and_frozen_for_longer_and_nothing_else() {
    let mut case = Case::new();
    case.token.grant.scopes = scopes(&["all"]);
    case.wallet.freeze = Some(freeze(None));
    assert_eq!(case.on_wallet(WalletAction::View), Ok(()));
    assert_eq!(case.on_wallet(WalletAction::Freeze), Ok(()));
    let others = [WalletAction::Spend, WalletAction::Approve, WalletAction::Manage, WalletAction::Edit];
    for action in others.into_iter().chain([WalletAction::Stake]) {
        assert_eq!(case.code(action), "wallet_frozen", "{action:?}");
    }
}

#[test]
fn the_owners_role_bounds_every_scope() {
    let mut case = Case::new();
    case.token.grant.scopes = scopes(&["all"]);
    case.role = Some(WalletRole { view: true, spend: false, admin: false });
    assert_eq!(case.on_wallet(WalletAction::View), Ok(()));
    assert_eq!(case.on_wallet(WalletAction::Spend), Err(Refusal::RoleMissing { required: "spend" }));
    assert_eq!(case.on_wallet(WalletAction::Manage), Err(Refusal::RoleMissing { required: "admin" }));
    case.role = Some(WalletRole { view: true, spend: true, admin: false });
    assert_eq!(case.on_wallet(WalletAction::Approve), Err(Refusal::RoleMissing { required: "admin" }));
    case.role = Some(WalletRole::default());
    assert_eq!(case.on_wallet(WalletAction::View), Err(Refusal::RoleMissing { required: "view" }));
}

#[test]
fn a_missing_scope_is_named_with_its_wallet_and_what_there_is() {
    let mut case = Case::new();
    case.token.grant.scopes = scopes(&["profile"]);
    let granted = scopes(&["profile"]);
    let required = ScopeName::WalletSpend;
    assert_eq!(
        case.on_wallet(WalletAction::Spend),
        Err(Refusal::ScopeMissing { required, wallet: Some(WALLET), granted: granted.clone() })
    );
    let required = ScopeName::TradeView;
    assert_eq!(case.ask(Need::Scope(required)), Err(Refusal::ScopeMissing { required, wallet: None, granted }));
}

#[test]
fn organisation_scopes_need_a_token_that_is_tied_to_the_wallets_organisation() {
    let mut case = Case::new();
    case.token.grant.scopes = scopes(&["wallet_spend_enterprise"]);
    assert_eq!(case.code(WalletAction::Spend), "scope_missing");
    case.token.grant.organisation = Some(OTHER_ORGANISATION);
    assert_eq!(case.code(WalletAction::Spend), "scope_missing");
    case.token.grant.organisation = Some(ORGANISATION);
    assert_eq!(case.on_wallet(WalletAction::Spend), Ok(()));
}

#[test]
fn a_narrowed_token_touches_only_what_it_was_narrowed_to() {
    let mut case = Case::new();
    let mut with = |narrowing, organisation| {
        case.token.grant.narrowing = narrowing;
        case.token.grant.organisation = organisation;
        case.code(WalletAction::View)
    };
    assert_eq!(with(Narrowing::Wallets(vec![OTHER_WALLET, WALLET]), None), "allowed");
    assert_eq!(with(Narrowing::Wallets(Vec::new()), None), "wallet_not_permitted");
    assert_eq!(with(Narrowing::Organisations(vec![ORGANISATION]), None), "allowed");
    assert_eq!(with(Narrowing::Organisations(vec![OTHER_ORGANISATION]), None), "wallet_not_permitted");
    assert_eq!(with(Narrowing::Organisations(Vec::new()), None), "wallet_not_permitted");
    assert_eq!(with(Narrowing::None, Some(ORGANISATION)), "allowed");
    assert_eq!(with(Narrowing::None, Some(OTHER_ORGANISATION)), "wallet_not_permitted");
    assert_eq!(with(Narrowing::Wallets(vec![WALLET]), Some(OTHER_ORGANISATION)), "wallet_not_permitted");
}

#[test]
fn sessions_from_before_all_were_ended_are_over_and_tokens_of_software_go_on() {
    let mut case = Case::new();
    case.owner.sessions_since = at(0);
    let asked = |case: &Case| case.ask(Need::Presence);
    (case.token.kind, case.token.created) = (TokenKind::Session, at(-1));
    assert_eq!(asked(&case), Err(Refusal::TokenRevoked { at: at(0) }));
    case.token.created = at(0);
    assert_eq!(asked(&case), Ok(()), "it began with the new ones");
    case.token.created = at(1);
    assert_eq!(asked(&case), Ok(()));
    (case.token.kind, case.token.created) = (TokenKind::Access, at(-1));
    assert_eq!(asked(&case), Ok(()));
}

#[test]
fn a_scope_that_speaks_of_no_wallet_is_had_or_missing() {
    let mut case = Case::new();
    case.token.grant.scopes = scopes(&["profile"]);
    assert_eq!(case.ask(Need::Scope(ScopeName::Profile)), Ok(()));
    let refused = case.ask(Need::Scope(ScopeName::UserManage)).unwrap_err();
    assert_eq!(refused.code(), "scope_missing");
}
