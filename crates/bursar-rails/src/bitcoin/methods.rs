//! Every method that is known, and what it does. What is not in the table is refused.

use crate::{Forbidden, Why};

/// What a method does to the money and the keys of a wallet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It shows what is no secret.
    Read,
    /// It makes an address to be paid at.
    Receive,
    /// It makes a transaction that nobody has signed, or changes the form of one; nothing moves by it.
    Build(Build),
    /// It moves money or makes a signature that can.
    Spend(Verb),
}

/// Methods that make or change transactions and move nothing, by what must be looked at in them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Build {
    /// Nothing: no parameter of it does more.
    Plain,
    /// `fundrawtransaction`: its options can lock coins.
    FundRawTransaction,
    /// `walletcreatefundedpsbt`: its options can lock coins.
    CreateFundedPsbt,
}

/// Methods that spend.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verb {
    /// `sendtoaddress`.
    SendToAddress,
    /// `sendmany`.
    SendMany,
    /// `send`.
    Send,
    /// `sendall`.
    SendAll,
    /// `bumpfee`.
    BumpFee,
    /// `walletprocesspsbt`.
    ProcessPsbt,
    /// `signrawtransactionwithwallet`.
    SignWithWallet,
    /// `signrawtransaction`, as nodes before and beside Bitcoin Core call it.
    SignRawTransaction,
    /// `sendrawtransaction`.
    SendRawTransaction,
}

/// What only shows: the chain, the mempool, the wallet without its keys, and how texts are to be read.
const READS: &[&str] = &[
    "analyzepsbt",
    "decodepsbt",
    "decoderawtransaction",
    "decodescript",
    "deriveaddresses",
    "estimaterawfee",
    "estimatesmartfee",
    "getaddressesbylabel",
    "getaddressinfo",
    "getbalance",
    "getbalances",
    "getbestblockhash",
    "getblock",
    "getblockchaininfo",
    "getblockcount",
    "getblockfilter",
    "getblockhash",
    "getblockheader",
    "getblockstats",
    "getchaintips",
    "getchaintxstats",
    "getconnectioncount",
    "getdeploymentinfo",
    "getdescriptorinfo",
    "getdifficulty",
    "getindexinfo",
    "getmempoolancestors",
    "getmempooldescendants",
    "getmempoolentry",
    "getmempoolinfo",
    "getmininginfo",
    "getnetworkhashps",
    "getnetworkinfo",
    "getrawmempool",
    "getrawtransaction",
    "getreceivedbyaddress",
    "getreceivedbylabel",
    "gettransaction",
    "gettxout",
    "gettxoutproof",
    "gettxspendingprevout",
    "getunconfirmedbalance",
    "getwalletinfo",
    "listaddressgroupings",
    "listlabels",
    "listlockunspent",
    "listreceivedbyaddress",
    "listreceivedbylabel",
    "listsinceblock",
    "listtransactions",
    "listunspent",
    "simulaterawtransaction",
    "testmempoolaccept",
    "uptime",
    "validateaddress",
    "verifymessage",
    "verifytxoutproof",
];

/// What hands out an address that nobody was paid at.
const RECEIVES: &[&str] = &["getnewaddress", "getrawchangeaddress"];

/// What makes transactions or changes their form, whatever its parameters.
const BUILDS: &[&str] = &[
    "combinepsbt",
    "combinerawtransaction",
    "converttopsbt",
    "createmultisig",
    "createpsbt",
    "createrawtransaction",
    "finalizepsbt",
    "joinpsbts",
    "psbtbumpfee",
    "utxoupdatepsbt",
];

const SHOWS_KEYS: &str = "it shows or writes out keys, which never leave the node";
const TAKES_KEYS: &str = "it takes keys or scripts into the wallet, or signs with keys of others";
const OPENS_WALLET: &str = "it changes how the wallet's keys are protected; do that at the node itself";
const CHANGES_WALLETS: &str = "it makes, opens or closes wallets; do that at the node itself";
const CHANGES_BOOKS: &str = "it changes which coins or transactions the node takes for the wallet's own";
const CHANGES_FEES: &str = "it changes what later spends cost; give a fee with each of them";
const CHANGES_CHANGE: &str = "it changes which addresses the node takes for change";
const SIGNS_TEXT: &str = "it signs what is no transaction, and so what nobody can price";
const CHANGES_NODE: &str = "it changes the node or its view of the chain";
const SHOWS_OTHERS: &str = "it shows or opens wallets that are not this rail's";
const SPENDS_BLINDLY: &str = "it sends what cannot be held before; use `sendmany` or `sendrawtransaction`";

