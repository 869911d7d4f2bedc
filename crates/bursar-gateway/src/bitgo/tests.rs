//! What the rail promises of lost answers, signatures and refusals, against an upstream that says what it is told to say.

mod doubt;
mod hostile;

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use bursar_core::hold::Cost;
use bursar_core::time::{Span, Timestamp};
use bursar_rails::bitgo::sequence_id;
use bursar_service::rail::UPSTREAM_LOCKED;
use bursar_testkit::FixedClock;
use bursar_wire::signature::{Request, Response, SigningKey, v4};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::fixtures;
use crate::notes::Notes;

const TOKEN: &str = "v2x0000000000000000000000000000000000000000000000000000000000000000";
const WALLET: &str = "0a";
const TO: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
const HOLD: HoldId = HoldId::from_bytes([7; 16]);
const START: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;

/// How an answer is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signed {
    Well,
    Wrongly,
    Not,
    /// Well, and this long ago.
    Before(i64),
    /// Well, but the answer ends in the middle.
    Cut,
    /// The upstream says no more, and goes on listening.
    HalfClosed,
    /// It says nothing, and keeps the connection.
    Silent,
}

/// A status, a body, and how it is signed; nothing hangs up.
type Says = Option<(u16, String, Signed)>;

#[derive(Default)]
struct Script {
    /// By method and last name of the path; each answer once, the last one for good.
    answers: HashMap<&'static str, VecDeque<Says>>,
    asked: Vec<(String, String)>,
    /// Whether the spend was remembered when its request came.
    was_remembered: Vec<bool>,
}

/// An upstream that verifies what it is asked, says what it is told to say, and remembers what it was asked.
#[derive(Clone)]
struct Double {
    script: Arc<Mutex<Script>>,
    notes: Arc<Notes>,
    /// Both sides go by it.
    clock: Arc<FixedClock>,
    version: AuthVersion,
    /// Whether it speaks version 4.
    is_v4: bool,
}

fn minutes(number: u64) -> Span {
    Span::from_seconds(60 * number)
}

impl Double {
    fn new(version: AuthVersion) -> Self {
        let clock = Arc::new(FixedClock::at(Timestamp::from_millis(START)));
        Self { script: Arc::default(), notes: Arc::default(), clock, version, is_v4: false }
    }

    fn says(&self, call: &'static str, status: u16, body: &str) {
        self.set(call, Some((status, body.to_owned(), Signed::Well)));
    }

    fn set(&self, call: &'static str, answer: Says) {
        self.script.lock().unwrap().answers.insert(call, VecDeque::from([answer]));
    }

    fn asked(&self, call: &str) -> Vec<String> {
        let script = self.script.lock().unwrap();
        script.asked.iter().filter(|(asked, _)| asked == call).map(|(_, body)| body.clone()).collect()
    }

