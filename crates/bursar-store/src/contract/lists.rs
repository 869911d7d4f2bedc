//! Lists: what is in them, in which order, page by page.

use std::fmt::Debug;

use bursar_core::account::{Wallet, WalletRole};
use bursar_core::destination::DestinationId;
use bursar_core::id::{FactorId, TokenId, UserId, WalletId};
use bursar_core::ledger::{Credential, CredentialKind, Document, DocumentKey, DocumentKind, Record};
use bursar_core::limit::{Budget, BudgetKey, Subject};
use bursar_core::token::{Token, TokenKind};

use super::samples::{self, OTHER, USER, at, nth};
use super::{Database, Ledger};
use crate::{Page, StoreError};

/// Walks a list by pages of every small size, in both directions, and finds `expected`.
pub(super) fn assert_pages<Id: Clone + PartialEq + Debug>(expected: &[Id], mut list: impl FnMut(Page<Id>) -> Vec<Id>) {
    for newest_first in [false, true] {
        let mut expected = expected.to_vec();
        if newest_first {
            expected.reverse();
        }
        for limit in 1..=expected.len() + 1 {
            let (mut walked, mut after) = (Vec::new(), None);
            loop {
                let page = list(Page { limit, after, newest_first });
                assert!(page.len() <= limit, "a page of {limit} has {} entries", page.len());
                after = page.last().cloned();
                walked.extend(page);
                if after.is_none() {
                    break;
                }
                assert!(walked.len() <= expected.len(), "the list ends: {walked:?}");
            }
            assert_eq!(walked, expected, "pages of {limit}, newest first: {newest_first}");
        }
        assert_eq!(list(Page { limit: 0, after: None, newest_first }), []);
    }
}

/// Neither sessions nor others' tokens, neither revoked nor expired ones; order is by creation, then id.
pub fn access_tokens_are_those_that_live_in_order_of_creation(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let access = |number, created| {
        let id = TokenId::from_bytes(nth(number));
        Token { created: at(created), expires: at(100), ..samples::token(id, USER, TokenKind::Access) }
    };
    let tokens = [
        access(1, 30),
        access(2, 10),
        access(3, 20),
        access(4, 20),
        Token { created: at(-1), ..access(5, 0) },
        Token { user: OTHER, ..access(6, 15) },
        Token { kind: TokenKind::Session, extension_address: Some("tb1q".to_owned()), ..access(7, 15) },
        Token { revoked: Some(at(16)), ..access(8, 15) },
        Token { expires: at(99), ..access(9, 15) },
        Token { kind: TokenKind::Service, ..access(10, 25) },
    ];
    ledger.put(tokens.map(|token| Record::Token(token.id, token)));
    let mut reader = ledger.reader();
    let expected = [5, 2, 3, 4, 10, 1].map(|number| TokenId::from_bytes(nth(number)));
    assert_pages(&expected, |page| {
        let tokens = reader.access_tokens(USER, at(99), page).expect("tokens");
        tokens.into_iter().map(|token| token.id).collect()
    });
    let all = Page { limit: 9, after: None, newest_first: false };
    assert_eq!(reader.access_tokens(USER, at(100), all), Ok(Vec::new()));
    let unknown = Page { after: Some(TokenId::from_bytes(nth(77))), ..all };
    assert_eq!(reader.access_tokens(USER, at(0), unknown), Ok(Vec::new()));
    let over = [8, 9].map(|number| TokenId::from_bytes(nth(number)));
    assert_pages(&over, |page| {
        let tokens = reader.ended_tokens(USER, at(99), page).expect("tokens");
        tokens.into_iter().map(|token| token.id).collect()
    });
}

