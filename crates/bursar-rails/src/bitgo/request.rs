//! A transaction request as the upstream shows it, compared with what is held.

use bursar_core::hold::Recipient;

use super::transfer::Expected;
use super::{intent, sequence_id};
use crate::json::Json;

/// A request of this spend's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requested {
    /// Its id.
    pub id: String,
    /// How it stands.
    pub progress: Progress,
}

/// How a request stands. Whether it was paid its transfer says, never the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// It can be signed and delivered, or was.
    Open,
    /// It waits for the approval of this id.
    Awaiting {
        /// The approval's id; the request's own if none is told.
        approval: String,
    },
    /// It was cancelled or rejected, and nobody has signed anything of it.
    Over,
}

/// Whether a listed request has the name of this spend.
pub fn is_named(shown: &Json, expected: &Expected<'_>) -> bool {
    let name = shown.get("intent").and_then(|intent| intent.get("sequenceId")).and_then(Json::as_text);
    name == Some(&*sequence_id(expected.hold))
}

/// Reads a request.
///
/// # Errors
/// It cannot be read, or is not this spend's: what is wrong.
pub fn read(shown: &Json, expected: &Expected<'_>) -> Result<Requested, String> {
    let text = |name: &str| shown.get(name).and_then(Json::as_text).filter(|text| !text.is_empty());
    let id = text("txRequestId").filter(|id| intent::is_id(id)).ok_or("its transaction request has no id")?.to_owned();
    if text("walletId") != Some(expected.wallet) {
        return Err("its transaction request is another wallet's".to_owned());
    }
    if !is_named(shown, expected) {
        return Err("its transaction request has another name".to_owned());
    }
    pays(shown, expected)?;
    if shown.get("latest") == Some(&Json::Bool(false)) {
        return Err("its transaction request is shown as it was before".to_owned());
    }
    let progress = match text("state").ok_or("its transaction request has no state")? {
        "pendingApproval" => {
            let approval = text("pendingApprovalId").filter(|approval| intent::is_id(approval)).unwrap_or(&id);
            Progress::Awaiting { approval: approval.to_owned() }
        }
        "canceled" | "rejected" if is_untouched(shown) => Progress::Over,
        "canceled"
        | "rejected"
        | "initialized"
        | "pendingCommitment"
        | "pendingUserSignature"
        | "signed"
        | "pendingDelivery"
        | "delivered" => Progress::Open,
        other => return Err(format!("its transaction request is `{}`, which is not known here", other.escape_debug())),
    };
    Ok(Requested { id, progress })
}

/// Whether nothing in it was signed by anybody, or sent: of what is not told that is not known.
fn is_untouched(shown: &Json) -> bool {
    let list = |one: &Json, name: &str| !one.get(name).and_then(Json::as_list).unwrap_or_default().is_empty();
    let is_unsigned = |one: &Json| {
        let is_early = matches!(
            one.get("state").and_then(Json::as_text),
            Some("initialized" | "pendingCommitment" | "pendingSignature")
        );
        is_early && one.get("signedTx").is_none_or(|signed| *signed == Json::Null) && !list(one, "signatureShares")
    };
    let transactions = shown.get("transactions").and_then(Json::as_list).unwrap_or_default();
    let has_any = ["txHashes", "pendingTxHashes", "signatureShares"].iter().any(|name| list(shown, name));
    !has_any && transactions.iter().all(is_unsigned)
}

