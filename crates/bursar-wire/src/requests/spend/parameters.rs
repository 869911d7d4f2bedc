//! What BitGo documents for `sendcoins` and `sendmany`, sorted: carried out, harmless to pass over, refused by name.
//!
//! What must never happen here: that a parameter is passed over which changes what moves, when, or what it costs. So one that
//! nobody has sorted is refused, too.

use crate::json::{FieldError, Fields, Json};

/// Carried out, in the body of `sendcoins`.
pub(super) const OF_ONE: &[&str] = &["address", "amount", "comment", "otp", "sequenceId", "type"];
/// Carried out, in the body of `sendmany`.
pub(super) const OF_MANY: &[&str] = &["recipients", "comment", "otp", "sequenceId", "type"];
/// Carried out, in a recipient.
pub(super) const OF_RECIPIENT: &[&str] = &["address", "amount", "type"];

/// Harmless: whatever they say, the same moves and costs the same.
const HARMLESS: &[&str] = &[
    // They open the keys that BitGo's clients have. A rail has its own, and nothing here keeps these.
    "walletPassphrase",
    "prv",
    "xprv",
    "pubs",
    "cosignerPub",
    // How BitGo's signers talk to each other about a transaction, not what is in it.
    "apiVersion",
    "isLastSignature",
    "isTss",
    "multisigTypeVersion",
    "txFormat",
    // What a client of BitGo's checks by itself. Here all of it is checked always.
    "offlineVerification",
    "verification",
    "verifyTxParams",
    // Who asked, as a custodian knows them. Here the token says it.
    "idfSignedTimestamp",
    "idfUserId",
    "idfVersion",
    // A note of BitGo's own. The one that is kept here is `comment`.
    "message",
];

/// Those of which `false` asks for nothing.
const SWITCHES: &[&str] = &[
    "allowExternalChangeAddress",
    "bulk",
    "enforceMinConfirmsForChange",
    "hop",
    "instant",
    "noSplitChange",
    "nonParticipation",
    "preview",
    "subtractFee",
    "subtractFeeFromAmount",
];

/// Refused, and what to do instead.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &["subtractFee", "subtractFeeFromAmount"],
        "is not carried out: recipients get exactly their `amount`, and the fee is paid beside it; name what they are to get",
    ),
    (
        &[
            "cpfpFeeRate",
            "cpfpTxIds",
            "eip1559",
            "feeLimit",
            "feeMultiplier",
            "feeRate",
            "gasLimit",
            "gasPrice",
            "isReplaceableByFee",
            "lowFeeTxid",
            "maxFee",
            "maxFeeRate",
            "numBlocks",
            "rbfTxIds",
        ],
        "is not carried out: the rail sets the fee, within its operator's ceilings; leave it out, or name fees in a call at \
         the rail's own address",
    ),
    (
        &[
            "addressType",
            "allowExternalChangeAddress",
            "changeAddress",
            "changeAddressType",
            "enforceMinConfirmsForChange",
            "maxValue",
            "minConfirms",
            "minValue",
            "noSplitChange",
            "reservation",
            "strategy",
            "targetWalletUnspents",
            "unspents",
        ],
        "is not carried out: the rail chooses which coins are spent and where change goes; leave it out",
    ),
    (
        &["receiveAddress", "senderAddress", "senderWalletId", "walletContractAddress"],
        "is not carried out: what pays is the wallet in the path; leave it out",
    ),
    (
        &[
            "expireTime",
            "lastLedgerSequence",
            "ledgerSequenceDelta",
            "nonce",
            "startTime",
            "validFromBlock",
            "validToBlock",
        ],
        "is not carried out: the rail sends at once, and in its own order; leave it out",
    ),
    (
        &["custodianMessageId", "custodianTransactionId", "transferId"],
        "names no spend here, so that a repeat would pay twice; give the name as `sequenceId`",
    ),
    (
        &["prebuildTx", "txPrebuild", "txRequestId"],
        "is not read here: a transaction that is made already goes to `tx/send`",
    ),
    (
        &["preview"],
        "is not carried out: this call sends; `POST /bursar/v1/tokens/{id}/limits:dry-run` says what would become of a spend",
    ),
    (&["memo"], "is not carried out; leave it out, if the recipient takes money without one"),
    (&["recipients"], "says who gets how much in `sendmany`; here `address` and `amount` do"),
    (&["address", "amount"], "says who gets how much in `sendcoins`; here `recipients` do"),
];

/// Refuses what is neither carried out nor harmless.
///
/// # Errors
/// The first such parameter, with what to do instead.
pub(super) fn check(fields: &Fields<'_>, carried_out: &[&str]) -> Result<(), FieldError> {
    let is_passed = |name: &str| match fields.value(name) {
        None => true,
        Some(Json::Bool(false)) if SWITCHES.contains(&name) => true,
        Some(_) => carried_out.contains(&name) || HARMLESS.contains(&name),
    };
    match fields.names().find(|name| !is_passed(name)) {
        None => Ok(()),
        Some(name) => Err(fields.refuse_stranger(name, instead_of(name))),
    }
}

fn instead_of(name: &str) -> &'static str {
    let found = REFUSED.iter().find(|(names, _)| names.contains(&name));
    found.map_or("is not known here, so what it would change cannot be told; leave it out", |(_, instead)| instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_parameter_is_sorted_twice() {
        let refused: Vec<&str> = REFUSED.iter().flat_map(|(names, _)| names.iter().copied()).collect();
        let unique: std::collections::BTreeSet<&str> = refused.iter().copied().collect();
        assert_eq!(unique.len(), refused.len());
        assert!(
            HARMLESS.iter().all(|name| !unique.contains(name) && !OF_ONE.contains(name) && !OF_MANY.contains(name))
        );
    }
}
