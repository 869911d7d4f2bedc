//! Two refusals at once give the first in the order of docs/dialect.md §8.

use super::*;
use crate::decimals::Decimals;
use crate::fixtures::{freeze, limit, scopes};
use crate::id::{TokenId, WalletId};
use crate::ip::{IpRestriction, IpRule};
use crate::token::{Lock, LockedBy, Narrowing, TokenKind};

const NOBODY: TokenId = TokenId::from_bytes([90; 16]);
const NOWHERE: WalletId = WalletId::from_bytes([91; 16]);

type Spoil = fn(&mut World, &mut HoldRequest);

/// What can be wrong with a spend of 5, in order.
const FLAWS: [(&str, Spoil); 18] = [
    ("token_unknown", |_, request| request.token = NOBODY),
    ("token_revoked", |world, _| world.edit_token(|token| token.revoked = Some(at(-1)))),
    ("token_expired", |world, _| world.edit_token(|token| token.expires = at(0))),
    ("owner_frozen", |world, _| world.edit_user(|owner| owner.freeze = Some(freeze(None)))),
    ("ip_not_allowed", |world, _| {
        let elsewhere = IpRule::parse("192.0.2.0/24").unwrap();
        world.edit_token(|token| token.grant.ips = IpRestriction::new(vec![elsewhere]));
    }),
    ("wallet_unknown", |_, request| request.wallet = Some(NOWHERE)),
    ("wallet_unknown", |world, _| {
        world.records.remove(&Key::Role((WALLET, USER)));
    }),
    ("scope_missing", |world, _| world.edit_token(|token| token.grant.scopes = scopes(&["profile"]))),
    ("role_missing", |world, _| {
        if world.version(&Key::Role((WALLET, USER))) > 0 {
            world.put(Record::Role((WALLET, USER), WalletRole { spend: false, ..WalletRole::ALL }));
        }
    }),
    ("wallet_not_permitted", |world, _| {
        world.edit_token(|token| token.grant.narrowing = Narrowing::Wallets(vec![NOWHERE]));
    }),
    ("wallet_frozen", |world, _| world.edit_wallet(|wallet| wallet.freeze = Some(freeze(None)))),
    ("wrong_coin", |_, request| request.coin = coin("hteth")),
    ("amount_too_large", |_, request| request.fee = Amount::MAX),
    ("locked", |world, _| world.edit_token(|token| token.locked = Some(Lock { since: at(-1), by: LockedBy::Owner }))),
    ("not_unlocked", |world, _| world.edit_token(|token| token.kind = TokenKind::Session)),
    ("no_limit", |world, _| world.edit_token(|token| token.limits_dropped = true)),
    ("no_limit_for_coin", |world, _| world.limits(BY_TOKEN, vec![limit("hteth:usdc", 10)])),
    ("limit_exceeded", |world, _| world.limits(BY_ORGANISATION, vec![limit("tbtc", 4)])),
];

#[test]
fn of_any_two_refusals_the_first_in_order_is_the_answer() {
    for (first, (code, spoil)) in FLAWS.iter().enumerate() {
        for (other, spoil_too) in &FLAWS[first..] {
            let mut world = World::limited(limit("tbtc", 10));
            let mut request = world.request(Amount::new(5));
            spoil_too(&mut world, &mut request);
            spoil(&mut world, &mut request);
            let records = world.records.clone();
            let outcome = world.run(Command::Hold(Box::new(request))).outcome;
            assert_eq!(answer(&outcome), *code, "beside {other}");
            assert_eq!(world.records, records);
        }
    }
}

#[test]
fn every_flaw_has_a_remedy_and_a_sentence() {
    for (code, spoil) in FLAWS {
        let mut world = World::limited(limit("tbtc", 10));
        let mut request = world.request(Amount::new(5));
        spoil(&mut world, &mut request);
        let Outcome::Refused(refusal) = world.run(Command::Hold(Box::new(request))).outcome else { panic!("{code}") };
        assert_eq!(refusal.code(), code);
        assert!(!refusal.sentence(&Decimals::default()).is_empty());
        let _ = refusal.remedy();
    }
}

#[test]
fn a_hold_decided_on_what_has_changed_since_holds_nothing() {
    let mut world = World::limited(limit("tbtc", 10));
    let records = world.records.clone();
    let asked = world.ask(1, |request| request.read = vec![(Key::Token(TOKEN), 99)]);
    assert!(matches!(asked, Outcome::Conflict(Key::Token(TOKEN))), "{asked:?}");
    assert_eq!(world.records, records);
}
