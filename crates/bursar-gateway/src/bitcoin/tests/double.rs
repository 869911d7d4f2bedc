//! A node that does as it is told to: the documented shapes of Bitcoin Core, with one key and a script of faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::hashes::Hash as _;
use bitcoin::secp256k1::{Message, Secp256k1, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, CompressedPublicKey, KnownHrp, OutPoint, Psbt, PublicKey, ScriptBuf, Sequence, Transaction, TxIn,
    TxOut, Txid, Witness, ecdsa,
};
use bursar_core::secret::Secret;
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::{Call, Calls, Params};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a node answers one call.
pub(super) enum Told {
    Result(String),
    Error(i64, &'static str),
    Garbage,
    /// It does what it is asked, and its answer does not arrive.
    Lost,
}

pub(super) type Fault = Box<dyn FnMut(&str) -> Option<Told> + Send>;

pub(super) struct State {
    pub(super) coins: Vec<(OutPoint, Amount)>,
    pub(super) fee: Amount,
    /// What it adds to what it was asked to build.
    pub(super) adds: Vec<TxOut>,
    /// What it signs instead.
    pub(super) signs: Option<Transaction>,
    pub(super) is_change: bool,
    /// What it does to a replacement that it builds, besides taking more of the change.
    pub(super) bumps: fn(&mut Transaction),
    pub(super) fault: Fault,
    /// What it was asked, by method.
    pub(super) asked: Vec<String>,
    pub(super) broadcast: Vec<Transaction>,
    /// Its wallet's transactions: how deep they are, and which others spend the same.
    pub(super) known: BTreeMap<Txid, (Transaction, i64, Vec<Txid>)>,
    /// What its wallet was paid by, and moved nothing by.
    pub(super) paid_by: Vec<Txid>,
    /// The block from which on it lists again, and from which on it was asked to.
    pub(super) listed_from: &'static str,
    pub(super) asked_since: Vec<String>,
    wanted: Vec<TxOut>,
}

#[derive(Clone)]
pub(super) struct Double(Arc<Mutex<State>>);

fn key() -> SecretKey {
    SecretKey::from_slice(&[7; 32]).unwrap()
}

fn public() -> CompressedPublicKey {
    CompressedPublicKey(PublicKey::new(key().public_key(&Secp256k1::new())).inner)
}

fn own() -> Address {
    Address::p2wpkh(&public(), KnownHrp::Regtest)
}

pub(super) fn coin(number: u8) -> OutPoint {
    OutPoint::new(Txid::from_byte_array([number; 32]), 0)
}

impl Double {
    pub(super) async fn start(coins: &[u64]) -> (Self, Secret<String>) {
        let coins = (1..).zip(coins).map(|(number, value)| (coin(number), Amount::from_sat(*value))).collect();
        let state = State {
            coins,
            fee: Amount::from_sat(2000),
            adds: Vec::new(),
            signs: None,
            is_change: true,
            bumps: |_| {},
            fault: Box::new(|_| None),
            asked: Vec::new(),
            broadcast: Vec::new(),
            known: BTreeMap::new(),
            paid_by: Vec::new(),
            listed_from: "b0",
            asked_since: Vec::new(),
            wanted: Vec::new(),
        };
        let double = Self(Arc::new(Mutex::new(state)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Secret::new(format!("http://{}", listener.local_addr().unwrap()));
        let serving = double.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(socket).await });
            }
        });
        (double, url)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// How often a method was asked.
    pub(super) fn asked(&self, method: &str) -> usize {
        self.state().asked.iter().filter(|asked| *asked == method).count()
    }

    async fn serve(&self, mut socket: TcpStream) {
        loop {
            let mut read = Vec::new();
            let body = loop {
                let text = String::from_utf8_lossy(&read).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                    if body.len() == length.parse::<usize>().unwrap() {
                        break body.to_owned();
                    }
                }
                let mut more = [0; 4096];
                match socket.read(&mut more).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => read.extend_from_slice(&more[..count]),
                }
            };
            let Calls::One(call) = Calls::read(body.as_bytes()).unwrap() else { panic!("one call") };
            let body = match self.answer(&call) {
                Told::Result(result) => format!(r#"{{"result":{result},"error":null,"id":{}}}"#, call.id),
                Told::Error(code, message) => {
                    format!(r#"{{"result":null,"error":{{"code":{code},"message":"{message}"}},"id":{}}}"#, call.id)
                }
                Told::Garbage => "<html>".to_owned(),
                Told::Lost => return,
            };
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    fn answer(&self, call: &Call) -> Told {
        let mut state = self.state();
        state.asked.push(call.method.to_string());
        let fault = (state.fault)(&call.method);
        let told = state.tell(call);
        fault.unwrap_or(told)
    }
}

impl State {
    fn tell(&mut self, call: &Call) -> Told {
        let Params::List(params) = &call.params else { panic!("by place") };
        let text = |place: usize| params[place].as_text().unwrap();
        Told::Result(match &*call.method {
            "getblockchaininfo" => r#"{"chain":"regtest"}"#.to_owned(),
            "listunspent" => {
                let script = own().script_pubkey().to_hex_string();
                let one = |(coin, value): &(OutPoint, Amount)| {
                    format!(
                        r#"{{"txid":"{}","vout":{},"scriptPubKey":"{script}","amount":{},"spendable":true,"solvable":true,"safe":true}}"#,
                        coin.txid,
                        coin.vout,
                        value.to_string_in(bitcoin::Denomination::Bitcoin),
                    )
                };
                format!("[{}]", self.coins.iter().map(one).collect::<Vec<_>>().join(","))
            }
            "createrawtransaction" => {
                let Json::Object(outputs) = &params[1] else { panic!("outputs") };
                let output = |(address, amount): &(Box<str>, Json)| TxOut {
                    value: bursar_rails::bitcoin::amount::read(amount).unwrap(),
                    script_pubkey: bursar_rails::bitcoin::network::Network::Regtest.address(address).unwrap().script,
                };
                self.wanted = outputs.iter().map(output).collect();
                r#""00""#.to_owned()
            }
            "fundrawtransaction" => {
                format!(r#"{{"hex":"{}","fee":0.00002,"changepos":0}}"#, serialize_hex(&self.fund()))
            }
            "psbtbumpfee" => format!(r#"{{"psbt":"{}","origfee":0.1,"fee":0.2,"errors":[]}}"#, self.bump(text(0))),
            "estimatesmartfee" => r#"{"feerate":0.00010000,"blocks":6}"#.to_owned(),
            "getrawchangeaddress" => format!(r#""{}""#, own()),
            "getaddressinfo" => {
                let script = bursar_rails::bitcoin::network::Network::Regtest.address(text(0)).unwrap().script;
                let is_mine = script == own().script_pubkey();
                let is_change = is_mine && self.is_change;
                format!(
                    r#"{{"scriptPubKey":"{}","ismine":{is_mine},"solvable":{is_mine},"iswatchonly":false,"ischange":{is_change}}}"#,
                    script.to_hex_string()
                )
            }
            "signrawtransactionwithwallet" => {
                let mut signed = self.signs.clone().unwrap_or_else(|| deserialize_hex(text(0)).unwrap());
                self.sign(&mut signed);
                format!(r#"{{"hex":"{}","complete":true}}"#, serialize_hex(&signed))
            }
            "sendrawtransaction" => {
                let sent: Transaction = deserialize_hex(text(0)).unwrap();
                let txid = sent.compute_txid();
                self.broadcast.push(sent);
                format!(r#""{txid}""#)
            }
            "gettransaction" => match self.known.get(&text(0).parse::<Txid>().unwrap()) {
                Some((transaction, depth, conflicts)) => {
                    let conflicts: Vec<_> = conflicts.iter().map(|txid| format!(r#""{txid}""#)).collect();
                    let (txid, hex) = (transaction.compute_txid(), serialize_hex(transaction));
                    format!(
                        r#"{{"txid":"{txid}","confirmations":{depth},"hex":"{hex}","walletconflicts":[{}]}}"#,
                        conflicts.join(",")
                    )
                }
                None => return Told::Error(-5, "Invalid or non-wallet transaction id"),
            },
            "gettxout" => "null".to_owned(),
            "getmempoolentry" => return Told::Error(-5, "Transaction not in mempool"),
            "listtransactions" => {
                let names: Vec<_> = self.known.keys().map(|txid| format!(r#"{{"txid":"{txid}"}}"#)).collect();
                format!("[{}]", names.join(","))
            }
            "getblockcount" => "250".to_owned(),
            "getblockhash" => format!(r#""block-{}""#, params[0]),
            "listsinceblock" => {
                self.asked_since.push(text(0).to_owned());
                self.list()
            }
            other => panic!("{other}"),
        })
    }

    /// What is listed since a block: one item for every output, and what was paid to the wallet itself twice.
    fn list(&self) -> String {
        let item = |category: &str, txid: &Txid, depth: i64| {
            format!(r#"{{"category":"{category}","txid":"{txid}","confirmations":{depth},"amount":-1.00000000}}"#)
        };
        let sent = self.known.iter().flat_map(|(txid, (sent, depth, _))| {
            sent.output.iter().map(|output| {
                let is_own = output.script_pubkey == own().script_pubkey();
                item(if is_own { "receive" } else { "send" }, txid, *depth)
            })
        });
        let received = self.paid_by.iter().map(|txid| item("receive", txid, 1));
        let items: Vec<_> = received.chain(sent).collect();
        let lastblock = self.listed_from;
        format!(r#"{{"transactions":[{}],"removed":[],"lastblock":"{lastblock}"}}"#, items.join(","))
    }

    fn fund(&self) -> Transaction {
        let input = |(coin, _): &(OutPoint, Amount)| TxIn {
            previous_output: *coin,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::new(),
        };
        let mut output = [self.wanted.clone(), self.adds.clone()].concat();
        let paid: Amount = output.iter().map(|output| output.value).sum();
        let (coin, value) = &self.coins[0];
        let change = *value - paid - self.fee;
        output.push(TxOut { value: change, script_pubkey: own().script_pubkey() });
        let input = vec![input(&(*coin, *value))];
        Transaction { version: Version::TWO, lock_time: LockTime::ZERO, input, output }
    }

    /// The same with more for miners, out of the change.
    fn bump(&self, txid: &str) -> Psbt {
        let of_it = |sent: &&Transaction| sent.compute_txid().to_string() == txid;
        let mut made = self.broadcast.iter().find(of_it).unwrap().clone();
        made.input.iter_mut().for_each(|input| input.witness.clear());
        made.output[1].value -= self.fee;
        (self.bumps)(&mut made);
        Psbt::from_unsigned_tx(made).unwrap()
    }

    fn sign(&self, transaction: &mut Transaction) {
        for place in 0..transaction.input.len() {
            let spent = transaction.input[place].previous_output;
            let value = self.coins.iter().find(|(coin, _)| *coin == spent).map_or(Amount::ONE_BTC, |(_, value)| *value);
            let mut cache = SighashCache::new(&mut *transaction);
            let covered = EcdsaSighashType::All;
            let digest = cache.p2wpkh_signature_hash(place, &own().script_pubkey(), value, covered).unwrap();
            let signature = Secp256k1::new().sign_ecdsa(&Message::from_digest(digest.to_byte_array()), &key());
            let signature = ecdsa::Signature { signature, sighash_type: covered };
            transaction.input[place].witness = Witness::p2wpkh(&signature, &public().0);
        }
    }
}
