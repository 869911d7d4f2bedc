//! Records go in and come out.

use std::collections::HashSet;
use std::mem::discriminant;

use bursar_core::hold::{Hold, HoldState};
use bursar_core::id::{HoldId, TokenId};
use bursar_core::ledger::{HistoryKey, Key, PastOf, Record, State, TokenSecret};
use bursar_core::limit::{BudgetKey, History, LimitSet, Subject};
use bursar_core::time::Span;

use super::samples::{self, TOKEN, WALLET, at, nth};
use super::{Database, Ledger};
use crate::{Reader, TokenBySecret};

/// What is committed is loaded and read exactly so, with version 1.
pub fn every_record_reads_back_as_it_was_written(database: &impl Database) {
    let records = samples::records();
    let kinds: HashSet<_> = records.iter().map(discriminant).collect();
    assert_eq!(kinds.len(), 16, "there are samples of every kind but pasts, which are not written");
    let mut ledger = Ledger::open(database);
    ledger.put(records.clone());
    let keys: Vec<Key> = records.iter().map(Record::key).collect();
    let state = ledger.load(&keys);
    let mut reader = ledger.reader();
    let mut read_only = State::default();
    reader.load(&keys, &mut read_only).expect("records");
    for record in &records {
        for state in [&state, &read_only] {
            assert_eq!(state.version(&record.key()), Ok(1), "{record:?}");
            assert_eq!(loaded(state, &record.key()).as_ref(), Some(record));
        }
        if let Some(read) = read(&mut *reader, record) {
            assert_eq!(&read, record);
        }
    }
}

/// Versions count up, and the latest writing is the one that is read.
pub fn a_changed_record_reads_back_as_it_was_written_last(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    ledger.put([Record::Secrets(TOKEN, vec![samples::secret(8), samples::secret(9)])]);
    ledger.put(samples::records());
    for _ in 0..2 {
        ledger.put(samples::records());
    }
    let secrets = Key::Secrets(TOKEN);
    for record in samples::records() {
        let key = record.key();
        assert_eq!(ledger.version(&key), if key == secrets { 4 } else { 3 });
        assert_eq!(loaded(&ledger.load(std::slice::from_ref(&key)), &key), Some(record));
    }
}

/// What was never written has version 0 and no record.
pub fn what_is_not_there_is_loaded_as_absent(database: &impl Database) {
    assert_absent(&mut Ledger::open(database));
}

/// What was deleted is as if it had never been, and can be written again.
pub fn what_was_deleted_is_absent(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    ledger.put(samples::records());
    ledger.delete(samples::records().iter().map(Record::key));
    assert_absent(&mut ledger);
    ledger.put(samples::records());
    for record in samples::records() {
        let key = record.key();
        let state = ledger.load(std::slice::from_ref(&key));
        assert_eq!(state.version(&key), Ok(1));
        assert_eq!(loaded(&state, &key), Some(record));
    }
}

/// Limits or secrets that were all taken away keep their version, so that an edit still names what it saw.
pub fn an_emptied_list_is_not_a_missing_one(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let subject = Subject::Token(TOKEN);
    ledger.put(samples::records());
    ledger.put([Record::Limits(subject, LimitSet::default()), Record::Secrets(TOKEN, Vec::new())]);
    let keys = [Key::Limits(subject), Key::Secrets(TOKEN)];
    let state = ledger.load(&keys);
    assert_eq!((state.version(&keys[0]), state.version(&keys[1])), (Ok(2), Ok(2)));
    assert_eq!(
        (state.limits(&subject), state.secrets(&TOKEN)),
        (Ok(Some(&LimitSet::default())), Ok(Some(&Vec::new())))
    );
    let mut reader = ledger.reader();
    let limits = reader.limits(subject).expect("limits");
    assert_eq!((limits.version, limits.value), (2, LimitSet::default()));
    let never = reader.limits(Subject::Token(TokenId::from_bytes(nth(9)))).expect("limits");
    assert_eq!((never.version, never.value), (0, LimitSet::default()));
}

/// Settling changes what became of a spend and nothing else.
pub fn a_settled_hold_keeps_its_terms(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let id = HoldId::from_bytes(nth(1));
    for state in [
        HoldState::Open,
        HoldState::unresolved(at(1), "status 200 is neither done nor refused"),
        samples::captured(2, 3, 1),
        samples::released(4),
        HoldState::Open,
    ] {
        let hold = Hold { state, comment: Some("c".to_owned()), ..samples::hold(id, WALLET) };
        ledger.put([Record::Hold(id, hold.clone().into())]);
        assert_eq!(ledger.reader().hold(id), Ok(Some(hold)));
    }
}

/// A past is what spends say: whoever tries to write one is refused.
pub fn a_past_cannot_be_written(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let budget = samples::budget_key(Subject::Token(TOKEN), "tbtc");
    let key = HistoryKey { budget, without: Vec::new(), reach: Span::ZERO, of: PastOf::Budget };
    assert!(ledger.write([Record::History(key.clone(), History::default())], [], []).is_err());
    assert!(ledger.write([], [Key::History(key)], []).is_err());
}

/// A secret that was replaced finds nothing any more.
pub fn a_token_is_found_by_its_present_secrets_only(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    ledger.put(samples::records());
    let kept = TokenSecret { ends: Some(at(50)), ..samples::secret(3) };
    ledger.put([Record::Secrets(TOKEN, vec![samples::secret(7), kept.clone()])]);
    let mut reader = ledger.reader();
    let token = reader.token(TOKEN).expect("an answer").expect("a token").value;
    let by = |lookup: u8, reader: &mut dyn Reader| reader.token_by_secret(&[lookup; 32]).expect("an answer");
    assert_eq!(by(3, &mut *reader), Some(TokenBySecret { token: token.clone(), secret: kept }));
    assert_eq!(by(7, &mut *reader), Some(TokenBySecret { token, secret: samples::secret(7) }));
    assert_eq!(by(2, &mut *reader), None);
    assert_eq!(by(1, &mut *reader).map(|found| found.token.id), Some(TokenId::from_bytes(nth(1))));
}

