//! What the rail promises of a transaction that replaces one that waits: the same, dearer, and one of both.

use bursar_core::id::TokenId;
use bursar_rails::jsonrpc::{Call, Calls};

use super::*;

const VALUE: u128 = 5;

/// A transfer with this nonce, in units of one gigawei for cap and tip.
struct Asked {
    to: &'static str,
    value: u128,
    nonce: u64,
    price: Option<(u128, u128)>,
}

const FIRST: Asked = Asked { to: TO, value: VALUE, nonce: 0, price: Some((10, 2)) };
const DEARER: Asked = Asked { price: Some((11, 3)), ..FIRST };

fn call(asked: &Asked) -> Call {
    let Asked { to, value, nonce, price } = asked;
    let price = price.map_or(String::new(), |(cap, tip)| {
        let (cap, tip) = (cap * GWEI, tip * GWEI);
        format!(r#","maxFeePerGas":"{cap:#x}","maxPriorityFeePerGas":"{tip:#x}""#)
    });
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction",
        "params":[{{"from":"{WALLET}","to":"{to}","value":"{value:#x}","nonce":"{nonce:#x}"{price}}}]}}"#
    );
    match Calls::read(text.as_bytes()).unwrap() {
        Calls::One(call) => call,
        Calls::Batch(_) => panic!("one call"),
    }
}

/// What is granted when that is asked for.
async fn planned(rail: &EvmRail, number: u8, asked: &Asked, memory: &Notes) -> Result<Hold, RailError> {
    let id = HoldId::time_ordered(Timestamp::from_millis(i64::from(number)), [number; 10]);
    let (plan, _) = rail.plan_call(WALLET, &call(asked), id, memory).await?;
    let coin = Coin::parse("hteth").unwrap();
    let recipients = [Recipient { address: asked.to.to_owned(), amount: Amount::new(asked.value) }];
    let payees = rail.payees(&coin, &recipients).unwrap();
    let cost = Cost::of(coin.clone(), [Amount::new(asked.value)], coin, plan.fee).unwrap();
    Ok(fixtures::hold(id, payees, cost, plan.instruction))
}

async fn sent(rail: &EvmRail, number: u8, asked: &Asked, memory: &Notes) -> (Hold, String) {
    let hold = planned(rail, number, asked, memory).await.unwrap();
    let hash = reference(&rail.carry_out(WALLET, &hold, memory).await);
    (hold, hash)
}

fn nonce_of(hold: &Hold, memory: &Notes) -> u64 {
    match sent::read(memory, hold.id).unwrap().unwrap().1 {
        sent::Remembered::Signed { nonce, .. } => nonce,
        sent::Remembered::Cancelled | sent::Remembered::Asked { .. } => panic!("it was sent"),
    }
}

