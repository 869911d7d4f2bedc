//! What the rail promises of a spend whose money is one wallet's and whose fee another's: one signature for two holds.

use bursar_rails::jsonrpc::{Call, Calls};
use bursar_service::rail::CallMeaning;

use super::*;

/// The wallet whose money moves.
const PAYER: &str = "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc";
const AMOUNT: u128 = 7;

/// The halves of a spend: the sender's with the fee, and the payer's with the amount.
struct Two {
    senders: Hold,
    payers: Hold,
}

/// `transferFrom(PAYER, TO, amount)` by the wallet.
fn asked(amount: u128) -> Call {
    let word = |address: &str| format!("{:0>64}", address.trim_start_matches("0x"));
    let data = format!("0x23b872dd{}{}{amount:064x}", word(PAYER), word(TO));
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction",
        "params":[{{"from":"{WALLET}","to":"{TOKEN}","data":"{data}"}}]}}"#
    );
    match Calls::read(text.as_bytes()).unwrap() {
        Calls::One(call) => call,
        Calls::Batch(_) => panic!("one call"),
    }
}

/// What is granted when so much is asked for.
async fn both(rail: &EvmRail, number: u8, amount: u128) -> Two {
    let id = |half: u8| HoldId::time_ordered(Timestamp::from_millis(i64::from(number)), [half; 10]);
    let (own, other) = (id(1), id(2));
    let (plan, _) = rail.plan_call(WALLET, &asked(amount), own, &Notes::default()).await.unwrap();
    let coin = Coin::parse(TOKEN_COIN).unwrap();
    let hold = |id, amount, fee, instruction| {
        let recipients = [Recipient { address: TO.to_owned(), amount: Amount::new(amount) }];
        let payees = rail.payees(&coin, &recipients).unwrap();
        let cost = Cost::of(coin.clone(), [Amount::new(amount)], Coin::parse("hteth").unwrap(), fee).unwrap();
        fixtures::hold(id, payees, cost, instruction)
    };
    Two {
        senders: hold(own, 0, plan.fee, plan.instruction),
        payers: hold(other, amount, Amount::ZERO, rail.payers_half(other)),
    }
}

impl Two {
    async fn send(&self, rail: &EvmRail, memory: &Notes) -> SendOutcome {
        rail.carry_out_with(WALLET, &self.senders, Some((PAYER, &self.payers)), memory).await
    }

    async fn became(&self, rail: &EvmRail, memory: &Notes) -> [SendOutcome; 2] {
        [rail.became_of(&self.senders, memory).await, rail.became_of(&self.payers, memory).await]
    }
}

fn meaning(rail: &EvmRail, memory: &Notes) -> CallMeaning {
    let wallets = [WALLET.to_owned(), PAYER.to_owned()];
    rail.meanings(&Calls::One(asked(AMOUNT)), &wallets, memory).unwrap().remove(0)
}

#[tokio::test]
async fn the_amount_is_asked_of_the_payer_and_the_fee_of_the_sender() {
    let rail = Double::new().rail(1).await;
    let CallMeaning::Spend(wanted) = meaning(&rail, &memory().await) else { panic!("a spend") };
    let payer = wanted.payer.unwrap();
    assert_eq!((wanted.reference.as_str(), payer.reference.as_str()), (WALLET, PAYER));
    let amounts = |all: &[Recipient]| all.iter().map(|one| one.amount).collect::<Vec<_>>();
    assert_eq!(amounts(&wanted.recipients), [Amount::ZERO]);
    assert_eq!(amounts(&payer.recipients), [Amount::new(AMOUNT)]);
    assert_eq!(wanted.recipients[0].address, payer.recipients[0].address);
}

#[tokio::test]
async fn a_node_with_the_senders_key_signs_nothing_that_another_wallet_pays() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, Notes::default());
    let name = keys::of_node(&wallet(WALLET).unwrap());
    assert_eq!(memory.write(vec![NewNote { name, version: 0, body: Some(Vec::new()) }]).await, Ok(true));
    let CallMeaning::Forbidden(refusal) = meaning(&rail, &memory) else { panic!("refused") };
    assert_eq!(refusal.why.code(), "two_wallets");
    let two = both(&rail, 1, AMOUNT).await;
    let outcome = two.send(&rail, &memory).await;
    assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    assert!(double.asked("eth_signTransaction").is_empty());
}

