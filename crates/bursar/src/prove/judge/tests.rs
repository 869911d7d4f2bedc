//! The judge is worth as much as what it finds: each promise is broken here, and only that one is named.

use super::*;
use crate::prove::plan::Size;

/// A run in which spend 0 was acknowledged, 1 was refused, and of 2 nobody knows.
struct Case {
    plan: Plan,
    told: Vec<Told>,
    book: Vec<Moved>,
    ledger: Vec<Listed>,
    counted: Vec<Result<u64, String>>,
    /// As the token, which is the only one, unless a test says otherwise.
    wallet_counted: Option<Result<u64, String>>,
}

impl Case {
    fn sound() -> Self {
        let plan = Plan::new(&Size { spends: 3, tokens: 1, connections: 1, kills: 0 }, 1);
        let all = plan.spends.iter().map(|spend| spend.amount).sum();
        let plan = Plan { limits: vec![all], wallet_limit: all, ..plan };
        let told = [Answer::Acknowledged("t0".to_owned()), Answer::OverLimit, Answer::Pending];
        let told = told.map(|answer| Told { answers: vec![answer] }).to_vec();
        let (book, ledger, counted) = (Vec::new(), Vec::new(), Vec::new());
        let mut case = Self { told, book, ledger, counted, wallet_counted: None, plan };
        case.moves(0, "t0");
        case.lists(0, Some("t0"), State::Captured);
        case.lists(2, None, State::Held);
        case.counted = vec![Ok(case.plan.spends[0].amount + case.plan.spends[2].amount)];
        case
    }

    fn moves(&mut self, number: usize, txid: &str) {
        let spend = &self.plan.spends[number];
        self.book.push(Moved { txid: txid.to_owned(), address: spend.address(), amount: spend.amount });
    }

    fn lists(&mut self, number: usize, txid: Option<&str>, state: State) {
        let name = self.plan.spends[number].name();
        self.ledger.push(Listed { name, txid: txid.map(str::to_owned), state });
    }

    fn broken(&self) -> Vec<&'static str> {
        let Self { plan, told, book, ledger, counted, .. } = self;
        let wallet_counted = self.wallet_counted.as_ref().unwrap_or(&counted[0]);
        let found = judge(&Evidence { plan, told, book, ledger, counted, wallet_counted });
        found.into_iter().map(|one| one.promise).collect()
    }
}

fn broken(spoil: impl FnOnce(&mut Case)) -> Vec<&'static str> {
    let mut case = Case::sound();
    spoil(&mut case);
    case.broken()
}

#[test]
fn what_is_found_again_is_told_once_as_it_is_now() {
    let one = |to: &str, how: &str| Broken { promise: "P1", to: to.to_owned(), how: how.to_owned() };
    let mut broken = BTreeSet::from([one("token 0", "moved 11"), one("token 1", "moved 12")]);
    add(&mut broken, BTreeSet::from([one("token 1", "moved 20")]));
    assert_eq!(broken, BTreeSet::from([one("token 0", "moved 11"), one("token 1", "moved 20")]));
}

#[test]
fn where_all_was_kept_nothing_is_found() {
    assert!(Case::sound().broken().is_empty());
}

#[test]
fn more_than_the_limit_is_found() {
    assert_eq!(broken(|case| case.plan.limits = vec![case.plan.spends[0].amount - 1]), ["P1"]);
    assert_eq!(broken(|case| case.plan.wallet_limit = case.plan.spends[0].amount - 1), ["P1"]);
}

#[test]
fn an_acknowledged_spend_that_never_moved_is_found() {
    assert_eq!(broken(|case| case.book.clear()), ["I8", "I8", "I8", "P2"]);
    assert_eq!(broken(|case| case.told[0].answers.push(Answer::Acknowledged("t9".to_owned()))), ["P2", "P2"]);
}

#[test]
fn an_acknowledged_spend_that_the_ledger_forgot_is_found() {
    assert_eq!(broken(|case| drop(case.ledger.remove(0))), ["P2", "P4"]);
}

#[test]
fn a_refused_spend_whose_money_moved_is_found() {
    let moved = |case: &mut Case| {
        case.moves(1, "t1");
        case.lists(1, Some("t1"), State::Captured);
        case.counted = vec![Ok(case.plan.limits[0])];
    };
    assert_eq!(broken(moved), ["I6"]);
}

#[test]
fn money_that_moved_twice_or_otherwise_than_asked_is_found() {
    let twice = |case: &mut Case| {
        case.moves(0, "t0");
        (case.plan.limits, case.plan.wallet_limit) = (vec![1000], 1000);
        case.counted = vec![Ok(2 * case.plan.spends[0].amount + case.plan.spends[2].amount)];
    };
    assert_eq!(broken(twice), ["I2"]);
    let more = |case: &mut Case| {
        case.book[0].amount += 1;
        case.counted = vec![Ok(case.counted[0].clone().unwrap() + 1)];
    };
    assert_eq!(broken(more), ["I2"]);
}

#[test]
fn money_that_moved_after_its_hold_was_released_is_found() {
    let released = |case: &mut Case| {
        case.moves(2, "t2");
        case.ledger[1].state = State::Released;
    };
    assert_eq!(broken(released), ["P4"]);
}

#[test]
fn money_that_nobody_asked_for_is_found() {
    let foreign = Moved { txid: "t".to_owned(), address: "elsewhere".to_owned(), amount: 1 };
    assert_eq!(broken(|case| case.book.push(foreign)), ["P11", "P4"], "and the wallet does not count it");
}

#[test]
fn what_is_not_known_must_be_counted_and_nothing_else() {
    assert_eq!(broken(|case| case.counted = vec![Ok(case.plan.spends[0].amount)]), ["P4", "P4"]);
    assert_eq!(broken(|case| case.ledger[1].state = State::Released), ["I8", "I8"]);
    assert_eq!(broken(|case| case.counted = vec![Err("token_unknown".to_owned())]), ["P2", "P2"]);
    for (counted, promise) in [(Ok(0), "P4"), (Ok(1000), "I8"), (Err("no answer".to_owned()), "P2")] {
        assert_eq!(broken(|case| case.wallet_counted = Some(counted)), [promise], "what the wallet counts");
    }
}

#[test]
fn an_answer_that_nobody_may_be_told_is_found() {
    assert_eq!(broken(|case| case.told[2].answers.push(Answer::Strange("status 500".to_owned()))), ["P6"]);
}
