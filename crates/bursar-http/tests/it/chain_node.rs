//! A double of a node of Ethereum: an empty chain where gas costs one gigawei, as far as one asks it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use bursar_gateway::evm::EvmRail;
use bursar_service::Policy;
use bursar_service::rail::Rail;
use serde_json::{Value, json};

use crate::house::{House, organisation};
use crate::support::{Answer, OTP, Server, chain_at};

/// Somebody whom its wallets pay.
pub(crate) const TO: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";

/// What the node says to each method, `{"error": …}` for a refusal; to one that has no answer, it has no status of success.
#[derive(Clone)]
pub(crate) struct ChainNode(Arc<Mutex<BTreeMap<&'static str, Value>>>, Arc<AtomicUsize>);

/// A server whose rail `chain` is before such a node, with an owner who has a wallet there.
pub(crate) struct ChainWorld {
    pub(crate) node: ChainNode,
    pub(crate) house: House,
    pub(crate) owner: String,
    /// The wallet's id and address.
    pub(crate) wallet: String,
    pub(crate) from: String,
}

impl ChainNode {
    fn new() -> Self {
        let answers = [
            ("eth_chainId", json!("0x7a69")),
            ("eth_estimateGas", json!("0x5208")),
            ("eth_getBlockByNumber", json!({"baseFeePerGas": "0x3b9aca00"})),
            ("eth_maxPriorityFeePerGas", json!("0x1")),
            ("eth_getTransactionCount", json!("0x0")),
            ("eth_getBalance", json!("0xffffffffffffffffffff")),
            ("eth_blockNumber", json!("0x10")),
            ("eth_getTransactionReceipt", Value::Null),
        ];
        Self(Arc::new(Mutex::new(answers.into())), Arc::default())
    }

    /// How many calls there were.
    pub(crate) fn asked(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }

    pub(crate) fn says(&self, method: &'static str, result: Value) {
        self.0.lock().unwrap().insert(method, result);
    }

    /// It answers nothing any more.
    pub(crate) fn fails(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Listens; where.
    async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let node = self.clone();
        let router = Router::new().fallback(move |body: Bytes| async move {
            node.1.fetch_add(1, Ordering::SeqCst);
            let asked: Value = serde_json::from_slice(&body).unwrap();
            let method = asked["method"].as_str().unwrap();
            let mut result = node.0.lock().unwrap().get(method).cloned();
            // What is offered is taken, under the name that it was given.
            if method == "eth_sendRawTransaction" && result.is_none() && !node.0.lock().unwrap().is_empty() {
                result = Some(json!(format!("0x{}", "11".repeat(32))));
            }
            match result {
                Some(refused) if refused.get("error").is_some() => {
                    let error = json!({"jsonrpc": "2.0", "id": asked["id"], "error": refused["error"]});
                    (StatusCode::OK, error.to_string())
                }
                Some(result) => {
                    (StatusCode::OK, json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}).to_string())
                }
                None => (StatusCode::BAD_GATEWAY, String::new()),
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }
}

impl ChainWorld {
    pub(crate) async fn new(policy: Policy) -> Self {
        Self::with(policy, |rail| Arc::new(rail)).await
    }

    /// One whose rail is this one with something around it.
    pub(crate) async fn with(policy: Policy, around: impl FnOnce(EvmRail) -> Arc<dyn Rail>) -> Self {
        let node = ChainNode::new();
        let rail = around(chain_at(&node.listen().await));
        let house = House::of(Server::before_with(rail, policy).await).await;
        let owner = house.session("owner").await;
        let place = organisation("");
        let body = json!({"organisation": place.rsplit('/').next(), "rail": "chain", "label": "Cold", "otp": OTP});
        let made = house.ask("POST", "/wallets", &owner, Some(body)).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let wallet = made.body["id"].as_str().unwrap().to_owned();
        let from = made.body["reference"].as_str().unwrap().to_owned();
        Self { node, house, owner, wallet, from }
    }

    /// A token of the owner with these limits.
    pub(crate) async fn token(&self, limits: Value) -> String {
        let issued = self.house.server.issue(&self.owner, json!({"limits": limits})).await;
        issued["token"].as_str().unwrap().to_owned()
    }

    /// A spend that the node has in a block that is deep enough, and that is settled: its hash.
    pub(crate) async fn mined(&self, token: &str) -> String {
        let sent = self.call(token, self.spend("0x1")).await;
        let hash = sent.body["result"].as_str().unwrap_or_else(|| panic!("{}", sent.body)).to_owned();
        let block = format!("0x{}", "11".repeat(32));
        let receipt = json!({"transactionHash": hash, "status": "0x1", "gasUsed": "0x5208", "effectiveGasPrice": "0x3b9aca00",
            "blockNumber": "0x10", "blockHash": block});
        self.node.says("eth_getTransactionReceipt", receipt);
        assert_eq!(self.house.server.bursar.follow().await, Ok(1));
        self.node.says("eth_getTransactionReceipt", Value::Null);
        hash
    }

    pub(crate) async fn call(&self, token: &str, body: Value) -> Answer {
        self.house.server.send("POST", "/rail/chain", Some(token), Some(body)).await
    }

    /// A call that spends so much.
    pub(crate) fn spend(&self, value: &str) -> Value {
        let params = json!([{"from": self.from, "to": TO, "value": value}]);
        json!({"jsonrpc": "2.0", "id": 1, "method": "eth_sendTransaction", "params": params})
    }
}
