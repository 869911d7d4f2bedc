//! What comes before a hold: what is refused costs the rail nothing, and nothing is kept for what is not held.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::destination::Destination;
use bursar_core::hold::{Hold, Payee, Recipient};
use bursar_core::id::HoldId;
use bursar_core::ledger::FeeCeiling;
use bursar_core::secret::Secret;
use bursar_core::time::Span;
use bursar_gateway::evm::EvmRail;
use bursar_service::rail::{
    Answer, Balance, Built, Decoded, Memory, Outflow, Permit, Plan, Protocol, Rail, RailError, SendOutcome,
};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::chain_node::{ChainWorld, TO};
use crate::house::name;
use crate::support::{Answer as Told, OTP, policy};
use crate::world::code;

/// A rail that keeps something ready for each plan, as one does that chooses coins.
struct Keeping {
    rail: EvmRail,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    plans: usize,
    now: BTreeSet<HoldId>,
    /// What left by another way, as its rail calls it.
    outflows: Vec<String>,
}

impl Rail for Keeping {
    fn plan<'a>(
        &'a self,
        reference: &'a str,
        coin: &'a Coin,
        recipients: &'a [Recipient],
        hold: HoldId,
    ) -> Answer<'a, Result<Plan, RailError>> {
        let mut kept = self.kept.lock().unwrap();
        kept.plans += 1;
        kept.now.insert(hold);
        self.rail.plan(reference, coin, recipients, hold)
    }

    fn give_up(&self, hold: HoldId) {
        self.kept.lock().unwrap().now.remove(&hold);
    }

    fn unexplained<'a>(
        &'a self,
        _reference: &'a str,
        _memory: &'a dyn Memory,
    ) -> Answer<'a, Result<Vec<Outflow>, RailError>> {
        let outflows = std::mem::take(&mut self.kept.lock().unwrap().outflows);
        let told = outflows.into_iter().map(|reference| Outflow { reference, told: Vec::new() }).collect();
        Box::pin(std::future::ready(Ok(told)))
    }

    fn is_sandbox(&self) -> bool {
        self.rail.is_sandbox()
    }

    fn coin(&self) -> Option<Coin> {
        self.rail.coin()
    }

    fn destination(&self, coin: &Coin, address: &str) -> Result<Destination, RailError> {
        self.rail.destination(coin, address)
    }

    fn payees(&self, coin: &Coin, recipients: &[Recipient]) -> Result<Vec<Payee>, RailError> {
        self.rail.payees(coin, recipients)
    }

    fn fee_coin(&self, coin: &Coin) -> Coin {
        self.rail.fee_coin(coin)
    }

    fn fee_ceiling(&self, coin: &Coin, recipients: usize) -> Amount {
        self.rail.fee_ceiling(coin, recipients)
    }

    fn fees_at_most(&self, fee_coin: &Coin) -> FeeCeiling {
        self.rail.fees_at_most(fee_coin)
    }

    fn build<'a>(
        &'a self,
        reference: &'a str,
        coin: &'a Coin,
        recipients: &'a [Recipient],
        random: [u8; 16],
    ) -> Answer<'a, Result<Built, RailError>> {
        self.rail.build(reference, coin, recipients, random)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Decoded, RailError> {
        self.rail.decode(bytes)
    }

    fn send<'a>(&'a self, reference: &'a str, permit: Permit, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        self.rail.send(reference, permit, memory)
    }

    fn reconcile<'a>(&'a self, hold: &'a Hold, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        self.rail.reconcile(hold, memory)
    }

    fn sent(&self, hold: HoldId, memory: &dyn Memory) -> Result<Option<String>, RailError> {
        self.rail.sent(hold, memory)
    }

    fn balance<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Balance, RailError>> {
        self.rail.balance(reference)
    }

    fn addresses<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Vec<String>, RailError>> {
        self.rail.addresses(reference)
    }

    fn new_address<'a>(&'a self, reference: &'a str, random: [u8; 16]) -> Answer<'a, Result<String, RailError>> {
        self.rail.new_address(reference, random)
    }

    fn keep_key<'a>(&'a self, key: Secret<Vec<u8>>, memory: &'a dyn Memory) -> Answer<'a, Result<String, RailError>> {
        self.rail.keep_key(key, memory)
    }

    fn check_wallet<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<(), RailError>> {
        self.rail.check_wallet(reference)
    }

    fn protocol(&self) -> Option<&dyn Protocol> {
        self.rail.protocol()
    }
}

struct Planning {
    world: ChainWorld,
    kept: Arc<Mutex<Kept>>,
}

impl Planning {
    async fn new() -> Self {
        let kept = Arc::<Mutex<Kept>>::default();
        let seen = Arc::clone(&kept);
        let world = ChainWorld::with(policy(), |rail| Arc::new(Keeping { rail, kept: seen })).await;
        Self { world, kept }
    }

