//! Spends at an upstream that answers, refuses, falls silent and breaks off.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bursar_core::hold::Cost;
use bursar_core::time::Timestamp;
use bursar_testkit::FixedClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::fixtures;
use crate::notes::Notes;
use bursar_service::rail::NewNote;

mod looked_up;

const RULE: &str = r#"{
    "method": "POST", "path": "/v1/charges", "operation": "spend",
    "headers": ["idempotency-key"], "body": "form", "fields": ["amount", "source"],
    "asset": "usd", "amount": "minor(body.amount, 'usd')", "destination": "body.source",
    "key": "headers['idempotency-key']", "key_header": "idempotency-key",
    "done": "status == 200 && answer.status == 'succeeded'", "refused": "status == 402",
    "captured": "minor(answer.amount, 'usd')", "record": "answer.id",
    "reconcile": {
        "path": "/v1/charges/by-key/{key}", "done": "status == 200", "refused": "status == 404",
        "captured": "minor(answer.amount, 'usd')", "record": "answer.id"
    }
}"#;

/// What the upstream does with the requests that come, one after the other.
#[derive(Clone)]
enum Does {
    Answer(&'static str),
    /// Reads the request and says nothing, with the connection open.
    Silence,
}

const DONE: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n\
                    {\"id\":\"ch_1\",\"status\":\"succeeded\",\"amount\":\"400\"} ";
const FOUND: &str = DONE;
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
const DECLINED: &str = "HTTP/1.1 402 Payment Required\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

struct Double {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Double {
    async fn start(script: Vec<Does>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut open = Vec::new();
            for does in script {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut read = Vec::new();
                while !is_whole(&read) {
                    let mut more = [0; 1024];
                    let count = socket.read(&mut more).await.unwrap();
                    read.extend_from_slice(&more[..count]);
                }
                seen.lock().unwrap().push(String::from_utf8(read).unwrap());
                match does {
                    Does::Answer(text) => socket.write_all(text.as_bytes()).await.unwrap(),
                    Does::Silence => open.push(socket),
                }
            }
            std::future::pending::<()>().await;
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn is_whole(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

fn settings(url: &str, refused_after: Duration) -> Settings {
    by_rule(RULE, url, refused_after)
}

fn by_rule(rule: &str, url: &str, refused_after: Duration) -> Settings {
    let written = serde_json::from_str(rule).unwrap();
    let rules = Rules::new(&BTreeMap::from([("usd".to_owned(), 2)]), &[written]).unwrap();
    let credential = Some(("authorization".to_owned(), Secret::new("Bearer restricted".to_owned())));
    let (within, url) = (Duration::from_millis(300), Secret::new(url.to_owned()));
    let (trust, longest_answer, reuse_connections) = (Trust::public().unwrap(), 1000, false);
    Settings { url, credential, trust, rules, within, longest_answer, refused_after, reuse_connections }
}

fn rail(url: &str, refused_after: Duration) -> HttpRail {
    HttpRail::new(settings(url, refused_after), clock()).unwrap()
}

/// A clock that shows the end of November 2026.
fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock::at(Timestamp::from_millis(1_795_996_800_000)))
}

const HOUR: Duration = Duration::from_secs(3600);

/// A charge of 500 with its hold.
fn held(rail: &HttpRail) -> (Outgoing, Hold) {
    let headers: &[(&str, &[u8])] = &[
        ("authorization", b"Bearer of-the-client"),
        ("content-type", b"application/x-www-form-urlencoded"),
        ("idempotency-key", b"order-7"),
    ];
    let body = b"amount=500&source=tok_1";
    let asked = Asked { method: "POST", path: "/v1/charges", query: None, headers, body };
    let Ok(Exchange::Spend(charge)) = rail.meaning(&asked) else { panic!("no charge") };
    let recipient = Recipient { address: charge.destination.unwrap().to_string(), amount: charge.amount };
    let payees = rail.payees(&charge.coin, &[recipient]).unwrap();
    let cost = Cost { coin: charge.coin.clone(), amount: charge.amount, fee_coin: charge.coin, fee: Amount::ZERO };
    (charge.outgoing, fixtures::hold(HoldId::from_bytes([7; 16]), payees, cost, charge.instruction))
}

#[tokio::test]
async fn a_provider_that_does_not_take_the_credential_is_told_as_that_until_it_does() {
    const UNKNOWN: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let double = Double::start(vec![Does::Answer(UNKNOWN), Does::Answer(DONE)]).await;
    let rail = rail(&double.url, HOUR);
    assert!(!rail.refuses_credential());
    let notes = Notes::default();
    let (outcome, hold) = sent(&rail, &notes).await;
    assert!(matches!(outcome, SendOutcome::Unknown { .. }) && rail.refuses_credential(), "{outcome:?}");
    rail.reconcile(&hold, &notes).await;
    assert!(!rail.refuses_credential());
}

async fn sent(rail: &HttpRail, notes: &Notes) -> (SendOutcome, Hold) {
    let (outgoing, hold) = held(rail);
    (rail.carry_out(&hold, Some(&outgoing), None, notes).await, hold)
}

fn charged() -> SendOutcome {
    SendOutcome::Charged { reference: "ch_1".to_owned(), amount: Amount::new(400) }
}

#[tokio::test]
async fn a_spend_carries_the_rails_credential_and_name_and_nothing_of_the_clients() {
    let double = Double::start(vec![Does::Answer(DONE)]).await;
    let (rail, notes) = (rail(&double.url, HOUR), Notes::default());
    let (outcome, hold) = sent(&rail, &notes).await;
    assert_eq!(outcome, charged());
    let [request] = &double.requests()[..] else { panic!("one request") };
    assert!(request.starts_with("POST /api/v1/charges HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: Bearer restricted\r\n"), "{request}");
    assert!(request.contains(&format!("idempotency-key: {}\r\n", hold.id)), "{request}");
    assert!(request.ends_with("\r\n\r\namount=500&source=tok_1"), "{request}");
    assert!(!request.contains("of-the-client") && !request.contains("order-7"), "{request}");
    let kept = rail.answered(hold.id, &notes).unwrap().unwrap();
    assert_eq!((kept.status, kept.header("content-type")), (200, Some("application/json")));
    // Whoever asks again after a crash is told by what is kept: the upstream is asked no more.
    assert_eq!(rail.reconcile(&hold, &notes).await, charged());
    assert_eq!(double.requests().len(), 1);
}

#[tokio::test]
async fn a_refusal_gives_back_and_an_upstream_that_was_not_reached_too() {
    let double = Double::start(vec![Does::Answer(DECLINED)]).await;
    let (outcome, _) = sent(&rail(&double.url, HOUR), &Notes::default()).await;
    assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (outcome, _) = sent(&rail(&format!("http://{nobody}"), HOUR), &Notes::default()).await;
    assert!(matches!(outcome, SendOutcome::NotSent { .. }), "{outcome:?}");
}

#[tokio::test]
async fn whatever_may_have_been_done_is_unknown_until_it_is_looked_up() {
    const LONG: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{";
    for does in [
        Does::Answer("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"),
        Does::Answer("HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"),
        Does::Answer("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\ngarbage!!"),
        Does::Answer("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}"),
        Does::Answer(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 49\r\n\r\n{\"id\":\"ch_1\",",
        ),
        Does::Answer(LONG),
        Does::Answer("garbage\r\n\r\n"),
        Does::Answer(SWITCHING),
        Does::Answer(""),
        Does::Silence,
    ] {
        let double = Double::start(vec![does, Does::Answer(FOUND)]).await;
        let (rail, notes) = (rail(&double.url, HOUR), Notes::default());
        let (outcome, hold) = sent(&rail, &notes).await;
        assert!(matches!(outcome, SendOutcome::Unknown { .. }), "{outcome:?}");
        assert_eq!(rail.reconcile(&hold, &notes).await, charged());
        let [_, looked_up] = &double.requests()[..] else { panic!("one spend and one look-up") };
        let line = format!("GET /api/v1/charges/by-key/{} HTTP/1.1\r\n", hold.id);
        assert!(looked_up.starts_with(&line), "{looked_up}");
    }
}

/// An upstream that keeps its connections open, and how many there were.
async fn keeping_connections(answer: String) -> (String, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, count) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(Mutex::new(0)));
    let counts = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            *counts.lock().unwrap() += 1;
            let answer = answer.clone();
            tokio::spawn(async move {
                let (mut read, mut more) = (Vec::new(), [0; 1024]);
                while let Ok(size @ 1..) = socket.read(&mut more).await {
                    read.extend_from_slice(&more[..size]);
                    if is_whole(&read) {
                        read.clear();
                        socket.write_all(answer.as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    (url, count)
}

#[tokio::test]
async fn a_second_answer_is_not_taken_for_that_to_the_next_spend() {
    // As if it came from the one before: the next spend would be another's.
    let (url, connections) = keeping_connections(format!("{DONE}{}", DONE.replace("ch_1", "ch_0"))).await;
    let apart = rail(&url, HOUR);
    for count in 1..=3 {
        let (outcome, _) = sent(&apart, &Notes::default()).await;
        assert_eq!((outcome, *connections.lock().unwrap()), (charged(), count));
    }
    // Whoever knows that their upstream does not do so may share connections.
    let (url, connections) = keeping_connections(DONE.to_owned()).await;
    let sharing = HttpRail::new(Settings { reuse_connections: true, ..settings(&url, HOUR) }, clock()).unwrap();
    for _ in 0..3 {
        assert_eq!(sent(&sharing, &Notes::default()).await.0, charged());
        tokio::task::yield_now().await;
    }
    assert_eq!(*connections.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_status_that_ends_no_answer_is_not_passed_on() {
    let double = Double::start(vec![Does::Answer(SWITCHING)]).await;
    let target = "/v1/charges/1".to_owned();
    let asked = Outgoing { method: "GET".into(), target, headers: Vec::new(), body: Vec::new() };
    let read = rail(&double.url, HOUR).read(&asked, None).await;
    assert!(matches!(read, Err(Unread::Unavailable(_))), "{read:?}");
}

#[tokio::test]
async fn more_than_is_held_is_told_as_such_and_a_look_up_does_not_take_it_back() {
    const MORE: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n\
                        {\"id\":\"ch_1\",\"status\":\"succeeded\",\"amount\":\"501\"} ";
    let double = Double::start(vec![Does::Answer(MORE), Does::Answer(NOT_FOUND)]).await;
    let (answering, notes) = (rail(&double.url, Duration::ZERO), Notes::default());
    let (outcome, hold) = sent(&answering, &notes).await;
    assert!(matches!(outcome, SendOutcome::Exceeded { .. }), "{outcome:?}");
    let again = answering.reconcile(&hold, &notes).await;
    assert!(matches!(again, SendOutcome::Exceeded { .. }), "{again:?}");
    assert_eq!(double.requests().len(), 1, "what the upstream said of it is known");
    // Another spend takes the place of its answer.
    let place = answers::place(hold.id);
    let note = notes.read(&place).unwrap().unwrap();
    assert_eq!(notes.write(vec![NewNote { name: place, version: note.version, body: None }]).await, Ok(true));
    let still = answering.reconcile(&hold, &notes).await;
    assert!(matches!(still, SendOutcome::Exceeded { .. }), "{still:?}");
    answering.forget(hold.id, &notes).await.unwrap();
    assert_eq!(Exceeded::read(&notes, &hold), Ok(None));
    // An answer that was lost, and a look-up that tells of it.
    let double = Double::start(vec![Does::Silence, Does::Answer(MORE)]).await;
    let (silent, notes) = (rail(&double.url, HOUR), Notes::default());
    let (_, hold) = sent(&silent, &notes).await;
    let looked_up = silent.reconcile(&hold, &notes).await;
    assert!(matches!(looked_up, SendOutcome::Exceeded { .. }), "{looked_up:?}");
    // The next one would find nothing, or less.
    let still = silent.reconcile(&hold, &notes).await;
    assert_eq!(still, looked_up);
    assert_eq!(double.requests().len(), 2, "it was not asked again");
}

#[tokio::test]
async fn asked_anew_an_upstream_takes_back_what_it_told_only_by_saying_so() {
    const MORE: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n\
                        {\"id\":\"ch_1\",\"status\":\"succeeded\",\"amount\":\"501\"} ";
    type Says = fn(&SendOutcome) -> bool;
    let cases: [(&'static str, Says); 4] = [
        (DONE, |outcome| *outcome == charged()),
        (DECLINED, |outcome| matches!(outcome, SendOutcome::Refused { .. })),
        (MORE, |outcome| matches!(outcome, SendOutcome::Exceeded { .. })),
        // It may have forgotten it.
        (NOT_FOUND, |outcome| matches!(outcome, SendOutcome::Unknown { .. })),
    ];
    let rule = RULE.replace("status == 404", "status == 404 || status == 402");
    for (answer, is_so) in cases {
        let double = Double::start(vec![Does::Answer(MORE), Does::Answer(answer)]).await;
        let (rail, notes) =
            (HttpRail::new(by_rule(&rule, &double.url, Duration::ZERO), clock()).unwrap(), Notes::default());
        let (_, hold) = sent(&rail, &notes).await;
        let now = rail.look_again(&hold, &notes).await;
        assert!(is_so(&now), "{now:?}");
        let by_itself = rail.reconcile(&hold, &notes).await;
        assert!(matches!(by_itself, SendOutcome::Exceeded { .. }), "what takes no person goes by what was told");
    }
}

#[tokio::test]
async fn what_is_not_there_yet_is_given_back_only_after_a_while() {
    for (refused_after, is_given_back) in [(HOUR, false), (Duration::ZERO, true)] {
        let double = Double::start(vec![Does::Silence, Does::Answer(NOT_FOUND)]).await;
        let (rail, notes) = (rail(&double.url, refused_after), Notes::default());
        let (_, hold) = sent(&rail, &notes).await;
        let outcome = rail.reconcile(&hold, &notes).await;
        assert_eq!(matches!(outcome, SendOutcome::Refused { .. }), is_given_back, "{outcome:?}");
        // It can be asked: nobody's word counts, also just after it was asked.
        assert!(rail.may_still_move(&hold, &notes).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn only_an_upstream_that_answers_that_it_has_none_leaves_a_spend_to_a_person() {
    const BUSY: &str = "HTTP/1.1 503 Busy\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    const MORE: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"amount\":\"501\"}";
    const ODD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let knows_no_refusal = RULE.replace(r#""refused": "status == 404","#, "");
    for (look_up, is_free) in [
        (Does::Answer(NOT_FOUND), true),
        (Does::Answer(BUSY), false),
        (Does::Answer(MORE), false),
        (Does::Answer(ODD), false),
        (Does::Silence, false),
    ] {
        let double = Double::start(vec![Does::Silence, look_up]).await;
        let rail = HttpRail::new(by_rule(&knows_no_refusal, &double.url, Duration::ZERO), clock()).unwrap();
        let notes = Notes::default();
        let (_, hold) = sent(&rail, &notes).await;
        assert!(rail.may_still_move(&hold, &notes).await.unwrap().is_some(), "before it was asked");
        for _ in 0..2 {
            // The second time it was asked a moment ago.
            let outcome = rail.reconcile(&hold, &notes).await;
            assert!(!matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
            assert_eq!(rail.may_still_move(&hold, &notes).await.unwrap().is_none(), is_free, "{outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_spend_whose_rule_is_gone_is_nobodys_to_give_back() {
    let double = Double::start(vec![Does::Silence]).await;
    let (before, notes) = (rail(&double.url, Duration::ZERO), Notes::default());
    let (_, hold) = sent(&before, &notes).await;
    let renamed = RULE.replace(r#""path": "/v1/charges","#, r#""path": "/v2/charges","#);
    let after = HttpRail::new(by_rule(&renamed, &double.url, Duration::ZERO), clock()).unwrap();
    let told = after.may_still_move(&hold, &notes).await.unwrap().unwrap();
    assert!(told.contains("the rule that it was made by is no longer there"), "{told}");
}

#[tokio::test]
async fn nothing_is_sent_that_is_no_request_of_a_client() {
    let double = Double::start(vec![Does::Answer(DONE)]).await;
    let (rail, notes) = (rail(&double.url, HOUR), Notes::default());
    let (_, hold) = held(&rail);
    let outcome = rail.carry_out(&hold, None, None, &notes).await;
    assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    let usd = Coin::parse("usd").unwrap();
    assert!(rail.plan("default", &usd, &[], hold.id).await.is_err());
    assert!(rail.build("default", &usd, &[], [0; 16]).await.is_err());
    assert!(rail.decode(b"").is_err());
    assert_eq!(double.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_reference_that_could_be_a_wallets_id_is_refused() {
    let rail = rail("http://127.0.0.1:9", HOUR);
    for (reference, is_taken) in
        [("default", true), ("acct_1.eu-2", true), (&"7".repeat(32), false), ("a/b", false), ("", false)]
    {
        assert_eq!(rail.check_wallet(reference).await.is_ok(), is_taken, "{reference}");
    }
}
