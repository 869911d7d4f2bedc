//! bcoin's wallets: at a URL of their own, each by its id. Its RPC has one wallet at a time for all callers, so that what
//! moves money goes the other way, in which amounts are whole satoshi and every request names its wallet.

use std::time::Duration;

use bitcoin::{Amount, OutPoint, Transaction, TxOut, Txid};
use bursar_core::secret::Secret;
use bursar_rails::bitcoin::amount;
use bursar_rails::bitcoin::change::Verdict;
use bursar_rails::bitcoin::network::{Network, Payable};
use bursar_rails::bitcoin::outcome::{Seen, Standing};
use bursar_rails::bitcoin::request::{FeeRate, Mode};
use bursar_rails::bitcoin::transaction::Raw;
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::{Call, Params};
use bursar_service::rail::RailError;

use super::node::{
    Body, Found, Left, Listed, address, coin, items, script, spending, text, told, unreadable, unsupported, whole,
};
use super::send::reason;

use crate::node::{Node, NodeError};
use crate::tls::Trust;

/// How long a node may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// The account of a wallet that is spent from and paid at.
const ACCOUNT: &str = "default";
/// How deep a coinbase must be to be spent on the public networks.
const MATURE: u64 = 100;
/// The most unconfirmed coins that are looked at, one request each.
const MOST_UNCONFIRMED: usize = 50;
/// How many seconds are listed again and again: the wallet says when it saw something by a clock, which may be set back.
const LISTED_AGAIN: u64 = 7200;

/// Calls that are about a wallet, and so answered where wallets are.
const OF_WALLETS: [&str; 17] = [
    "fundrawtransaction",
    "getaddressesbyaccount",
    "getaddressinfo",
    "getbalance",
    "getnewaddress",
    "getrawchangeaddress",
    "getreceivedbyaddress",
    "gettransaction",
    "getunconfirmedbalance",
    "getwalletinfo",
    "listaddressgroupings",
    "listlockunspent",
    "listreceivedbyaddress",
    "listsinceblock",
    "listtransactions",
    "listunspent",
    "getbalances",
];

pub(super) struct Bcoin {
    network: Network,
    node: Node,
    wallets: Node,
}

impl Bcoin {
    pub(super) fn new(
        network: Network,
        url: &Secret<String>,
        wallet_url: &Secret<String>,
        trust: &Trust,
    ) -> Result<Self, String> {
        let node = Node::trusting(url, ANSWER_WITHIN, false, trust)?;
        let wallets = Node::trusting(wallet_url, ANSWER_WITHIN, false, trust)?;
        Ok(Self { network, node, wallets })
    }

    pub(super) fn refuses_credential(&self) -> bool {
        self.node.refuses_credential() || self.wallets.refuses_credential()
    }

    pub(super) const fn node(&self) -> &Node {
        &self.node
    }

    fn at(&self, wallet: &str, rest: &[&str]) -> Result<Node, NodeError> {
        let names = [&["wallet", wallet], rest].concat();
        self.wallets.under(&names).map_err(|_| unsupported("no wallet has such a name"))
    }

    async fn get(&self, wallet: &str, rest: &[&str]) -> Result<Option<Json>, RailError> {
        self.at(wallet, rest).map_err(told)?.get().await.map_err(told)
    }

    /// The wallet, as it describes itself.
    async fn info(&self, wallet: &str) -> Result<Json, RailError> {
        let info = self.get(wallet, &[]).await?.ok_or(RailError::UnknownWallet)?;
        if text(&info, "id")? == wallet { Ok(info) } else { Err(RailError::UnknownWallet) }
    }

    pub(super) async fn check_wallet(&self, wallet: &str) -> Result<(), RailError> {
        let info = self.info(wallet).await?;
        if Network::of_chain(text(&info, "network")?).ok() != Some(self.network) {
            return Err(RailError::Refused("the wallet is of another network than the rail".to_owned()));
        }
        if watches_only(&info) {
            return Err(RailError::Refused("the wallet has no private keys, and cannot spend".to_owned()));
        }
        Ok(())
    }