#[tokio::test]
async fn one_signature_is_remembered_under_both_and_one_receipt_settles_both() {
    for (status, reverted) in [("0x1", false), ("0x0", true)] {
        let double = Double::new();
        let (rail, memory) = (double.rail(1).await, memory().await);
        let two = both(&rail, 1, AMOUNT).await;
        let hash = reference(&two.send(&rail, &memory).await);
        for half in [&two.senders, &two.payers] {
            assert_eq!(rail.sent(half.id, &memory), Ok(Some(hash.clone())));
            assert_eq!(reference(&rail.became_of(half, &memory).await), hash);
        }
        let bytes = double.asked("eth_sendRawTransaction");
        assert!(bytes.iter().all(|one| *one == bytes[0]), "one transaction");
        double.says("eth_getTransactionReceipt", &receipt(&hash, status, "0x10"));
        // The fee is the sender's, and once.
        let expected = [Amount::new(21_000 * GWEI), Amount::ZERO].map(|fee| match reverted {
            false => SendOutcome::Done { reference: hash.clone(), fee },
            true => SendOutcome::Reverted { reference: hash.clone(), fee },
        });
        assert_eq!(two.became(&rail, &memory).await, expected);
        // Settled and forgotten, one says nothing of the other.
        rail.forget(two.senders.id, &memory).await.unwrap();
        assert_eq!(rail.became_of(&two.payers, &memory).await, expected[1]);
    }
}

#[tokio::test]
async fn whichever_half_was_given_up_keeps_the_other_from_being_signed() {
    for gives_up_the_payers in [true, false] {
        let double = Double::new();
        let (rail, memory) = (double.rail(1).await, memory().await);
        let two = both(&rail, 1, AMOUNT).await;
        let first = if gives_up_the_payers { &two.payers } else { &two.senders };
        assert!(matches!(rail.became_of(first, &memory).await, SendOutcome::Refused { .. }));
        let late = two.send(&rail, &memory).await;
        assert!(matches!(late, SendOutcome::Refused { .. }), "{late:?}");
        for outcome in two.became(&rail, &memory).await {
            assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
        }
        let late = two.send(&rail, &memory).await;
        assert!(matches!(late, SendOutcome::Refused { .. }), "{late:?}");
        assert!(double.asked("eth_sendRawTransaction").is_empty());
        assert_eq!(memory.read(&send::next(wallet(WALLET).unwrap())), Ok(None), "no nonce is gone");
    }
}

#[tokio::test]
async fn signed_neither_half_comes_back_before_another_with_the_nonce_is_final_and_then_both_do() {
    let double = Double::new();
    let (rail, memory) = (double.rail(3).await, memory().await);
    let two = both(&rail, 1, AMOUNT).await;
    double.hangs_up("eth_sendRawTransaction");
    assert!(matches!(two.send(&rail, &memory).await, SendOutcome::Unknown { .. }));
    for outcome in two.became(&rail, &memory).await {
        assert!(matches!(outcome, SendOutcome::Unseen { .. }), "{outcome:?}");
    }
    double.refuses("eth_sendRawTransaction", "nonce too low");
    for outcome in two.became(&rail, &memory).await {
        assert!(matches!(outcome, SendOutcome::Unknown { .. }), "{outcome:?}");
    }
    double.says("eth_getTransactionCount", r#""0x1""#);
    double.says("block", &block_of(0, &format!("0x{}", "22".repeat(32))));
    for outcome in two.became(&rail, &memory).await {
        assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn nothing_is_signed_that_is_not_held_of_whoever_pays_it() {
    let double = Double::new();
    let (rail, memory) = (double.rail(1).await, memory().await);
    let two = both(&rail, 1, AMOUNT).await;
    let Two { senders, payers } = &two;
    let less = both(&rail, 1, AMOUNT - 1).await.payers;
    let mut elsewhere = payers.clone();
    elsewhere.payees = rail.payees(&payers.cost.coin, &[Recipient { address: WALLET.into(), ..to(AMOUNT) }]).unwrap();
    let mut other_coin = payers.clone();
    other_coin.cost.coin = Coin::parse("hteth").unwrap();
    let own = Hold { instruction: senders.instruction.clone(), ..payers.clone() };
    for (payer, half) in
        [(PAYER, &less), (PAYER, &elsewhere), (PAYER, &other_coin), (PAYER, &own), (TO, payers), (WALLET, payers)]
    {
        let outcome = rail.carry_out_with(WALLET, senders, Some((payer, half)), &memory).await;
        assert!(matches!(outcome, SendOutcome::Refused { .. }), "{payer}: {outcome:?}");
    }
    // Without the payer's half, in full by the sender, or by itself.
    let mut in_full = senders.clone();
    in_full.payees = payers.payees.clone();
    in_full.cost = Cost { fee: senders.cost.fee, ..payers.cost.clone() };
    for (hold, by) in [(senders, WALLET), (&in_full, WALLET), (payers, PAYER), (payers, WALLET)] {
        let outcome = rail.carry_out(by, hold, &memory).await;
        assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    }
    // Nor does a spend of one wallet take somebody else's half along.
    let one = held(&rail, 3, 5).await;
    let outcome = rail.carry_out_with(WALLET, &one, Some((PAYER, payers)), &memory).await;
    assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    assert!(double.asked("eth_sendRawTransaction").is_empty());
    assert_eq!(memory.read(&send::next(wallet(WALLET).unwrap())), Ok(None));
    reference(&two.send(&rail, &memory).await);
}

fn to(amount: u128) -> Recipient {
    Recipient { address: TO.to_owned(), amount: Amount::new(amount) }
}