/// What is known and never passes, with the reason.
const WITHHELD: &[(&str, &str)] = &[
    ("abandontransaction", CHANGES_BOOKS),
    ("abortrescan", CHANGES_BOOKS),
    ("addconnection", CHANGES_NODE),
    ("addmultisigaddress", TAKES_KEYS),
    ("addnode", CHANGES_NODE),
    ("addpeeraddress", CHANGES_NODE),
    ("addwitnessaddress", TAKES_KEYS),
    ("backupwallet", SHOWS_KEYS),
    ("clearbanned", CHANGES_NODE),
    ("createwallet", CHANGES_WALLETS),
    ("createwalletdescriptor", TAKES_KEYS),
    ("descriptorprocesspsbt", TAKES_KEYS),
    ("disconnectnode", CHANGES_NODE),
    ("dumpprivkey", SHOWS_KEYS),
    ("dumptxoutset", CHANGES_NODE),
    ("dumpwallet", SHOWS_KEYS),
    ("encryptwallet", OPENS_WALLET),
    ("exportwatchonlywallet", SHOWS_KEYS),
    ("generate", CHANGES_NODE),
    ("generateblock", CHANGES_NODE),
    ("generatetoaddress", CHANGES_NODE),
    ("generatetodescriptor", CHANGES_NODE),
    ("gethdkeys", SHOWS_KEYS),
    ("importaddress", TAKES_KEYS),
    ("importdescriptors", TAKES_KEYS),
    ("importmempool", CHANGES_NODE),
    ("importmulti", TAKES_KEYS),
    ("importprivkey", TAKES_KEYS),
    ("importprunedfunds", CHANGES_BOOKS),
    ("importpubkey", TAKES_KEYS),
    ("importwallet", TAKES_KEYS),
    ("invalidateblock", CHANGES_NODE),
    ("keypoolrefill", CHANGES_BOOKS),
    ("listwalletdir", SHOWS_OTHERS),
    ("listwallets", SHOWS_OTHERS),
    ("loadtxoutset", CHANGES_NODE),
    ("loadwallet", CHANGES_WALLETS),
    ("lockunspent", CHANGES_BOOKS),
    ("logging", CHANGES_NODE),
    ("migratewallet", CHANGES_WALLETS),
    ("move", CHANGES_BOOKS),
    ("newkeypool", CHANGES_BOOKS),
    ("preciousblock", CHANGES_NODE),
    ("prioritisetransaction", CHANGES_NODE),
    ("pruneblockchain", CHANGES_NODE),
    ("reconsiderblock", CHANGES_NODE),
    ("removeprunedfunds", CHANGES_BOOKS),
    ("rescanblockchain", CHANGES_BOOKS),
    ("resendwallettransactions", CHANGES_NODE),
    ("restorewallet", CHANGES_WALLETS),
    ("savemempool", CHANGES_NODE),
    ("selectwallet", SHOWS_OTHERS),
    ("sendfrom", SPENDS_BLINDLY),
    ("setaccount", CHANGES_CHANGE),
    ("setban", CHANGES_NODE),
    ("setgenerate", CHANGES_NODE),
    ("sethdseed", TAKES_KEYS),
    ("setlabel", CHANGES_CHANGE),
    ("setloglevel", CHANGES_NODE),
    ("setmocktime", CHANGES_NODE),
    ("setnetworkactive", CHANGES_NODE),
    ("settxfee", CHANGES_FEES),
    ("setwalletflag", CHANGES_WALLETS),
    ("signmessage", SIGNS_TEXT),
    ("signmessagewithprivkey", SIGNS_TEXT),
    ("signrawtransactionwithkey", TAKES_KEYS),
    ("stop", CHANGES_NODE),
    ("submitblock", CHANGES_NODE),
    ("submitheader", CHANGES_NODE),
    ("submitpackage", SPENDS_BLINDLY),
    ("unloadwallet", CHANGES_WALLETS),
    ("upgradewallet", CHANGES_WALLETS),
    ("walletdisplayaddress", CHANGES_NODE),
    ("walletlock", OPENS_WALLET),
    ("walletpassphrase", OPENS_WALLET),
    ("walletpassphrasechange", OPENS_WALLET),
];

