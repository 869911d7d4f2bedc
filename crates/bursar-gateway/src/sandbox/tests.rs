//! What the sandbox promises, on real files.

use std::path::{Path, PathBuf};

use bursar_core::hold::HoldState;
use bursar_core::id::{HoldId, OrganisationId, TokenId, UserId, WalletId};
use bursar_core::time::Timestamp;
use tempfile::TempDir;

use super::*;

const FEE: u128 = 250;

struct Fixture {
    directory: TempDir,
    rail: SandboxRail,
}

impl Fixture {
    /// A sandbox with the wallet `wallet`, which holds 1,000,000 satoshi.
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let rail = SandboxRail::open(&directory.path().join("sandbox.db")).unwrap();
        rail.create_wallet("wallet", &tbtc(), Amount::new(1_000_000), [1; 16])
            .await
            .unwrap();
        Self { directory, rail }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("sandbox.db")
    }

    async fn send(&self, hold: &Hold) -> SendOutcome {
        self.rail.carry_out("wallet", hold.clone()).await
    }

    async fn balance(&self, reference: &str) -> Amount {
        self.rail.balance(reference).await.unwrap().confirmed
    }

    fn transfers(&self) -> Vec<Transfer> {
        Book::open(&self.path()).unwrap().transfers().unwrap()
    }
}

fn tbtc() -> Coin {
    Coin::parse("tbtc").unwrap()
}

fn to(address: &str, amount: u128) -> Recipient {
    Recipient {
        address: address.to_owned(),
        amount: Amount::new(amount),
    }
}

fn hold_of(number: u8, recipients: Vec<Recipient>) -> Hold {
    let fee = Amount::new(FEE);
    Hold {
        id: HoldId::time_ordered(Timestamp::from_millis(i64::from(number)), [number; 10]),
        token: TokenId::from_bytes([0; 16]),
        user: UserId::from_bytes([0; 16]),
        wallet: WalletId::from_bytes([0; 16]),
        organisation: OrganisationId::from_bytes([0; 16]),
        coin: tbtc(),
        amount: destination::total(&recipients)
            .unwrap()
            .checked_add(fee)
            .unwrap(),
        recipients,
        fee,
        key: None,
        meaning: [0; 32],
        instruction: Vec::new(),
        comment: None,
        charges: Vec::new(),
        created: Timestamp::from_millis(i64::from(number)),
        deadline: Timestamp::from_millis(i64::from(number) + 30_000),
        state: HoldState::Open,
    }
}

/// A spend of 1,000 satoshi to nobody in particular.
fn hold(number: u8) -> Hold {
    hold_of(
        number,
        vec![to("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", 1000)],
    )
}

fn is_refused(outcome: &SendOutcome, words: &str) -> bool {
    matches!(outcome, SendOutcome::Refused { reason } if reason.contains(words))
}

fn is_done(outcome: &SendOutcome) -> bool {
    matches!(outcome, SendOutcome::Done { .. })
}

fn is_unknown(outcome: &SendOutcome) -> bool {
    matches!(outcome, SendOutcome::Unknown { .. })
}

#[tokio::test]
async fn a_hold_that_is_sent_twice_moves_money_once() {
    let sandbox = Fixture::new().await;
    let first = sandbox.send(&hold(1)).await;
    assert_eq!(
        first,
        SendOutcome::Done {
            reference: destination::transaction_id(&tbtc(), hold(1).id),
            fee: Amount::new(FEE)
        }
    );
    assert_eq!(sandbox.send(&hold(1)).await, first);
    assert_eq!(sandbox.rail.reconcile(&hold(1)).await, first);
    assert_eq!(
        sandbox.balance("wallet").await,
        Amount::new(1_000_000 - 1000 - FEE)
    );
    assert_eq!(sandbox.transfers().len(), 1);
}

#[tokio::test]
async fn sends_at_the_same_time_all_stand_in_the_book_and_never_overdraw() {
    let sandbox = Fixture::new().await;
    // 800 of 1,250 each are affordable; every number is sent from four tasks.
    sandbox
        .rail
        .create_wallet("poor", &tbtc(), Amount::new(100 * 1250 + 1249), [2; 16])
        .await
        .unwrap();
    let rail = std::sync::Arc::new(sandbox.rail);
    let tasks: Vec<_> = (0..800_u32)
        .map(|task| {
            let rail = rail.clone();
            let hold = hold(u8::try_from(task % 200).unwrap());
            tokio::spawn(async move { (hold.id, rail.carry_out("poor", hold).await) })
        })
        .collect();
    let mut outcomes = std::collections::BTreeMap::<HoldId, SendOutcome>::new();
    for task in tasks {
        let (id, outcome) = task.await.unwrap();
        assert_eq!(
            outcomes.entry(id).or_insert_with(|| outcome.clone()),
            &outcome,
            "one hold, one answer"
        );
    }
    assert_eq!(outcomes.values().filter(|it| is_done(it)).count(), 100);
    assert!(
        outcomes
            .values()
            .all(|it| is_done(it) || is_refused(it, "insufficient funds"))
    );
    assert_eq!(
        rail.balance("poor").await.unwrap().confirmed,
        Amount::new(1249)
    );
    let book = Book::open(&sandbox.directory.path().join("sandbox.db")).unwrap();
    assert_eq!(
        book.spent().unwrap().get("poor"),
        Some(&Amount::new(100 * 1250))
    );
}

