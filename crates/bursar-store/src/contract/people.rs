//! Accounts, members, invitations and sessions: what is found, in which order, page by page.

use bursar_core::account::{Email, Invitation, MemberRole, Membership, Wallet, WalletRole};
use bursar_core::id::{InvitationId, OrganisationId, TokenId, UserId, WalletId};
use bursar_core::ledger::Record;
use bursar_core::token::{Token, TokenKind};

use super::lists::assert_pages;
use super::samples::{self, ORGANISATION, OTHER, USER, WALLET, at, nth};
use super::{Database, Ledger};
use crate::{Page, StoreError};

/// Addresses that nobody has verified are nobody's, and two accounts cannot have the same verified one.
pub fn a_user_is_found_by_a_verified_address_only(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let with = |id, name: &str, is_verified| {
        let mut user = samples::user(id, name);
        user.email = Some(Email { address: "a@example.com".to_owned(), is_verified });
        Record::User(id, user)
    };
    ledger.put([with(USER, "a", false), with(OTHER, "b", false)]);
    assert_eq!(ledger.reader().user_by_address("a@example.com"), Ok(None));
    ledger.put([with(OTHER, "b", true)]);
    let found = ledger.reader().user_by_address("a@example.com").expect("an answer");
    assert_eq!(found.map(|user| user.value.id), Some(OTHER));
    assert_eq!(ledger.reader().user_by_address("b@example.com"), Ok(None));
    let second = ledger.write([with(USER, "a", true)], [], []);
    assert!(matches!(second, Err(StoreError::Violated(_))), "{second:?}");
}

/// Of one organisation, of one role or all; others are not among them.
pub fn members_come_in_pages_with_their_accounts(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let ids = [1, 2, 3, 4].map(|number| UserId::from_bytes(nth(number)));
    let elsewhere = OrganisationId::from_bytes(nth(9));
    ledger.put(ids.map(|id| Record::User(id, samples::user(id, &id.to_string()))));
    let member =
        |organisation, user, role| Record::Membership((organisation, user), Membership { organisation, user, role });
    let roles = [MemberRole::Owner, MemberRole::Member, MemberRole::Owner];
    ledger.put(ids.into_iter().zip(roles).map(|(id, role)| member(ORGANISATION, id, role)));
    ledger.put([member(elsewhere, ids[3], MemberRole::Owner)]);
    let mut reader = ledger.reader();
    for (role, expected) in [
        (None, &ids[..3]),
        (Some(MemberRole::Owner), &[ids[0], ids[2]]),
        (Some(MemberRole::Member), &ids[1..2]),
        (Some(MemberRole::Auditor), &[]),
    ] {
        assert_pages(expected, |page| {
            let found = reader.members(ORGANISATION, role, page).expect("members");
            assert!(found.iter().all(|(found, user)| {
                role.is_none_or(|role| role == *found) && user.username == user.id.to_string()
            }));
            found.into_iter().map(|(_, user)| user.id).collect()
        });
    }
}

/// All of them, also those to which nobody belongs.
pub fn organisations_come_in_pages_with_how_many_belong_to_each(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let ids = [1, 2, 3].map(|number| OrganisationId::from_bytes(nth(number)));
    ledger.put(ids.map(|id| Record::Organisation(id, samples::organisation(id))));
    let user = |number| UserId::from_bytes(nth(number));
    ledger.put([(ids[0], 1), (ids[0], 2), (ids[1], 1)].map(|(organisation, number)| {
        let (user, role) = (user(number), MemberRole::Member);
        Record::Membership((organisation, user), Membership { organisation, user, role })
    }));
    ledger.put([(7, ids[1]), (8, ids[1]), (9, ids[2])].map(|(number, organisation)| {
        let id = WalletId::from_bytes(nth(number));
        Record::Wallet(id, Wallet { organisation, reference: id.to_string(), ..samples::wallet(id, "tbtc") })
    }));
    let mut reader = ledger.reader();
    let all = reader.organisations(Page { limit: 9, after: None, newest_first: false }).expect("organisations");
    let counts: Vec<_> = all.iter().map(|one| (one.members, one.wallets)).collect();
    assert_eq!(counts, [(2, 0), (1, 2), (0, 1)]);
    assert_eq!(all[0].organisation, samples::organisation(ids[0]));
    assert_pages(&ids, |page| {
        let found = reader.organisations(page).expect("organisations");
        found.into_iter().map(|one| one.organisation.id).collect()
    });
}

/// Who may do something with one wallet.
pub fn wallet_members_come_in_pages_with_their_accounts(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let ids = [1, 2, 3].map(|number| UserId::from_bytes(nth(number)));
    let role = WalletRole { view: true, spend: false, admin: true };
    ledger.put(ids.map(|id| Record::User(id, samples::user(id, &id.to_string()))));
    ledger.put(ids.map(|id| Record::Role((WALLET, id), role)));
    ledger.put([Record::Role((WalletId::from_bytes(nth(9)), ids[0]), WalletRole::ALL)]);
    let mut reader = ledger.reader();
    assert_pages(&ids, |page| {
        let found = reader.wallet_members(WALLET, page).expect("members");
        assert!(found.iter().all(|(found, _)| *found == role));
        found.into_iter().map(|(_, user)| user.id).collect()
    });
}

/// One organisation's, those that are over among them.
pub fn invitations_come_in_pages_by_organisation(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let ids = [1, 2, 3].map(|number| InvitationId::from_bytes(nth(number)));
    ledger.put(ids.map(|id| Record::Invitation(id, samples::invitation(id))));
    let other = InvitationId::from_bytes(nth(4));
    let organisation = OrganisationId::from_bytes(nth(9));
    ledger.put([Record::Invitation(other, Invitation { organisation, ..samples::invitation(other) })]);
    let mut reader = ledger.reader();
    assert_pages(&ids, |page| {
        reader.invitations(ORGANISATION, page).expect("invitations").into_iter().map(|found| found.id).collect()
    });
}

/// Neither tokens of software nor others' sessions, neither ended ones nor those from before an instant.
pub fn sessions_are_those_that_live(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let session = |number, created| {
        let id = TokenId::from_bytes(nth(number));
        Token { created: at(created), expires: at(100), ..samples::token(id, USER, TokenKind::Session) }
    };
    let tokens = [
        session(1, 10),
        session(2, 20),
        session(3, 9),
        Token { user: OTHER, ..session(4, 20) },
        Token { revoked: Some(at(30)), ..session(5, 20) },
        Token { expires: at(50), ..session(6, 20) },
        Token { kind: TokenKind::Access, ..session(7, 20) },
        session(8, 20),
    ];
    ledger.put(tokens.map(|token| Record::Token(token.id, token)));
    let mut reader = ledger.reader();
    let expected = [1, 2, 8].map(|number| TokenId::from_bytes(nth(number)));
    assert_pages(&expected, |page| {
        reader.sessions(USER, at(10), at(50), page).expect("sessions").into_iter().map(|token| token.id).collect()
    });
    let all = Page { limit: 9, after: None, newest_first: false };
    assert_eq!(reader.sessions(USER, at(10), at(100), all), Ok(Vec::new()));
}