/// What a method does, by its exact name.
///
/// `listdescriptors` is a [`Effect::Read`] only for whoever checks that it does not ask for keys, as [`super::classify`] does.
///
/// # Errors
/// It never passes, or nobody knows it.
pub fn effect(method: &str) -> Result<Effect, Forbidden> {
    let verb = match method {
        "sendtoaddress" => Verb::SendToAddress,
        "sendmany" => Verb::SendMany,
        "send" => Verb::Send,
        "sendall" => Verb::SendAll,
        "bumpfee" => Verb::BumpFee,
        "walletprocesspsbt" => Verb::ProcessPsbt,
        "signrawtransactionwithwallet" => Verb::SignWithWallet,
        "signrawtransaction" => Verb::SignRawTransaction,
        "sendrawtransaction" => Verb::SendRawTransaction,
        "listdescriptors" => return Ok(Effect::Read),
        "fundrawtransaction" => return Ok(Effect::Build(Build::FundRawTransaction)),
        "walletcreatefundedpsbt" => return Ok(Effect::Build(Build::CreateFundedPsbt)),
        other => return of_table(other),
    };
    Ok(Effect::Spend(verb))
}

fn of_table(method: &str) -> Result<Effect, Forbidden> {
    if READS.contains(&method) {
        return Ok(Effect::Read);
    }
    if RECEIVES.contains(&method) {
        return Ok(Effect::Receive);
    }
    if BUILDS.contains(&method) {
        return Ok(Effect::Build(Build::Plain));
    }
    Err(match WITHHELD.iter().find(|(known, _)| *known == method) {
        Some((_, reason)) => Forbidden::new(Why::Withheld, format!("`{method}` is withheld: {reason}")),
        None => Forbidden::new(
            Why::UnknownMethod,
            format!(
                "`{}` is no method that passes; write names in lower case, as the node does",
                method.escape_debug()
            ),
        ),
    })
}

impl Verb {
    /// The method.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendToAddress => "sendtoaddress",
            Self::SendMany => "sendmany",
            Self::Send => "send",
            Self::SendAll => "sendall",
            Self::BumpFee => "bumpfee",
            Self::ProcessPsbt => "walletprocesspsbt",
            Self::SignWithWallet => "signrawtransactionwithwallet",
            Self::SignRawTransaction => "signrawtransaction",
            Self::SendRawTransaction => "sendrawtransaction",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_method_is_in_the_table_twice() {
        let spends = ["sendtoaddress", "listdescriptors", "fundrawtransaction", "walletcreatefundedpsbt"];
        let mut all: Vec<&str> = [READS, RECEIVES, BUILDS].concat();
        all.extend(WITHHELD.iter().map(|(method, _)| *method).chain(spends));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn whatever_spends_is_known_by_its_own_name() {
        for verb in [
            Verb::SendToAddress,
            Verb::SendMany,
            Verb::Send,
            Verb::SendAll,
            Verb::BumpFee,
            Verb::ProcessPsbt,
            Verb::SignWithWallet,
            Verb::SignRawTransaction,
            Verb::SendRawTransaction,
        ] {
            assert_eq!(effect(verb.as_str()), Ok(Effect::Spend(verb)));
        }
    }

    #[test]
    fn nothing_that_sends_signs_or_shows_keys_is_a_read() {
        let suspicious = ["send", "sign", "dump", "import", "wallet", "backup", "generate", "set", "lock", "priv"];
        for method in [READS, RECEIVES, BUILDS].concat() {
            let found = suspicious.iter().find(|start| method.starts_with(**start));
            assert_eq!(found, None, "{method}");
        }
    }

    #[test]
    fn keys_wallets_and_the_node_are_withheld_by_name() {
        for method in [
            "dumpprivkey",
            "dumpwallet",
            "importprivkey",
            "importdescriptors",
            "importmulti",
            "backupwallet",
            "walletpassphrase",
            "walletpassphrasechange",
            "encryptwallet",
            "createwallet",
            "loadwallet",
            "restorewallet",
            "unloadwallet",
            "abandontransaction",
            "lockunspent",
            "settxfee",
            "stop",
            "signmessage",
            "sethdseed",
            "upgradewallet",
            "generatetoaddress",
            "invalidateblock",
            "setban",
            "addnode",
            "setlabel",
            "signrawtransactionwithkey",
            "submitpackage",
            "gethdkeys",
        ] {
            assert_eq!(effect(method).expect_err(method).why, Why::Withheld);
        }
    }

    #[test]
    fn whatever_nobody_knows_is_refused() {
        for method in [
            "",
            "SendToAddress",
            "sendtoaddress ",
            " sendtoaddress",
            "sendtoaddress\u{0}",
            "send_to_address",
            "getBalance",
            "help",
            "eth_call",
            "ѕend",
            "importwhatever",
            "sendtoaddress/getbalance",
        ] {
            assert_eq!(effect(method).expect_err(method).why, Why::UnknownMethod, "{method}");
        }
    }
}