/// What a killed process leaves behind: the file and its journal as they are, without the memory shared by readers.
fn image_after_a_kill(path: &Path, directory: &Path) -> PathBuf {
    let image = directory.join("sandbox.db");
    std::fs::copy(path, &image).unwrap();
    std::fs::copy(
        path.with_extension("db-wal"),
        image.with_extension("db-wal"),
    )
    .unwrap();
    image
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let sandbox = Fixture::new().await;
    let sent = sandbox.send(&hold(1)).await;
    let refused = sandbox
        .send(&hold_of(2, vec![to("sandbox:refuse", 1)]))
        .await;
    let never = sandbox.rail.reconcile(&hold(3)).await;

    let elsewhere = tempfile::tempdir().unwrap();
    let image = image_after_a_kill(&sandbox.path(), elsewhere.path());
    let book = Book::open(&image).unwrap();
    assert_eq!(book.transfers().unwrap(), sandbox.transfers());
    assert_eq!(
        book.spent().unwrap().get("wallet"),
        Some(&Amount::new(1000 + FEE))
    );

    let reopened = SandboxRail::open(&image).unwrap();
    assert_eq!(reopened.reconcile(&hold(1)).await, sent);
    assert_eq!(reopened.carry_out("wallet", hold(2)).await, refused);
    assert_eq!(reopened.carry_out("wallet", hold(3)).await, never);
    assert_eq!(
        reopened.balance("wallet").await.unwrap().confirmed,
        Amount::new(1_000_000 - 1000 - FEE)
    );
    assert!(is_refused(
        &reopened.reconcile(&hold(4)).await,
        "never saw it"
    ));
}

