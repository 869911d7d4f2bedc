//! What every store promises, as tests: an implementation runs them all with [`store_contract!`](crate::store_contract).
//!
//! Each promise is a function that gets a database of its own, panics if it is broken, and knows nothing
//! of how it is kept.

mod batches;
mod lists;
mod pasts;
mod people;
mod played;
mod records;
mod samples;
mod spends;

pub use batches::*;
pub use lists::*;
pub use pasts::*;
pub use people::*;
pub use played::*;
pub use records::*;
pub use spends::*;

use bursar_core::audit::{Actor, Event};
use bursar_core::ledger::{Change, Command, Key, Outcome, Record, Request, State, Version, apply, needs};
use bursar_core::time::Timestamp;

use crate::{Batch, Position, Reader, Store, StoreError, Writer};

/// A database to hold against the contract: an empty one, and nobody else's.
pub trait Database {
    /// The store under test.
    type Store: Store;

    /// Opens the database; the next time only after everything from the last time was dropped.
    fn open(&self) -> Self::Store;
}

/// Makes a test of every promise. Takes an expression for a new [`Database`].
#[macro_export]
macro_rules! store_contract {
    ($database:expr) => {
        $crate::store_contract! { $database =>
            every_record_reads_back_as_it_was_written,
            a_changed_record_reads_back_as_it_was_written_last,
            what_is_not_there_is_loaded_as_absent,
            what_was_deleted_is_absent,
            an_emptied_list_is_not_a_missing_one,
            a_settled_hold_keeps_its_terms,
            a_token_is_found_by_its_present_secrets_only,
            access_tokens_are_those_that_live_in_order_of_creation,
            long_lived_tokens_are_counted,
            tokens_that_end_come_in_the_order_of_their_end,
            users_come_in_pages,
            a_user_is_found_by_a_verified_address_only,
            organisations_come_in_pages_with_how_many_belong_to_each,
            members_come_in_pages_with_their_accounts,
            wallet_members_come_in_pages_with_their_accounts,
            invitations_come_in_pages_by_organisation,
            sessions_are_those_that_live,
            documents_come_in_pages_by_name,
            wallets_come_in_pages_with_the_role_of_the_user,
            wallets_of_a_rail_come_by_what_it_calls_them,
            credentials_and_budgets_are_those_of_one_owner,
            spends_come_in_pages_by_wallet_and_by_token,
            unsettled_spends_are_those_open_or_unresolved,
            settled_spends_are_found_from_the_oldest_on,
            a_tokens_usage_is_shown_by_buckets_of_time,
            a_past_is_what_the_spends_of_a_subject_say,
            a_past_cannot_be_written,
            the_audit_chain_reads_back_link_by_link,
            what_is_played_by_the_rules_is_conserved,
            budgets_that_differ_from_their_spends_are_named,
            windows_that_count_too_little_are_named,
            budgets_that_are_gone_are_named,
            forgotten_spends_stay_in_the_totals,
            a_later_limit_is_told_of_the_past,
            archived_links_are_gone_and_the_chain_goes_on,
            a_failed_commit_leaves_nothing,
            a_name_that_is_freed_can_be_taken_in_the_same_batch,
            everything_survives_reopening,
            a_reader_sees_what_was_committed_after_it_was_made,
            there_is_one_writer,
        }
    };
    ($database:expr => $($promise:ident),* $(,)?) => {
        $(
            #[test]
            fn $promise() {
                $crate::contract::$promise(&$database);
            }
        )*
    };
}

/// An open database in the hands of its one writer.
struct Ledger<S> {
    store: S,
    writer: Box<dyn Writer>,
    position: Position,
}

impl<S: Store> Ledger<S> {
    fn open(database: &impl Database<Store = S>) -> Self {
        let store = database.open();
        let mut writer = store.writer().expect("the first writer");
        let position = writer.position().expect("a position");
        Self { store, writer, position }
    }

    fn reader(&self) -> Box<dyn Reader> {
        self.store.reader().expect("a reader")
    }

    fn load(&mut self, keys: &[Key]) -> State {
        let mut state = State::default();
        self.writer.load(keys, &mut state).expect("records");
        state
    }

    fn version(&mut self, key: &Key) -> Version {
        self.load(std::slice::from_ref(key)).version(key).expect("a loaded record")
    }

    fn put(&mut self, records: impl IntoIterator<Item = Record>) {
        self.write(records, [], []).expect("a commit");
    }

    fn delete(&mut self, keys: impl IntoIterator<Item = Key>) {
        self.write([], keys, []).expect("a commit");
    }

    /// One batch, made as the engine makes it.
    fn write(
        &mut self,
        put: impl IntoIterator<Item = Record>,
        delete: impl IntoIterator<Item = Key>,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<(), StoreError> {
        let (put, delete): (Vec<_>, Vec<_>) = (put.into_iter().collect(), delete.into_iter().collect());
        let keys: Vec<Key> = put.iter().map(Record::key).chain(delete.iter().cloned()).collect();
        let mut state = self.load(&keys);
        delete.into_iter().for_each(|key| state.delete(key));
        put.into_iter().for_each(|record| state.put(record));
        let time = Timestamp::from_millis(self.position.time.as_millis() + 1);
        self.commit(time, state.take_changes(), events.into_iter().collect())
    }

    fn commit(&mut self, time: Timestamp, changes: Vec<Change>, events: Vec<Event>) -> Result<(), StoreError> {
        let link = (!events.is_empty()).then(|| self.position.head.next(&events));
        self.writer.commit(&Batch { time, changes, events, link })?;
        self.position = Position { time, head: link.map_or(self.position.head, |link| link.head()) };
        Ok(())
    }

    /// One command, decided and written as the engine does it.
    fn play(&mut self, now: Timestamp, command: Command) -> Outcome {
        let mut state = State::default();
        loop {
            let missing = needs(&state, &command);
            if missing.is_empty() {
                break;
            }
            self.writer.load(&missing, &mut state).expect("records");
        }
        let request = Request { actor: Actor::System, command };
        let applied = apply(&mut state, &request, now).expect("everything is loaded");
        self.commit(now, state.take_changes(), applied.event.into_iter().collect()).expect("a commit");
        applied.outcome
    }
}

fn event(actor: Actor, subject: &str) -> Event {
    Event {
        time: Timestamp::from_millis(1_790_000_000_000),
        actor,
        action: "token.issue".to_owned(),
        subject: subject.to_owned(),
        data: vec![("b".to_owned(), "\"ü\" \u{1}".to_owned()), ("a".to_owned(), String::new())],
    }
}
