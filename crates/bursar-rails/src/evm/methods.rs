//! What each method of a node is, by name. Whatever is not in the table is refused.

use crate::forbidden::{Forbidden, Why};

/// What a method is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// It moves nothing and shows no secret.
    Read,
    /// It asks to be told of what happens: a read, and only where the connection stays.
    Subscription,
    /// It asks which accounts there are: answered here with the wallets of the token, never by the node.
    Accounts,
    /// It moves money, or makes a signature that can.
    Spend(Verb),
    /// It is known, and never passes. The text says why.
    Withheld(&'static str),
    /// It is in no table.
    Unknown,
}

/// The ways to spend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// `eth_sendTransaction`: sign and broadcast.
    Send,
    /// `eth_signTransaction`: sign, and hand out what was signed.
    Sign,
    /// `eth_sendRawTransaction`: broadcast what is signed already.
    SendRaw,
}

const READS: [&str; 40] = [
    "eth_blobBaseFee",
    "eth_blockNumber",
    "eth_call",
    "eth_chainId",
    "eth_coinbase",
    "eth_createAccessList",
    "eth_estimateGas",
    "eth_feeHistory",
    "eth_gasPrice",
    "eth_getBalance",
    "eth_getBlockByHash",
    "eth_getBlockByNumber",
    "eth_getBlockReceipts",
    "eth_getBlockTransactionCountByHash",
    "eth_getBlockTransactionCountByNumber",
    "eth_getCode",
    "eth_getHeaderByHash",
    "eth_getHeaderByNumber",
    "eth_getLogs",
    "eth_getProof",
    "eth_getRawTransactionByHash",
    "eth_getStorageAt",
    "eth_getTransactionByBlockHashAndIndex",
    "eth_getTransactionByBlockNumberAndIndex",
    "eth_getTransactionByHash",
    "eth_getTransactionBySenderAndNonce",
    "eth_getTransactionCount",
    "eth_getTransactionReceipt",
    "eth_getUncleByBlockHashAndIndex",
    "eth_getUncleByBlockNumberAndIndex",
    "eth_getUncleCountByBlockHash",
    "eth_getUncleCountByBlockNumber",
    "eth_maxPriorityFeePerGas",
    "eth_protocolVersion",
    "eth_simulateV1",
    "eth_syncing",
    "net_listening",
    "net_version",
    "web3_clientVersion",
    "web3_sha3",
];

const SIGNS_BLINDLY: &str =
    "it signs what nobody can price; send a transaction with `eth_sendTransaction`, which the limits cover";
const KEYS: &str = "it shows or changes keys; keys are managed by people, not by tokens";
const NODE: &str = "it governs the node; ask its operator";
const TEST_NODE: &str = "it changes the chain of a test node; connect to the node itself for that";
const HEAVY: &str = "it makes the node replay or rewind blocks; ask its operator";
const OTHER_SEND: &str =
    "it sends by a way that limits do not follow; use `eth_sendTransaction` or `eth_sendRawTransaction`";
const BROWSER: &str = "it speaks to a wallet in a browser; use the methods of a node";
/// In the words by which clients know that they have to ask for logs themselves.
const FILTER: &str = "the method of filters does not exist here, as a filter of the node is anybody's who guesses its id; \
                      `eth_getLogs` and `eth_blockNumber` tell the same";
const MINING: &str = "it is a miner's";
const RECOVERS: &str = "it tells who signed, which every library does without a node";

/// Methods that never pass, by name.
const WITHHELD: [(&str, &str); 29] = [
    ("eth_sign", SIGNS_BLINDLY),
    ("eth_signTypedData", SIGNS_BLINDLY),
    ("eth_signTypedData_v1", SIGNS_BLINDLY),
    ("eth_signTypedData_v3", SIGNS_BLINDLY),
    ("eth_signTypedData_v4", SIGNS_BLINDLY),
    ("eth_signUserOperation", SIGNS_BLINDLY),
    ("personal_ecRecover", RECOVERS),
    ("personal_sign", SIGNS_BLINDLY),
    ("personal_sendTransaction", OTHER_SEND),
    ("personal_signTransaction", OTHER_SEND),
    ("eth_decrypt", KEYS),
    ("eth_getEncryptionPublicKey", KEYS),
    ("eth_resend", OTHER_SEND),
    ("eth_fillTransaction", OTHER_SEND),
    ("eth_sendBundle", OTHER_SEND),
    ("eth_sendPrivateTransaction", OTHER_SEND),
    ("eth_sendRawTransactionConditional", OTHER_SEND),
    ("eth_sendRawTransactionSync", OTHER_SEND),
    ("eth_sendTransactionSync", OTHER_SEND),
    ("eth_sendUserOperation", OTHER_SEND),
    ("eth_getFilterChanges", FILTER),
    ("eth_getFilterLogs", FILTER),
    ("eth_newBlockFilter", FILTER),
    ("eth_newFilter", FILTER),
    ("eth_newPendingTransactionFilter", FILTER),
    ("eth_uninstallFilter", FILTER),
    ("eth_getWork", MINING),
    ("eth_submitHashrate", MINING),
    ("eth_submitWork", MINING),
];