/// Its intent pays what is held, and nothing else.
fn pays(shown: &Json, expected: &Expected<'_>) -> Result<(), String> {
    let differs = || "its transaction request does not pay what is held".to_owned();
    let intent = shown.get("intent").ok_or_else(differs)?;
    if intent.get("intentType").and_then(Json::as_text) != Some("payment") {
        return Err(differs());
    }
    let list = intent.get("recipients").and_then(Json::as_list).ok_or_else(differs)?;
    let read = |one: &Json| {
        let Recipient { address, amount } = intent::recipient(one, expected.coin).ok()?;
        Some((expected.chain.destination(&address).ok()?.id(), amount))
    };
    let mut theirs = list.iter().map(read).collect::<Option<Vec<_>>>().ok_or_else(differs)?;
    let mut held: Vec<_> = expected.payees.iter().map(|payee| (payee.destination.id(), payee.amount)).collect();
    theirs.sort_unstable();
    held.sort_unstable();
    if theirs == held { Ok(()) } else { Err(differs()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bitgo::transfer::tests::{HOLD, TO, expecting};

    fn request(state: &str, more: &str) -> String {
        format!(
            r#"{{"txRequestId":"r-1","walletId":"w1","state":"{state}","latest":true{more},"intent":{{"intentType":"payment",
                "sequenceId":"bursar-{HOLD}","recipients":[{{"address":{{"address":"{TO}"}},
                "amount":{{"value":"1000","symbol":"hteth"}}}}]}}}}"#
        )
    }

    fn progress(text: &str) -> Result<Progress, String> {
        let shown = Json::read(text.as_bytes()).expect("JSON");
        expecting(|expected| read(&shown, expected)).map(|requested| requested.progress)
    }

    #[test]
    fn a_request_is_open_until_it_is_certain_that_it_is_not() {
        for state in ["initialized", "pendingUserSignature", "signed", "pendingDelivery", "delivered"] {
            assert_eq!(progress(&request(state, "")), Ok(Progress::Open), "{state}");
        }
        let awaiting = |approval: &str| Ok(Progress::Awaiting { approval: approval.to_owned() });
        assert_eq!(progress(&request("pendingApproval", r#","pendingApprovalId":"5f""#)), awaiting("5f"));
        assert_eq!(progress(&request("pendingApproval", "")), awaiting("r-1"));
        for state in ["canceled", "rejected"] {
            for more in ["", r#","transactions":[{"state":"pendingSignature","signatureShares":[],"signedTx":null}]"#] {
                assert_eq!(progress(&request(state, more)), Ok(Progress::Over), "{more}");
            }
            for more in [
                r#","txHashes":["0xab"]"#,
                r#","pendingTxHashes":["0xab"]"#,
                r#","transactions":[{"state":"signed"}]"#,
                r#","transactions":[{"state":"rejected","signedTx":{"id":"0xab"}}]"#,
                r#","transactions":[{"state":"initialized","signedTx":{"id":"0xab"}}]"#,
                r#","transactions":[{"state":"pendingSignature","signatureShares":[{"share":"ab"}]}]"#,
                r#","transactions":[{}]"#,
                r#","signatureShares":[{"share":"ab"}]"#,
            ] {
                assert_eq!(progress(&request(state, more)), Ok(Progress::Open), "{more}");
            }
        }
        assert!(progress(&request("gone", "")).is_err());
    }

    #[test]
    fn a_request_of_another_spend_wallet_coin_or_payee_is_not_this_ones() {
        let sound = request("canceled", "");
        for (from, to) in [
            (r#""sequenceId":"bursar-07"#, r#""sequenceId":"bursar-08"#),
            (r#""walletId":"w1""#, r#""walletId":"w2""#),
            (r#""value":"1000""#, r#""value":"999""#),
            (r#""symbol":"hteth""#, r#""symbol":"hteth:usdc""#),
            (r#""intentType":"payment""#, r#""intentType":"customTx""#),
            (r#""latest":true"#, r#""latest":false"#),
            (r#""txRequestId":"r-1""#, r#""txRequestId":"../r""#),
            ("0x5a", "0x5b"),
        ] {
            assert!(progress(&sound).is_ok() && progress(&sound.replace(from, to)).is_err(), "{from}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_request_of_this_spend_by_chance(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(json) = Json::read(&bytes) {
                prop_assert!(expecting(|expected| read(&json, expected)).is_err());
            }
        }
    }
}