    async fn rail(&self, software: Software) -> BitgoRail {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let double = self.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(double.clone().serve(socket));
            }
        });
        self.rail_at(url, software)
    }

    fn rail_at(&self, url: String, software: Software) -> BitgoRail {
        let fees = FeeCeiling { per_spend: Amount::new(50), per_day: Amount::new(500) };
        let (coin, token) = (Coin::parse("tbtc").unwrap(), Secret::new(TOKEN.to_owned()));
        let scheme = match self.is_v4 {
            true => Scheme::V4 { token_id: "0b".to_owned() },
            false => Scheme::Hmac(self.version),
        };
        let (express, trusts_recipients) = (None, false);
        let settings = Settings { coin, url, token, scheme, software, express, trusts_recipients, fees };
        BitgoRail::trusting(settings, Arc::clone(&self.clock) as Arc<dyn Clock>, &Trust::public().unwrap()).unwrap()
    }

    async fn serve(self, mut socket: TcpStream) {
        let mut read = Vec::new();
        loop {
            let mut more = [0; 4096];
            match socket.read(&mut more).await {
                Ok(0) | Err(_) => return,
                Ok(count) => read.extend_from_slice(&more[..count]),
            }
            let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = String::from_utf8(read[..end].to_vec()).unwrap();
            let header = |name: &str| {
                let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}: ")));
                line.map(|line| line[name.len() + 2..].to_owned())
            };
            let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
            let Some(body) = read.get(end + 4..end + 4 + length) else { continue };
            let mut first = head.lines().next().unwrap().split(' ');
            let (method, target) = (first.next().unwrap(), first.next().unwrap());
            let key = SigningKey::from_token_text(TOKEN);
            let version = self.version;
            let named = header("x-auth-request-id").unwrap_or_default();
            if self.is_v4 {
                let content = v4::ContentHash::of(body);
                let timestamp = header("x-request-timestamp").unwrap();
                let subject =
                    v4::Request { method, timestamp: &timestamp, target, content: &content, request_id: &named };
                key.verify(&subject, &header("x-signature").unwrap()).expect("a sound signature");
                assert_eq!(header("authorization").as_deref(), Some("Bearer 0b"));
            } else {
                let timestamp = header("auth-timestamp").unwrap();
                let subject = Request { version, method, timestamp: &timestamp, target, body };
                key.verify(&subject, &header("hmac").unwrap()).expect("a sound signature");
                assert_eq!(header("bitgo-auth-version").as_deref(), Some(version.as_header()));
            }
            assert!(!head.contains(TOKEN), "the token itself never leaves");
            let last = target.split('?').next().unwrap().rsplit('/').next().unwrap();
            let call = format!("{method} {}", if last.starts_with("bursar-") { "sequenceId" } else { last });
            let answer = {
                let mut script = self.script.lock().unwrap();
                script.asked.push((call.clone(), String::from_utf8(body.to_vec()).unwrap()));
                let is_remembered = matches!(sent::read(&*self.notes, HOLD), Ok(Some(_)));
                script.was_remembered.push(is_remembered);
                let answers = script.answers.get_mut(call.as_str()).unwrap_or_else(|| panic!("asked for {call}"));
                if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
            };
            let Some((status, body, signed)) = answer else { return };
            match signed {
                Signed::Silent => return std::future::pending().await,
                Signed::HalfClosed => {
                    socket.shutdown().await.unwrap();
                    while socket.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {}
                    return;
                }
                _ => {}
            }
            let at = self.clock.now().as_millis() - if let Signed::Before(ago) = signed { ago } else { 0 };
            let timestamp = at.to_string();
            let subject = Response { version, method, timestamp: &timestamp, target, status, body: body.as_bytes() };
            let key = if signed == Signed::Wrongly { SigningKey::from_token_text("v2x") } else { key };
            let signature = key.sign(&subject).as_str().to_owned();
            let headers = match signed {
                Signed::Not => String::new(),
                _ if self.is_v4 => {
                    let (timestamp, content) = ((at / 1000).to_string(), v4::ContentHash::of(body.as_bytes()));
                    let request_id = if signed == Signed::Wrongly { "another" } else { named.as_str() };
                    let subject =
                        v4::Response { method, timestamp: &timestamp, target, status, content: &content, request_id };
                    let signature = SigningKey::from_token_text(TOKEN).sign(&subject);
                    format!("x-request-timestamp: {timestamp}\r\nx-signature: {}\r\n", signature.as_str())
                }
                _ => format!("timestamp: {timestamp}\r\nhmac: {signature}\r\n"),
            };
            let reply = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
            if signed == Signed::Cut {
                socket.write_all(&reply.as_bytes()[..reply.len() - 5]).await.unwrap();
                return;
            }
            socket.write_all(reply.as_bytes()).await.unwrap();
            read.clear();
        }
    }
}

fn spend() -> Hold {
    let (coin, amount) = (Coin::parse("tbtc").unwrap(), Amount::new(1000));
    let destination = Chain::of(&coin).unwrap().destination(TO).unwrap();
    let payees = vec![Payee { address: TO.to_owned(), destination, amount }];
    let cost = Cost { coin: coin.clone(), amount: Amount::new(1050), fee_coin: coin, fee: Amount::new(50) };
    fixtures::hold(HOLD, payees, cost, Vec::new())
}

