//! What the rail promises of wallets whose key the node has: it signs what it is told, or nothing that counts here.

use bursar_rails::evm::build::Terms;
use k256::Scalar;
use k256::ecdsa::SigningKey;
use k256::ecdsa::hazmat::SignPrimitive as _;

use super::*;

/// What is noted of a wallet whose key the node has, and nothing else.
async fn of_node() -> Notes {
    let memory = Notes::default();
    let name = keys::of_node(&wallet(WALLET).unwrap());
    assert_eq!(memory.write(vec![NewNote { name, version: 0, body: Some(Vec::new()) }]).await, Ok(true));
    memory
}

/// A hold's transaction with a nonce, as whoever has the key signs it: its hash and its bytes.
fn signed(rail: &EvmRail, hold: &Hold, nonce: u64) -> (String, String) {
    let plan::Step::Sign { payment, gas, price, .. } = plan::read(&rail.chain, hold).unwrap() else { panic!("a plan") };
    let unsigned = bursar_rails::evm::Unsigned::of(&rail.chain, &payment, Terms { nonce, gas, price }).unwrap();
    let key = keys::Key::read(&base16ct::lower::decode_vec(KEY).unwrap()).unwrap();
    let signed = key.sign(unsigned).unwrap();
    (format!("{:#x}", signed.hash), signed.bytes.to_string())
}

async fn next(memory: &Notes) -> Option<u64> {
    let note = memory.read(&send::next(wallet(WALLET).unwrap())).unwrap()?;
    Some(u64::from_be_bytes(note.body.try_into().unwrap()))
}

