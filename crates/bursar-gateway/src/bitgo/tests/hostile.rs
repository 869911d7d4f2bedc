//! Every way of spending at an upstream that errs, lies, is slow or breaks off after it did what it was asked: nothing of
//! that is believed, it is asked once, and what became of it is found by its name.

use std::time::Duration;

use bursar_rails::bitgo::intent;
use bursar_rails::bitgo::order::{self, Call};
use bursar_rails::bitgo::routes::Handling;
use bursar_service::dialect::Dialect as _;

use super::*;

const ASKED: &str = "POST txrequests";
const LISTED: &str = "GET txrequests";

/// A spend by each call, and what the upstream answers if all is well.
fn ways() -> [(&'static str, Hold, String); 5] {
    let recipients = format!(r#""recipients":[{{"address":"{TO}","amount":"1000"}}]"#);
    let pays = "e803000000000000160014751e76e8199196d454941c45d1b3a323f1433bd6";
    let raw = format!("0200000001{}0000000000fdffffff01{pays}00000000", "01".repeat(32));
    let psbt = format!("70736274ff0100{:02x}{raw}000000", raw.len() / 2);
    let chain = Chain::of(&Coin::parse("tbtc").unwrap()).unwrap();
    let order = |handling, body: String| order::read(handling, body.as_bytes(), chain).unwrap().instruction;
    let with = |instruction: Vec<u8>| Hold { instruction, ..spend() };
    let initiate = order(Handling::Recipients, format!("{{{recipients}}}"));
    let transaction = |hex: &str| with(order(Handling::Transaction, format!(r#"{{"txHex":"{hex}",{recipients}}}"#)));
    [
        ("POST sendcoins", spend(), sent("confirmed")),
        ("POST initiate", with(initiate), sent("confirmed")),
        ("POST send", transaction(&raw), sent("confirmed")),
        ("POST send", transaction(&psbt), sent("confirmed")),
        (ASKED, requested(), request("pendingUserSignature")),
    ]
}

/// A spend by an intent.
pub(super) fn requested() -> Hold {
    let recipient = format!(r#"{{"address":{{"address":"{TO}"}},"amount":{{"value":"1000","symbol":"tbtc"}}}}"#);
    let body = format!(r#"{{"intent":{{"intentType":"payment","recipients":[{recipient}]}},"apiVersion":"full"}}"#);
    let instruction = intent::read(body.as_bytes(), &Coin::parse("tbtc").unwrap()).unwrap().instruction;
    Hold { instruction: Call::unpack(&instruction).unwrap().called(sequence_id(HOLD)).packed(), ..spend() }
}

fn request(state: &str) -> String {
    let name = sequence_id(HOLD);
    format!(
        r#"{{"txRequestId":"r-1","walletId":"{WALLET}","state":"{state}","latest":true,"intent":{{"intentType":"payment",
            "sequenceId":"{name}","recipients":[{{"address":{{"address":"{TO}"}},"amount":{{"value":"1000","symbol":"tbtc"}}}}]}}}}"#
    )
}

fn list(requests: &[String]) -> String {
    format!(r#"{{"txRequests":[{}]}}"#, requests.join(","))
}

async fn hurried(double: &Double, software: Software) -> BitgoRail {
    let rail = double.rail(software).await;
    BitgoRail { caller: rail.caller.hurried(Duration::from_millis(300)), ..rail }
}

/// 1000 wei by a transaction that offers a gigawei for each of 21 000 gas: far more than this rail lets fees take.
const DEAR: &str = "f86705843b9aca00825208945aaeb6053f3e94c9b9a09f33669435e7ef1beaed8203e8808284f3\
    a02222222222222222222222222222222222222222222222222222222222222222\
    a03333333333333333333333333333333333333333333333333333333333333333";

#[tokio::test]
async fn what_a_transaction_of_the_clients_own_offers_for_its_gas_is_held_and_meets_the_ceiling_on_fees() {
    let rail = Double::new(AuthVersion::V3).rail(Software::Bitgo).await;
    let coin = Coin::parse("hteth").unwrap();
    let rail = BitgoRail { chain: Chain::of(&coin).unwrap(), coin, ..rail };
    let body = format!(
        r#"{{"txHex":"0x{DEAR}","recipients":[{{"address":"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed","amount":"1000"}}]}}"#
    );
    let order = order::read(Handling::Transaction, body.as_bytes(), rail.chain).unwrap();
    let plan = rail.plan_order(WALLET, &order, HOLD).await.unwrap();
    assert_eq!(plan.fee, Amount::new(21_000_000_000_000));
    assert!(plan.fee > rail.fees_at_most(&rail.coin).per_spend);
}

#[tokio::test]
async fn whatever_is_answered_after_it_was_done_it_is_asked_once_and_found_by_its_name() {
    let refused = refusal("Busy", "");
    for (call, hold, well) in ways() {
        for (status, body, signed) in [
            (500, refused.as_str(), Signed::Well),
            (502, "<html>", Signed::Not),
            (503, refused.as_str(), Signed::Well),
            (429, refused.as_str(), Signed::Well),
            (408, refused.as_str(), Signed::Well),
            (307, "{}", Signed::Well),
            (200, "garbage", Signed::Well),
            (200, "{}", Signed::Well),
            (200, "[]", Signed::Well),
            (200, "", Signed::Well),
            (202, "{}", Signed::Well),
            (200, &well, Signed::Wrongly),
            (200, &well, Signed::Not),
            (200, &well, Signed::Before(6 * MINUTE)),
            (200, &well, Signed::Cut),
            (200, &well, Signed::HalfClosed),
            (200, &well, Signed::Silent),
            (200, &well.replace("1000", "1001"), Signed::Well),
            (200, &well.replace("bursar-07", "bursar-08"), Signed::Well),
            (200, &well.replace(WALLET, "0b"), Signed::Well),
            (400, refused.as_str(), Signed::Wrongly),
            (400, refused.as_str(), Signed::Not),
            (400, refused.as_str(), Signed::Cut),
            (400, &refused.replace("bursar-07", "bursar-08"), Signed::Well),
        ] {
            let double = Double::new(AuthVersion::V3);
            double.set(call, Some((status, body.to_owned(), signed)));
            let rail = hurried(&double, Software::Bitgo).await;
            let told = format!("{call}: {status} {body}");
            let first = rail.carry_out(WALLET, &hold, &*double.notes).await;
            assert!(is_unknown(&first), "{told}: {first:?}");
            double.says("GET sequenceId", 404, &absent());
            double.says(LISTED, 200, &list(&[]));
            double.clock.pass(minutes(60));
            let still = rail.became_of(&hold, &*double.notes).await;
            assert!(is_unknown(&still), "that BitGo shows none proves nothing: {told}: {still:?}");
            double.says("GET sequenceId", 200, &transfer("confirmed", r#""ab""#));
            assert_eq!(rail.became_of(&hold, &*double.notes).await, done(), "{told}");
            assert_eq!(double.asked(call).len(), 1, "{told}");
        }
    }
}

#[tokio::test]
async fn an_upstream_that_hangs_up_or_is_slow_to_look_up_changes_nothing() {
    for (call, hold, _) in ways() {
        let double = Double::new(AuthVersion::V3);
        double.set(call, None);
        let rail = hurried(&double, Software::Bitgo).await;
        assert!(is_unknown(&rail.carry_out(WALLET, &hold, &*double.notes).await), "{call}");
        double.says(LISTED, 200, &list(&[]));
        let found = transfer("confirmed", r#""ab""#);
        for signed in [Signed::Silent, Signed::HalfClosed, Signed::Cut, Signed::Wrongly, Signed::Not] {
            double.set("GET sequenceId", Some((200, found.clone(), signed)));
            let outcome = rail.became_of(&hold, &*double.notes).await;
            assert!(is_unknown(&outcome), "{call}: {outcome:?}");
        }
        double.says("GET sequenceId", 200, &found);
        assert_eq!(rail.became_of(&hold, &*double.notes).await, done());
        assert_eq!(double.asked(call).len(), 1);
    }
}

#[tokio::test]
async fn a_request_is_followed_by_its_id_until_its_transfer_is_final() {
    let double = Double::new(AuthVersion::V3);
    double.says(ASKED, 200, &request("pendingUserSignature"));
    let (rail, hold) = (double.rail(Software::Bitgo).await, requested());
    let open = SendOutcome::Sent { reference: "r-1".to_owned() };
    assert_eq!(rail.carry_out(WALLET, &hold, &*double.notes).await, open);
    assert_eq!(sent::of_request(&*double.notes, "r-1"), Ok(Some(HOLD)));
    let named = format!(r#""sequenceId":"{}""#, sequence_id(HOLD));
    assert!(double.asked(ASKED)[0].contains(&named), "{:?}", double.asked(ASKED));
    assert_eq!(rail.carry_out(WALLET, &hold, &*double.notes).await, open);
    assert_eq!(double.asked(ASKED).len(), 1, "whoever asks again asks for nothing");
    double.says("GET sequenceId", 404, &absent());
    for state in ["signed", "pendingDelivery", "delivered"] {
        double.says(LISTED, 200, &list(&[request(state)]));
        assert_eq!(rail.became_of(&hold, &*double.notes).await, open, "{state}");
    }
    double.says(LISTED, 200, &list(&[request("pendingApproval")]));
    let awaiting = SendOutcome::Awaiting { approval: "r-1".to_owned() };
    assert_eq!(rail.became_of(&hold, &*double.notes).await, awaiting);
    for strange in [request("gone"), request("canceled").replace("1000", "1")] {
        double.says(LISTED, 200, &list(&[strange]));
        assert!(is_unknown(&rail.became_of(&hold, &*double.notes).await));
    }
    double.says(LISTED, 500, "{}");
    assert_eq!(rail.became_of(&hold, &*double.notes).await, awaiting, "what was told before still holds");
    double.says("GET sequenceId", 200, &transfer("signed", r#""ab""#));
    assert_eq!(rail.became_of(&hold, &*double.notes).await, SendOutcome::Sent { reference: "ab".to_owned() });
    assert_eq!(sent::of_request(&*double.notes, "r-1"), Ok(Some(HOLD)), "its steps go on");
    double.says("GET sequenceId", 200, &transfer("confirmed", r#""ab""#));
    assert_eq!(rail.became_of(&hold, &*double.notes).await, done());
    rail.forget(HOLD, &*double.notes).await.unwrap();
    assert_eq!(sent::of_request(&*double.notes, "r-1"), Ok(None));
}

#[tokio::test]
async fn a_request_that_is_over_is_given_back_and_one_that_was_not_told_is_found_among_all() {
    let double = Double::new(AuthVersion::V3);
    double.set(ASKED, None);
    let (rail, hold) = (double.rail(Software::Bitgo).await, requested());
    assert!(is_unknown(&rail.carry_out(WALLET, &hold, &*double.notes).await));
    double.says("GET sequenceId", 404, &absent());
    let other = request("canceled").replace("bursar-07", "bursar-08");
    double.says(LISTED, 200, &list(std::slice::from_ref(&other)));
    assert!(is_unknown(&rail.became_of(&hold, &*double.notes).await), "another's says nothing of this one");
    double.says(LISTED, 200, &list(&[other, request("initialized")]));
    assert_eq!(rail.became_of(&hold, &*double.notes).await, SendOutcome::Sent { reference: "r-1".to_owned() });
    let path = "/api/v2/wallet/0a/txrequests/r-1/transactions/0/send";
    let asked = bursar_rails::exchange::Asked { method: "POST", path, query: None, headers: &[], body: b"" };
    let step = rail.continued(&asked, WALLET, &*double.notes).unwrap().unwrap();
    assert_eq!((step.hold, step.passed.is_ok()), (Some(HOLD), true));
    let strange = rail.continued(
        &bursar_rails::exchange::Asked { path: &path.replace("r-1", "r-2"), ..asked },
        WALLET,
        &*double.notes,
    );
    assert_eq!(strange.unwrap().unwrap().hold, None);
    let signed = request("canceled").replacen('{', r#"{"txHashes":["ab"],"#, 1);
    double.says(LISTED, 200, &list(&[signed]));
    assert_eq!(rail.became_of(&hold, &*double.notes).await, SendOutcome::Sent { reference: "r-1".to_owned() });
    double.says(LISTED, 200, &list(&[request("canceled")]));
    let over = rail.became_of(&hold, &*double.notes).await;
    assert!(matches!(over, SendOutcome::Refused { .. }), "{over:?}");
}

#[tokio::test]
async fn a_request_that_can_still_be_sent_is_not_given_back_because_its_transfer_came_to_nothing() {
    let double = Double::new(AuthVersion::V3);
    double.says(ASKED, 200, &request("pendingUserSignature"));
    let (rail, hold) = (double.rail(Software::Bitgo).await, requested());
    let open = SendOutcome::Sent { reference: "r-1".to_owned() };
    assert_eq!(rail.carry_out(WALLET, &hold, &*double.notes).await, open);
    for (transfer_state, request_state) in [("failed", "signed"), ("rejected", "pendingUserSignature")] {
        double.says("GET sequenceId", 200, &transfer(transfer_state, "null"));
        double.says(LISTED, 200, &list(&[request(request_state)]));
        assert_eq!(rail.became_of(&hold, &*double.notes).await, open, "{transfer_state} {request_state}");
        double.says(LISTED, 200, &list(&[]));
        assert_eq!(rail.became_of(&hold, &*double.notes).await, open, "not found proves nothing");
    }
    double.says("GET sequenceId", 200, &transfer("failed", r#""ab""#));
    assert!(is_unknown(&rail.became_of(&hold, &*double.notes).await), "its transaction may be mined yet");
    double.says(LISTED, 200, &list(&[request("canceled")]));
    double.says("GET sequenceId", 500, "{}");
    assert_eq!(rail.became_of(&hold, &*double.notes).await, open, "its transfer is not told");
    double.says("GET sequenceId", 200, &transfer("rejected", "null"));
    let over = rail.became_of(&hold, &*double.notes).await;
    assert!(matches!(over, SendOutcome::Refused { .. }), "{over:?}");
}