    async fn send_coins(&self, token: &str, amount: &str, otp: Option<&str>) -> Told {
        let path = format!("/api/v2/hteth/wallet/{}/sendcoins", self.world.wallet);
        let body = json!({"address": TO, "amount": amount, "otp": otp});
        self.world.house.server.send("POST", &path, Some(token), Some(body)).await
    }

    /// How many plans there were, and how many of them the rail keeps something for now.
    fn plans(&self) -> (usize, usize) {
        let kept = self.kept.lock().unwrap();
        (kept.plans, kept.now.len())
    }
}

fn code_of_call(answer: &Told) -> &Value {
    &answer.body["error"]["data"]["code"]
}

#[tokio::test]
async fn what_no_fee_makes_fit_asks_the_node_nothing() {
    let planning = Planning::new().await;
    let world = &planning.world;
    let token = world.token(json!(["hteth 1000 base units/day"])).await;
    let asked = world.node.asked();
    for _ in 0..3 {
        assert_eq!(code(&planning.send_coins(&token, "1001", None).await), "limit_exceeded");
        assert_eq!(code_of_call(&world.call(&token, world.spend("0x3e9")).await), "limit_exceeded");
    }
    assert_eq!((world.node.asked(), planning.plans()), (asked, (0, 0)));
    let query = "SELECT count(*) FROM audit_events WHERE action = 'spend.refuse'";
    let noted: i64 = world.house.server.database().query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(noted, 6, "each is in the audit log");
}

#[tokio::test]
async fn a_plan_whose_fee_does_not_fit_is_given_up_at_once() {
    let planning = Planning::new().await;
    let token = planning.world.token(json!(["hteth 1000 base units/day"])).await;
    assert_eq!(code(&planning.send_coins(&token, "1000", None).await), "limit_exceeded");
    assert_eq!(planning.plans(), (1, 0));
    // Nor does it keep what could not be planned.
    planning.world.node.fails();
    assert_eq!(code(&planning.send_coins(&token, "1", None).await), "rail_unavailable");
    assert_eq!(planning.plans(), (2, 0));
}

#[tokio::test]
async fn a_code_is_proved_before_anything_is_planned() {
    let planning = Planning::new().await;
    let token = planning.world.token(json!(["hteth 1/day"])).await;
    let asked = planning.world.node.asked();
    assert_eq!(code(&planning.send_coins(&token, "1", Some("999999")).await), "otp_wrong");
    assert_eq!((planning.world.node.asked(), planning.plans()), (asked, (0, 0)));
    assert_eq!(planning.send_coins(&token, "1", Some(OTP)).await.status, 200);
}

#[tokio::test]
async fn what_is_held_is_kept_for_its_send() {
    let planning = Planning::new().await;
    let token = planning.world.token(json!(["hteth 1/day"])).await;
    let sent = planning.send_coins(&token, "1", None).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    assert_eq!(planning.plans(), (1, 1));
}

#[tokio::test]
async fn money_that_left_a_wallet_by_another_way_is_told_with_it_for_a_month() {
    let planning = Planning::new().await;
    let ChainWorld { house, owner, wallet, .. } = &planning.world;
    let shown = async || {
        let native = house.ask("GET", &format!("/wallets/{wallet}"), owner, None).await.body;
        let path = format!("/api/v2/hteth/wallet/{wallet}");
        let other = house.server.send("GET", &path, Some(owner), None).await.body;
        assert_eq!(native["unexplainedOutflow"], other["unexplainedOutflow"], "{native} {other}");
        native["unexplainedOutflow"].clone()
    };
    assert_eq!(shown().await, Value::Null);
    for outflow in ["0xbeef", "0xf00d"] {
        planning.kept.lock().unwrap().outflows.push(outflow.to_owned());
        assert_eq!(house.server.bursar.watch_outflows().await, Ok(1));
    }
    let at = house.server.bursar.now().to_string();
    assert_eq!(shown().await, json!({"at": at, "reference": "0xf00d"}));
    let mut browser = Browser::signed_in(&house.server, &name("owner")).await;
    let page = browser.get(&format!("/wallets/{wallet}")).await.text();
    assert!(page.contains("Money left this wallet that no spend explains") && page.contains("0xf00d"), "{page}");
    assert!(browser.get("/wallets").await.text().contains("Money left unexplained"));
    house.server.clock.pass(Span::from_seconds(30 * 86_400 + 1));
    let owner = house.session("owner").await;
    let native = house.ask("GET", &format!("/wallets/{wallet}"), &owner, None).await.body;
    assert_eq!(native["unexplainedOutflow"], Value::Null, "{native}");
}
