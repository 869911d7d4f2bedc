//! What left a wallet by another way, by the shapes that Bitcoin Core documents.

use bitcoin::hashes::Hash as _;
use bursar_service::rail::Outflow;

use super::*;

impl Bench {
    /// One round of the watch, with all that is found told.
    async fn watched(&self) -> Vec<String> {
        let found = self.looked().await.unwrap();
        let mut references = Vec::new();
        for Outflow { reference, told } in found {
            references.push(reference);
            assert!(self.notes.write(told).await.unwrap());
        }
        references
    }

    async fn looked(&self) -> Result<Vec<Outflow>, RailError> {
        self.rail.unexplained("treasury", &self.notes).await
    }

    /// A transaction of the node's wallet that was not sent from here.
    fn sends_by_itself(&self, satoshi: u64) -> Txid {
        let bare = bitcoin::TxIn { previous_output: coin(9), ..Default::default() };
        let output = vec![TxOut { value: Satoshi::from_sat(satoshi), script_pubkey: script(OTHER) }; 2];
        let (version, lock_time) = (bitcoin::transaction::Version::TWO, bitcoin::absolute::LockTime::ZERO);
        let made = Transaction { version, lock_time, input: vec![bare], output };
        self.know(&made, 0, Vec::new());
        made.compute_txid()
    }
}

#[tokio::test]
async fn what_the_node_sent_by_itself_is_told_once_and_what_was_sent_from_here_never() {
    let bench = bench(&[BTC]).await;
    let before = bench.sends_by_itself(1_000);
    assert_eq!(bench.watched().await, [""; 0], "what was there before anybody watched");
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    bench.send(&hold).await;
    let sent = bench.node.state().broadcast[0].clone();
    bench.know(&sent, 0, Vec::new());
    bench.node.state().paid_by.push(Txid::from_byte_array([5; 32]));
    assert_eq!(bench.watched().await, [""; 0]);
    let other = bench.sends_by_itself(2_000);
    assert_eq!(bench.watched().await, [format!("{other} of wallet `treasury`")]);
    // Mined, settled, forgotten; and mined anew by a reorganisation.
    for depth in [1, 5, 0, 1] {
        for txid in [before, other, sent.compute_txid()] {
            bench.node.state().known.get_mut(&txid).unwrap().1 = depth;
        }
        assert_eq!(bench.watched().await, [""; 0], "{depth}");
        bench.rail.forget(hold.id, &bench.notes).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_not_told_for_sure_is_told_again() {
    let bench = bench(&[BTC]).await;
    bench.watched().await;
    let outflows = [bench.sends_by_itself(1_000), bench.sends_by_itself(2_000)];
    for _ in 0..2 {
        assert_eq!(bench.looked().await.unwrap().len(), 2, "nothing says that they were told");
    }
    let told = bench.watched().await;
    assert!(outflows.iter().all(|txid| told.iter().any(|told| told.starts_with(&txid.to_string()))), "{told:?}");
    assert_eq!(bench.watched().await, [""; 0]);
}

#[tokio::test]
async fn the_watch_goes_on_from_the_block_that_the_node_names() {
    let bench = bench(&[BTC]).await;
    bench.watched().await;
    bench.node.state().listed_from = "b1";
    bench.watched().await;
    bench.watched().await;
    assert_eq!(bench.node.state().asked_since, ["block-150", "b0", "b1"]);
}

#[tokio::test]
async fn a_round_looks_at_so_many_and_the_next_one_goes_on() {
    let bench = bench(&[BTC]).await;
    bench.watched().await;
    bench.node.state().listed_from = "b1";
    let all: BTreeSet<_> = (0..150).map(|number| bench.sends_by_itself(1_000 + number)).collect();
    let first = bench.watched().await;
    assert_eq!((first.len(), bench.node.asked("gettransaction")), (100, 100));
    let second = bench.watched().await;
    assert_eq!((second.len(), bench.node.asked("gettransaction")), (50, 150));
    let told: BTreeSet<_> = first.iter().chain(&second).collect();
    assert_eq!(told.len(), all.len(), "each once");
    bench.watched().await;
    assert_eq!(bench.node.state().asked_since, ["block-150", "b0", "b0", "b1"], "only when all were looked at");
}

#[tokio::test]
async fn what_is_listed_no_more_is_forgotten_once_it_is_settled() {
    let bench = bench(&[BTC]).await;
    bench.watched().await;
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    bench.send(&hold).await;
    let sent = bench.node.state().broadcast[0].clone();
    let name = format!("given/{}", sent.compute_txid());
    bench.know(&sent, 0, Vec::new());
    bench.watched().await;
    // Dropped by the node, it may come back: it is not settled.
    bench.node.state().known.clear();
    bench.watched().await;
    assert!(bench.notes.read(&name).unwrap().is_some());
    bench.know(&sent, 200, Vec::new());
    assert_eq!(bench.watched().await, [""; 0]);
    bench.rail.forget(hold.id, &bench.notes).await.unwrap();
    bench.node.state().known.clear();
    bench.watched().await;
    assert_eq!(bench.notes.read(&name), Ok(None));
}

#[tokio::test]
async fn a_node_that_is_silent_or_answers_garbage_explains_nothing_and_hides_nothing() {
    let bench = bench(&[BTC]).await;
    bench.watched().await;
    bench.sends_by_itself(1_000);
    for method in ["listsinceblock", "gettransaction"] {
        for garbage in ["[]", "{}", r#"{"hex":7,"transactions":7}"#] {
            bench.fault(method, || Told::Result(garbage.to_owned()));
            assert!(bench.looked().await.is_err(), "{method} {garbage}");
        }
        bench.fault(method, || Told::Garbage);
        assert!(bench.looked().await.is_err(), "{method}");
    }
    // A transaction that cannot be read is none that was made here.
    bench.fault("gettransaction", || Told::Result(r#"{"hex":"00"}"#.to_owned()));
    assert_eq!(bench.looked().await.unwrap().len(), 1);
    bench.heal();
    assert_eq!(bench.watched().await.len(), 1);
}
