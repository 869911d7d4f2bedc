//! A transfer as the upstream shows it, compared with what is held.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::Payee;
use bursar_core::id::HoldId;

use super::{Chain, sequence_id};
use crate::json::Json;

/// What a transfer must be to be this spend's.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The spend.
    pub hold: HoldId,
    /// Its coin, which pays its fee too.
    pub coin: &'a Coin,
    /// The coin's chain.
    pub chain: Chain,
    /// What the upstream calls the wallet.
    pub wallet: &'a str,
    /// Who gets how much.
    pub payees: &'a [Payee],
    /// The fee that is held, for an upstream that does not tell the real one.
    pub fee: Amount,
}

/// How a transfer stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is final, and paid this fee.
    Done {
        /// What the chain calls it.
        reference: String,
        /// The real fee, or the held one if none is told.
        fee: Amount,
    },
    /// It is final that the recipients got nothing, and this fee was paid.
    Reverted {
        /// What the chain calls it.
        reference: String,
        /// The real fee, or the held one if none is told.
        fee: Amount,
    },
    /// It is on its way.
    Sent {
        /// What the chain calls it; the transfer's own id as long as it has no other name.
        reference: String,
    },
    /// It waits upstream for somebody's approval.
    Awaiting,
    /// It never left, and will not.
    Never,
}

/// The longest id of a transfer or transaction, in bytes.
const LONGEST_ID: usize = 256;

/// Reads a transfer.
///
/// # Errors
/// It cannot be read, or is not this spend's: what is wrong.
pub fn read(shown: &Json, expected: &Expected<'_>) -> Result<Standing, String> {
    let text = |name: &str| shown.get(name).and_then(Json::as_text).filter(|text| !text.is_empty());
    let same = |name: &str, wanted: &str| match text(name) {
        Some(found) if found == wanted => Ok(()),
        _ => Err(format!("its transfer has another `{name}`, or none")),
    };
    same("sequenceId", &sequence_id(expected.hold))?;
    same("coin", expected.coin.as_str())?;
    same("wallet", expected.wallet)?;
    pays(shown, expected)?;
    let state = text("state").ok_or("its transfer has no state")?;
    if text("type") == Some("receive") {
        return Err("its transfer is one that came in".to_owned());
    }
    let txid = text("txid");
    if [txid, text("id")].into_iter().flatten().any(|id| !is_id(id)) {
        return Err("its transfer has an id that is none".to_owned());
    }
    let fee = fee(shown)?;
    match (state, txid) {
        ("confirmed", Some(txid)) => {
            let (reference, fee) = (txid.to_owned(), fee.unwrap_or(expected.fee));
            let total = total(expected).ok_or("what is held is no amount")?;
            let left = left(shown)?;
            // The fee comes on top, or is not in the sum where accounts pay it apart.
            if left == total || Some(left) == total.checked_add(fee) {
                return Ok(Standing::Done { reference, fee });
            }
            if left == fee { Ok(Standing::Reverted { reference, fee }) } else { Err(format!("it moved {left}")) }
        }
        // A transaction that was made may be mined yet, whatever is thought of it, unless it has paid its fee and no more.
        ("failed", Some(txid)) => {
            match fee.filter(|fee| matches!(expected.chain, Chain::Evm { .. }) && left(shown) == Ok(*fee)) {
                Some(fee) => Ok(Standing::Reverted { reference: txid.to_owned(), fee }),
                None => Err("its transfer failed, and has a transaction that may still be mined".to_owned()),
            }
        }
        ("failed" | "rejected", None) => Ok(Standing::Never),
        ("pendingApproval", None) => Ok(Standing::Awaiting),
        ("signed" | "unconfirmed" | "initialized" | "confirmed", _) => {
            let reference = txid.or_else(|| text("id")).ok_or("its transfer has no id")?;
            Ok(Standing::Sent { reference: reference.to_owned() })
        }
        (other, _) => Err(format!("its transfer is `{}`, which is not known here", other.escape_debug())),
    }
}

/// Whether it can be the id of a transfer or of a transaction: it is kept, and shown to people.
fn is_id(text: &str) -> bool {
    text.len() <= LONGEST_ID && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn total(expected: &Expected<'_>) -> Option<Amount> {
    expected.payees.iter().try_fold(Amount::ZERO, |sum, payee| sum.checked_add(payee.amount))
}

/// Every recipient is among the entries, with the amount; what else is there is change, and what the wallet paid.
fn pays(shown: &Json, expected: &Expected<'_>) -> Result<(), String> {
    let entries = shown.get("entries").and_then(Json::as_list).ok_or("its transfer has no entries")?;
    let read = |entry: &Json| {
        let address = entry.get("address").and_then(Json::as_text)?;
        let value = entry.get("valueString").and_then(Json::as_text)?;
        Some((expected.chain.destination(address).ok()?, Amount::parse(value).ok()?))
    };
    let mut paid: Vec<_> = entries.iter().filter_map(read).collect();
    for payee in expected.payees {
        let found = paid.iter().position(|(to, value)| *to == payee.destination && *value == payee.amount);
        let place = found.ok_or("its transfer does not pay what is held")?;
        paid.swap_remove(place);
    }
    Ok(())
}

fn fee(shown: &Json) -> Result<Option<Amount>, String> {
    match shown.get("feeString") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(text)) => Amount::parse(text).map(Some).map_err(|_| "its fee cannot be read".to_owned()),
        Some(_) => Err("its fee cannot be read".to_owned()),
    }
}