/// By their end and then by id, without sessions and what is revoked, and each once however few are asked for.
pub fn tokens_that_end_come_in_the_order_of_their_end(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let make = |number, expires| {
        let id = TokenId::from_bytes(nth(number));
        Token { expires: at(expires), ..samples::token(id, USER, TokenKind::Access) }
    };
    let tokens = [
        make(1, 30),
        make(2, 20),
        make(3, 20),
        Token { user: OTHER, kind: TokenKind::Service, ..make(4, 25) },
        Token { kind: TokenKind::Session, ..make(5, 22) },
        Token { revoked: Some(at(1)), ..make(6, 22) },
        make(7, 10),
        make(8, 31),
    ];
    ledger.put(tokens.map(|token| Record::Token(token.id, token)));
    let mut reader = ledger.reader();
    for limit in 1..=5 {
        let (mut after, mut told) = ((at(10), TokenId::from_bytes(nth(7))), Vec::new());
        loop {
            let found = reader.ending(after, at(30), limit).expect("tokens");
            assert!(found.len() <= limit);
            let Some(last) = found.last() else { break };
            after = (last.expires, last.id);
            told.extend(found.into_iter().map(|token| token.id));
        }
        assert_eq!(told, [2, 3, 4, 1].map(|number| TokenId::from_bytes(nth(number))));
    }
}

/// Access tokens, credentials of services and sessions that can be extended count, other sessions and what is over do not.
pub fn long_lived_tokens_are_counted(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let make = |number, kind| samples::token(TokenId::from_bytes(nth(number)), USER, kind);
    let extensible = Some("tb1q".to_owned());
    let tokens = [
        make(1, TokenKind::Access),
        Token { extension_address: extensible.clone(), ..make(2, TokenKind::Session) },
        make(3, TokenKind::Session),
        Token { revoked: Some(at(1)), ..make(4, TokenKind::Access) },
        Token { revoked: Some(at(1)), extension_address: extensible, ..make(5, TokenKind::Session) },
        Token { expires: at(10), ..make(6, TokenKind::Access) },
        Token { user: OTHER, ..make(7, TokenKind::Access) },
        make(8, TokenKind::Service),
    ];
    ledger.put(tokens.map(|token| Record::Token(token.id, token)));
    let mut reader = ledger.reader();
    assert_eq!(reader.count_long_lived(USER, at(9)), Ok(4));
    assert_eq!(reader.count_long_lived(USER, at(10)), Ok(3));
    assert_eq!(reader.count_long_lived(UserId::from_bytes(nth(9)), at(0)), Ok(0));
}

/// All users, by id; the first and the last possible id are no exception.
pub fn users_come_in_pages(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let ids = [[0; 16], nth(1), nth(2), [0x80; 16], [0xff; 16]].map(UserId::from_bytes);
    ledger.put(ids.map(|id| Record::User(id, samples::user(id, &id.to_string()))));
    let mut reader = ledger.reader();
    assert_pages(&ids, |page| reader.users(page).expect("users").into_iter().map(|user| user.id).collect());
}

/// One user's documents of one kind; names sort by their bytes, the empty name first.
pub fn documents_come_in_pages_by_name(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let names = ["", "B", "a", "a b", "ü"];
    let key = |user, kind, name: &str| DocumentKey { user, kind, name: name.to_owned() };
    let document = |key: DocumentKey| Record::Document(key, Document { title: None, body: Vec::new() });
    ledger.put(names.map(|name| document(key(USER, DocumentKind::Keychain, name))));
    ledger.put([document(key(USER, DocumentKind::Template, "c")), document(key(OTHER, DocumentKind::Keychain, "c"))]);
    let mut reader = ledger.reader();
    assert_pages(&names.map(str::to_owned), |page| {
        let found = reader.documents(USER, DocumentKind::Keychain, &page).expect("documents");
        found.into_iter().map(|(key, _)| key.name).collect()
    });
}

