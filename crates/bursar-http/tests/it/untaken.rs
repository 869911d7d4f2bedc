//! A disk that is full at the moment at which a spend has its outcome.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use bursar_core::ledger::{Key, State};
use bursar_store::{Batch, Position, Reader, Store, StoreError, Writer};
use bursar_store_sqlite::SqliteStore;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};

use crate::exchange::{OWNER, Shop, rail_by, rules};
use crate::world::code;

/// The disk of one server: nothing is written while it is full.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<AtomicBool>);

impl Disk {
    fn fill(&self, is_full: bool) {
        self.0.store(is_full, Ordering::SeqCst);
    }
}

/// A store on such a disk.
pub(crate) struct OnDisk {
    pub(crate) inner: SqliteStore,
    pub(crate) disk: Disk,
}

impl Store for OnDisk {
    fn writer(&self) -> Result<Box<dyn Writer>, StoreError> {
        let inner = self.inner.writer()?;
        Ok(Box::new(OnDiskWriter { inner, disk: self.disk.clone() }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.inner.reader()
    }
}

struct OnDiskWriter {
    inner: Box<dyn Writer>,
    disk: Disk,
}

impl Writer for OnDiskWriter {
    fn position(&mut self) -> Result<Position, StoreError> {
        self.inner.position()
    }

    fn load(&mut self, keys: &[Key], state: &mut State) -> Result<(), StoreError> {
        self.inner.load(keys, state)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.disk.0.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("disk full".to_owned()));
        }
        self.inner.commit(batch)
    }
}

/// A shop whose upstream fills the server's disk, and answers then that so many cents moved.
async fn shop(cents: &str) -> Shop {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let disk = Arc::new(OnceLock::<Disk>::new());
    let answer = json!({"id": "ch_1", "status": "succeeded", "amount": cents}).to_string();
    let fills = Arc::clone(&disk);
    let charge = post(async move || {
        fills.get().unwrap().fill(true);
        ([("content-type", "application/json")], answer)
    });
    let router = Router::new().route("/v1/charges", charge);
    tokio::spawn(bursar_http::serve(listener, router, Vec::new(), std::future::pending()));
    let mut rules = rules();
    // Such an upstream cannot be asked again: its words are nowhere else.
    rules[0].as_object_mut().unwrap().remove("reconcile");
    let shop = Shop::before(rail_by(url, rules), "usd", "usd 10/day").await;
    assert!(disk.set(shop.server.disk.clone()).is_ok());
    shop
}

/// Asks until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(Instant::now() < end, "{what}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn limit(shop: &Shop) -> Value {
    shop.server.send("GET", "/bursar/v1/self", Some(&shop.token), None).await.body["limits"][0].clone()
}

#[tokio::test]
async fn an_outcome_that_a_full_disk_did_not_take_is_taken_when_there_is_room() {
    let shop = shop("400").await;
    let done = shop.charge("k", "amount=1000&source=tok").await;
    assert_eq!(done.status, 200, "it was paid: {}", done.body);
    sleep(Duration::from_millis(600)).await;
    let before = limit(&shop).await;
    assert_eq!((&before["captured"], &before["held"]), (&json!("0"), &json!("1000")), "it stays counted");
    shop.server.disk.fill(false);
    until("4.00 of 10.00 are captured", async || limit(&shop).await["captured"] == "400").await;
    let again = shop.charge("k", "amount=1000&source=tok").await;
    assert_eq!((again.status.as_u16(), &again.body), (200, &done.body), "the answer is kept, too");
}

#[tokio::test]
async fn before_the_server_stops_outcomes_are_given_at_once_and_told_if_they_are_not_taken() {
    let shop = shop("400").await;
    assert_eq!(shop.charge("k", "amount=1000&source=tok").await.status, 200);
    let in_vain = timeout(Duration::from_millis(500), shop.server.bursar.give_outcomes()).await;
    assert!(in_vain.is_err(), "the disk is full");
    let left = shop.server.bursar.outcomes_left();
    assert_eq!(
        left.iter().map(|(_, words)| words.as_str()).collect::<Vec<_>>(),
        ["captured 400 with a fee of 0, as ch_1"]
    );
    shop.server.disk.fill(false);
    timeout(Duration::from_secs(20), shop.server.bursar.give_outcomes()).await.expect("there is room");
    assert_eq!(limit(&shop).await["captured"], "400");
    assert!(shop.server.bursar.outcomes_left().is_empty());
}

#[tokio::test]
async fn that_more_moved_than_was_held_is_known_though_the_disk_was_full_when_the_rail_said_so() {
    let shop = shop("401").await;
    assert_eq!(code(&shop.charge("k", "amount=400&source=tok").await), "outcome_pending");
    shop.server.disk.fill(false);
    let own = async || shop.server.send("GET", "/api/v2/user/session", Some(&shop.token), None).await.body;
    until("its token is locked", async || own().await["session"]["lockedBy"] == "rail").await;
    let session = shop.server.log_in(OWNER).await;
    let list = async || shop.server.send("GET", "/bursar/v1/spends?unresolved=true", Some(&session), None).await.body;
    until("it is unresolved", async || list().await["spends"][0]["id"].is_string()).await;
    let path = format!("/bursar/v1/spends/{}/resolve", list().await["spends"][0]["id"].as_str().unwrap());
    let word = json!({"moved": true, "reference": "ch_1", "evidence": "I looked", "otp": crate::support::OTP});
    let refused = shop.server.send("POST", &path, Some(&session), Some(word)).await;
    assert_eq!(code(&refused), "conflict", "as held it cannot be settled: {}", refused.body);
}
