//! The file: what outlives a kill, who may read it, what a report finds in it.

use std::path::{Path, PathBuf};

use super::*;

/// What a killed process leaves behind: the file and its journal as they are, without the memory shared by readers.
fn image_after_a_kill(path: &Path, directory: &Path) -> PathBuf {
    let image = directory.join("sandbox.db");
    std::fs::copy(path, &image).unwrap();
    std::fs::copy(path.with_extension("db-wal"), image.with_extension("db-wal")).unwrap();
    image
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let sandbox = Fixture::new().await;
    let sent = sandbox.send(&hold(1)).await;
    let refused = sandbox.send(&hold_of(2, &[to("sandbox:refuse", 1)])).await;
    let never = sandbox.rail.reconcile(&hold(3), &Notes::default()).await;

    let elsewhere = tempfile::tempdir().unwrap();
    let image = image_after_a_kill(&sandbox.path(), elsewhere.path());
    let book = Book::open(&image).unwrap();
    assert_eq!(book.transfers().unwrap(), sandbox.transfers());
    assert_eq!(book.spent().unwrap().get("wallet"), Some(&Amount::new(1000)));

    let reopened = SandboxRail::open(&image).unwrap();
    assert_eq!(reopened.reconcile(&hold(1), &Notes::default()).await, sent);
    assert_eq!(reopened.carry_out("wallet", (&hold(2)).into()).await, refused);
    assert_eq!(reopened.carry_out("wallet", (&hold(3)).into()).await, never);
    assert_eq!(reopened.balance("wallet").await.unwrap().confirmed, Amount::new(1_000_000 - 1000));
    assert!(is_refused(&reopened.reconcile(&hold(4), &Notes::default()).await, "never saw it"));
}

#[tokio::test]
async fn dropping_the_rail_ends_its_thread_and_closes_the_file() {
    let sandbox = Fixture::new().await;
    assert!(is_done(&sandbox.send(&hold(1)).await));
    let path = sandbox.path();
    assert!(path.with_extension("db-wal").exists());
    let Fixture { directory, rail } = sandbox;
    drop(rail);
    assert!(!path.with_extension("db-wal").exists(), "the last connection folds its journal into the file");
    let rail = SandboxRail::open(&path).unwrap();
    assert!(is_done(&rail.reconcile(&hold(1), &Notes::default()).await));
    drop((rail, directory));
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_book() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Fixture::new().await;
    for path in [sandbox.path(), sandbox.path().with_extension("db-wal")] {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn what_is_no_book_or_a_newer_one_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.db");
    std::fs::write(&path, "this is a text, not a database, and long enough to be seen as one").unwrap();
    assert!(matches!(SandboxRail::open(&path), Err(BookError::Unavailable(_))));
    assert!(matches!(Book::open(&directory.path().join("none.db")), Err(BookError::Unavailable(_))));

    let newer = directory.path().join("newer.db");
    drop(SandboxRail::open(&newer).unwrap());
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 2).unwrap();
    assert!(matches!(SandboxRail::open(&newer), Err(BookError::Newer { found: 2 })));
}

#[tokio::test]
async fn the_rail_says_that_it_is_play_money_and_keeps_every_detail_for_the_report() {
    let sandbox = Fixture::new().await;
    assert!(sandbox.rail.is_sandbox());
    assert!(is_done(&sandbox.send(&hold(2)).await) && is_done(&sandbox.send(&hold(1)).await));
    let transfers = sandbox.transfers();
    assert_eq!(transfers.iter().map(|it| it.hold).collect::<Vec<_>>(), [hold(1).id, hold(2).id]);
    assert_eq!(
        transfers[0],
        Transfer {
            hold: hold(1).id,
            txid: destination::transaction_id(&tbtc(), hold(1).id),
            reference: "wallet".to_owned(),
            coin: tbtc(),
            recipients: recipients_of(&hold(1)),
            spent: Amount::new(1000),
            fee: Amount::ZERO,
            time: Timestamp::from_millis(1),
        }
    );
}
