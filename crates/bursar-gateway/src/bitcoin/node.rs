//! A node with wallets, whichever software it is, and how its answers are read.

use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, Txid};
use bursar_core::secret::Secret;
use bursar_rails::bitcoin::build::Software;
use bursar_rails::bitcoin::change::Verdict;
use bursar_rails::bitcoin::network::{Network, Payable};
use bursar_rails::bitcoin::outcome::{Outcome, Reply, Seen, of_broadcast};
use bursar_rails::bitcoin::request::{Bump, FeeRate, Mode, Wanted};
use bursar_rails::bitcoin::transaction::{Coins, Raw};
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::Call;
use bursar_service::rail::{CallError, RailError};

use super::bcoin::Bcoin;
use super::core::Core;
use super::refused;

use crate::node::{Node, NodeError};
use crate::tls::Trust;

/// The longest name of a wallet that is asked for, in bytes.
const LONGEST_NAME: usize = 128;

/// A node with wallets.
pub(super) enum Wallets {
    Core(Box<Core>),
    Bcoin(Box<Bcoin>),
}

/// Coins that a wallet can spend.
#[derive(Default)]
pub(super) struct Found {
    /// All of them, with what they are worth.
    pub(super) coins: Coins,
    /// Those that may be chosen: confirmed, or change of the wallet's own.
    pub(super) ready: Vec<OutPoint>,
}

/// What a wallet has moved or was paid, in the order in which it is listed, each once.
pub(super) struct Left {
    pub(super) transactions: Vec<Listed>,
    /// Where to go on from, once all of these were looked at.
    pub(super) next: String,
}

/// A transaction of a wallet.
pub(super) struct Listed {
    pub(super) txid: Txid,
    /// Whether it spends coins of the wallet.
    pub(super) spends: bool,
}

/// A transaction that the wallet listed.
pub(super) enum Body {
    /// The wallet knows it no more.
    Gone,
    /// It is of a kind that is not made here.
    Foreign,
    Read(Transaction),
}

impl Body {
    /// What the wallet has under this name, in hex.
    pub(super) fn read(txid: Txid, hex: &str) -> Result<Self, RailError> {
        let Ok(raw) = Raw::read_hex(hex) else { return Ok(Self::Foreign) };
        let found = raw.transaction();
        if found.compute_txid() == txid { Ok(Self::Read(found.clone())) } else { Err(unreadable("transaction")) }
    }
}

/// A call of `Core` or `Bcoin`, whichever it is.
macro_rules! of_either {
    ($wallets:expr, $node:ident => $call:expr) => {
        match $wallets {
            Wallets::Core($node) => $call.await,
            Wallets::Bcoin($node) => $call.await,
        }
    };
}

impl Wallets {
    pub(super) fn new(
        network: Network,
        software: Software,
        url: &Secret<String>,
        wallet_url: Option<&Secret<String>>,
        trust: &Trust,
    ) -> Result<Self, String> {
        match (software, wallet_url) {
            (Software::Core, None) => Ok(Self::Core(Box::new(Core::new(network, url, trust)?))),
            (Software::Core, Some(_)) => Err("has its wallets under it; leave out the other one".to_owned()),
            (Software::Bcoin, Some(wallet_url)) => {
                Ok(Self::Bcoin(Box::new(Bcoin::new(network, url, wallet_url, trust)?)))
            }
            (Software::Bcoin, None) => Err("is not all: its wallets answer at another one".to_owned()),
        }
    }

    const fn node(&self) -> &Node {
        match self {
            Self::Core(core) => core.node(),
            Self::Bcoin(bcoin) => bcoin.node(),
        }
    }

    pub(super) const fn is_core(&self) -> bool {
        matches!(self, Self::Core(_))
    }

    /// The name of the node's network.
    pub(super) async fn chain(&self) -> Result<String, RailError> {
        let found = self.node().ask("getblockchaininfo", Vec::new()).await.map_err(told)?;
        text(&found, "chain").map(str::to_owned)
    }