/// How much left the wallet: the upstream writes that with a sign.
fn left(shown: &Json) -> Result<Amount, String> {
    let text = shown.get("valueString").and_then(Json::as_text).ok_or("its transfer tells no value")?;
    let digits = if text == "0" { text } else { text.strip_prefix('-').ok_or("its transfer came in")? };
    Amount::parse(digits).map_err(|_| "its value cannot be read".to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) const TO: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    pub(in super::super) const HOLD: HoldId = HoldId::from_bytes([7; 16]);

    /// Runs something with a spend of 1000 to [`TO`], for which a fee of 50 is held.
    pub(in super::super) fn expecting<T>(run: impl FnOnce(&Expected<'_>) -> T) -> T {
        let (coin, chain) = (Coin::parse("hteth").expect("a ticker"), Chain::Evm { id: None });
        let destination = chain.destination(TO).expect("an address");
        let payees = [Payee { address: TO.to_owned(), destination, amount: Amount::new(1000) }];
        run(&Expected { hold: HOLD, coin: &coin, chain, wallet: "w1", payees: &payees, fee: Amount::new(50) })
    }

    pub(in super::super) fn transfer(state: &str, txid: &str, value: &str, fee: &str) -> String {
        let to = TO.to_lowercase();
        format!(
            r#"{{"id":"t1","sequenceId":"bursar-{HOLD}","coin":"hteth","wallet":"w1","state":"{state}","txid":{txid},
                "valueString":"{value}","feeString":{fee},"entries":[{{"address":"x","valueString":"-1003"}},
                {{"address":"{to}","valueString":"1000"}}]}}"#
        )
    }

    fn standing(text: &str) -> Result<Standing, String> {
        expecting(|expected| read(&Json::read(text.as_bytes()).expect("JSON"), expected))
    }

    #[test]
    fn a_confirmed_transfer_is_captured_with_its_real_fee_or_the_held_one() {
        let done = |fee: u128| Ok(Standing::Done { reference: "0xab".to_owned(), fee: Amount::new(fee) });
        assert_eq!(standing(&transfer("confirmed", r#""0xab""#, "-1003", r#""3""#)), done(3));
        assert_eq!(standing(&transfer("confirmed", r#""0xab""#, "-1000", r#""3""#)), done(3));
        assert_eq!(standing(&transfer("confirmed", r#""0xab""#, "-1000", "null")), done(50));
    }

    #[test]
    fn what_only_paid_its_fee_is_reverted_and_another_sum_is_not_understood() {
        let reverted = Ok(Standing::Reverted { reference: "0xab".to_owned(), fee: Amount::new(3) });
        assert_eq!(standing(&transfer("confirmed", r#""0xab""#, "-3", r#""3""#)), reverted);
        assert_eq!(standing(&transfer("failed", r#""0xab""#, "-3", r#""3""#)), reverted);
        for (value, fee) in [("0", r#""3""#), ("-1003", r#""3""#), ("0", "null")] {
            assert!(standing(&transfer("failed", r#""0xab""#, value, fee)).is_err(), "{value} {fee}");
        }
        for value in ["-1002", "1003", "-0x3", "", "-"] {
            assert!(standing(&transfer("confirmed", r#""0xab""#, value, r#""3""#)).is_err(), "{value}");
        }
    }

    #[test]
    fn only_what_has_no_transaction_and_will_have_none_is_given_back() {
        assert_eq!(standing(&transfer("failed", "null", "0", r#""3""#)), Ok(Standing::Never));
        assert_eq!(standing(&transfer("pendingApproval", "null", "0", "null")), Ok(Standing::Awaiting));
        let sent = |reference: &str| Ok(Standing::Sent { reference: reference.to_owned() });
        assert_eq!(standing(&transfer("signed", "null", "0", "null")), sent("t1"));
        assert_eq!(standing(&transfer("unconfirmed", r#""0xab""#, "0", "null")), sent("0xab"));
        assert!(standing(&transfer("removed", "null", "0", "null")).is_err());
    }

    #[test]
    fn a_transfer_of_another_spend_wallet_coin_or_payee_is_not_this_ones() {
        let sound = transfer("confirmed", r#""0xab""#, "-1003", r#""3""#);
        for (from, to) in [
            (r#""sequenceId":"bursar-07"#, r#""sequenceId":"bursar-08"#),
            (r#""coin":"hteth""#, r#""coin":"eth""#),
            (r#""wallet":"w1""#, r#""wallet":"w2""#),
            (r#""valueString":"1000""#, r#""valueString":"999""#),
            ("0x5a", "0x5b"),
            (r#""feeString":"3""#, r#""feeString":3"#),
        ] {
            assert!(standing(&sound).is_ok() && standing(&sound.replace(from, to)).is_err(), "{from}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_transfer_of_this_spend_by_chance(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(json) = Json::read(&bytes) {
                prop_assert!(expecting(|expected| read(&json, expected)).is_err());
            }
        }
    }
}
