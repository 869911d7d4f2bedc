//! Bitcoin Core's wallets, each at a path of its own. Written from the documented shapes; not yet run against it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bitcoin::{Amount, OutPoint, Transaction, TxOut, Txid};
use bursar_core::secret::Secret;
use bursar_rails::bitcoin::amount;
use bursar_rails::bitcoin::build::{
    Software, bump_fee, create_raw_transaction, fund_raw_transaction, read_psbt, read_raw,
};
use bursar_rails::bitcoin::change::Verdict;
use bursar_rails::bitcoin::network::{Network, Payable};
use bursar_rails::bitcoin::outcome::{Seen, Standing};
use bursar_rails::bitcoin::request::{Bump, FeeRate, Mode, Wanted};
use bursar_rails::bitcoin::transaction::Raw;
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::Call;
use bursar_service::rail::RailError;

use super::node::{
    Body, Found, Left, Listed, address, coin, items, script, spending, text, told, unreadable, unsupported,
};
use super::refused;

use crate::node::{Node, NodeError};
use crate::tls::Trust;

/// How long a node may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// The code for what is no transaction or address of the wallet.
const NOT_OF_WALLET: i64 = -5;
/// The code for a method that a node does not know.
const METHOD_NOT_FOUND: i64 = -32601;
/// The code for a wallet that is not loaded.
const WALLET_NOT_FOUND: i64 = -18;
/// How many of the wallet's last transactions are looked through for one that spends a coin.
const MOST_LOOKED_AT: &str = "200";
/// How many blocks are listed again and again, so that no reorganisation hides what left a wallet.
const LISTED_AGAIN: u32 = 100;

pub(super) struct Core {
    network: Network,
    node: Node,
}

impl Core {
    pub(super) fn new(network: Network, url: &Secret<String>, trust: &Trust) -> Result<Self, String> {
        Ok(Self { network, node: Node::trusting(url, ANSWER_WITHIN, false, trust)? })
    }

    pub(super) const fn node(&self) -> &Node {
        &self.node
    }

    fn at(&self, wallet: &str) -> Result<Node, NodeError> {
        self.node.under(&["wallet", wallet]).map_err(|_| unsupported("no wallet has such a name"))
    }

    async fn ask_raw(&self, wallet: &str, method: &str, params: Vec<Json>) -> Result<Json, NodeError> {
        self.at(wallet)?.ask(method, params).await
    }

    async fn ask(&self, wallet: &str, method: &str, params: Vec<Json>) -> Result<Json, RailError> {
        self.ask_raw(wallet, method, params).await.map_err(|error| match error {
            NodeError::Refused { code: WALLET_NOT_FOUND, .. } => RailError::UnknownWallet,
            error => told(error),
        })
    }

    pub(super) async fn check_wallet(&self, wallet: &str) -> Result<(), RailError> {
        let info = self.ask(wallet, "getwalletinfo", Vec::new()).await?;
        if text(&info, "walletname")? != wallet {
            return Err(RailError::UnknownWallet);
        }
        if info.get("private_keys_enabled") != Some(&Json::Bool(true)) {
            return Err(RailError::Refused("the wallet has no private keys, and cannot spend".to_owned()));
        }
        Ok(())
    }

    pub(super) async fn coins(&self, wallet: &str) -> Result<Found, RailError> {
        let params = vec![number("0"), number("9999999"), Json::List(Vec::new()), Json::Bool(false)];
        let answer = self.ask(wallet, "listunspent", params).await?;
        let mut found = Found::default();
        for item in items(&answer)? {
            let says = |name: &str| item.get(name) == Some(&Json::Bool(true));
            if !says("spendable") || !says("solvable") {
                continue;
            }
            let value = item.get("amount").and_then(amount::of_answer).ok_or_else(|| unreadable("amount"))?;
            let coin = coin(item, "txid", "vout")?;
            found.coins.insert(coin, TxOut { value, script_pubkey: script(item, "scriptPubKey")? });
            // Of others it is not sure that they will ever be confirmed.
            if says("safe") {
                found.ready.push(coin);
            }
        }
        Ok(found)
    }