    pub(super) async fn coins(&self, wallet: &str) -> Result<Found, RailError> {
        let answer = self.get(wallet, &["coin"]).await?.ok_or(RailError::UnknownWallet)?;
        let height = self.node.ask("getblockcount", Vec::new()).await.map_err(told)?;
        let height: u64 = number(&height).ok_or_else(|| unreadable("height"))?;
        let (mut found, mut unconfirmed) = (Found::default(), 0);
        for item in items(&answer)? {
            let coin = coin(item, "hash", "index")?;
            let value = Amount::from_sat(whole(item, "value")?);
            let output = TxOut { value, script_pubkey: script(item, "script")? };
            let mined = item.get("height").and_then(number);
            let depth = mined.map_or(0, |mined: u64| height.saturating_add(1).saturating_sub(mined));
            if item.get("coinbase") != Some(&Json::Bool(false)) && depth <= MATURE {
                continue;
            }
            let is_ready = if depth > 0 {
                true
            } else {
                unconfirmed += 1;
                unconfirmed <= MOST_UNCONFIRMED && self.is_change(wallet, &output).await?
            };
            if is_ready {
                found.ready.push(coin);
            }
            found.coins.insert(coin, output);
        }
        Ok(found)
    }

    async fn is_change(&self, wallet: &str, output: &TxOut) -> Result<bool, RailError> {
        match self.network.payee_of(&output.script_pubkey) {
            Ok(payable) => Ok(self.verdict(wallet, &payable).await?.keeps()),
            Err(_) => Ok(false),
        }
    }

    pub(super) async fn new_address(&self, wallet: &str, for_change: bool) -> Result<Payable, RailError> {
        let place = if for_change { "change" } else { "address" };
        let account = Json::Object(vec![("account".into(), Json::Text(ACCOUNT.into()))]);
        let answer = self.at(wallet, &[place]).map_err(told)?.post(&account).await.map_err(told)?;
        address(self.network, text(&answer, "address")?)
    }

    pub(super) async fn verdict(&self, wallet: &str, payable: &Payable) -> Result<Verdict, RailError> {
        let Some(key) = self.get(wallet, &["key", &payable.address]).await? else { return Ok(Verdict::STRANGER) };
        let watches_only = watches_only(&self.info(wallet).await?);
        Ok(Verdict::of_key(&key, self.network, &payable.script, watches_only))
    }

    pub(super) async fn estimate(&self, blocks: u16, _mode: Option<Mode>) -> Result<Option<FeeRate>, RailError> {
        let params = vec![Json::Number(blocks.to_string().into())];
        let answer = self.node.ask("estimatesmartfee", params).await.map_err(told)?;
        let fee = answer.get("fee").ok_or_else(|| unreadable("fee"))?;
        // A negative one says that it does not know.
        if fee.to_string().starts_with('-') {
            return Ok(None);
        }
        let rate = amount::of_answer(fee).ok_or_else(|| unreadable("fee"))?;
        Ok(Some(FeeRate::per_1000_bytes(rate.to_sat())))
    }

    pub(super) async fn sign(&self, wallet: &str, unsigned: &Raw) -> Result<Raw, NodeError> {
        let asked = Json::Object(vec![("tx".into(), Json::Text(unsigned.to_hex().into()))]);
        let answer = self.at(wallet, &["sign"])?.post(&asked).await?;
        let hex = answer.get("hex").and_then(Json::as_text);
        let hex = hex.ok_or_else(|| NodeError::Lost("its answer has no `hex`".to_owned()))?;
        Raw::read_hex(hex).map_err(|refusal| NodeError::Lost(refusal.detail))
    }

    pub(super) async fn seen(&self, wallet: &str, txid: Txid) -> Result<Option<Seen>, RailError> {
        let name = txid.to_string();
        let Some(answer) = self.get(wallet, &["tx", &name]).await? else { return Ok(None) };
        if text(&answer, "hash")? != name {
            return Err(unreadable("hash"));
        }
        let standing = match depth(&answer)? {
            0 => Standing::Waiting,
            depth => Standing::Confirmed(depth),
        };
        Ok(Some(Seen { standing, fee: None, is_abandoned: false }))
    }

    pub(super) async fn spender(
        &self,
        wallet: &str,
        txid: Txid,
        coin: OutPoint,
    ) -> Result<Option<(Transaction, u32)>, RailError> {
        let answer = self.get(wallet, &["tx", "history"]).await?.ok_or(RailError::UnknownWallet)?;
        for item in items(&answer)? {
            let Some(found) = spending(item, "tx", coin)? else { continue };
            let depth = depth(item)?;
            if depth > 0 && found.compute_txid() != txid {
                return Ok(Some((found, depth)));
            }
        }
        Ok(None)
    }