#[tokio::test]
async fn a_node_that_signs_what_it_is_told_spends_what_is_held() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, of_node().await);
    let hold = held(&rail, 1, 5).await;
    let (hash, bytes) = signed(&rail, &hold, 0);
    double.says("eth_signTransaction", &format!(r#"{{"raw":"{bytes}","tx":{{}}}}"#));
    assert_eq!(reference(&rail.carry_out(WALLET, &hold, &memory).await), hash);
    let [asked] = double.asked("eth_signTransaction").try_into().unwrap();
    let [asked] = asked.as_list().unwrap() else { panic!("one transaction") };
    for field in ["from", "to", "value", "data", "gas", "nonce", "chainId", "maxFeePerGas", "maxPriorityFeePerGas"] {
        assert!(asked.get(field).is_some(), "`{field}` is left to the node");
    }
    assert_eq!(rail.sent(hold.id, &memory), Ok(Some(hash)));
    assert_eq!(double.asked("eth_sendRawTransaction"), vec![Json::List(vec![Json::Text(bytes.into())])]);
}

#[tokio::test]
async fn what_a_lying_node_signs_stays_held_and_is_never_broadcast() {
    for amount in [6, 1_000_000] {
        let double = Double::new();
        let (rail, memory) = (double.rail(1).await, of_node().await);
        let (hold, more) = (held(&rail, 1, 5).await, held(&rail, 2, amount).await);
        let (_, bytes) = signed(&rail, &more, 0);
        double.says("eth_signTransaction", &format!(r#""{bytes}""#));
        let outcome = rail.carry_out(WALLET, &hold, &memory).await;
        assert!(matches!(outcome, SendOutcome::Unknown { .. }), "{outcome:?}");
        for _ in 0..2 {
            let outcome = rail.became_of(&hold, &memory).await;
            assert!(matches!(outcome, SendOutcome::Unknown { .. }), "{outcome:?}");
        }
        assert_eq!(rail.signed(hold.id, &memory), Ok(None));
        assert!(double.asked("eth_sendRawTransaction").is_empty());
        assert_eq!(next(&memory).await, Some(1), "its nonce is given to nobody else");
        // What it signed is mined in place of ours: ours moved nothing, and somebody has to look.
        let theirs = signed(&rail, &more, 0);
        double.says("eth_getTransactionCount", r#""0x1""#);
        double.says("block", &block_of(0, &theirs.0));
        double.says("eth_getRawTransactionByHash", &format!(r#""{}""#, theirs.1));
        let outcome = rail.became_of(&hold, &memory).await;
        assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
        let seen = NewNote { name: format!("seen/{WALLET}"), version: 0, body: Some(0_u64.to_be_bytes().to_vec()) };
        assert_eq!(memory.write(vec![seen]).await, Ok(true));
        assert_eq!(rail.look_for_outflows(WALLET, &memory).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_lost_signature_is_asked_for_again_and_never_with_another_nonce() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, of_node().await);
    let (hold, other) = (held(&rail, 1, 5).await, held(&rail, 2, 7).await);
    double.hangs_up("eth_signTransaction");
    assert!(matches!(rail.carry_out(WALLET, &hold, &memory).await, SendOutcome::Unknown { .. }));
    assert!(matches!(rail.became_of(&hold, &memory).await, SendOutcome::Unknown { .. }), "still silent");
    assert!(rail.may_still_move(&hold, &memory).await.unwrap().is_some(), "it may have signed");
    double.says("eth_signTransaction", &format!(r#""{}""#, signed(&rail, &other, 1).1));
    reference(&rail.carry_out(WALLET, &other, &memory).await);
    let (hash, bytes) = signed(&rail, &hold, 0);
    double.says("eth_signTransaction", &format!(r#""{bytes}""#));
    assert_eq!(reference(&rail.became_of(&hold, &memory).await), hash);
    let asked = double.asked("eth_signTransaction");
    assert_eq!(asked[0], asked[1]);
    assert_eq!(asked.last(), asked.first());
    // What was refused may have been signed the first time.
    assert_eq!(next(&memory).await, Some(2));
}

#[tokio::test]
async fn a_node_that_declines_gives_the_nonce_back_and_signs_nothing_later() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, of_node().await);
    let hold = held(&rail, 1, 5).await;
    double.refuses("eth_signTransaction", "authentication needed: password or unlock");
    let outcome = rail.carry_out(WALLET, &hold, &memory).await;
    assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    assert_eq!(next(&memory).await, Some(0));
    double.says("eth_signTransaction", &format!(r#""{}""#, signed(&rail, &hold, 0).1));
    assert!(matches!(rail.became_of(&hold, &memory).await, SendOutcome::Refused { .. }));
    assert_eq!(double.asked("eth_signTransaction").len(), 1);
    let later = held(&rail, 2, 7).await;
    double.says("eth_signTransaction", &format!(r#""{}""#, signed(&rail, &later, 0).1));
    reference(&rail.carry_out(WALLET, &later, &memory).await);
    assert_eq!(next(&memory).await, Some(1));
    // An error that does not say that nothing was signed is no such word.
    let vague = held(&rail, 3, 9).await;
    double.refuses("eth_signTransaction", "internal trouble");
    assert!(matches!(rail.carry_out(WALLET, &vague, &memory).await, SendOutcome::Unknown { .. }));
    assert_eq!(next(&memory).await, Some(2));
}

#[tokio::test]
async fn what_the_node_sent_by_itself_under_a_lost_signature_is_captured_as_ours() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, of_node().await);
    let hold = held(&rail, 1, 5).await;
    let (hash, bytes) = signed(&rail, &hold, 0);
    double.hangs_up("eth_signTransaction");
    assert!(matches!(rail.carry_out(WALLET, &hold, &memory).await, SendOutcome::Unknown { .. }));
    double.says("eth_getTransactionCount", r#""0x1""#);
    double.says("block", &block_of(0, &hash));
    double.says("eth_getRawTransactionByHash", "null");
    assert!(matches!(rail.became_of(&hold, &memory).await, SendOutcome::Unknown { .. }), "it cannot be seen");
    double.says("eth_getRawTransactionByHash", &format!(r#""{bytes}""#));
    double.says("eth_getTransactionReceipt", &receipt(&hash, "0x1", "0x10"));
    let outcome = rail.became_of(&hold, &memory).await;
    assert!(matches!(&outcome, SendOutcome::Done { reference, .. } if *reference == hash), "{outcome:?}");
    let seen = NewNote { name: format!("seen/{WALLET}"), version: 0, body: Some(0_u64.to_be_bytes().to_vec()) };
    assert_eq!(memory.write(vec![seen]).await, Ok(true));
    assert!(rail.look_for_outflows(WALLET, &memory).await.unwrap().is_empty(), "nobody else sent it");
}

/// The same transaction of a hold under another signature of the same key.
fn signed_otherwise(rail: &EvmRail, hold: &Hold, nonce: u64) -> (String, String) {
    let plan::Step::Sign { payment, gas, price, .. } = plan::read(&rail.chain, hold).unwrap() else { panic!("a plan") };
    let unsigned = bursar_rails::evm::Unsigned::of(&rail.chain, &payment, Terms { nonce, gas, price }).unwrap();
    let key = SigningKey::from_slice(&base16ct::lower::decode_vec(KEY).unwrap()).unwrap();
    let hash = unsigned.signing_hash();
    let once = Scalar::from(77_u64);
    let (signature, recovery) = key.as_nonzero_scalar().try_sign_prehashed(once, (&hash.0).into()).unwrap();
    let (r, s) = signature.split_bytes();
    let signed = unsigned.sign(r.into(), s.into(), recovery.unwrap().is_y_odd()).unwrap();
    (format!("{:#x}", signed.hash), signed.bytes.to_string())
}

#[tokio::test]
async fn a_second_signature_of_the_same_transaction_is_the_same_spend() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, of_node().await);
    let hold = held(&rail, 1, 5).await;
    let (hash, bytes) = signed(&rail, &hold, 0);
    double.says("eth_signTransaction", &format!(r#""{bytes}""#));
    assert_eq!(reference(&rail.carry_out(WALLET, &hold, &memory).await), hash);
    let (other, other_bytes) = signed_otherwise(&rail, &hold, 0);
    assert_ne!(other, hash);
    double.says("eth_getTransactionCount", r#""0x1""#);
    double.says("block", &block_of(0, &other));
    double.says("eth_getRawTransactionByHash", "null");
    let outcome = rail.became_of(&hold, &memory).await;
    assert!(matches!(outcome, SendOutcome::Unseen { .. }), "what cannot be seen is given back by nobody: {outcome:?}");
    double.says("eth_getRawTransactionByHash", &format!(r#""{other_bytes}""#));
    let answers =
        ["null".to_owned(), receipt(&other, "0x1", "0x10")].map(|answer| Some(format!(r#""result":{answer}"#)));
    double.0.lock().unwrap().answers.insert("eth_getTransactionReceipt", VecDeque::from(answers));
    let outcome = rail.became_of(&hold, &memory).await;
    assert!(matches!(&outcome, SendOutcome::Done { reference, .. } if *reference == other), "{outcome:?}");
    let seen = NewNote { name: format!("seen/{WALLET}"), version: 0, body: Some(0_u64.to_be_bytes().to_vec()) };
    assert_eq!(memory.write(vec![seen]).await, Ok(true));
    assert!(rail.look_for_outflows(WALLET, &memory).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_looks_after_a_spend_that_is_being_signed_asks_no_second_time() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, of_node().await);
    let hold = held(&rail, 1, 5).await;
    double.hangs_up("eth_signTransaction");
    assert!(matches!(rail.carry_out(WALLET, &hold, &memory).await, SendOutcome::Unknown { .. }));
    let turn = rail.turn(wallet(WALLET).unwrap());
    let _turn = turn.lock().await;
    assert!(matches!(rail.became_of(&hold, &memory).await, SendOutcome::Unknown { .. }));
    assert_eq!(double.asked("eth_signTransaction").len(), 1);
}

#[tokio::test]
async fn a_wallet_of_the_node_is_registered_only_if_the_node_signs_for_it_as_told() {
    let double = Double::new();
    let rail = double.rail(1).await;
    let check = async || rail.check_of_node(WALLET).await;
    double.says("eth_chainId", r#""0x7a69""#);
    double.says("eth_accounts", "[]");
    assert!(matches!(check().await, Err(RailError::Invalid { field: "reference", .. })));
    double.says("eth_accounts", &format!(r#"["{WALLET}"]"#));
    double.set(
        "eth_signTransaction",
        Some(r#""error":{"code":-32601,"message":"the method does not exist"}"#.to_owned()),
    );
    let Err(RailError::Invalid { problem, .. }) = check().await else { panic!("refused") };
    assert!(problem.contains("`eth_signTransaction`"), "{problem}");
    let hold = held(&rail, 1, 5).await;
    double.says("eth_signTransaction", &format!(r#""{}""#, signed(&rail, &hold, 0).1));
    let Err(RailError::Invalid { problem, .. }) = check().await else { panic!("refused") };
    assert!(problem.contains("`nonce`"), "{problem}");
    let asked = double.asked("eth_signTransaction");
    let nonce = |one: &Json| one.as_list().unwrap()[0].get("nonce").unwrap().as_text().unwrap().to_owned();
    assert!(asked.iter().all(|one| nonce(one) == "0xfffffffffffffffe"), "a signature that is good for nothing");
    assert_eq!(rail.wallet_name(&WALLET.to_uppercase().replace("0X", "0x")), Ok(WALLET.to_owned()));
    assert!(rail.wallet_name("main").is_err());
}