/// Families of methods that never pass, by what their names begin with.
const WITHHELD_FAMILIES: [(&str, &str); 22] = [
    ("account_", KEYS),
    ("admin_", NODE),
    ("anvil_", TEST_NODE),
    ("clique_", NODE),
    ("db_", NODE),
    ("debug_", HEAVY),
    ("engine_", NODE),
    ("erigon_", HEAVY),
    ("evm_", TEST_NODE),
    ("ganache_", TEST_NODE),
    ("hardhat_", TEST_NODE),
    ("les_", NODE),
    ("miner_", NODE),
    ("mev_", OTHER_SEND),
    ("parity_", NODE),
    ("personal_", KEYS),
    ("reth_", NODE),
    ("shh_", NODE),
    ("tenderly_", TEST_NODE),
    ("trace_", HEAVY),
    ("txpool_", NODE),
    ("wallet_", BROWSER),
];

/// What the method is. Names are compared exactly: nodes do so too.
pub fn meaning(method: &str) -> Meaning {
    match method {
        "eth_sendTransaction" => Meaning::Spend(Verb::Send),
        "eth_signTransaction" => Meaning::Spend(Verb::Sign),
        "eth_sendRawTransaction" => Meaning::Spend(Verb::SendRaw),
        "eth_accounts" | "eth_requestAccounts" => Meaning::Accounts,
        "eth_subscribe" | "eth_unsubscribe" => Meaning::Subscription,
        read if READS.contains(&read) => Meaning::Read,
        other => {
            let named = WITHHELD.iter().find(|(name, _)| *name == other);
            let family = || WITHHELD_FAMILIES.iter().find(|(family, _)| other.starts_with(family));
            named.or_else(family).map_or(Meaning::Unknown, |(_, why)| Meaning::Withheld(why))
        }
    }
}

/// The refusal of a method that is withheld.
pub(super) fn withheld(method: &str, why: &str) -> Forbidden {
    Forbidden::new(Why::Withheld, format!("`{}` is not passed on: {why}", method.escape_debug()))
}

/// The refusal of a method that is in no table.
pub(super) fn unknown(method: &str) -> Forbidden {
    let method = method.escape_debug();
    Forbidden::new(Why::UnknownMethod, format!("`{method}` is no method that is known here; check its spelling"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_exactly_one_meaning() {
        let mut names: Vec<&str> = READS.into_iter().chain(WITHHELD.into_iter().map(|(name, _)| name)).collect();
        names.extend(["eth_sendTransaction", "eth_signTransaction", "eth_sendRawTransaction"]);
        names.extend(["eth_accounts", "eth_requestAccounts", "eth_subscribe", "eth_unsubscribe"]);
        for name in &names {
            assert_ne!(meaning(name), Meaning::Unknown, "{name}");
            // One of a family stands by itself only if it is withheld for a reason of its own.
            let family = WITHHELD_FAMILIES.iter().find(|(family, _)| name.starts_with(family));
            assert!(
                family.is_none_or(|(_, why)| matches!(meaning(name), Meaning::Withheld(own) if own != *why)),
                "{name}"
            );
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "a name is there twice");
        assert!(READS.iter().all(|read| meaning(read) == Meaning::Read));
    }

    #[test]
    fn what_signs_blindly_shows_keys_or_governs_the_node_is_withheld_by_name() {
        for method in [
            "eth_sign",
            "personal_sign",
            "personal_sendTransaction",
            "personal_unlockAccount",
            "eth_signTypedData_v4",
            "admin_addPeer",
            "debug_setHead",
            "miner_start",
            "anvil_setBalance",
            "anvil_impersonateAccount",
            "hardhat_setBalance",
            "evm_snapshot",
            "txpool_content",
            "engine_newPayloadV4",
            "wallet_sendCalls",
            "eth_sendBundle",
            "eth_sendUserOperation",
            "eth_newFilter",
            "eth_getFilterChanges",
            "eth_uninstallFilter",
            "trace_block",
        ] {
            assert!(matches!(meaning(method), Meaning::Withheld(_)), "{method}");
        }
    }

    #[test]
    fn each_method_of_keys_is_refused_for_what_it_does() {
        for (method, why) in [
            ("personal_ecRecover", RECOVERS),
            ("personal_sign", SIGNS_BLINDLY),
            ("personal_sendTransaction", OTHER_SEND),
            ("personal_unlockAccount", KEYS),
        ] {
            assert_eq!(meaning(method), Meaning::Withheld(why), "{method}");
        }
    }

    #[test]
    fn a_method_that_is_not_spelled_as_in_the_table_is_unknown() {
        for method in [
            "",
            "eth_",
            "eth_sendtransaction",
            "ETH_SENDTRANSACTION",
            "eth_sendTransaction ",
            " eth_call",
            "eth_call\0",
            "eth_sendTransactions",
            "eth_sеndTransaction",
            "eth_futureMethod",
            "rpc.discover",
            "bor_getAuthor",
        ] {
            assert_eq!(meaning(method), Meaning::Unknown, "{method:?}");
        }
    }
}