    pub(super) async fn watched_from(&self, wallet: &str) -> Result<String, RailError> {
        // The last few, as nothing says how many.
        let answer = self.get(wallet, &["tx", "last"]).await?.ok_or(RailError::UnknownWallet)?;
        let times = items(&answer)?.iter().map(|item| whole(item, "mtime"));
        let last = times.collect::<Result<Vec<_>, _>>()?.into_iter().max();
        Ok(last.unwrap_or_default().saturating_sub(LISTED_AGAIN).to_string())
    }

    pub(super) async fn left(&self, wallet: &str, since: &str, most: usize) -> Result<Left, RailError> {
        let node = self.at(wallet, &["tx", "range"]).map_err(told)?;
        let question = [("start", since), ("limit", &most.to_string())];
        let node = node.asking(&question).map_err(RailError::Unavailable)?;
        let answer = node.get().await.map_err(told)?.ok_or(RailError::UnknownWallet)?;
        let mut transactions = Vec::new();
        let mut next: u64 = since.parse().map_err(|_| unreadable("place to go on from"))?;
        for item in items(&answer)? {
            let txid: Txid = text(item, "hash")?.parse().map_err(|_| unreadable("hash"))?;
            let inputs = items(item.get("inputs").unwrap_or(&Json::Null))?;
            // A coin of the wallet's own has a place among its keys.
            let spends = inputs.iter().any(|input| input.get("path").is_none_or(|path| *path != Json::Null));
            next = next.max(whole(item, "mtime")?.saturating_sub(LISTED_AGAIN));
            transactions.push(Listed { txid, spends });
        }
        Ok(Left { transactions, next: next.to_string() })
    }

    pub(super) async fn body(&self, wallet: &str, txid: Txid) -> Result<Body, RailError> {
        match self.get(wallet, &["tx", &txid.to_string()]).await? {
            Some(answer) => Body::read(txid, text(&answer, "tx")?),
            None => Ok(Body::Gone),
        }
    }

    pub(super) async fn balance(&self, wallet: &str) -> Result<Amount, RailError> {
        let answer = self.get(wallet, &["balance"]).await?.ok_or(RailError::UnknownWallet)?;
        Ok(Amount::from_sat(whole(&answer, "confirmed")?))
    }

    pub(super) async fn addresses(&self, wallet: &str) -> Result<Vec<String>, RailError> {
        let account = self.get(wallet, &["account", ACCOUNT]).await?.ok_or(RailError::UnknownWallet)?;
        Ok(vec![text(&account, "receiveAddress")?.to_owned()])
    }

    pub(super) async fn read(&self, wallet: &str, call: &Call) -> Result<Json, NodeError> {
        if !OF_WALLETS.contains(&&*call.method) {
            return self.node.call(call).await;
        }
        let is_bare = matches!(&call.params, Params::List(params) if params.is_empty());
        match &*call.method {
            "getbalance" if is_bare => {
                let balance = self.get(wallet, &["balance"]).await.map_err(asked)?.unwrap_or(Json::Null);
                let units = whole(&balance, "unconfirmed").map_err(asked)?;
                return Ok(amount::write(Amount::from_sat(units)));
            }
            "getnewaddress" | "getrawchangeaddress" if is_bare => {
                let for_change = &*call.method == "getrawchangeaddress";
                let payable = self.new_address(wallet, for_change).await.map_err(asked)?;
                return Ok(Json::Text(payable.address.into()));
            }
            _ => {}
        }
        let selected = self.wallets.ask("getwalletinfo", Vec::new()).await?;
        if selected.get("walletid").and_then(Json::as_text) != Some(wallet) {
            return Err(unsupported(
                "the node has another wallet selected for its RPC, and only the operator selects one",
            ));
        }
        self.wallets.call(call).await
    }
}

/// A question about a wallet that was asked in another way than its caller's.
fn asked(error: RailError) -> NodeError {
    match error {
        RailError::Unavailable(reason) => NodeError::Lost(reason),
        error => unsupported(&reason(error)),
    }
}

fn watches_only(info: &Json) -> bool {
    info.get("watchOnly") != Some(&Json::Bool(false))
}

fn number<T: std::str::FromStr>(json: &Json) -> Option<T> {
    match json {
        Json::Number(text) => text.parse().ok(),
        _ => None,
    }
}

/// In how many blocks a transaction is.
fn depth(answer: &Json) -> Result<u32, RailError> {
    u32::try_from(whole(answer, "confirmations")?).map_err(|_| unreadable("confirmations"))
}
