//! What the sandbox promises holds across the socket, and what cannot be known is not made up.

use std::sync::Arc;

use bursar_service::rail::Rail as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::UnixListener;

use super::super::tests::{Fixture, hold, hold_of, is_done, is_refused, is_unknown, recipients_of, tbtc, to};
use super::super::*;
use super::*;
use crate::notes::Notes;

/// A sandbox behind a socket, and the way to it.
fn served(sandbox: &Fixture, rail: &Arc<SandboxRail>) -> RemoteSandbox {
    let socket = sandbox.path().with_extension("sock");
    tokio::spawn(serve(UnixListener::bind(&socket).unwrap(), Arc::clone(rail), std::future::pending()));
    RemoteSandbox::at(&socket)
}

/// Listens in the sandbox's place.
fn impostor(sandbox: &Fixture) -> (UnixListener, RemoteSandbox) {
    let socket = sandbox.path().with_extension("sock");
    (UnixListener::bind(&socket).unwrap(), RemoteSandbox::at(&socket))
}

#[tokio::test]
async fn every_question_has_the_same_answer_on_both_ends() {
    let sandbox = Fixture::new().await;
    let rail = Arc::new(SandboxRail::open(&sandbox.path()).unwrap());
    let remote = served(&sandbox, &rail);
    assert!(remote.is_sandbox());

    assert_eq!(remote.balance("wallet").await, rail.balance("wallet").await);
    assert_eq!(remote.balance("nobody").await, Err(RailError::UnknownWallet));
    let theirs = remote.fund("theirs", &tbtc(), Amount::new(5), [4; 16]).await.unwrap();
    assert_eq!(rail.addresses("theirs").await, Ok(vec![theirs]));
    let second = remote.new_address("theirs", [5; 16]).await.unwrap();
    assert_eq!(remote.addresses("theirs").await.unwrap().last(), Some(&second));
    let hteth = Coin::parse("hteth").unwrap();
    assert_eq!(
        remote.fund("theirs", &hteth, Amount::ZERO, [4; 16]).await,
        rail.create_wallet("theirs", &hteth, Amount::ZERO, [4; 16]).await
    );

    let recipients = recipients_of(&hold(1));
    let built = remote.build("wallet", &tbtc(), &recipients, [9; 16]).await;
    assert_eq!(built, rail.build("wallet", &tbtc(), &recipients, [9; 16]).await);
    let built = built.unwrap();
    assert_eq!(remote.decode(&built.bytes), rail.decode(&built.bytes));
    let sent = remote.send_unheld("wallet", &Hold { instruction: built.bytes, ..hold(1) }).await;
    assert!(is_done(&sent), "{sent:?}");
    assert_eq!(remote.reconcile(&hold(1), &Notes::default()).await, sent);
    assert_eq!(rail.reconcile(&hold(1), &Notes::default()).await, sent);
    assert!(is_refused(&remote.send_unheld("wallet", &hold_of(2, &[to("sandbox:refuse", 1)])).await, "refused"));
    assert!(is_refused(&remote.reconcile(&hold(3), &Notes::default()).await, "never saw it"));
    assert!(is_refused(&remote.send_unheld("wallet", &hold(3)).await, "never saw it"), "refused for good");
    assert_eq!(sandbox.transfers().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_until_it_is_reconciled() {
    let sandbox = Fixture::new().await;
    let rail = Arc::new(SandboxRail::open(&sandbox.path()).unwrap());
    let remote = served(&sandbox, &rail);
    for (number, fault) in [(1, "sandbox:drop-answer"), (2, "sandbox:fail-after-send"), (3, "sandbox:never")] {
        let hold = hold_of(number, &[to(fault, 1)]);
        let outcome = remote.send_unheld("wallet", &hold).await;
        assert!(matches!(&outcome, SendOutcome::Unknown { reason } if reason.contains("lost")), "{outcome:?}");
        assert_eq!(is_done(&remote.reconcile(&hold, &Notes::default()).await), fault != "sandbox:never");
    }
    assert_eq!(sandbox.transfers().len(), 2);
}

#[tokio::test]
async fn without_a_rail_nothing_is_sent_and_nothing_is_reconciled() {
    let sandbox = Fixture::new().await;
    let nobody = RemoteSandbox::at(&sandbox.path().with_extension("sock"));
    assert!(is_refused(&nobody.send_unheld("wallet", &hold(1)).await, "cannot be asked"));
    assert!(is_unknown(&nobody.reconcile(&hold(1), &Notes::default()).await));
    assert!(matches!(nobody.balance("wallet").await, Err(RailError::Unavailable(_))));
    assert!(sandbox.transfers().is_empty());
}

#[tokio::test]
async fn once_something_was_written_no_answer_is_a_no() {
    for answer in
        ["", "{\"answer\":\"refused\"", "{\"answer\":\"refused\"}\n", "{\"answer\":\"unknown_wallet\"}\n", "no\n"]
    {
        let sandbox = Fixture::new().await;
        let (listener, remote) = impostor(&sandbox);
        let rail = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut question = String::new();
            BufReader::new(&mut stream).read_line(&mut question).await.unwrap();
            assert!(question.contains("\"ask\":\"send\""), "{question}");
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await.unwrap();
        };
        let question = hold(1);
        let (outcome, ()) = tokio::join!(remote.send_unheld("wallet", &question), rail);
        assert!(is_unknown(&outcome), "{answer}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_question_that_breaks_off_is_not_carried_out() {
    let sandbox = Fixture::new().await;
    let rail = Arc::new(SandboxRail::open(&sandbox.path()).unwrap());
    let remote = served(&sandbox, &rail);
    let order = wire::SpelledOrder::write(&(&hold(1)).into());
    let line = line_of(&wire::Question::Send { reference: "wallet".to_owned(), order }).unwrap();
    let mut stream = tokio::net::UnixStream::connect(sandbox.path().with_extension("sock")).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &line[..line.len() - 1]).await.unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
    // It ends when the rail has hung up.
    let mut rest = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await.unwrap();
    assert!(rest.is_empty() && sandbox.transfers().is_empty());
    assert!(is_done(&remote.send_unheld("wallet", &hold(2)).await), "others are none the worse for it");
}

#[tokio::test]
async fn what_the_rail_has_read_it_carries_out_though_nobody_waits() {
    let sandbox = Fixture::new().await;
    let rail = Arc::new(SandboxRail::open(&sandbox.path()).unwrap());
    let remote = served(&sandbox, &rail);
    let order = wire::SpelledOrder::write(&(&hold(1)).into());
    let line = line_of(&wire::Question::Send { reference: "wallet".to_owned(), order }).unwrap();
    let mut stream = tokio::net::UnixStream::connect(sandbox.path().with_extension("sock")).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &line).await.unwrap();
    drop(stream);
    // Whichever comes first, the send or the question, decides for good.
    let outcome = remote.reconcile(&hold(1), &Notes::default()).await;
    assert_eq!(remote.reconcile(&hold(1), &Notes::default()).await, outcome);
    assert_eq!(sandbox.transfers().len(), usize::from(is_done(&outcome)));
}