#[tokio::test]
async fn of_both_one_is_captured_and_the_other_given_back_whichever_is_mined() {
    for first_is_mined in [true, false] {
        let double = Double::new();
        let (rail, memory) = (double.rail(1).await, memory().await);
        let (first, first_hash) = sent(&rail, 1, &FIRST, &memory).await;
        let (second, second_hash) = sent(&rail, 2, &DEARER, &memory).await;
        assert_ne!(first_hash, second_hash);
        assert_eq!((nonce_of(&first, &memory), nonce_of(&second, &memory)), (0, 0));
        assert_eq!(send::given_out(&memory, wallet(WALLET).unwrap()), Ok(1), "no nonce is left out");
        // While neither is final both count, and only the second is offered.
        let offered = double.asked("eth_sendRawTransaction").len();
        assert_eq!(reference(&rail.became_of(&first, &memory).await), first_hash);
        assert_eq!(double.asked("eth_sendRawTransaction").len(), offered);
        assert_eq!(reference(&rail.became_of(&second, &memory).await), second_hash);
        assert_eq!(double.asked("eth_sendRawTransaction").len(), offered + 1);

        let (mined, other, hash) =
            if first_is_mined { (&first, &second, &first_hash) } else { (&second, &first, &second_hash) };
        let (is, none) = (Some(format!(r#""result":{}"#, receipt(hash, "0x1", "0x10"))), "null");
        double.0.lock().unwrap().answers.insert("eth_getTransactionReceipt", VecDeque::from([is]));
        let outcome = rail.became_of(mined, &memory).await;
        assert!(matches!(outcome, SendOutcome::Done { .. }), "{outcome:?}");
        double.says("eth_getTransactionReceipt", none);
        double.says("eth_getTransactionCount", r#""0x1""#);
        double.says("block", &block_of(0, hash));
        let outcome = rail.became_of(other, &memory).await;
        assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_replacement_may_be_replaced_in_turn_and_pays_a_tenth_more_each_time() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, memory().await);
    sent(&rail, 1, &FIRST, &memory).await;
    // Two at once, that each would do alone: the second has to beat the first by then.
    let (second, third) = tokio::join!(planned(&rail, 2, &DEARER, &memory), planned(&rail, 3, &DEARER, &memory));
    let (second, third) = (second.unwrap(), third.unwrap());
    let outcomes = tokio::join!(rail.carry_out(WALLET, &second, &memory), rail.carry_out(WALLET, &third, &memory));
    let is_sent = |outcome: &SendOutcome| matches!(outcome, SendOutcome::Sent { .. });
    assert!(is_sent(&outcomes.0) && matches!(outcomes.1, SendOutcome::Refused { .. }), "{outcomes:?}");
    for price in [(11, 3), (12, 4), (13, 3)] {
        let refused = planned(&rail, 4, &Asked { price: Some(price), ..FIRST }, &memory).await;
        let Err(RailError::Refused(reason)) = refused else { panic!("{price:?}: {refused:?}") };
        assert!(reason.contains("at least"), "{reason}");
    }
    let (last, _) = sent(&rail, 5, &Asked { price: Some((13, 4)), ..FIRST }, &memory).await;
    assert_eq!(nonce_of(&last, &memory), 0);
}

#[tokio::test]
async fn a_nonce_that_was_given_out_is_good_for_nothing_else() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, memory().await);
    let (first, _) = sent(&rail, 1, &FIRST, &memory).await;
    for other in [
        Asked { value: VALUE + 1, ..DEARER },
        Asked { value: 0, ..DEARER },
        Asked { to: WALLET, ..DEARER },
        Asked { price: None, ..FIRST },
        FIRST,
    ] {
        let refused = planned(&rail, 2, &other, &memory).await;
        assert!(matches!(refused, Err(RailError::Refused(_))), "{refused:?}");
    }
    // Whose spend it is, is known when it is held.
    let hold = planned(&rail, 3, &DEARER, &memory).await.unwrap();
    let others = Hold { token: TokenId::from_bytes([9; 16]), ..hold.clone() };
    let outcome = rail.carry_out(WALLET, &others, &memory).await;
    assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    // Mined meanwhile, the nonce is used.
    double.says("eth_getTransactionCount", r#""0x1""#);
    let outcome = rail.carry_out(WALLET, &hold, &memory).await;
    assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    double.says("eth_getTransactionCount", r#""0x0""#);
    // Settled, it is replaced by nothing.
    rail.forget(first.id, &memory).await.unwrap();
    assert!(planned(&rail, 4, &DEARER, &memory).await.is_err());
    let outcome = rail.carry_out(WALLET, &hold, &memory).await;
    assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    assert_eq!(double.asked("eth_sendRawTransaction").len(), 1);
    assert_eq!(send::given_out(&memory, wallet(WALLET).unwrap()), Ok(1));
}

#[tokio::test]
async fn what_is_mined_is_replaced_by_nothing_and_said_to_be_mined_whatever_is_paid() {
    let double = Double::new();
    let (rail, memory) = (double.rail(3).await, memory().await);
    sent(&rail, 1, &FIRST, &memory).await;
    // Mined, and not final yet.
    double.says("eth_getTransactionCount", r#""0x1""#);
    for asked in [FIRST, DEARER] {
        let Err(RailError::Refused(told)) = planned(&rail, 2, &asked, &memory).await else { panic!("refused") };
        assert!(told.starts_with("`nonce` 0 is that of a transaction that is mined"), "{told}");
    }
}

#[tokio::test]
async fn a_transaction_of_type_0_has_one_price_also_where_its_client_names_none() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, memory().await);
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction",
        "params":[{{"from":"{WALLET}","to":"{TO}","value":"0x5","type":"0x0"}}]}}"#
    );
    let Ok(Calls::One(call)) = Calls::read(text.as_bytes()) else { panic!("one call") };
    let id = HoldId::from_bytes([1; 16]);
    let planned = async || rail.plan_call(WALLET, &call, id, &memory).await;
    // What the node suggests, but no less than the next block may ask for, and never more than the ceiling of 100 gigawei.
    for (suggested, price) in [(2 * GWEI, Some(2 * GWEI)), (1, Some(GWEI + GWEI / 8)), (101 * GWEI, None)] {
        double.says("eth_gasPrice", &format!(r#""{suggested:#x}""#));
        let planned = planned().await;
        match price {
            Some(price) => assert_eq!(planned.unwrap().0.fee, Amount::new(21_000 * price)),
            None => assert!(matches!(planned, Err(RailError::Refused(_))), "{planned:?}"),
        }
    }
    double.says("eth_gasPrice", r#""0x77359400""#);
    let (plan, coin) = (planned().await.unwrap().0, Coin::parse("hteth").unwrap());
    let recipients = [Recipient { address: TO.to_owned(), amount: Amount::new(5) }];
    let payees = rail.payees(&coin, &recipients).unwrap();
    let cost = Cost::of(coin.clone(), [Amount::new(5)], coin, plan.fee).unwrap();
    let hold = fixtures::hold(id, payees, cost, plan.instruction);
    rail.carry_out(WALLET, &hold, &memory).await;
    let offered = double.asked("eth_sendRawTransaction").remove(0).to_string();
    assert!(offered.starts_with(r#"["0xf8"#), "a list, and no byte of a type: {offered}");
}

#[tokio::test]
async fn a_node_with_the_key_replaces_nothing() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, Notes::default());
    let name = keys::of_node(&wallet(WALLET).unwrap());
    assert_eq!(memory.write(vec![NewNote { name, version: 0, body: Some(Vec::new()) }]).await, Ok(true));
    double.hangs_up("eth_signTransaction");
    let first = planned(&rail, 1, &FIRST, &memory).await.unwrap();
    assert!(matches!(rail.carry_out(WALLET, &first, &memory).await, SendOutcome::Unknown { .. }));
    let refused = planned(&rail, 2, &DEARER, &memory).await;
    let Err(RailError::Refused(reason)) = refused else { panic!("{refused:?}") };
    assert!(reason.starts_with("`nonce` 0 was used"), "{reason}");
    assert_eq!(double.asked("eth_signTransaction").len(), 1);
}

#[tokio::test]
async fn a_replacement_needs_the_funds_of_the_dearer_one_and_not_of_both() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, memory().await);
    let (first, _) = sent(&rail, 1, &FIRST, &memory).await;
    let second = planned(&rail, 2, &DEARER, &memory).await.unwrap();
    assert!(second.cost.amount > first.cost.amount);
    let has = |amount: Amount| {
        let hex = amount.to_be_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        double.says("eth_getBalance", &format!(r#""0x{}""#, hex.trim_start_matches('0')));
    };
    has(second.cost.amount.saturating_sub(Amount::new(1)));
    let outcome = rail.carry_out(WALLET, &second, &memory).await;
    assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    has(second.cost.amount);
    reference(&rail.carry_out(WALLET, &second, &memory).await);
}