#[tokio::test]
async fn dropping_the_rail_ends_its_thread_and_closes_the_file() {
    let sandbox = Fixture::new().await;
    assert!(is_done(&sandbox.send(&hold(1)).await));
    let path = sandbox.path();
    assert!(path.with_extension("db-wal").exists());
    let Fixture { directory, rail } = sandbox;
    drop(rail);
    assert!(
        !path.with_extension("db-wal").exists(),
        "the last connection folds its journal into the file"
    );
    let rail = SandboxRail::open(&path).unwrap();
    assert!(is_done(&rail.reconcile(&hold(1)).await));
    drop((rail, directory));
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_book() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Fixture::new().await;
    for path in [sandbox.path(), sandbox.path().with_extension("db-wal")] {
        assert_eq!(
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

#[tokio::test]
async fn what_is_no_book_or_a_newer_one_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.db");
    std::fs::write(
        &path,
        "this is a text, not a database, and long enough to be seen as one",
    )
    .unwrap();
    assert!(matches!(
        SandboxRail::open(&path),
        Err(BookError::Unavailable(_))
    ));
    assert!(matches!(
        Book::open(&directory.path().join("none.db")),
        Err(BookError::Unavailable(_))
    ));

    let newer = directory.path().join("newer.db");
    drop(SandboxRail::open(&newer).unwrap());
    rusqlite::Connection::open(&newer)
        .unwrap()
        .pragma_update(None, "user_version", 2)
        .unwrap();
    assert!(matches!(
        SandboxRail::open(&newer),
        Err(BookError::Newer { found: 2 })
    ));
}

#[tokio::test]
async fn insufficient_funds_are_refused_for_good() {
    let sandbox = Fixture::new().await;
    let all = hold_of(1, vec![to("sandbox:slow", 1_000_000 - FEE + 1)]);
    let refused = sandbox.rail.carry_out("wallet", all.clone()).await;
    assert!(is_refused(&refused, "insufficient funds"), "{refused:?}");
    let own = sandbox.rail.addresses("wallet").await.unwrap().remove(0);
    sandbox
        .rail
        .create_wallet("rich", &tbtc(), Amount::new(10_000), [3; 16])
        .await
        .unwrap();
    let refill = sandbox
        .rail
        .carry_out("rich", hold_of(2, vec![to(&own, 5000)]))
        .await;
    assert!(is_done(&refill));
    assert_eq!(sandbox.send(&all).await, refused, "the first answer stands");
    assert!(is_done(
        &sandbox
            .send(&hold_of(
                3,
                vec![to(
                    "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
                    1_005_000 - FEE
                )]
            ))
            .await
    ));
    assert_eq!(sandbox.balance("wallet").await, Amount::ZERO);
}

#[tokio::test]
async fn a_hold_that_does_not_cover_what_would_leave_is_refused() {
    let sandbox = Fixture::new().await;
    let mut short = hold(1);
    short.amount = Amount::new(1000 + FEE - 1);
    assert!(is_refused(&sandbox.send(&short).await, "only 1249 is held"));
    let mut other = hold(2);
    other.coin = Coin::parse("btc").unwrap();
    assert!(is_refused(
        &sandbox.send(&other).await,
        "the wallet holds tbtc"
    ));
    assert!(is_refused(
        &sandbox.send(&hold_of(3, Vec::new())).await,
        "recipients is empty"
    ));
    assert!(is_refused(
        &sandbox.send(&hold_of(4, vec![to("nowhere", 1)])).await,
        "is no tbtc address"
    ));
    assert!(is_refused(
        &sandbox.rail.carry_out("nobody", hold(5)).await,
        "no such wallet"
    ));
    assert!(sandbox.transfers().is_empty());
}

#[tokio::test]
async fn what_is_sent_is_what_was_built() {
    let sandbox = Fixture::new().await;
    let recipients = hold(1).recipients;
    let built = sandbox
        .rail
        .build("wallet", &tbtc(), &recipients, [9; 16])
        .await
        .unwrap();
    assert_eq!(
        built.fee,
        sandbox.rail.fee_ceiling(&tbtc(), recipients.len())
    );
    let decoded = sandbox.rail.decode(&built.bytes).unwrap();
    assert_eq!(
        (decoded.reference.as_str(), &decoded.recipients),
        ("wallet", &recipients)
    );

    let altered = Hold {
        instruction: built.bytes.clone(),
        ..hold_of(1, vec![to("sandbox:slow", 1000)])
    };
    assert!(is_refused(
        &sandbox.send(&altered).await,
        "says something else"
    ));
    let faithful = Hold {
        instruction: built.bytes,
        ..hold(2)
    };
    assert!(is_done(&sandbox.send(&faithful).await));

    assert_eq!(
        sandbox
            .rail
            .build("nobody", &tbtc(), &recipients, [9; 16])
            .await,
        Err(RailError::UnknownWallet)
    );
    let hteth = Coin::parse("hteth").unwrap();
    let other = sandbox
        .rail
        .build("wallet", &hteth, &[to("sandbox:slow", 1)], [9; 16])
        .await;
    assert!(
        matches!(other, Err(RailError::Invalid { field: "coin", .. })),
        "{other:?}"
    );
}

#[tokio::test]
async fn payments_to_the_sandboxs_own_wallets_arrive_there() {
    let sandbox = Fixture::new().await;
    let theirs = sandbox
        .rail
        .create_wallet("theirs", &tbtc(), Amount::ZERO, [4; 16])
        .await
        .unwrap();
    let own = sandbox.rail.addresses("wallet").await.unwrap().remove(0);
    let hold = hold_of(
        1,
        vec![
            to(&theirs.to_uppercase(), 10),
            to(&theirs, 5),
            to(&own, 7),
            to("sandbox:drop-answer", 1),
        ],
    );
    assert!(is_unknown(&sandbox.send(&hold).await));
    assert_eq!(sandbox.balance("theirs").await, Amount::new(15));
    assert_eq!(
        sandbox.balance("wallet").await,
        Amount::new(1_000_000 - 16 - FEE)
    );

    let full = sandbox
        .rail
        .create_wallet("full", &tbtc(), Amount::MAX, [5; 16])
        .await
        .unwrap();
    assert!(is_refused(
        &sandbox
            .send(&hold_of(2, vec![to(&theirs, 1), to(&full, 1)]))
            .await,
        "too much"
    ));
    assert_eq!(
        sandbox.balance("theirs").await,
        Amount::new(15),
        "nothing moved halfway"
    );
}

#[tokio::test]
async fn a_wallet_is_made_once_and_keeps_its_addresses_in_order() {
    let sandbox = Fixture::new().await;
    let first = sandbox.rail.addresses("wallet").await.unwrap().remove(0);
    let again = sandbox
        .rail
        .create_wallet("wallet", &tbtc(), Amount::new(5), [8; 16])
        .await;
    assert_eq!(again, Ok(first.clone()));
    assert_eq!(sandbox.balance("wallet").await, Amount::new(1_000_000));
    let second = sandbox.rail.new_address("wallet", [2; 16]).await.unwrap();
    assert_eq!(
        sandbox.rail.new_address("wallet", [2; 16]).await.unwrap(),
        second
    );
    let third = sandbox.rail.new_address("wallet", [3; 16]).await.unwrap();
    assert_eq!(
        sandbox.rail.addresses("wallet").await.unwrap(),
        [first, second, third]
    );

    let other = sandbox
        .rail
        .create_wallet(
            "wallet",
            &Coin::parse("hteth").unwrap(),
            Amount::ZERO,
            [1; 16],
        )
        .await;
    assert!(
        matches!(other, Err(RailError::Invalid { field: "coin", .. })),
        "{other:?}"
    );
    let unnamed = sandbox
        .rail
        .create_wallet("", &tbtc(), Amount::ZERO, [1; 16])
        .await;
    assert!(
        matches!(
            unnamed,
            Err(RailError::Invalid {
                field: "reference",
                ..
            })
        ),
        "{unnamed:?}"
    );
    assert_eq!(
        sandbox.rail.balance("nobody").await,
        Err(RailError::UnknownWallet)
    );
    assert_eq!(
        sandbox.rail.addresses("nobody").await,
        Err(RailError::UnknownWallet)
    );
    assert_eq!(
        sandbox.rail.new_address("nobody", [1; 16]).await,
        Err(RailError::UnknownWallet)
    );
}

#[tokio::test]
async fn a_refusing_destination_moves_nothing() {
    let sandbox = Fixture::new().await;
    let hold = hold_of(1, vec![to("sandbox:refuse", 1)]);
    assert!(is_refused(&sandbox.send(&hold).await, "sandbox:refuse"));
    assert!(is_refused(
        &sandbox.rail.reconcile(&hold).await,
        "sandbox:refuse"
    ));
    assert_eq!(sandbox.balance("wallet").await, Amount::new(1_000_000));
}

#[tokio::test]
async fn a_lost_answer_and_a_failure_after_sending_are_unknown_until_reconciled() {
    let sandbox = Fixture::new().await;
    for (number, address) in [(1, "sandbox:drop-answer"), (2, "sandbox:fail-after-send")] {
        let hold = hold_of(number, vec![to(address, 1)]);
        assert!(is_unknown(&sandbox.send(&hold).await), "{address}");
        assert!(is_done(&sandbox.rail.reconcile(&hold).await), "{address}");
    }
    assert_eq!(sandbox.transfers().len(), 2);
    let broke = |number, address| hold_of(number, vec![to(address, 2_000_000)]);
    assert!(
        is_unknown(&sandbox.send(&broke(3, "sandbox:drop-answer")).await),
        "a refusal is lost as well"
    );
    assert!(is_refused(
        &sandbox.send(&broke(4, "sandbox:fail-after-send")).await,
        "insufficient"
    ));
    assert!(is_refused(
        &sandbox
            .rail
            .reconcile(&broke(3, "sandbox:drop-answer"))
            .await,
        "insufficient"
    ));
}

#[tokio::test]
async fn a_spend_that_never_reached_the_rail_is_refused_when_reconciled_and_stays_refused() {
    let sandbox = Fixture::new().await;
    let never = hold_of(1, vec![to("sandbox:never", 1)]);
    assert!(is_unknown(&sandbox.send(&never).await));
    assert!(is_refused(
        &sandbox.rail.reconcile(&never).await,
        "never saw it"
    ));
    // A send that comes after its hold was given up moves nothing.
    assert!(is_refused(
        &sandbox.rail.reconcile(&hold(2)).await,
        "never saw it"
    ));
    assert!(is_refused(&sandbox.send(&hold(2)).await, "never saw it"));
    assert!(sandbox.transfers().is_empty());
}

#[tokio::test]
async fn a_slow_destination_sends_at_once_and_answers_after_two_seconds() {
    let sandbox = Fixture::new().await;
    let hold = hold_of(1, vec![to("sandbox:slow", 1)]);
    let before = std::time::Instant::now();
    assert!(is_done(&sandbox.send(&hold).await));
    assert!(before.elapsed() >= SLOW);
    assert_eq!(sandbox.transfers().len(), 1);
}

#[tokio::test]
async fn the_rail_says_that_it_is_play_money_and_keeps_every_detail_for_the_report() {
    let sandbox = Fixture::new().await;
    assert!(sandbox.rail.is_sandbox());
    assert!(is_done(&sandbox.send(&hold(2)).await) && is_done(&sandbox.send(&hold(1)).await));
    let transfers = sandbox.transfers();
    assert_eq!(
        transfers.iter().map(|it| it.hold).collect::<Vec<_>>(),
        [hold(1).id, hold(2).id]
    );
    assert_eq!(
        transfers[0],
        Transfer {
            hold: hold(1).id,
            txid: destination::transaction_id(&tbtc(), hold(1).id),
            reference: "wallet".to_owned(),
            coin: tbtc(),
            recipients: hold(1).recipients,
            spent: Amount::new(1000 + FEE),
            fee: Amount::new(FEE),
            time: Timestamp::from_millis(1),
        }
    );
}