fn assert_absent(ledger: &mut Ledger<impl crate::Store>) {
    let records = samples::records();
    let keys: Vec<Key> = records.iter().map(Record::key).collect();
    let state = ledger.load(&keys);
    let mut reader = ledger.reader();
    for record in &records {
        assert_eq!(state.version(&record.key()), Ok(0));
        assert_eq!(loaded(&state, &record.key()), None);
        if !matches!(record, Record::Organisation(..) | Record::Membership(..) | Record::Paid(..)) {
            assert_eq!(read(&mut *reader, record), None);
        }
    }
}

fn loaded(state: &State, key: &Key) -> Option<Record> {
    let missing = "a loaded record";
    Some(match key {
        Key::User(id) => Record::User(*id, state.user(id).expect(missing)?.clone()),
        Key::Organisation(id) => Record::Organisation(*id, state.organisation(id).expect(missing)?.clone()),
        Key::Membership(id) => Record::Membership(*id, *state.membership(id).expect(missing)?),
        Key::Invitation(id) => Record::Invitation(*id, state.invitation(id).expect(missing)?.clone()),
        Key::Credential(id) => Record::Credential(*id, state.credential(id).expect(missing)?.clone()),
        Key::Document(id) => Record::Document(id.clone(), state.document(id).expect(missing)?.clone()),
        Key::Wallet(id) => Record::Wallet(*id, state.wallet(id).expect(missing)?.clone()),
        Key::Role(id) => Record::Role(*id, *state.role(id).expect(missing)?),
        Key::Token(id) => Record::Token(*id, state.token(id).expect(missing)?.clone()),
        Key::Secrets(id) => Record::Secrets(*id, state.secrets(id).expect(missing)?.clone()),
        Key::Uses(id) => Record::Uses(*id, state.uses(id).expect(missing)?.clone()),
        Key::Limits(id) => Record::Limits(*id, state.limits(id).expect(missing)?.clone()),
        Key::Budget(id) => Record::Budget(id.clone(), state.budget(id).expect(missing)?.clone()),
        Key::Paid(id) => Record::Paid(*id, state.paid(id).expect(missing)?.clone()),
        Key::History(id) => Record::History(id.clone(), state.history(id).expect(missing)?.clone()),
        Key::Hold(id) => Record::Hold(*id, state.hold(id).expect(missing)?.clone()),
        Key::SpendKey(id) => Record::SpendKey(id.clone(), *state.spend_key(id).expect(missing)?),
        Key::AuditBase(()) => Record::AuditBase((), *state.audit_base(&()).expect(missing)?),
    })
}

/// The record as a reader finds it; nothing for kinds that only the writer reads.
fn read(reader: &mut dyn Reader, record: &Record) -> Option<Record> {
    let fails = "an answer";
    Some(match record {
        Record::Organisation(..) | Record::Membership(..) | Record::Paid(..) | Record::History(..) => return None,
        Record::User(id, user) => {
            let by_name = reader.user_by_name(&user.username).expect(fails);
            assert_eq!(reader.user(*id).expect(fails), by_name);
            Record::User(*id, by_name?.value)
        }
        Record::Invitation(id, invitation) => {
            let page = crate::Page { limit: 9, after: None, newest_first: false };
            let all = reader.invitations(invitation.organisation, page).expect(fails);
            Record::Invitation(*id, all.into_iter().find(|found| found.id == *id)?)
        }
        Record::Credential(id, credential) => {
            let all = reader.credentials(credential.user).expect(fails);
            Record::Credential(*id, all.into_iter().find(|found| found.value.id == *id)?.value)
        }
        Record::Document(id, _) => Record::Document(id.clone(), reader.document(id).expect(fails)?.value),
        Record::Wallet(id, _) => Record::Wallet(*id, reader.wallet(*id, samples::USER).expect(fails)?.wallet),
        Record::Role((wallet, user), _) => {
            Record::Role((*wallet, *user), reader.wallet(*wallet, *user).expect(fails)?.role?)
        }
        Record::Token(id, _) => Record::Token(*id, reader.token(*id).expect(fails)?.value),
        Record::Secrets(id, _) => Record::Secrets(*id, reader.secrets(*id).expect(fails)?.value),
        Record::Uses(id, _) => Record::Uses(*id, reader.uses(*id).expect(fails)?),
        Record::Limits(subject, _) => {
            let limits = reader.limits(*subject).expect(fails);
            (limits.version > 0).then_some(Record::Limits(*subject, limits.value))?
        }
        // Those of single destinations are in no list.
        Record::Budget(BudgetKey { destination: Some(_), .. }, _) => return None,
        Record::Budget(key, _) => {
            let all = reader.budgets(key.subject).expect(fails);
            Record::Budget(key.clone(), all.into_iter().find(|(found, _)| found == key)?.1)
        }
        Record::Hold(id, _) => Record::Hold(*id, reader.hold(*id).expect(fails)?.into()),
        Record::AuditBase((), _) => {
            let base = reader.audit_base().expect(fails);
            (base.number > 0).then_some(Record::AuditBase((), base))?
        }
        Record::SpendKey(key, _) => Record::SpendKey(key.clone(), reader.hold_by_key(key).expect(fails)?),
    })
}