    /// Checks that there is a wallet of this name, which can sign.
    pub(super) async fn check_wallet(&self, wallet: &str) -> Result<(), RailError> {
        let is_plain = wallet.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if wallet.is_empty() || wallet.len() > LONGEST_NAME || !is_plain {
            return Err(RailError::UnknownWallet);
        }
        of_either!(self, node => node.check_wallet(wallet))
    }

    pub(super) async fn coins(&self, wallet: &str) -> Result<Found, RailError> {
        of_either!(self, node => node.coins(wallet))
    }

    /// What the node makes of what is wanted; nothing if it cannot, and it is to be made here.
    pub(super) async fn build(&self, wallet: &str, wanted: &Wanted) -> Result<Option<Raw>, RailError> {
        match self {
            Self::Core(core) => core.build(wallet, wanted).await.map(Some),
            Self::Bcoin(_) => Ok(None),
        }
    }

    /// What the node makes to replace a transaction; nothing if it cannot, and it is to be made here.
    pub(super) async fn bump(&self, wallet: &str, bump: &Bump) -> Result<Option<Raw>, RailError> {
        match self {
            Self::Core(core) => core.bump(wallet, bump).await,
            Self::Bcoin(_) => Ok(None),
        }
    }

    /// A new address: to be paid at, or for change.
    pub(super) async fn new_address(&self, wallet: &str, for_change: bool) -> Result<Payable, RailError> {
        of_either!(self, node => node.new_address(wallet, for_change))
    }

    /// What the node says of an address.
    pub(super) async fn verdict(&self, wallet: &str, payable: &Payable) -> Result<Verdict, RailError> {
        of_either!(self, node => node.verdict(wallet, payable))
    }

    /// What it takes to be confirmed in so many blocks, if the node can say.
    pub(super) async fn estimate(&self, blocks: u16, mode: Option<Mode>) -> Result<Option<FeeRate>, RailError> {
        of_either!(self, node => node.estimate(blocks, mode))
    }

    pub(super) async fn sign(&self, wallet: &str, unsigned: &Raw) -> Result<Raw, NodeError> {
        of_either!(self, node => node.sign(wallet, unsigned))
    }

    /// Signs a PSBT in full; gives the transaction too.
    pub(super) async fn sign_psbt(&self, wallet: &str, psbt: &str) -> Result<(Raw, String), NodeError> {
        match self {
            Self::Core(core) => core.sign_psbt(wallet, psbt).await,
            Self::Bcoin(_) => Err(unsupported("this node knows no PSBT; use `signrawtransaction`")),
        }
    }

    pub(super) async fn broadcast(&self, txid: Txid, raw: &Raw) -> Result<Outcome, RailError> {
        let hex = Json::Text(raw.to_hex().into());
        let reply = match self.node().ask("sendrawtransaction", vec![hex]).await {
            Ok(result) => Reply::Result(result),
            Err(NodeError::Refused { code, message, .. }) => Reply::Error { code, message },
            Err(error) => return Err(RailError::Unavailable(error.reason())),
        };
        Ok(of_broadcast(txid, &reply))
    }

    /// Whether a transaction waits at the node to be mined.
    pub(super) async fn waits(&self, txid: Txid) -> Result<bool, RailError> {
        match self.node().ask("getmempoolentry", vec![Json::Text(txid.to_string().into())]).await {
            Ok(_) => Ok(true),
            Err(NodeError::Refused { .. }) => Ok(false),
            Err(error) => Err(told(error)),
        }
    }

    /// Where a transaction stands, if the wallet knows it.
    pub(super) async fn seen(&self, wallet: &str, txid: Txid) -> Result<Option<Seen>, RailError> {
        of_either!(self, node => node.seen(wallet, txid))
    }

    /// The transaction in a block that spends a coin of the wallet, and how deep it is; this one aside.
    pub(super) async fn spender(
        &self,
        wallet: &str,
        txid: Txid,
        coin: OutPoint,
    ) -> Result<Option<(Transaction, u32)>, RailError> {
        let place = Json::Number(coin.vout.to_string().into());
        let params = vec![Json::Text(coin.txid.to_string().into()), place, Json::Bool(false)];
        if self.node().ask("gettxout", params).await.map_err(told)? != Json::Null {
            return Ok(None);
        }
        of_either!(self, node => node.spender(wallet, txid, coin))
    }