fn transfer(state: &str, txid: &str) -> String {
    let name = sequence_id(HOLD);
    format!(
        r#"{{"id":"t1","sequenceId":"{name}","coin":"tbtc","wallet":"{WALLET}","state":"{state}","txid":{txid},
            "valueString":"-1003","feeString":"3","entries":[{{"address":"{TO}","valueString":"1000"}}]}}"#
    )
}

fn sent(state: &str) -> String {
    format!(r#"{{"txid":"ab","status":"signed","transfer":{}}}"#, transfer(state, r#""ab""#))
}

fn refusal(name: &str, more: &str) -> String {
    let request = sequence_id(HOLD);
    format!(r#"{{"error":"no","name":"{name}","requestId":"{request}","context":{{}}{more}}}"#)
}

fn absent() -> String {
    refusal("NotFound", "").replace(r#""context":{}"#, r#""context":{"code":"not_found","kind":"transfer"}"#)
}

fn done() -> SendOutcome {
    SendOutcome::Done { reference: "ab".to_owned(), fee: Amount::new(3) }
}

fn is_unknown(outcome: &SendOutcome) -> bool {
    matches!(outcome, SendOutcome::Unknown { .. })
}

#[tokio::test]
async fn a_spend_is_remembered_then_sent_once_and_captured_with_its_real_fee() {
    for version in [AuthVersion::V2, AuthVersion::V3] {
        let double = Double::new(version);
        double.says("POST sendcoins", 200, &sent("confirmed"));
        let (rail, hold) = (double.rail(Software::Bursar).await, spend());
        assert_eq!(rail.carry_out(WALLET, &hold, &*double.notes).await, done());
        let body = format!(r#"{{"address":"{TO}","amount":"1000","sequenceId":"{}"}}"#, sequence_id(HOLD));
        assert_eq!(double.asked("POST sendcoins"), [body]);
        assert_eq!(double.script.lock().unwrap().was_remembered, [true], "the intent is durable before it is sent");
        assert!(is_unknown(&rail.carry_out(WALLET, &hold, &*double.notes).await));
        assert_eq!(double.asked("POST sendcoins").len(), 1, "whoever sends it again sends nothing");
        rail.forget(HOLD, &*double.notes).await.unwrap();
        assert_eq!(double.notes.read(&sent::name(HOLD)), Ok(None));
    }
}

#[tokio::test]
async fn what_was_done_and_not_told_is_found_by_its_name_and_captured_once() {
    let refused = refusal("Busy", "");
    for answer in [
        None,
        Some((500, refused.clone(), Signed::Well)),
        Some((429, refused.clone(), Signed::Well)),
        Some((200, "garbage".to_owned(), Signed::Well)),
        Some((200, sent("confirmed"), Signed::Wrongly)),
        Some((200, sent("confirmed"), Signed::Not)),
        Some((400, refused.clone(), Signed::Wrongly)),
        Some((400, refused.clone(), Signed::Not)),
        Some((400, refused, Signed::Before(6 * MINUTE))),
        Some((400, refusal("x", "").replace("bursar-07", "bursar-08"), Signed::Well)),
    ] {
        let double = Double::new(AuthVersion::V3);
        double.set("POST sendcoins", answer);
        double.says("GET sequenceId", 200, &transfer("confirmed", r#""ab""#));
        let (rail, hold) = (double.rail(Software::Bursar).await, spend());
        let first = rail.carry_out(WALLET, &hold, &*double.notes).await;
        assert!(is_unknown(&first), "{first:?}");
        assert_eq!(rail.became_of(&hold, &*double.notes).await, done());
        assert_eq!(double.asked("POST sendcoins").len(), 1);
    }
}

#[tokio::test]
async fn a_name_that_the_upstream_knows_leads_to_its_transfer() {
    let named = refusal("TransactionRefused", "").replace(r#""context":{}"#, r#""context":{"spend":"00"}"#);
    for (status, body) in [(400, refusal("DuplicateSequenceIdError", "")), (409, refusal("Pending", "")), (400, named)]
    {
        let double = Double::new(AuthVersion::V2);
        double.says("POST sendcoins", status, &body);
        double.says("GET sequenceId", 200, &transfer("failed", "null"));
        let outcome = double.rail(Software::Bursar).await.carry_out(WALLET, &spend(), &*double.notes).await;
        assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
        double.says("GET sequenceId", 200, &transfer("failed", "null").replace("1000", "1001"));
        let other = double.rail(Software::Bursar).await.became_of(&spend(), &*double.notes).await;
        assert!(is_unknown(&other), "a transfer that pays something else settles nothing: {other:?}");
    }
}

#[tokio::test]
async fn a_signed_refusal_gives_back_and_says_whose_token_is_locked() {
    let double = Double::new(AuthVersion::V3);
    double.says("POST sendcoins", 400, &refusal("BadRequest", ""));
    let outcome = double.rail(Software::Bursar).await.carry_out(WALLET, &spend(), &*double.notes).await;
    assert_eq!(outcome, SendOutcome::Refused { reason: "no".to_owned() });
    let double = Double::new(AuthVersion::V3);
    double.says("POST sendcoins", 401, &refusal("NeedsUnlock", r#","needsOTP":true,"needsUnlock":true"#));
    let outcome = double.rail(Software::Bursar).await.carry_out(WALLET, &spend(), &*double.notes).await;
    assert_eq!(outcome, SendOutcome::Refused { reason: format!("{UPSTREAM_LOCKED}: no") });
}

#[tokio::test]
async fn a_spend_that_waits_for_an_approval_stays_held_until_its_transfer_is_final() {
    let double = Double::new(AuthVersion::V3);
    double.says("POST sendcoins", 202, r#"{"pendingApproval":{"id":"5f","state":"pending"}}"#);
    double.says("GET sequenceId", 404, &absent());
    let (rail, hold) = (double.rail(Software::Bitgo).await, spend());
    let awaiting = SendOutcome::Awaiting { approval: "5f".to_owned() };
    assert_eq!(rail.carry_out(WALLET, &hold, &*double.notes).await, awaiting);
    double.clock.pass(minutes(60));
    assert_eq!(rail.became_of(&hold, &*double.notes).await, awaiting);
    assert_eq!(rail.awaits(HOLD, &*double.notes), Ok(Some("5f".to_owned())));
    double.says("GET sequenceId", 200, &transfer("signed", r#""ab""#));
    let under_way = SendOutcome::Sent { reference: "ab".to_owned() };
    assert_eq!(rail.became_of(&hold, &*double.notes).await, under_way);
    assert_eq!(
        (rail.sent(HOLD, &*double.notes), rail.awaits(HOLD, &*double.notes)),
        (Ok(Some("ab".to_owned())), Ok(None))
    );
    double.set("GET sequenceId", None);
    assert_eq!(rail.became_of(&hold, &*double.notes).await, under_way, "an upstream that is away changes nothing");
    double.says("GET sequenceId", 200, &transfer("confirmed", r#""ab""#));
    assert_eq!(rail.became_of(&hold, &*double.notes).await, done());
}

#[tokio::test]
async fn an_upstream_that_is_not_there_got_nothing() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let double = Double::new(AuthVersion::V3);
    let rail = double.rail_at(format!("http://{nobody}"), Software::Bitgo);
    let outcome = rail.carry_out(WALLET, &spend(), &*double.notes).await;
    assert!(matches!(outcome, SendOutcome::NotSent { .. }), "{outcome:?}");
    let plan = rail.plan(WALLET, &Coin::parse("tbtc").unwrap(), &[], HOLD).await;
    assert!(matches!(plan, Err(RailError::Unavailable(_))), "nothing is held for it: {plan:?}");
}

#[tokio::test]
async fn what_was_interrupted_before_it_was_sent_is_given_back_and_never_sent() {
    let double = Double::new(AuthVersion::V3);
    let (rail, hold) = (double.rail(Software::Bitgo).await, spend());
    for _ in 0..2 {
        let outcome = rail.became_of(&hold, &*double.notes).await;
        assert!(matches!(outcome, SendOutcome::Refused { .. }), "{outcome:?}");
    }
    rail.forget(HOLD, &*double.notes).await.unwrap();
    let late = rail.carry_out(WALLET, &hold, &*double.notes).await;
    assert!(matches!(late, SendOutcome::Refused { .. }), "{late:?}");
    assert!(double.script.lock().unwrap().asked.is_empty());
}

#[tokio::test]
async fn what_was_interrupted_while_it_was_sent_is_given_back_only_by_a_bursar_that_can_take_it_no_more() {
    for software in [Software::Bursar, Software::Bitgo] {
        let double = Double::new(AuthVersion::V3);
        double.set("POST sendcoins", None);
        double.says("GET sequenceId", 404, &absent());
        let (rail, hold) = (double.rail(software).await, spend());
        assert!(is_unknown(&rail.carry_out(WALLET, &hold, &*double.notes).await));
        for passed in [0, 5, 4] {
            double.clock.pass(minutes(passed));
            assert!(is_unknown(&rail.became_of(&hold, &*double.notes).await), "it may still be taken");
        }
        double.clock.pass(minutes(2));
        double.says("GET sequenceId", 404, &absent().replace("not_found", "no_such_route"));
        assert!(is_unknown(&rail.became_of(&hold, &*double.notes).await), "an older Bursar cannot tell");
        double.says("GET sequenceId", 404, &absent());
        let outcome = rail.became_of(&hold, &*double.notes).await;
        let is_given_back = matches!(outcome, SendOutcome::Refused { .. });
        assert_eq!(is_given_back, software == Software::Bursar, "{outcome:?}");
    }
}

#[tokio::test]
async fn a_wallet_is_registered_only_if_the_upstream_has_it_in_this_coin() {
    let double = Double::new(AuthVersion::V2);
    let rail = double.rail(Software::Bursar).await;
    let sound = r#"{"id":"0a","coin":"tbtc","permissions":["spend"],"confirmedBalanceString":"7"}"#;
    double.says("GET 0a", 200, sound);
    assert_eq!(rail.check_wallet(WALLET).await, Ok(()));
    assert_eq!(rail.balance(WALLET).await, Ok(Balance { confirmed: Amount::new(7) }));
    for (status, body) in [(404, "{}"), (200, &sound.replace("tbtc", "btc")), (200, &sound.replace("spend", "view"))] {
        double.says("GET 0a", status, body);
        let refused = rail.check_wallet(WALLET).await;
        assert!(matches!(refused, Err(RailError::Invalid { field: "reference", .. })), "{refused:?}");
    }
    for signed in [Signed::Not, Signed::Wrongly, Signed::Before(6 * MINUTE)] {
        double.set("GET 0a", Some((200, sound.to_owned(), signed)));
        let unheard = rail.balance(WALLET).await;
        assert!(matches!(unheard, Err(RailError::Unavailable(_))), "{unheard:?}");
    }
    double.set("GET 0a", Some((401, "{}".to_owned(), Signed::Not)));
    let unheard = rail.balance(WALLET).await;
    assert!(
        matches!(&unheard, Err(RailError::Unavailable(told)) if told.contains("does not take the token")),
        "{unheard:?}"
    );
    assert!(rail.refuses_credential());
    double.says("GET 0a", 401, r#"{"error":"needs unlock","needsUnlock":true}"#);
    assert!(rail.balance(WALLET).await.is_err() && !rail.refuses_credential(), "who signs knows the token");
    assert!(rail.wallet_name("0a").is_ok() && rail.wallet_name("../0a").is_err() && rail.wallet_name("0A").is_err());
}

#[tokio::test]
async fn version_4_shows_the_tokens_id_and_takes_no_answer_to_another_request() {
    let mut double = Double::new(AuthVersion::V3);
    double.is_v4 = true;
    double.set("POST sendcoins", Some((200, sent("confirmed"), Signed::Wrongly)));
    double.says("GET sequenceId", 200, &transfer("confirmed", r#""ab""#));
    let (rail, hold) = (double.rail(Software::Bursar).await, spend());
    let first = rail.carry_out(WALLET, &hold, &*double.notes).await;
    assert!(is_unknown(&first), "an answer to another request says nothing: {first:?}");
    assert_eq!(rail.became_of(&hold, &*double.notes).await, done());
}

/// BitGo Express that takes one request, and answers as if it were done, without a signature.
async fn express() -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"}") {
            let mut more = [0; 1024];
            let count = socket.read(&mut more).await.unwrap();
            read.extend_from_slice(&more[..count]);
        }
        let body = sent("confirmed");
        let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        socket.write_all(reply.as_bytes()).await.unwrap();
        String::from_utf8(read).unwrap()
    });
    (url, task)
}

#[tokio::test]
async fn express_gets_the_passphrase_once_and_only_the_upstream_says_what_became_of_it() {
    let double = Double::new(AuthVersion::V3);
    double.says("GET sequenceId", 404, &absent());
    let (url, task) = express().await;
    let passphrases = [(WALLET.to_owned(), Secret::new("open \"sesame\"".to_owned()))].into();
    let (token, trust) = (Secret::new(TOKEN.to_owned()), Trust::public().unwrap());
    let mut rail = double.rail(Software::Bitgo).await;
    rail.express = Some(Express::new(ExpressSettings { url, passphrases }, &token, &trust).unwrap());
    let hold = spend();
    let first = rail.carry_out(WALLET, &hold, &*double.notes).await;
    assert!(is_unknown(&first), "its own word is not enough: {first:?}");
    let asked = task.await.unwrap();
    assert!(asked.starts_with("POST /api/v2/tbtc/wallet/0a/sendcoins HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains(&format!("authorization: Bearer {TOKEN}\r\n")), "{asked}");
    let named = format!(r#""sequenceId":"{}","walletPassphrase":"open \"sesame\"""#, sequence_id(HOLD));
    assert!(asked.contains(&named), "{asked}");
    assert!(is_unknown(&rail.carry_out(WALLET, &hold, &*double.notes).await), "it is asked once");
    double.says("GET sequenceId", 200, &transfer("confirmed", r#""ab""#));
    assert_eq!(rail.became_of(&hold, &*double.notes).await, done());
    assert!(double.asked("POST sendcoins").is_empty());
}

#[tokio::test]
async fn express_that_is_not_there_got_nothing() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let double = Double::new(AuthVersion::V3);
    let settings = ExpressSettings { url: format!("http://{nobody}"), passphrases: [].into() };
    let (token, trust) = (Secret::new(TOKEN.to_owned()), Trust::public().unwrap());
    let mut rail = double.rail(Software::Bitgo).await;
    rail.express = Some(Express::new(settings, &token, &trust).unwrap());
    let outcome = rail.carry_out(WALLET, &spend(), &*double.notes).await;
    assert!(matches!(outcome, SendOutcome::NotSent { .. }), "{outcome:?}");
}

#[tokio::test]
async fn an_order_goes_upstream_as_it_was_read_and_is_found_by_the_name_of_its_hold() {
    let double = Double::new(AuthVersion::V3);
    double.says("POST initiate", 200, &sent("confirmed"));
    let rail = double.rail(Software::Bitgo).await;
    let body = format!(r#"{{"recipients":[{{"address":"{TO}","amount":"1000"}}]}}"#);
    let kept = format!("tx/initiate\n{body}").into_bytes();
    let hold = Hold { instruction: kept, ..spend() };
    assert_eq!(rail.carry_out(WALLET, &hold, &*double.notes).await, done());
    let named = format!(r#","sequenceId":"{}"}}"#, sequence_id(HOLD));
    assert_eq!(double.asked("POST initiate"), [body.replacen("]}", &format!("]{named}"), 1)]);
    let double = Double::new(AuthVersion::V3);
    let hold = Hold { instruction: b"tx/other\n{}".to_vec(), ..spend() };
    let outcome = double.rail(Software::Bitgo).await.carry_out(WALLET, &hold, &*double.notes).await;
    assert!(matches!(outcome, SendOutcome::Refused { .. }), "what cannot be read is not sent: {outcome:?}");
}