    pub(super) async fn build(&self, wallet: &str, wanted: &Wanted) -> Result<Raw, RailError> {
        let node = self.at(wallet).map_err(told)?;
        let (software, id) = (Software::Core, || Json::Number("1".into()));
        let create = create_raw_transaction(wanted, software, id()).map_err(refused)?;
        let created = node.call(&create).await.map_err(told)?;
        let fund = fund_raw_transaction(wanted, &created, software, id()).map_err(refused)?;
        read_raw(&node.call(&fund).await.map_err(told)?).map_err(refused)
    }

    pub(super) async fn bump(&self, wallet: &str, bump: &Bump) -> Result<Option<Raw>, RailError> {
        let node = self.at(wallet).map_err(told)?;
        match node.call(&bump_fee(bump, Json::Number("1".into()))).await {
            Ok(answer) => {
                let built = read_psbt(&answer).map_err(refused)?;
                let bytes = bitcoin::consensus::serialize(built.transaction());
                Raw::read(bytes).map(Some).map_err(refused)
            }
            Err(NodeError::Refused { code: METHOD_NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    pub(super) async fn new_address(&self, wallet: &str, for_change: bool) -> Result<Payable, RailError> {
        let method = if for_change { "getrawchangeaddress" } else { "getnewaddress" };
        let answer = self.ask(wallet, method, Vec::new()).await?;
        address(self.network, answer.as_text().ok_or_else(|| unreadable("address"))?)
    }

    pub(super) async fn verdict(&self, wallet: &str, payable: &Payable) -> Result<Verdict, RailError> {
        let answer = self.ask(wallet, "getaddressinfo", vec![word(&payable.address)]).await?;
        Ok(Verdict::of_address_info(&answer, &payable.script))
    }

    pub(super) async fn estimate(&self, blocks: u16, mode: Option<Mode>) -> Result<Option<FeeRate>, RailError> {
        let mut params = vec![number(&blocks.to_string())];
        params.extend(mode.map(|mode| word(mode.as_str())));
        let answer = self.node.ask("estimatesmartfee", params).await.map_err(told)?;
        let rate = answer.get("feerate").and_then(amount::of_answer);
        Ok(rate.map(|rate| FeeRate::per_1000_bytes(rate.to_sat())))
    }

    pub(super) async fn sign(&self, wallet: &str, unsigned: &Raw) -> Result<Raw, NodeError> {
        let answer = self.ask_raw(wallet, "signrawtransactionwithwallet", vec![word(&unsigned.to_hex())]).await?;
        complete(&answer)?;
        raw(&answer)
    }

    pub(super) async fn sign_psbt(&self, wallet: &str, psbt: &str) -> Result<(Raw, String), NodeError> {
        let answer = self.ask_raw(wallet, "walletprocesspsbt", vec![word(psbt), Json::Bool(true)]).await?;
        complete(&answer)?;
        let signed = answer.get("psbt").and_then(Json::as_text).ok_or_else(|| lost("psbt"))?;
        let extracted = self.node.ask("finalizepsbt", vec![word(signed)]).await?;
        complete(&extracted)?;
        Ok((raw(&extracted)?, signed.to_owned()))
    }

    pub(super) async fn seen(&self, wallet: &str, txid: Txid) -> Result<Option<Seen>, RailError> {
        let Some(answer) = self.transaction(wallet, txid).await? else { return Ok(None) };
        Seen::read(txid, &answer).map(Some).map_err(|refusal| RailError::Unavailable(refusal.detail))
    }

    async fn transaction(&self, wallet: &str, txid: Txid) -> Result<Option<Json>, RailError> {
        match self.ask_raw(wallet, "gettransaction", vec![word(&txid.to_string())]).await {
            Ok(answer) => Ok(Some(answer)),
            Err(NodeError::Refused { code: NOT_OF_WALLET, .. }) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    pub(super) async fn spender(
        &self,
        wallet: &str,
        txid: Txid,
        coin: OutPoint,
    ) -> Result<Option<(Transaction, u32)>, RailError> {
        let mut names = BTreeSet::new();
        if let Some(known) = self.transaction(wallet, txid).await? {
            let conflicts = known.get("walletconflicts").and_then(Json::as_list).unwrap_or_default();
            names.extend(conflicts.iter().filter_map(|name| name.as_text()?.parse::<Txid>().ok()));
        } else {
            let answer = self.ask(wallet, "listtransactions", vec![word("*"), number(MOST_LOOKED_AT)]).await?;
            names.extend(items(&answer)?.iter().filter_map(|item| text(item, "txid").ok()?.parse::<Txid>().ok()));
        }
        for name in names.into_iter().filter(|name| *name != txid) {
            let Some(other) = self.transaction(wallet, name).await? else { continue };
            let Some(found) = spending(&other, "hex", coin)? else { continue };
            let seen = Seen::read(name, &other).map_err(|refusal| RailError::Unavailable(refusal.detail))?;
            if let Standing::Confirmed(depth) = seen.standing {
                return Ok(Some((found, depth)));
            }
        }
        Ok(None)
    }

    pub(super) async fn watched_from(&self, _wallet: &str) -> Result<String, RailError> {
        let answer = self.node.ask("getblockcount", Vec::new()).await.map_err(told)?;
        let height: u32 = match &answer {
            Json::Number(digits) => digits.parse().map_err(|_| unreadable("height"))?,
            _ => return Err(unreadable("height")),
        };
        let params = vec![number(&height.saturating_sub(LISTED_AGAIN).to_string())];
        let block = self.node.ask("getblockhash", params).await.map_err(told)?;
        block.as_text().map(str::to_owned).ok_or_else(|| unreadable("block"))
    }

    pub(super) async fn left(&self, wallet: &str, since: &str, _most: usize) -> Result<Left, RailError> {
        let params = vec![word(since), number(&LISTED_AGAIN.to_string())];
        let answer = self.ask(wallet, "listsinceblock", params).await?;
        let mut transactions: Vec<Listed> = Vec::new();
        let mut names = BTreeMap::new();
        for item in items(answer.get("transactions").unwrap_or(&Json::Null))? {
            let txid: Txid = text(item, "txid")?.parse().map_err(|_| unreadable("txid"))?;
            // One for every output: it spends if one of them says so.
            let spends = text(item, "category")? == "send";
            let place = *names.entry(txid).or_insert(transactions.len());
            match transactions.get_mut(place) {
                Some(listed) => listed.spends |= spends,
                None => transactions.push(Listed { txid, spends }),
            }
        }
        Ok(Left { transactions, next: text(&answer, "lastblock")?.to_owned() })
    }

    pub(super) async fn body(&self, wallet: &str, txid: Txid) -> Result<Body, RailError> {
        match self.transaction(wallet, txid).await? {
            Some(answer) => Body::read(txid, text(&answer, "hex")?),
            None => Ok(Body::Gone),
        }
    }

    pub(super) async fn balance(&self, wallet: &str) -> Result<Amount, RailError> {
        let answer = self.ask(wallet, "getbalances", Vec::new()).await?;
        let trusted = answer.get("mine").and_then(|mine| mine.get("trusted"));
        trusted.and_then(amount::of_answer).ok_or_else(|| unreadable("trusted"))
    }

    pub(super) async fn addresses(&self, wallet: &str) -> Result<Vec<String>, RailError> {
        match self.ask_raw(wallet, "getaddressesbylabel", vec![word("")]).await {
            Ok(Json::Object(entries)) => Ok(entries.into_iter().map(|(address, _)| address.into()).collect()),
            Ok(_) => Err(unreadable("addresses")),
            // There is no such label before the first address.
            Err(NodeError::Refused { .. }) => Ok(Vec::new()),
            Err(error) => Err(told(error)),
        }
    }

    pub(super) async fn read(&self, wallet: &str, call: &Call) -> Result<Json, NodeError> {
        self.at(wallet)?.call(call).await
    }
}

/// Whether the wallet alone signed all inputs.
fn complete(answer: &Json) -> Result<(), NodeError> {
    if answer.get("complete") == Some(&Json::Bool(true)) {
        return Ok(());
    }
    Err(unsupported("the wallet alone cannot sign it in full"))
}

fn raw(answer: &Json) -> Result<Raw, NodeError> {
    let text = answer.get("hex").and_then(Json::as_text).ok_or_else(|| lost("hex"))?;
    Raw::read_hex(text).map_err(|refusal| NodeError::Lost(refusal.detail))
}

fn lost(name: &str) -> NodeError {
    NodeError::Lost(format!("its answer has no `{name}`"))
}

fn word(text: &str) -> Json {
    Json::Text(text.into())
}

fn number(digits: &str) -> Json {
    Json::Number(digits.into())
}