    /// Where a watch over a wallet begins, so that what comes from now on is listed.
    pub(super) async fn watched_from(&self, wallet: &str) -> Result<String, RailError> {
        of_either!(self, node => node.watched_from(wallet))
    }

    /// What a wallet moved or was paid since a place. A node may list no more than `most`.
    pub(super) async fn left(&self, wallet: &str, since: &str, most: usize) -> Result<Left, RailError> {
        of_either!(self, node => node.left(wallet, since, most))
    }

    /// The transaction of a wallet that has this name.
    pub(super) async fn body(&self, wallet: &str, txid: Txid) -> Result<Body, RailError> {
        of_either!(self, node => node.body(wallet, txid))
    }

    pub(super) async fn balance(&self, wallet: &str) -> Result<Amount, RailError> {
        of_either!(self, node => node.balance(wallet))
    }

    pub(super) async fn addresses(&self, wallet: &str) -> Result<Vec<String>, RailError> {
        of_either!(self, node => node.addresses(wallet))
    }

    /// Passes a read on, as one about this wallet.
    pub(super) async fn read(&self, wallet: &str, call: &Call) -> Result<Json, CallError> {
        let answered = of_either!(self, node => node.read(wallet, call));
        answered.map_err(|error| match error {
            NodeError::Refused { code, message, data } => CallError::Refused { code, message, data },
            NodeError::NotReached(reason) | NodeError::Lost(reason) => CallError::Unavailable(reason),
        })
    }
}

/// What a node says to a question that moves nothing.
pub(super) fn told(error: NodeError) -> RailError {
    match error {
        NodeError::Refused { message, .. } => RailError::Refused(message),
        NodeError::NotReached(reason) | NodeError::Lost(reason) => RailError::Unavailable(reason),
    }
}

/// What is refused in the node's place.
pub(super) fn unsupported(message: &str) -> NodeError {
    NodeError::Refused { code: -1, message: message.to_owned(), data: None }
}

pub(super) fn unreadable(what: &str) -> RailError {
    RailError::Unavailable(format!("the node's answer has no `{what}` that can be read"))
}

pub(super) fn text<'a>(json: &'a Json, name: &str) -> Result<&'a str, RailError> {
    json.get(name).and_then(Json::as_text).ok_or_else(|| unreadable(name))
}

/// A whole number that is not negative.
pub(super) fn whole(json: &Json, name: &str) -> Result<u64, RailError> {
    match json.get(name) {
        Some(Json::Number(text)) => text.parse().map_err(|_| unreadable(name)),
        _ => Err(unreadable(name)),
    }
}

pub(super) fn script(json: &Json, name: &str) -> Result<ScriptBuf, RailError> {
    ScriptBuf::from_hex(text(json, name)?).map_err(|_| unreadable(name))
}

pub(super) fn items(json: &Json) -> Result<&[Json], RailError> {
    json.as_list().ok_or_else(|| unreadable("list"))
}

/// A coin, by the names that the node has for its parts.
pub(super) fn coin(json: &Json, txid: &str, place: &str) -> Result<OutPoint, RailError> {
    let hash = text(json, txid)?.parse().map_err(|_| unreadable(txid))?;
    let place = u32::try_from(whole(json, place)?).map_err(|_| unreadable(place))?;
    Ok(OutPoint::new(hash, place))
}

/// A transaction in hex, if it spends a coin.
pub(super) fn spending(json: &Json, name: &str, coin: OutPoint) -> Result<Option<Transaction>, RailError> {
    let raw = Raw::read_hex(text(json, name)?);
    // What the wallet was paid by may be a coinbase, or of a kind that is not made here: it spends nothing of it.
    let Ok(raw) = raw else { return Ok(None) };
    let spends = raw.transaction().input.iter().any(|input| input.previous_output == coin);
    Ok(spends.then(|| raw.transaction().clone()))
}

pub(super) fn address(network: Network, text: &str) -> Result<Payable, RailError> {
    network.address(text).map_err(refused)
}
