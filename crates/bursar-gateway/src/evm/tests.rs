//! What the rail promises of nonces, signatures and lost answers, against a node that says what it is told to say.

mod by_node;
mod replace;
mod two_wallets;

use std::collections::{HashMap, VecDeque};

use bursar_core::hold::Cost;
use bursar_core::time::Timestamp;
use bursar_rails::evm::{FeeCeilings, Price, Signed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::fixtures;
use crate::notes::Notes;

/// The first key of every test chain, and its address.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const WALLET: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
const TO: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
/// A token of the chain.
const TOKEN: &str = "0x5fbdb2315678afecb367f032d93f642f64180aa3";
const TOKEN_COIN: &str = "hteth:usdc";
const GWEI: u128 = 1_000_000_000;

/// What a node says to a method: each answer once, the last one for good. `None` closes the connection.
type Answers = HashMap<&'static str, VecDeque<Option<String>>>;

#[derive(Default)]
struct Script {
    answers: Answers,
    asked: Vec<(String, Json)>,
}

/// A node that says what it is told to say, and remembers what it was asked.
#[derive(Clone, Default)]
struct Double(Arc<Mutex<Script>>);

impl Double {
    /// A node on an empty chain where gas costs one gigawei.
    fn new() -> Self {
        let double = Self::default();
        double.says("eth_estimateGas", r#""0x5208""#);
        double.says("eth_getBlockByNumber", r#"{"baseFeePerGas":"0x3b9aca00"}"#);
        double.says("eth_maxPriorityFeePerGas", r#""0x1""#);
        double.says("eth_getTransactionCount", r#""0x0""#);
        double.says("count before", r#""0x0""#);
        double.says("block", r#"{"transactions":[]}"#);
        double.says("eth_getBalance", r#""0xffffffffffffffffffff""#);
        double.says("eth_blockNumber", r#""0x10""#);
        double.says("eth_getTransactionReceipt", "null");
        double.says("eth_sendRawTransaction", r#""0x0""#);
        double
    }

    fn says(&self, method: &'static str, result: &str) {
        self.set(method, Some(format!(r#""result":{result}"#)));
    }

    fn refuses(&self, method: &'static str, message: &str) {
        self.set(method, Some(format!(r#""error":{{"code":-32000,"message":"{message}"}}"#)));
    }

    /// Does what it is asked and hangs up.
    fn hangs_up(&self, method: &'static str) {
        self.set(method, None);
    }

    fn set(&self, method: &'static str, answer: Option<String>) {
        self.0.lock().unwrap().answers.insert(method, VecDeque::from([answer]));
    }

    fn asked(&self, method: &str) -> Vec<Json> {
        let script = self.0.lock().unwrap();
        script.asked.iter().filter(|(asked, _)| asked == method).map(|(_, params)| params.clone()).collect()
    }

    /// Listens, and gives the rail in front of it.
    async fn rail(&self, confirmations: u64) -> EvmRail {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Secret::new(format!("http://{}", listener.local_addr().unwrap()));
        let double = self.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(double.clone().serve(socket));
            }
        });
        let coin = Coin::parse("hteth").unwrap();
        let ceilings = FeeCeilings { fee_per_gas: 100 * GWEI, priority_fee_per_gas: 10 * GWEI, gas: 1_000_000 };
        let chain = Chain::new(31_337, coin, ceilings).unwrap();
        let chain = chain.with_token(parse("token", TOKEN).unwrap(), Coin::parse(TOKEN_COIN).unwrap()).unwrap();
        let fees = FeeCeiling { per_spend: Amount::new(u128::MAX), per_day: Amount::new(u128::MAX) };
        EvmRail::new(Settings { chain, url, fees, confirmations }).unwrap()
    }

    async fn serve(self, mut socket: TcpStream) {
        let mut read = Vec::new();
        loop {
            let mut more = [0; 4096];
            match socket.read(&mut more).await {
                Ok(0) | Err(_) => return,
                Ok(count) => read.extend_from_slice(&more[..count]),
            }
            let Some(head) = read.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let Ok(call) = Json::read(&read[head + 4..]) else { continue };
            let method = call.get("method").unwrap().as_text().unwrap().to_owned();
            let method = asked_for(&call, method);
            let answer = {
                let mut script = self.0.lock().unwrap();
                script.asked.push((method.clone(), call.get("params").unwrap().clone()));
                let answers = script.answers.get_mut(method.as_str()).unwrap_or_else(|| panic!("asked for {method}"));
                if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
            };
            let Some(answer) = answer else { return };
            let body = format!(r#"{{"jsonrpc":"2.0","id":{},{answer}}}"#, call.get("id").unwrap());
            let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            socket.write_all(reply.as_bytes()).await.unwrap();
            read.clear();
        }
    }
}

/// A question under the name that its answer is set for: the count of a block before 0xe is `count before`, and a block
/// with its transactions is `block`.
fn asked_for(call: &Json, method: String) -> String {
    let param = |place: usize| call.get("params").and_then(Json::as_list).and_then(|params| params.get(place)).cloned();
    match (method.as_str(), param(1)) {
        ("eth_getTransactionCount", Some(Json::Text(block))) if block.starts_with("0x") => {
            let number: u64 = bursar_rails::evm::quantity::narrow(&block).unwrap();
            if number < 0xe { "count before".to_owned() } else { method }
        }
        ("eth_getBlockByNumber", Some(Json::Bool(true))) => "block".to_owned(),
        _ => method,
    }
}

/// A block in which a wallet's nonce is used by this transaction.
fn block_of(nonce: u64, hash: &str) -> String {
    format!(r#"{{"transactions":[{{"from":"{WALLET}","nonce":"{nonce:#x}","hash":"{hash}"}}]}}"#)
}

async fn memory() -> Notes {
    let memory = Notes::default();
    let key = base16ct::lower::decode_vec(KEY).unwrap();
    let (address, is_new) = keys::keep(&memory, &Secret::new(key)).await.unwrap();
    assert_eq!((format!("{address:#x}").as_str(), is_new), (WALLET, true));
    memory
}

/// What is granted when so much is asked for.
async fn held(rail: &EvmRail, number: u8, amount: u128) -> Hold {
    let id = HoldId::time_ordered(Timestamp::from_millis(i64::from(number)), [number; 10]);
    let coin = Coin::parse("hteth").unwrap();
    let recipients = [Recipient { address: TO.to_owned(), amount: Amount::new(amount) }];
    let plan = rail.plan(WALLET, &coin, &recipients, id).await.unwrap();
    let payees = rail.payees(&coin, &recipients).unwrap();
    let cost = Cost::of(coin.clone(), [Amount::new(amount)], coin, plan.fee).unwrap();
    fixtures::hold(id, payees, cost, plan.instruction)
}

fn reference(outcome: &SendOutcome) -> String {
    match outcome {
        SendOutcome::Sent { reference } => reference.clone(),
        other => panic!("{other:?}"),
    }
}

fn receipt(hash: &str, status: &str, block: &str) -> String {
    let block_hash = "11".repeat(32);
    format!(
        r#"{{"transactionHash":"{hash}","status":"{status}","gasUsed":"0x5208","effectiveGasPrice":"0x3b9aca00",
        "blockNumber":"{block}","blockHash":"0x{block_hash}"}}"#
    )
}

#[tokio::test]
async fn concurrent_sends_of_one_wallet_get_nonces_without_a_gap() {
    let double = Double::new();
    let rail = Arc::new(double.rail(1).await);
    let memory = Arc::new(memory().await);
    let mut tasks = Vec::new();
    for number in 0..20 {
        let hold = held(&rail, number, 1).await;
        let (rail, memory) = (Arc::clone(&rail), Arc::clone(&memory));
        tasks.push(tokio::spawn(async move {
            reference(&rail.carry_out(WALLET, &hold, &*memory).await);
            match sent::read(&*memory, hold.id).unwrap().unwrap().1 {
                sent::Remembered::Signed { nonce, .. } => nonce,
                sent::Remembered::Cancelled | sent::Remembered::Asked { .. } => panic!("it was sent"),
            }
        }));
    }
    let mut nonces = Vec::new();
    for task in tasks {
        nonces.push(task.await.unwrap());
    }
    nonces.sort_unstable();
    assert_eq!(nonces, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_was_never_signed_is_given_back_and_never_signed_afterwards() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, memory().await);
    let hold = held(&rail, 1, 5).await;
    assert!(matches!(rail.became_of(&hold, &memory).await, SendOutcome::Refused { .. }));
    let late = rail.carry_out(WALLET, &hold, &memory).await;
    assert!(matches!(late, SendOutcome::Refused { .. }), "{late:?}");
    assert!(double.asked("eth_sendRawTransaction").is_empty());
}

#[tokio::test]
async fn a_lost_answer_and_a_silent_node_change_nothing_of_what_counts() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, memory().await);
    let hold = held(&rail, 1, 5).await;
    double.hangs_up("eth_sendRawTransaction");
    assert!(matches!(rail.carry_out(WALLET, &hold, &memory).await, SendOutcome::Unknown { .. }));
    // It is signed: however long the node is silent, it stays.
    let outcome = rail.became_of(&hold, &memory).await;
    let SendOutcome::Unseen { reference: hash, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(rail.sent(hold.id, &memory), Ok(Some(hash.clone())));
    // Whatever a node says instead of an answer: it may be mined, and nobody's word gives it back.
    for (call, words) in [
        ("eth_sendRawTransaction", "max fee per gas less than block base fee"),
        ("eth_getTransactionReceipt", "rate limited"),
    ] {
        double.refuses(call, words);
        let outcome = rail.became_of(&hold, &memory).await;
        assert!(matches!(outcome, SendOutcome::Unknown { .. }), "{outcome:?}");
        let problem = rail.may_still_move(&hold, &memory).await.unwrap().unwrap();
        assert!(problem.contains(&hash) && problem.contains("nonce 0"), "{problem}");
    }
    double.says("eth_getTransactionReceipt", "null");
    double.refuses("eth_sendRawTransaction", "already known");
    assert_eq!(reference(&rail.became_of(&hold, &memory).await), hash);
    let bytes = double.asked("eth_sendRawTransaction");
    assert!(bytes.len() >= 3 && bytes.iter().all(|one| *one == bytes[0]), "one signature, offered again");
    double.says("eth_getTransactionReceipt", &receipt(&hash, "0x1", "0x10"));
    let fee = Amount::new(21_000 * GWEI);
    assert_eq!(rail.became_of(&hold, &memory).await, SendOutcome::Done { reference: hash, fee });
}

#[tokio::test]
async fn a_receipt_counts_once_it_is_deep_enough_and_a_reverted_one_pays_its_fee() {
    let double = Double::new();
    let (rail, memory) = (double.rail(3).await, memory().await);
    let hold = held(&rail, 1, 5).await;
    let hash = reference(&rail.carry_out(WALLET, &hold, &memory).await);
    for (block, is_final) in [("0x10", false), ("0xf", false), ("0xe", true)] {
        double.says("eth_getTransactionReceipt", &receipt(&hash, "0x0", block));
        let outcome = rail.became_of(&hold, &memory).await;
        let fee = Amount::new(21_000 * GWEI);
        let expected = match is_final {
            true => SendOutcome::Reverted { reference: hash.clone(), fee },
            false => SendOutcome::Sent { reference: hash.clone() },
        };
        assert_eq!(outcome, expected, "{block}");
    }
    // A chain that was begun anew meanwhile: what is signed for it now would wait for ever. The watch has not come by yet.
    double.says("eth_getTransactionCount", "\"0x0\"");
    let sent = double.asked("eth_sendRawTransaction").len();
    let late = held(&rail, 2, 5).await;
    let outcome = rail.carry_out(WALLET, &late, &memory).await;
    assert!(format!("{outcome:?}").contains("of which 1 were final before"), "{outcome:?}");
    assert_eq!(double.asked("eth_sendRawTransaction").len(), sent);
}

#[tokio::test]
async fn a_spend_is_given_back_only_when_another_with_its_nonce_is_final() {
    let double = Double::new();
    let (rail, memory) = (double.rail(3).await, memory().await);
    let hold = held(&rail, 1, 5).await;
    let hash = reference(&rail.carry_out(WALLET, &hold, &memory).await);
    // Dropped by the node, which takes it no more: nobody knows, and it counts.
    double.refuses("eth_sendRawTransaction", "nonce too low");
    assert!(matches!(rail.became_of(&hold, &memory).await, SendOutcome::Unknown { .. }));
    double.says("eth_getTransactionCount", r#""0x1""#);
    // Which one used it cannot be seen: a missing receipt proves nothing.
    assert!(matches!(rail.became_of(&hold, &memory).await, SendOutcome::Unknown { .. }));
    double.says("block", &block_of(0, &hash));
    assert_eq!(reference(&rail.became_of(&hold, &memory).await), hash, "its receipt is late");
    double.says("block", &block_of(0, &format!("0x{}", "22".repeat(32))));
    assert!(matches!(rail.became_of(&hold, &memory).await, SendOutcome::Refused { .. }));
    // It was asked of the block that is final, not of the head.
    assert!(
        double.asked("eth_getTransactionCount").iter().any(|one| one.to_string() == format!(r#"["{WALLET}","0xe"]"#))
    );
}

#[tokio::test]
async fn nothing_but_what_is_held_is_signed() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, memory().await);
    let hold = held(&rail, 1, 5).await;
    let other = held(&rail, 2, 6).await;
    let mut more = hold.clone();
    more.payees[0].amount = Amount::new(4);
    let mut dearer = hold.clone();
    dearer.cost.fee = dearer.cost.fee.saturating_sub(Amount::new(1));
    let theirs = Hold { instruction: other.instruction.clone(), ..hold.clone() };
    let cut = Hold { instruction: hold.instruction[..30].to_vec(), ..hold.clone() };
    let none = Hold { instruction: Vec::new(), ..hold.clone() };
    for altered in [more, dearer, theirs, cut, none] {
        let outcome = rail.carry_out(WALLET, &altered, &memory).await;
        assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    }
    let elsewhere = rail.carry_out(TO, &hold, &memory).await;
    assert!(matches!(elsewhere, SendOutcome::Refused { .. }), "{elsewhere:?}");
    assert!(double.asked("eth_sendRawTransaction").is_empty());
    assert_eq!(memory.read(&sent::note(hold.id)), Ok(None));
}

#[tokio::test]
async fn what_the_node_would_revert_or_prices_above_a_ceiling_is_refused_before_it_is_held() {
    let double = Double::new();
    let rail = double.rail(1).await;
    let (coin, id) = (Coin::parse("hteth").unwrap(), HoldId::from_bytes([1; 16]));
    let recipients = [Recipient { address: TO.to_owned(), amount: Amount::new(1) }];
    let plan = async || rail.plan(WALLET, &coin, &recipients, id).await;
    double.refuses("eth_estimateGas", "execution reverted");
    assert_eq!(plan().await, Err(RailError::Refused("execution reverted".to_owned())));
    double.says("eth_estimateGas", r#""0x5208""#);
    // 101 gigawei, and the ceiling is 100.
    double.says("eth_getBlockByNumber", r#"{"baseFeePerGas":"0x1784110f00"}"#);
    assert!(matches!(plan().await, Err(RailError::Refused(_))));
    for garbage in [r#"{"baseFeePerGas":"1"}"#, r#"{"baseFeePerGas":1}"#] {
        double.says("eth_getBlockByNumber", garbage);
        assert!(matches!(plan().await, Err(RailError::Unavailable(_))), "{garbage}");
    }
}

#[tokio::test]
async fn what_was_not_sent_from_here_is_told_once_and_what_was_is_not() {
    let double = Double::new();
    let (rail, memory) = (double.rail(3).await, memory().await);
    let count = |count: u64| {
        double.says("eth_getTransactionCount", &format!(r#""{count:#x}""#));
        double.says("count before", &format!(r#""{:#x}""#, count - 1));
    };
    let told = async || rail.look_for_outflows(WALLET, &memory).await.unwrap();
    count(3);
    assert!(told().await.is_empty(), "what was sent before anybody watched is nobody's fault");
    let hold = held(&rail, 1, 5).await;
    let hash = reference(&rail.carry_out(WALLET, &hold, &memory).await);
    count(4);
    assert!(told().await.is_empty(), "which one it was cannot be seen");
    double.says("block", &block_of(3, &hash));
    assert!(told().await.is_empty());
    // Nonce 4 was used by somebody else.
    count(5);
    let theirs = format!("0x{}", "22".repeat(32));
    double.says("block", &block_of(4, &theirs));
    let [outflow] = told().await.try_into().unwrap();
    assert_eq!(outflow.reference, format!("{theirs}, nonce 4 of {WALLET}"));
    assert_eq!(told().await, vec![outflow.clone()], "until it was told");
    assert_eq!(memory.write(outflow.told).await, Ok(true));
    assert!(told().await.is_empty());
    // One that was given out here, and is final with another transaction.
    let hold = held(&rail, 2, 5).await;
    reference(&rail.carry_out(WALLET, &hold, &memory).await);
    count(6);
    double.says("block", &block_of(5, &theirs));
    assert_eq!(told().await.len(), 1);
}

#[tokio::test]
async fn what_a_wallet_cannot_pay_beside_what_is_under_way_is_never_signed() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, memory().await);
    let (first, second) = (held(&rail, 1, 1_000_000).await, held(&rail, 2, 1_000_000).await);
    let enough = first.cost.amount.saturating_add(Amount::new(999_999));
    let hex = enough.to_be_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    double.says("eth_getBalance", &format!(r#""0x{}""#, hex.trim_start_matches('0')));
    reference(&rail.carry_out(WALLET, &first, &memory).await);
    let refused = rail.carry_out(WALLET, &second, &memory).await;
    assert!(matches!(refused, SendOutcome::Refused { .. }), "{refused:?}");
    // Mined, it is under way no more, and what the chain says of the balance is true of it.
    double.says("eth_getTransactionCount", r#""0x1""#);
    let third = held(&rail, 3, 1_000_000).await;
    reference(&rail.carry_out(WALLET, &third, &memory).await);
}

#[tokio::test]
async fn a_node_that_counts_far_ahead_of_the_chain_makes_no_gap() {
    let double = Double::new();
    let (rail, memory) = (double.rail(3).await, memory().await);
    let hold = held(&rail, 1, 5).await;
    let counts = |pending: u64, of_block: u64| {
        let answers = [pending, of_block].map(|count| Some(format!(r#""result":"{count:#x}""#)));
        double.0.lock().unwrap().answers.insert("eth_getTransactionCount", VecDeque::from(answers));
    };
    counts(1_000_000, 2);
    let refused = rail.carry_out(WALLET, &hold, &memory).await;
    let SendOutcome::NotSent { reason } = refused else { panic!("{refused:?}") };
    assert!(reason.contains("counts 1000000 transactions"), "{reason}");
    assert_eq!(memory.read(&send::next(wallet(WALLET).unwrap())), Ok(None), "no nonce is gone");
    // What others sent a moment ago is waited behind.
    counts(18, 2);
    reference(&rail.carry_out(WALLET, &hold, &memory).await);
    let Ok(Some((_, sent::Remembered::Signed { nonce, .. }))) = sent::read(&memory, hold.id) else { panic!("signed") };
    assert_eq!(nonce, 18);
}

#[tokio::test]
async fn on_a_chain_that_began_anew_nothing_is_signed_that_would_wait_for_ever() {
    let double = Double::new();
    let (rail, memory) = (double.rail(3).await, memory().await);
    double.says("eth_getTransactionCount", r#""0x3""#);
    assert!(rail.look_for_outflows(WALLET, &memory).await.unwrap().is_empty());
    let hold = held(&rail, 1, 5).await;
    double.says("eth_getTransactionCount", r#""0x0""#);
    let refused = rail.carry_out(WALLET, &hold, &memory).await;
    let SendOutcome::NotSent { reason } = refused else { panic!("{refused:?}") };
    assert!(reason.contains("counts 0 transactions of the wallet, of which 3 were final before"), "{reason}");
    assert_eq!(sent::read(&memory, hold.id), Ok(None), "it holds nothing");
}

#[tokio::test]
async fn that_a_spend_is_never_signed_outlasts_its_settlement() {
    let (rail, memory, hold) = (Double::new().rail(1).await, Notes::default(), HoldId::from_bytes([7; 16]));
    let cancelled = NewNote { name: sent::note(hold), version: 0, body: Some(sent::cancelled()) };
    assert_eq!(memory.write(vec![cancelled]).await, Ok(true));

    rail.forget(hold, &memory).await.expect("forgotten");

    let late = NewNote { name: sent::note(hold), version: 0, body: Some(b"signed".to_vec()) };
    assert_eq!(memory.write(vec![late]).await, Ok(false), "its send waited for a turn, and signs nothing");
    assert!(matches!(sent::read(&memory, hold), Ok(Some((_, sent::Remembered::Cancelled)))));
}

#[tokio::test]
async fn what_was_signed_is_forgotten_once_it_is_settled() {
    let (rail, memory, hold) = (Double::new().rail(1).await, Notes::default(), HoldId::from_bytes([7; 16]));
    let price = Price::Fixed { gas_price: 1 };
    let signed = Signed { nonce: 3, gas: 21_000, price, hash: Default::default(), bytes: Default::default() };
    let body = Some(sent::pack(&Address::ZERO, &signed));
    assert_eq!(memory.write(vec![NewNote { name: sent::note(hold), version: 0, body }]).await, Ok(true));

    rail.forget(hold, &memory).await.expect("forgotten");

    assert_eq!(sent::read(&memory, hold), Ok(None));
}

#[tokio::test]
async fn what_no_block_would_take_is_refused_before_it_takes_a_nonce() {
    let double = Double::new();
    let rail = double.rail(1).await;
    let (from, to) = (wallet(WALLET).unwrap(), parse("address", TO).unwrap());
    let coin = Coin::parse("hteth").unwrap();
    let payment = Payment::transfer(&rail.chain, &|_| true, from, &coin, to, Amount::new(1)).unwrap();
    let none = ClientFees::default();
    let market = |most, tip| ClientFees { max_fee_per_gas: Some(most), max_priority_fee_per_gas: Some(tip), ..none };
    for (fees, field) in [
        (ClientFees { gas: Some(0), ..none }, "gas"),
        (ClientFees { gas: Some(0x5207), ..none }, "gas"),
        (market(GWEI, 1), "maxFeePerGas"),
        (ClientFees { max_fee_per_gas: Some(GWEI), ..none }, "maxFeePerGas"),
        (market(2 * GWEI, 0), "maxPriorityFeePerGas"),
        (ClientFees { max_priority_fee_per_gas: Some(0), ..none }, "maxPriorityFeePerGas"),
        (ClientFees { gas_price: Some(GWEI), ..none }, "gasPrice"),
    ] {
        let refused = quote::quote(&rail.chain, &rail.node, &payment, &fees).await;
        let Err(RailError::Refused(reason)) = refused else { panic!("{fees:?}: {refused:?}") };
        assert!(reason.starts_with(&format!("`{field}` is ")) && reason.contains("leave it out"), "{reason}");
    }
    for fees in [none, market(GWEI + GWEI / 8, 1), ClientFees { gas: Some(0x5208), ..none }] {
        assert!(quote::quote(&rail.chain, &rail.node, &payment, &fees).await.is_ok(), "{fees:?}");
    }
}
