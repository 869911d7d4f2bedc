//! The store fails while money is being spent, and comes back.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bursar_gateway::sandbox::Book;

use crate::client::{Client, Token};
use crate::disk::Disk;
use crate::server::{BURSAR, DEV, Server};
use crate::strace::Strace;

/// How many spends there are before the store fails, while it does, and after.
const SPENDS: usize = 10;

/// What the token may spend: so much, and not one satoshi more.
const LIMIT: u64 = 3 * SPENDS as u64;

#[test]
#[ignore = "takes a file system of its own: `cargo xtask test --only faults`"]
fn a_full_disk_loses_nothing_and_is_recovered_from_without_a_restart() {
    let disk = Disk::of("16m");
    let start = || Server::start(disk.command(BURSAR).args(DEV).arg(disk.path("data")));
    let server = start();
    let book = disk.path_from_here("data/sandbox.db");
    let token = fails_and_comes_back(&server, &book, "database or disk is full", || disk.fill());

    // Full again, and killed in the midst of it: what was acknowledged is there at the next start.
    let ballast = disk.fill();
    let refused = server.client().spend(&token, "killed", "killed");
    assert_eq!((refused.status, refused.code().as_str()), (503, "store_unavailable"));
    drop(server);
    drop(ballast);
    let server = start();
    let client = server.client();
    assert_eq!(client.spent(&token), LIMIT);
    assert_eq!(client.spend(&token, "before-0", "again").status, 200);
    assert_eq!(client.spend(&token, "one too many", "again").code(), "limit_exceeded");
    assert_eq!(transfers(&book).len(), 3 * SPENDS + 1, "and the other token's");
}

#[test]
#[ignore = "takes `strace`: `cargo xtask test --only faults`"]
fn a_file_system_that_turned_read_only_loses_nothing_and_is_recovered_from_without_a_restart() {
    // As ext4 does after an error of its device: what is open stays open, and every write fails.
    on_a_disk_that_refuses("pwrite64,write,ftruncate,fallocate", "EROFS");
}

#[test]
#[ignore = "takes `strace`: `cargo xtask test --only faults`"]
fn a_sync_that_fails_is_no_commit_and_is_recovered_from_without_a_restart() {
    on_a_disk_that_refuses("fdatasync,fsync", "EIO");
}

#[test]
#[ignore = "takes a file system of its own: `cargo xtask test --only faults`"]
fn a_server_does_not_start_on_a_read_only_file_system_and_says_so() {
    let disk = Disk::of("16m");
    let data = disk.path("data");
    let start = || Server::try_start(disk.command(BURSAR).args(DEV).arg(&data));
    let server = start().ok().unwrap();
    let client = server.client();
    let token = Token::of(&client.create_token(&client.log_in(&server), LIMIT));
    assert_eq!(client.spend(&token, "before", "before").status, 200);
    drop(server);

    disk.remount("ro");
    let (status, failure) = start().err().unwrap();
    assert_eq!(status.code(), Some(1));
    let told = failure["error"].as_str().unwrap().to_lowercase();
    assert!(told.contains("data") && told.contains("read") && told.contains("only"), "{told}");

    disk.remount("rw");
    let server = start().ok().unwrap();
    assert_eq!(server.client().spent(&token), 1);
}

fn on_a_disk_that_refuses(calls: &str, error: &str) {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let server = Server::start(Command::new(BURSAR).args(DEV).arg(&data));
    let files = ["bursar.db", "bursar.db-wal"].map(|name| data.canonicalize().unwrap().join(name));
    let files = files.each_ref().map(PathBuf::as_path);
    let refuse = || Strace::refuse(&server, calls, error, &files);
    fails_and_comes_back(&server, &data.join("sandbox.db"), "disk I/O error", refuse);
}

/// Spends, lets the store fail, spends in vain, lets it recover, and spends what is left. Gives the token
/// that has spent its limit.
fn fails_and_comes_back<Fault>(server: &Server, book: &Path, reason: &str, fail: impl FnOnce() -> Fault) -> Token {
    let client = server.client();
    let owner = client.log_in(server);
    let token = Token::of(&client.create_token(&owner, LIMIT));
    let other = Token::of(&client.create_token(&owner, 1));
    let before = spend_all(&client, &token, "before");
    client.until_readiness(200);

    let fault = fail();
    // Nobody writes anything: the server finds out by itself.
    let red = client.until_readiness(503);
    assert_eq!((&red["ready"], &red["reasons"][0]["code"]), (&false.into(), &"store_unavailable".into()), "{red}");
    assert!(red["reasons"][0]["reason"].as_str().unwrap().contains(reason), "{red}");
    let spends = names("during").map(|name| client.spend(&token, &name, &name));
    for refused in spends.chain([client.create_token(&owner, 1), client.revoke(&owner, &other)]) {
        assert_eq!((refused.status, refused.code().as_str()), (503, "store_unavailable"), "{refused:?}");
        assert_eq!(refused.json()["name"], "StoreUnavailable");
        assert_eq!(refused.retry_after.as_deref(), Some("5"));
    }
    assert_eq!(client.spent(&token), SPENDS as u64, "reading goes on, and nothing new is held");
    assert_eq!(client.operate("/healthz").status, 200);
    let metrics = client.operate("/metrics").text;
    for line in ["bursar_ready 0", r#"bursar_ledger_commands_total{kind="hold",outcome="store_unavailable"} 10"#] {
        assert!(metrics.contains(line), "`{line}` is not in:\n{metrics}");
    }
    assert_eq!(transfers(book).len(), SPENDS, "what is not held is not sent");

    drop(fault);
    client.until_readiness(200);
    // The same requests again, under the same names.
    let during = spend_all(&client, &token, "during");
    let after = spend_all(&client, &token, "after");
    assert_eq!(spend_all(&client, &token, "before"), before, "a name is a spend, before and after");
    assert_eq!(client.spend(&token, "one too many", "over").code(), "limit_exceeded");
    assert_eq!(client.spend(&other, "other", "other").status, 200, "what was not revoked spends");
    assert_eq!(client.spent(&token), LIMIT);
    let acknowledged: BTreeSet<String> = [before, during, after].concat().into_iter().collect();
    let moved = transfers(book);
    assert!(acknowledged.is_subset(&moved.iter().cloned().collect()));
    assert_eq!(moved.len(), acknowledged.len() + 1, "each once, and the other token's");
    token
}

fn names(when: &str) -> impl Iterator<Item = String> {
    (0..SPENDS).map(move |number| format!("{when}-{number}"))
}

fn spend_all(client: &Client, token: &Token, when: &str) -> Vec<String> {
    names(when).map(|name| client.spend(token, &name, &name).named("txid")).collect()
}

/// What the rail calls each transfer in its book. It is read from a copy: SQLite does not find its way to
/// a disk that only others see.
fn transfers(book: &Path) -> Vec<String> {
    let copied = tempfile::tempdir().unwrap();
    for name in ["sandbox.db", "sandbox.db-wal"] {
        fs::copy(book.with_file_name(name), copied.path().join(name)).unwrap();
    }
    let book = Book::open(&copied.path().join("sandbox.db")).unwrap();
    book.transfers().unwrap().into_iter().map(|transfer| transfer.txid).collect()
}