/// Only wallets the user has a role in are listed; looked up by id, others have no role.
pub fn wallets_come_in_pages_with_the_role_of_the_user(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let ids = [1, 2, 3, 4, 5].map(|number| WalletId::from_bytes(nth(number)));
    let coins = ["tbtc", "hteth", "tbtc", "hteth", "tbtc"];
    ledger.put(ids.into_iter().zip(coins).map(|(id, coin)| Record::Wallet(id, samples::wallet(id, coin))));
    let role = WalletRole { view: true, spend: false, admin: true };
    ledger.put(ids.into_iter().take(4).map(|id| Record::Role((id, USER), role)));
    ledger.put(ids.into_iter().skip(2).map(|id| Record::Role((id, OTHER), WalletRole::ALL)));
    let mut reader = ledger.reader();
    let tbtc = samples::coin("tbtc");
    for (coin, expected) in [(None, &ids[..4]), (Some(&tbtc), &[ids[0], ids[2]])] {
        assert_pages(expected, |page| {
            let found = reader.wallets(USER, coin, page).expect("wallets");
            assert!(found.iter().all(|one| one.role == Some(role) && one.version == 1));
            found.into_iter().map(|one| one.wallet.id).collect()
        });
    }
    let alone = reader.wallet(ids[4], USER).expect("an answer").expect("a wallet");
    assert_eq!((alone.role, alone.version), (None, 1));
    assert_eq!(reader.wallet(ids[4], OTHER).expect("an answer").and_then(|one| one.role), Some(WalletRole::ALL));
}

/// What belongs to somebody else is not among them.
pub fn credentials_and_budgets_are_those_of_one_owner(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let credential = |number, user| {
        let id = FactorId::from_bytes(nth(number));
        let (label, created) = (String::new(), at(0));
        let kind = CredentialKind::Totp;
        let (sealed, progress) = (Vec::new(), Vec::new());
        Record::Credential(id, Credential { id, user, kind, label, sealed, progress, created, last_used: None })
    };
    ledger.put([credential(2, USER), credential(1, USER), credential(3, OTHER)]);
    // The same bytes as id of a user and of a wallet are still two subjects.
    let subjects = [Subject::User(USER), Subject::Wallet(WalletId::from_bytes(*USER.as_bytes()))];
    let keys = [
        samples::budget_key(subjects[0], "tbtc"),
        samples::budget_key(subjects[0], "hteth"),
        samples::budget_key(subjects[1], "tbtc"),
    ];
    ledger.put(keys.clone().map(|key| Record::Budget(key, Budget::default())));
    // A destination's share is in no list.
    let share = BudgetKey { destination: Some(DestinationId::from_bytes([0; 32])), ..keys[0].clone() };
    ledger.put([Record::Budget(share, Budget::default())]);
    let mut reader = ledger.reader();
    let found = reader.credentials(USER).expect("credentials");
    let ids: Vec<_> = found.iter().map(|credential| (credential.version, *credential.value.id.as_bytes())).collect();
    assert_eq!(ids, [(1, nth(1)), (1, nth(2))]);
    let found = reader.budgets(subjects[0]).expect("budgets");
    assert_eq!(found.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), [keys[1].clone(), keys[0].clone()]);
    assert_eq!(reader.budgets(subjects[1]), Ok(vec![(keys[2].clone(), Budget::default())]));
}

/// By reference, of one rail only; what the rail has no name for is not among them.
pub fn wallets_of_a_rail_come_by_what_it_calls_them(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let on = |number, rail: &str, reference: &str| {
        let id = WalletId::from_bytes(nth(number));
        let (rail, reference) = (rail.to_owned(), reference.to_owned());
        Record::Wallet(id, Wallet { rail, reference, ..samples::wallet(id, "hteth") })
    };
    ledger.put([on(1, "chain", "c"), on(2, "chain", "a"), on(3, "chain", ""), on(4, "other", "b")]);
    let mut reader = ledger.reader();
    let mut found = |behind: &str, limit| -> Vec<String> {
        let found = reader.wallets_on("chain", behind, limit).expect("wallets");
        found.into_iter().map(|one| one.value.reference).collect()
    };
    assert_eq!(found("", 10), ["a", "c"]);
    assert_eq!((found("", 1), found("a", 1), found("c", 1)), (vec!["a".to_owned()], vec!["c".to_owned()], Vec::new()));
    let twice = ledger.write([on(5, "chain", "a")], [], []);
    assert!(matches!(twice, Err(StoreError::Violated(_))), "{twice:?}");
}
