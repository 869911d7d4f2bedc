//! A rail of plain HTTP over the whole router: what is refused before the upstream hears of it, what it hears, and what
//! becomes of spends whose answer is lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bursar_core::coin::Coin;
use bursar_core::secret::Secret;
use bursar_core::time::Timestamp;
use bursar_gateway::http::{HttpRail, Settings};
use bursar_gateway::tls::Trust;
use bursar_rails::http::Rules;
use bursar_service::Policy;
use bursar_service::new_wallet::NewWallet;
use bursar_service::people::DEFAULT_ORGANISATION;
use bursar_service::rails::OtherKind;
use bursar_testkit::FixedClock;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::browser::Browser;
use crate::support::{Answer, OTP, Server, policy};
use crate::world::code;

pub(crate) const OWNER: &str = "owner@example.com";

/// 2^192 cents, which no limit counts.
const ABSURD: &str = "6277101735386680763835789423207666416102355444464034512896";

/// An upstream that answers each charge as its recipient is called, and everything else with what it was asked.
struct Upstream(Arc<Mutex<Vec<String>>>);

impl Upstream {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::<String>::new()));
        let hears = Arc::clone(&heard);
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let read = whole_request(&mut socket).await;
                let request = String::from_utf8(read).unwrap();
                let heard = |source: &str| hears.lock().unwrap().iter().any(|request| request.contains(source));
                let absurd = || answer(200, &json!({"id": "ch_4", "status": "succeeded", "amount": ABSURD}));
                let answer = match request.split("source=").nth(1) {
                    None if request.starts_with("GET /v1/charges/crowded ") => {
                        answer(529, &json!({"error": "crowded"}))
                    }
                    Some("broken" | "silent") => String::new(),
                    Some("absurd") => absurd(),
                    // What these two said of a charge, they say of it later on, too.
                    None if heard("source=silent") => String::new(),
                    None if heard("source=absurd") => absurd(),
                    Some("failing") => answer(500, &json!({"error": "on fire"})),
                    Some("more") => answer(200, &json!({"id": "ch_3", "status": "succeeded", "amount": "401"})),
                    Some("declined") => answer(402, &json!({"error": "declined"})),
                    Some(_) => answer(200, &json!({"id": "ch_1", "status": "succeeded", "amount": "400"})),
                    None => answer(200, &json!({"id": "ch_2", "status": "succeeded", "amount": "300"})),
                };
                hears.lock().unwrap().push(request);
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (Self(heard), url)
    }

    fn heard(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn answer(status: u16, body: &Value) -> String {
    let body = body.to_string();
    let head = "content-type: application/json\r\nset-cookie: a=b\r\nconnection: close";
    format!("HTTP/1.1 {status} X\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// All of the next request that comes here.
pub(crate) async fn whole_request(socket: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    while !is_whole(&read) {
        let mut more = [0; 4096];
        let count = socket.read(&mut more).await.unwrap();
        read.extend_from_slice(&more[..count]);
    }
    read
}

fn is_whole(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

fn rail(url: String) -> HttpRail {
    rail_by(url, rules())
}

pub(crate) fn rules() -> Value {
    json!([
        {
            "method": "POST", "path": "/v1/charges", "operation": "spend",
            "headers": ["idempotency-key"], "body": "form", "fields": ["amount", "source"],
            "asset": "usd", "amount": "minor(body.amount, 'usd')", "destination": "body.source",
            "key": "headers['idempotency-key']", "key_header": "idempotency-key",
            "done": "status == 200 && answer.status == 'succeeded'", "refused": "status == 402",
            "captured": "minor(answer.amount, 'usd')", "record": "answer.id",
            "reconcile": {
                "path": "/v1/charges/by-key/{key}", "done": "status == 200",
                "captured": "minor(answer.amount, 'usd')", "record": "answer.id"
            }
        },
        {"method": "GET", "path": "/v1/charges/{id}", "operation": "read", "query": ["expand"]}
    ])
}

/// A rail by these rules, in dollars, euros, micro-dollars and credits.
pub(crate) fn rail_by(url: String, rules: Value) -> HttpRail {
    rail_with(url, rules, ("authorization", "Bearer restricted"))
}

pub(crate) fn rail_with(url: String, rules: Value, (header, credential): (&str, &str)) -> HttpRail {
    rail_showing(url, rules, Some((header.to_owned(), Secret::new(credential.to_owned()))))
}

/// One that shows its upstream this, or nothing.
pub(crate) fn rail_showing(url: String, rules: Value, credential: Option<(String, Secret<String>)>) -> HttpRail {
    let written: Vec<_> = serde_json::from_value(rules).unwrap();
    let assets =
        [("usd", 2), ("eur", 2), ("microusd", 0), ("credits", 3)].map(|(asset, places)| (asset.to_owned(), places));
    let rules = Rules::new(&BTreeMap::from(assets), &written).unwrap();
    let settings = Settings {
        url: Secret::new(url),
        credential,
        trust: Trust::public().unwrap(),
        rules,
        within: Duration::from_secs(10),
        longest_answer: 1 << 20,
        refused_after: Duration::from_secs(600),
        reuse_connections: false,
    };
    let clock = FixedClock::at(Timestamp::from_millis(1_790_000_000_000));
    HttpRail::new(settings, Arc::new(clock)).unwrap()
}

/// A server with an owner, whose token may spend within a limit from the only wallet of a rail of this kind.
pub(crate) struct Shop {
    pub(crate) server: Server,
    pub(crate) token: String,
    pub(crate) token_id: String,
}

impl Shop {
    pub(crate) async fn before(rail: HttpRail, coin: &str, limit: &str) -> Self {
        Self::before_with(rail, coin, limit, policy()).await
    }

    pub(crate) async fn before_with(rail: HttpRail, coin: &str, limit: &str, policy: Policy) -> Self {
        let server = Server::before_with(Arc::new(rail), policy).await;
        server.user(OWNER).await;
        let wallet = NewWallet {
            rail: "chain".to_owned(),
            coin: Coin::parse(coin).unwrap(),
            label: "Shop".to_owned(),
            organisation: DEFAULT_ORGANISATION,
            owner: OWNER.to_owned(),
            key: None,
            reference: Some("default".to_owned()),
        };
        server.bursar.add_wallet(wallet).await.unwrap();
        let (token, token_id) = bot(&server, limit).await;
        Self { server, token, token_id }
    }

    pub(crate) async fn charge(&self, key: &str, form: &str) -> Answer {
        self.charge_as(&self.token, key, form).await
    }

    async fn charge_as(&self, token: &str, key: &str, form: &str) -> Answer {
        let headers = [
            ("authorization", format!("Bearer {token}")),
            ("idempotency-key", key.to_owned()),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        self.server.send_all([127, 0, 0, 1], "POST", "/rail/chain/v1/charges", &headers, form.as_bytes().to_vec()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.server.send("GET", path, Some(&self.token), None).await
    }
}

/// A new token of the owner, and its id.
async fn bot(server: &Server, limit: &str) -> (String, String) {
    let session = server.log_in(OWNER).await;
    let scope = ["wallet_view_all", "wallet_spend_all"];
    let body = json!({"label": "bot", "otp": OTP, "scope": scope, "limits": [limit]});
    let made = server.send("POST", "/bursar/v1/tokens", Some(&session), Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let [token, id] = ["token", "id"].map(|name| made.body[name].as_str().unwrap().to_owned());
    (token, id)
}

struct Open {
    shop: Shop,
    upstream: Upstream,
}

impl std::ops::Deref for Open {
    type Target = Shop;

    fn deref(&self) -> &Shop {
        &self.shop
    }
}

impl Open {
    async fn new(limit: &str) -> Self {
        let (upstream, url) = Upstream::start().await;
        Self { shop: Shop::before(rail(url), "usd", limit).await, upstream }
    }
}

/// Another wallet of a coin on the rail of a shop.
async fn another_wallet(shop: &Shop, reference: &str) -> String {
    let wallet = NewWallet {
        rail: "chain".to_owned(),
        coin: Coin::parse("usd").unwrap(),
        label: "Second".to_owned(),
        organisation: DEFAULT_ORGANISATION,
        owner: OWNER.to_owned(),
        key: None,
        reference: Some(reference.to_owned()),
    };
    shop.server.bursar.add_wallet(wallet).await.unwrap().id.to_string()
}

#[tokio::test]
async fn where_a_token_sees_several_wallets_of_a_coin_a_request_names_the_one_it_means() {
    let shop = Open::new("usd 50/day").await;
    let second = another_wallet(&shop, "second").await;
    let refused = shop.charge("one", "amount=400&source=acct_1").await;
    assert_eq!((refused.status.as_u16(), code(&refused)), (400, "invalid_field"), "{}", refused.body);
    let told = refused.body["detail"].as_str().unwrap();
    assert!(told.contains("`default`, `second`") && told.contains("`/rail/chain/wallet/NAME`"), "{told}");
    let tried = json!({"coin": "usd", "amount": "400", "destination": "acct_1", "wallet": second});
    let path = format!("/bursar/v1/tokens/{}/limits:dry-run", shop.token_id);
    let tried = shop.server.send("POST", &path, Some(&shop.token), Some(tried)).await;
    assert_eq!(tried.body["allowed"], true, "{}", tried.body);
    let warning = tried.body["warnings"][0].as_str().unwrap();
    assert!(warning.contains("`/rail/chain/wallet/second` before the path"), "{warning}");
    assert_eq!(shop.upstream.heard(), 0);
    for (key, named) in [("by-name", "second"), ("by-id", second.as_str())] {
        let headers = [
            ("authorization", format!("Bearer {}", shop.token)),
            ("idempotency-key", key.to_owned()),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        let path = format!("/rail/chain/wallet/{named}/v1/charges");
        let form = b"amount=400&source=acct_1".to_vec();
        let paid = shop.server.send_all([127, 0, 0, 1], "POST", &path, &headers, form).await;
        assert_eq!(paid.status, 200, "{}", paid.body);
    }
    let spends = shop.get(&format!("/bursar/v1/tokens/{}/spends", shop.token_id)).await;
    let wallets: Vec<_> = spends.body["spends"].as_array().unwrap().iter().map(|spend| &spend["wallet"]).collect();
    assert_eq!(wallets, [&json!(second), &json!(second)]);
    let none = shop.get("/rail/chain/wallet/third/v1/charges/ch_1").await;
    assert_eq!(code(&none), "wallet_unknown", "{}", none.body);
    assert_eq!(shop.get("/rail/chain/wallet/second/v1/charges/ch_1").await.status, 200);
}

#[tokio::test]
async fn a_spend_of_which_more_moved_than_was_held_says_so_in_units() {
    let shop = Open::new("usd 50/day").await;
    shop.charge("one", "amount=400&source=more").await;
    let spends = shop.get(&format!("/bursar/v1/tokens/{}/spends", shop.token_id)).await;
    let id = spends.body["spends"][0]["id"].as_str().unwrap();
    let shown = shop.get(&format!("/bursar/v1/spends/{id}")).await;
    let reason = shown.body["unresolved"]["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains("4.01 usd moved, more than the 4.00 usd")
            || reason.contains("4.01 usd moved, more than the 4 usd"),
        "{}",
        shown.body
    );
}

#[tokio::test]
async fn a_coin_that_no_rail_reads_is_named_with_those_that_are_read() {
    let (_upstream, url) = Upstream::start().await;
    let server = Server::alone(Arc::new(rail(url))).await;
    server.user(OWNER).await;
    let session = server.log_in(OWNER).await;
    let to = async |coin: &str| {
        let destinations = json!({"allow": [{"coin": coin, "address": "acct_1"}]});
        let body = json!({"label": "bot", "otp": OTP, "scope": ["wallet_spend_all"], "limits": ["usd 5/day"], "destinations": destinations});
        server.send("POST", "/bursar/v1/tokens", Some(&session), Some(body)).await
    };
    assert_eq!(to("usd").await.status, 201);
    let refused = to("tbtc").await;
    assert_eq!((refused.status.as_u16(), code(&refused)), (400, "invalid_field"), "{}", refused.body);
    // A service may hold it all the same: it moves the money itself, and nothing compares its addresses.
    let service = server.service(&session).await;
    let (token, _) = bot(&server, "tbtc 1/day").await;
    let organisation = DEFAULT_ORGANISATION.to_string();
    let hold =
        json!({"token": token, "coin": "tbtc", "amount": "10", "destination": "anybody", "organisation": organisation});
    let held = server.send("POST", "/bursar/v1/spends", Some(&service), Some(hold)).await;
    assert_eq!(held.status, 201, "{}", held.body);
    let told = refused.body["detail"].as_str().unwrap();
    assert!(
        told.contains("`tbtc` is no coin of any rail of this server; there are `") && told.contains("`usd`"),
        "{told}"
    );
}

#[tokio::test]
async fn a_spend_above_the_limit_is_refused_before_the_upstream_hears_of_it() {
    let shop = Open::new("usd 10/day").await;
    let refused = shop.charge("k", "amount=1001&source=tok").await;
    assert_eq!(code(&refused), "limit_exceeded", "{}", refused.body);
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    // 401 would tell a client of an API that its key is wrong.
    assert_eq!((refused.status.as_u16(), &refused.body["status"]), (403, &json!(403)));
    let error = json!({
        "message": refused.body["detail"], "type": "bursar_refusal", "code": "limit_exceeded",
    });
    assert_eq!(refused.body["error"], error, "where clients of such APIs look for it");
    assert_eq!(shop.upstream.heard(), 0);
    let done = shop.charge("k", "amount=1000&source=tok").await;
    assert_eq!((done.status.as_u16(), &done.body["id"]), (200, &json!("ch_1")), "{}", done.body);
    assert!(!done.headers.contains_key("set-cookie"));
    // 4.00 were captured of 10.00, which leaves 6.00.
    assert_eq!(code(&shop.charge("l", "amount=601&source=tok").await), "limit_exceeded");
    assert_eq!(shop.charge("m", "amount=600&source=tok").await.status, 200);
    let heard = shop.upstream.0.lock().unwrap().join("\n");
    assert!(heard.contains("authorization: Bearer restricted") && !heard.contains(&shop.token), "{heard}");
}

#[tokio::test]
async fn a_key_is_one_spend_whatever_came_of_it() {
    let shop = Open::new("usd 100/day").await;
    for (key, source, status) in [("a", "tok", 200), ("b", "failing", 409), ("c", "broken", 409)] {
        for _ in 0..2 {
            let answer = shop.charge(key, &format!("amount=400&source={source}")).await;
            assert_eq!(answer.status.as_u16(), status, "{key}: {}", answer.body);
        }
    }
    assert_eq!(shop.upstream.heard(), 3, "each was sent once");
    let other = shop.charge("a", "amount=800&source=tok").await;
    assert_eq!((other.status.as_u16(), code(&other)), (409, "idempotency_key_used"), "{}", other.body);
    // What the upstream refused is told in its words, and moved nothing.
    let declined = shop.charge("d", "amount=100&source=declined").await;
    assert_eq!((declined.status.as_u16(), &declined.body["error"]), (402, &json!("declined")));
}

#[tokio::test]
async fn a_status_without_words_of_its_own_is_passed_on_without_any() {
    use tokio::net::TcpStream;
    let shop = Open::new("usd 100/day").await;
    let listening = shop.server.listen().await;
    let mut socket = TcpStream::connect(listening.address).await.unwrap();
    let head = format!(
        "GET /rail/chain/v1/charges/crowded HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        shop.token
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 529 \r\n"), "{answer}");
    listening.stop.send(()).unwrap();
}

#[tokio::test]
async fn a_key_is_a_tokens_own_and_leads_no_other_to_its_answer() {
    let shop = Open::new("usd 100/day").await;
    let (other, _) = bot(&shop.server, "usd 100/day").await;
    for token in [&shop.token, &other, &other] {
        let answer = shop.charge_as(token, "a", "amount=400&source=tok").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(shop.upstream.heard(), 2, "one of each token");
    let another = shop.charge_as(&other, "b", "amount=400&source=tok").await;
    let taken = shop.charge_as(&shop.token, "b", "amount=500&source=tok").await;
    assert_eq!((another.status, taken.status), (200.try_into().unwrap(), 200.try_into().unwrap()), "{}", taken.body);
    assert_eq!(shop.upstream.heard(), 4);
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_captured() {
    let shop = Open::new("usd 10/day").await;
    let lost = shop.charge("k", "amount=900&source=broken").await;
    assert_eq!((lost.status.as_u16(), code(&lost)), (409, "outcome_pending"));
    assert_eq!(code(&shop.charge("l", "amount=200&source=tok").await), "limit_exceeded", "it stays held");
    let swept = shop.server.bursar.sweep(bursar_service::sweep::Overdue::PastDeadline).await.unwrap();
    assert_eq!((swept.captured, swept.unresolved), (1, 0));
    // 3.00 were captured of the 9.00 that were held.
    assert_eq!(shop.charge("m", "amount=700&source=tok").await.status, 200);
    let again = shop.charge("k", "amount=900&source=broken").await;
    assert_eq!((code(&again), &again.body["reference"]), ("answer_not_kept", &json!("ch_2")), "{}", again.body);
}

#[tokio::test]
async fn what_a_look_up_said_is_shown_with_the_spend_and_asked_for_by_hand() {
    let shop = Open::new("usd 10/day").await;
    assert_eq!(code(&shop.charge("k", "amount=900&source=silent").await), "outcome_pending");
    let (path, session) = unresolved(&shop).await;
    let path = path.trim_end_matches("/resolve");
    assert_eq!(shop.server.send("GET", path, Some(&session), None).await.body.get("lookedUp"), None);
    shop.server.bursar.sweep(bursar_service::sweep::Overdue::PastDeadline).await.unwrap();
    let heard = shop.upstream.heard();
    // That the server has just asked keeps nobody from it.
    let asked = shop.server.send("POST", &format!("{path}/reconcile"), Some(&session), None).await.body;
    assert_eq!((shop.upstream.heard(), &asked["showed"]), (heard + 1, &json!("unknown")), "{asked}");
    let shown = shop.server.send("GET", path, Some(&session), None).await.body;
    let last = &shown["lookedUp"];
    assert_eq!((last, &last["backFrom"]), (&asked["spend"]["lookedUp"], &Value::Null), "{shown}");
    let (at, said) = (last["at"].as_str().unwrap(), last["said"].as_str().unwrap());
    assert_eq!(asked["detail"], format!("asked at {at}: {said}"));
    let id = path.rsplit('/').next().unwrap();
    let page = Browser::signed_in(&shop.server, OWNER).await.get(&format!("/spends/{id}")).await;
    assert!(page.text().contains("Asked last") && page.text().contains(said), "{}", page.text());
}

#[tokio::test]
async fn a_token_whose_spend_moved_more_than_was_held_spends_no_more() {
    for (source, amount) in [("more", 400), ("broken", 299)] {
        let shop = Open::new("usd 100/day").await;
        let more = shop.charge("k", &format!("amount={amount}&source={source}")).await;
        assert_eq!((more.status.as_u16(), code(&more)), (409, "outcome_pending"), "{}", more.body);
        // What was lost is found out by looking it up.
        let sweep = || shop.server.bursar.sweep(bursar_service::sweep::Overdue::PastDeadline);
        let swept = sweep().await.unwrap();
        assert_eq!((swept.captured, swept.released, swept.unresolved), (0, 0, 1), "{source} stays held");
        let heard = shop.upstream.heard();
        let refused = shop.charge("l", "amount=1&source=tok").await;
        assert_eq!(code(&refused), "locked", "{source}: {}", refused.body);
        assert_eq!(shop.upstream.heard(), heard, "nothing more is sent");
        let session = shop.server.log_in(OWNER).await;
        let trail = shop.server.send("GET", "/bursar/v1/audit?action=token.lock", Some(&session), None).await.body;
        assert!(trail.to_string().contains("moved_above_hold"), "{trail}");
    }
}

#[tokio::test]
async fn a_token_whose_spend_moved_more_than_was_held_is_unlocked_by_nobody_before_that_is_decided() {
    let shop = Open::new("usd 100/day").await;
    assert_eq!(code(&shop.charge("k", "amount=400&source=more").await), "outcome_pending");
    let (resolve, session) = unresolved(&shop).await;
    let spend = resolve.trim_start_matches("/bursar/v1/spends/").trim_end_matches("/resolve");
    let tokens = shop.server.send("GET", "/bursar/v1/tokens", Some(&session), None).await.body;
    let locked = tokens["tokens"].as_array().unwrap().iter().find(|token| token["lockedBy"] == "rail").unwrap();
    let path = format!("/bursar/v1/tokens/{}/unlock", locked["id"].as_str().unwrap());
    let unlock = async |wish: Value| shop.server.send("POST", &path, Some(&session), Some(wish)).await;
    for wish in [
        json!({"otp": OTP, "duration": 60}),
        json!({"otp": OTP, "duration": 60, "resume": true}),
        json!({"otp": OTP, "duration": 0, "resume": true}),
    ] {
        let refused = unlock(wish).await;
        assert_eq!((refused.status.as_u16(), code(&refused)), (409, "conflict"), "{}", refused.body);
        let told = refused.body["detail"].as_str().unwrap();
        assert!(told.contains(&format!("bursar spends resolve {spend}")), "{told}");
        let heard = shop.upstream.heard();
        assert_eq!(code(&shop.charge("l", "amount=1&source=tok").await), "locked");
        assert_eq!(shop.upstream.heard(), heard, "nothing is sent meanwhile");
    }
    let settled = word(&shop, &(resolve.clone(), session.clone()), Some("401")).await;
    assert_eq!(settled.status, 200, "{}", settled.body);
    let resumed = unlock(json!({"otp": OTP, "duration": 0, "resume": true})).await;
    assert_eq!(resumed.status, 200, "{}", resumed.body);
    let charged = shop.charge("l", "amount=400&source=tok").await;
    assert_eq!(charged.status, 200, "{}", charged.body);
}

#[tokio::test]
async fn less_than_its_rail_tells_of_is_nobodys_to_say_of_a_spend_however_much_they_say() {
    // What is held, what is charged from, what is said that the rail does not bear out, and what it does: it told of 4.01 or
    // nothing, and tells now of 3.00.
    let cases = [(299, "broken", &[299][..], 300), (100, "more", &[100, 101, 299], 300), (100, "more", &[], 401)];
    for (held, source, too_little, enough) in cases {
        let shop = Open::new("usd 100/day").await;
        assert_eq!(code(&shop.charge("k", &format!("amount={held}&source={source}")).await), "outcome_pending");
        let swept = shop.server.bursar.sweep(bursar_service::sweep::Overdue::PastDeadline).await.unwrap();
        assert_eq!(swept.unresolved, 1);
        let session = shop.server.log_in(OWNER).await;
        let list = shop.server.send("GET", "/bursar/v1/spends?unresolved=true", Some(&session), None).await.body;
        let path = format!("/bursar/v1/spends/{}/resolve", list["spends"][0]["id"].as_str().unwrap());
        let say = async |amount: Option<i32>| {
            let mut said = json!({"moved": true, "reference": "ch_2", "evidence": "I looked", "otp": OTP});
            if let Some(amount) = amount {
                (said["amount"], said["moreThanHeld"]) = (amount.to_string().into(), true.into());
            }
            shop.server.send("POST", &path, Some(&session), Some(said)).await
        };
        for amount in too_little.iter().map(|amount| Some(*amount)).chain((!too_little.is_empty()).then_some(None)) {
            let refused = say(amount).await;
            assert_eq!(code(&refused), "conflict", "{amount:?}: {}", refused.body);
            let told = refused.body["detail"].as_str().unwrap();
            assert!(told.contains("and tells now of 3 usd, which is more than you say"), "{told}");
        }
        let settled = say(Some(enough)).await;
        let captured = (settled.status.as_u16(), &settled.body["captured"]["amount"]);
        assert_eq!(captured, (200, &json!(enough.to_string())), "{}", settled.body);
    }
}

#[tokio::test]
async fn whoever_says_less_has_the_rail_asked_once() {
    let shop = Open::new("usd 100/day").await;
    assert_eq!(code(&shop.charge("k", "amount=299&source=broken").await), "outcome_pending");
    let spend = unresolved(&shop).await;
    for told_before in [false, true] {
        let heard = shop.upstream.heard();
        let refused = word(&shop, &spend, Some("200")).await;
        assert_eq!(code(&refused), "conflict", "{}", refused.body);
        let told = refused.body["detail"].as_str().unwrap();
        assert!(told.contains("tells now of 3 usd, which is more than you say"), "{told}");
        assert_eq!(shop.upstream.heard(), heard + 1, "told before: {told_before}");
    }
}

/// The path at which the only unresolved spend is settled, and a session of its owner.
async fn unresolved(shop: &Shop) -> (String, String) {
    let session = shop.server.log_in(OWNER).await;
    let list = shop.server.send("GET", "/bursar/v1/spends?unresolved=true", Some(&session), None).await.body;
    (format!("/bursar/v1/spends/{}/resolve", list["spends"][0]["id"].as_str().unwrap()), session)
}

/// The word of the owner that all moved, or so much.
async fn word(shop: &Shop, (path, session): &(String, String), amount: Option<&str>) -> Answer {
    let mut said = json!({"moved": true, "reference": "ch_3", "evidence": "I looked", "otp": OTP});
    if let Some(amount) = amount {
        (said["amount"], said["moreThanHeld"]) = (amount.into(), true.into());
    }
    shop.server.send("POST", path, Some(session), Some(said)).await
}

#[tokio::test]
async fn what_a_rail_told_counts_also_where_its_section_is_gone_from_the_configuration() {
    // What is said, and whether it is as much as was told: 4.01 of 1.00 that were held.
    for (source, amount, is_refused) in
        [("more", None, true), ("more", Some("400"), true), ("more", Some("401"), false), ("broken", None, false)]
    {
        let shop = Open::new("usd 100/day").await;
        assert_eq!(code(&shop.charge("k", &format!("amount=100&source={source}")).await), "outcome_pending");
        let spend = unresolved(&shop).await;
        let heard = shop.upstream.heard();
        // As if the server had been started without it: the rail's name and notes are those of no section.
        let renamed = "UPDATE wallets SET rail = 'gone'; UPDATE documents SET name = replace(name, 'chain/', 'gone/')";
        shop.server.database().execute_batch(renamed).unwrap();
        let said = word(&shop, &spend, amount).await;
        assert_eq!(shop.upstream.heard(), heard, "nobody can be asked");
        if !is_refused {
            assert_eq!(said.status, 200, "{source} {amount:?}: {}", said.body);
            continue;
        }
        assert_eq!(code(&said), "conflict", "{amount:?}: {}", said.body);
        let told = said.body["detail"].as_str().unwrap();
        assert!(told.contains("says that 4.01 usd moved") && told.contains("put its section back"), "{told}");
        let shown = shop.server.send("GET", spend.0.trim_end_matches("/resolve"), Some(&spend.1), None).await.body;
        assert_eq!(shown["state"], "unresolved", "it stays held: {shown}");
        // Nor is its token free while nobody has decided.
        let session = Some(spend.1.as_str());
        let unlock = format!("/bursar/v1/tokens/{}/unlock", shop.token_id);
        let refused = shop.server.send("POST", &unlock, session, Some(json!({"duration": 600, "otp": OTP}))).await;
        assert_eq!((refused.status.as_u16(), code(&refused)), (409, "conflict"), "{}", refused.body);
        let path = format!("/bursar/v1/tokens/{}", shop.token_id);
        let token = shop.server.send("GET", &path, session, None).await.body;
        assert!(!token["locked"].is_null(), "{token}");
    }
}

#[tokio::test]
async fn a_rail_of_another_kind_takes_over_no_name_under_which_spends_are_not_settled() {
    let shop = Open::new("usd 100/day").await;
    assert_eq!(shop.server.bursar.rails_of_other_kinds().await.unwrap(), []);
    assert_eq!(code(&shop.charge("k", "amount=100&source=more").await), "outcome_pending");
    let spend = unresolved(&shop).await;
    // As if it had been of another kind until now.
    let renamed = "UPDATE documents SET body = CAST('bitgo' AS BLOB) WHERE name = 'chain/kind'";
    shop.server.database().execute_batch(renamed).unwrap();
    let other = OtherKind { name: "chain".to_owned(), was: "bitgo".to_owned(), is: "http", unsettled: 1 };
    assert_eq!(shop.server.bursar.rails_of_other_kinds().await.unwrap(), [other]);
    assert_eq!(word(&shop, &spend, Some("401")).await.status, 200);
    for _ in 0..2 {
        assert_eq!(shop.server.bursar.rails_of_other_kinds().await.unwrap(), [], "with all settled, it may");
    }
}

#[tokio::test]
async fn an_amount_that_no_asset_has_counts_as_more_than_was_held_and_leaves_a_spend_to_be_settled() {
    let shop = Open::new("usd 100/day").await;
    assert_eq!(code(&shop.charge("k", "amount=100&source=absurd").await), "outcome_pending");
    assert_eq!(code(&shop.charge("l", "amount=1&source=tok").await), "locked");
    let spend = unresolved(&shop).await;
    for amount in [None, Some("100"), Some("99"), Some(ABSURD)] {
        let refused = word(&shop, &spend, amount).await;
        assert!(refused.status.is_client_error(), "{amount:?}: {}", refused.body);
    }
    let all = word(&shop, &spend, None).await;
    let told = all.body["detail"].as_str().unwrap();
    assert!(told.contains("which is no amount of any asset; it counts as more than the 1 usd"), "{told}");
    let settled = word(&shop, &spend, Some("101")).await;
    assert_eq!(
        (settled.status.as_u16(), &settled.body["captured"]["amount"]),
        (200, &json!("101")),
        "{}",
        settled.body
    );
}

#[tokio::test]
async fn a_rail_is_asked_once_for_one_word_also_if_it_does_not_answer() {
    let shop = Open::new("usd 100/day").await;
    assert_eq!(code(&shop.charge("k", "amount=100&source=silent").await), "outcome_pending");
    let (spend, heard) = (unresolved(&shop).await, shop.upstream.heard());
    let settled = word(&shop, &spend, None).await;
    assert_eq!((settled.status.as_u16(), shop.upstream.heard() - heard), (200, 1), "{}", settled.body);
}

#[tokio::test]
async fn more_than_was_held_is_taken_back_by_the_upstream_and_a_person_together_and_by_neither_alone() {
    for (word, told) in [
        (json!({"moved": true, "amount": "200", "reference": "ch_3"}), Some("tells now of 3 usd")),
        (json!({"moved": false}), Some("tells now of 3 usd")),
        (json!({"moved": true, "amount": "300", "reference": "ch_3"}), None),
    ] {
        let shop = Open::new("usd 100/day").await;
        assert_eq!(code(&shop.charge("k", "amount=400&source=more").await), "outcome_pending");
        let sweep = || shop.server.bursar.sweep(bursar_service::sweep::Overdue::PastDeadline);
        assert_eq!(sweep().await.unwrap().unresolved, 1);
        assert_eq!(shop.upstream.heard(), 1, "nobody asks it by the clock whether it takes that back");
        let session = shop.server.log_in(OWNER).await;
        let list = shop.server.send("GET", "/bursar/v1/spends?unresolved=true", Some(&session), None).await.body;
        let spend = list["spends"][0]["id"].as_str().unwrap();
        let say = async |otp: Option<&str>| {
            let mut said = word.clone();
            said["evidence"] = "the upstream corrected it".into();
            if let Some(otp) = otp {
                said["otp"] = otp.into();
            }
            let path = format!("/bursar/v1/spends/{spend}/resolve");
            shop.server.send("POST", &path, Some(&session), Some(said)).await
        };
        assert_eq!(code(&say(None).await), "otp_missing");
        assert_eq!(shop.upstream.heard(), 1);
        let said = say(Some(OTP)).await;
        let path = format!("/bursar/v1/audit?subject=spend:{spend}");
        let trail = shop.server.send("GET", &path, Some(&session), None).await.body.to_string();
        let limits = format!("/bursar/v1/tokens/{}/limits", shop.token_id);
        let limit = &shop.server.send("GET", &limits, Some(&session), None).await.body["limits"][0];
        match told {
            Some(told) => {
                assert_eq!(code(&said), "conflict", "{}", said.body);
                assert!(said.body["detail"].as_str().unwrap().contains(told), "{}", said.body);
                assert_eq!((&limit["captured"], &limit["held"]), (&json!("0"), &json!("400")), "it stays held");
                assert!(!trail.contains("the upstream corrected it"), "{trail}");
            }
            None => {
                assert_eq!(
                    (said.status.as_u16(), &said.body["captured"]["amount"]),
                    (200, &json!("300")),
                    "{}",
                    said.body
                );
                assert_eq!((&limit["captured"], &limit["held"]), (&json!("300"), &json!("0")));
                assert!(trail.contains("spend.resolve") && trail.contains("the upstream corrected it"), "{trail}");
            }
        }
    }
}

#[tokio::test]
async fn a_spend_whose_upstream_cannot_be_reached_holds_nothing_and_may_be_tried_again_under_its_key() {
    // Bound, so that no server of another test gets the port, and never listening.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = nobody.local_addr().unwrap();
    let shop = Shop::before(rail(format!("http://{address}")), "usd", "usd 10/day").await;
    for _ in 0..3 {
        let refused = shop.charge("k", "amount=900&source=tok").await;
        assert_eq!((refused.status.as_u16(), code(&refused)), (503, "rail_unavailable"), "{}", refused.body);
        assert!(refused.headers.contains_key("retry-after"));
    }
    let swept = shop.server.bursar.sweep(bursar_service::sweep::Overdue::All).await.unwrap();
    assert_eq!(swept, bursar_service::sweep::Swept::default(), "nothing is held");
}

#[tokio::test]
async fn reads_are_passed_on_and_what_no_rule_is_for_is_not() {
    let shop = Open::new("usd 10/day").await;
    let read = shop.get("/rail/chain/v1/charges/ch_2?expand=x").await;
    assert_eq!((read.status.as_u16(), &read.body["id"]), (200, &json!("ch_2")));
    assert_eq!(shop.upstream.heard(), 1);
    // No rule reads that: how often it is there is the upstream's to take.
    assert_eq!(shop.get("/rail/chain/v1/charges/1?expand=1&expand=2").await.status.as_u16(), 200);
    for (path, told) in [
        ("/rail/chain/v1/payouts/1", "route_unknown"),
        ("/rail/chain/v1/charges/a%2Fb", "undecodable"),
        ("/rail/chain/v1/charges/%2e%2e", "undecodable"),
        ("/rail/chain/v1/charges//1", "undecodable"),
        ("/rail/chain/v1/charges/1;a=b", "undecodable"),
        ("/rail/chain/v1/charges/1?limit=1", "not_supported"),
        ("/rail/chain/v1/charges/1?expand=1&expand=%4", "undecodable"),
        ("//rail/chain/v1/charges/1", "not_found"),
        ("/rail/%63hain/v1/charges/1", "not_found"),
        ("/rail/sandbox/v1/charges/1", "not_found"),
        ("/rail/nowhere/v1/charges/1", "not_found"),
    ] {
        let refused = shop.get(path).await;
        assert_eq!(code(&refused), told, "{path}: {}", refused.body);
    }
    assert_eq!(shop.upstream.heard(), 2, "nothing of that was passed on");
    let session = shop.server.log_in(OWNER).await;
    let body = json!({"label": "blind", "otp": OTP, "scope": ["profile"]});
    let blind = shop.server.send("POST", "/bursar/v1/tokens", Some(&session), Some(body)).await.body;
    let refused = shop.server.send("GET", "/rail/chain/v1/charges/1", blind["token"].as_str(), None).await;
    assert_eq!((refused.status.as_u16(), code(&refused)), (403, "scope_missing"), "{}", refused.body);
}

#[tokio::test]
async fn a_rule_asks_for_a_scope_of_its_own_besides_and_nothing_is_held_without_it() {
    let (upstream, url) = Upstream::start().await;
    let rules = json!([
        {
            "method": "POST", "path": "/v1/charges", "operation": "spend", "scope": "trade_trade",
            "headers": ["idempotency-key"], "body": "form", "fields": ["amount", "currency", "source"],
            "asset": "body.currency", "amount": "minor(body.amount, body.currency)", "destination": "body.source",
            "key": "headers['idempotency-key']", "done": "status == 200",
        },
        {"method": "GET", "path": "/v1/settings", "operation": "read", "scope": "wallet_manage"},
        {"method": "GET", "path": "/v1/charges", "operation": "read"}
    ]);
    let shop = Shop::before(rail_by(url, rules), "usd", "usd 10/day").await;
    let charge = "amount=500&currency=usd&source=tok";
    let refused = shop.charge("k", charge).await;
    assert_eq!((refused.status.as_u16(), code(&refused)), (403, "scope_missing"), "{}", refused.body);
    let refused = shop.get("/rail/chain/v1/settings").await;
    assert_eq!((refused.status.as_u16(), code(&refused)), (403, "scope_missing"), "{}", refused.body);
    assert_eq!(upstream.heard(), 0);
    assert_eq!(shop.get("/rail/chain/v1/charges").await.status, 200, "this one needs no more than to see a wallet");
    let session = shop.server.log_in(OWNER).await;
    let scope = ["wallet_view_all", "wallet_spend_all", "trade_trade", "wallet_manage_all"];
    let body = json!({"label": "trader", "otp": OTP, "scope": scope, "limits": ["usd 10/day", "eur 10/day"]});
    let made = shop.server.send("POST", "/bursar/v1/tokens", Some(&session), Some(body)).await;
    let trader = Shop { token: made.body["token"].as_str().unwrap().to_owned(), ..shop };
    assert_eq!(trader.charge("k", charge).await.status, 200);
    assert_eq!(trader.get("/rail/chain/v1/settings").await.status, 200);
    // Euros are an asset of the rail, and no wallet that the token sees holds them.
    let euros = trader.charge("l", "amount=500&currency=eur&source=tok").await;
    assert_eq!(code(&euros), "wrong_coin", "{}", euros.body);
    let francs = trader.charge("m", "amount=500&currency=chf&source=tok").await;
    assert_eq!(code(&francs), "not_priced", "{}", francs.body);
    assert_eq!(upstream.heard(), 3);
}

#[tokio::test]
async fn a_token_may_stand_where_the_api_has_its_key_and_never_leaves() {
    let (upstream, url) = Upstream::start().await;
    let shop = Shop::before(rail_with(url, rules(), ("x-api-key", "restricted")), "usd", "usd 100/day").await;
    let get = async |path: &str, headers: &[(&'static str, String)]| {
        shop.server.send_all([127, 0, 0, 1], "GET", path, headers, Vec::new()).await
    };
    let own = |text: &str| ("x-api-key", text.to_owned());
    let read = get("/rail/chain/v1/charges/1", &[own(&shop.token)]).await;
    assert_eq!(read.status, 200, "{}", read.body);
    let heard = upstream.0.lock().unwrap().join("\n");
    assert!(heard.contains("x-api-key: restricted") && !heard.contains(&shop.token), "{heard}");
    // curl -u TOKEN: and the like.
    let basic = |pair: &str| [("authorization", format!("Basic {}", BASE64.encode(pair)))];
    let (as_user, as_password) = (format!("{}:", shop.token), format!("bot:{}", shop.token));
    for pair in [&as_user, &as_password] {
        assert_eq!(get("/rail/chain/v1/charges/1", &basic(pair)).await.status, 200, "{pair}");
    }
    let strange = format!("v2x{}", "0".repeat(64));
    for pair in [":", "bot:", &format!("{}:x", shop.token), &format!("{strange}:")] {
        assert_eq!(get("/rail/chain/v1/charges/1", &basic(pair)).await.status, 401, "{pair}");
    }
    let both = [own(&shop.token), ("authorization", format!("Bearer {strange}"))];
    for (path, headers) in [
        ("/rail/chain/v1/charges/1", &[own(&strange)][..]),
        ("/rail/chain/v1/charges/1", &[own(&format!("Bearer {}", shop.token))]),
        ("/rail/chain/v1/charges/1", &[own(&shop.token), own(&shop.token)]),
        ("/rail/chain/v1/charges/1", &[own("")]),
        // What stands in the usual place counts.
        ("/rail/chain/v1/charges/1", &both),
        // Only a rail has such a place.
        ("/rail/other/v1/charges/1", &[own(&shop.token)]),
        ("/bursar/v1/tokens", &[own(&shop.token)]),
        ("/api/v2/user/session", &[own(&shop.token)]),
    ] {
        let refused = get(path, headers).await;
        assert_eq!(refused.status, 401, "{path} {headers:?}: {}", refused.body);
    }
    assert_eq!(upstream.heard(), 3);
}

#[tokio::test]
async fn pages_and_lists_tell_where_an_api_is_spoken_to_and_advise_nothing_that_it_refuses() {
    let (upstream, url) = Upstream::start().await;
    let shop = Shop::before(rail(url), "usd", "usd 50/day").await;
    let mut browser = Browser::signed_in(&shop.server, OWNER).await;
    let rails = browser.get("/rails").await;
    assert!(rails.text().contains("1 wallet Not asked: it tells no balances"), "{}", rails.text());
    for list in ["/bursar/v1/wallets", "/api/v2/usd/wallet"] {
        let wallet = shop.get(list).await.body["wallets"][0].clone();
        let told = ["rail", "reference", "railPath"].map(|name| wallet[name].clone());
        assert_eq!(told, ["chain", "default", "/rail/chain"].map(|text| json!(text)), "{list}: {wallet}");
    }
    let id = shop.get("/bursar/v1/wallets").await.body["wallets"][0]["id"].as_str().unwrap().to_owned();
    let page = browser.get(&format!("/wallets/{id}")).await;
    assert!(page.text().contains("The rail calls it default"), "{}", page.text());
    assert!(page.html.contains("/rail/chain</code>"), "{}", page.html);
    let fields = [
        ("label", "bot"),
        ("may", "view"),
        ("may", "spend"),
        ("reach", "all"),
        ("limits", "usd 50/day"),
        ("here", "yes"),
        ("lifetime", "90"),
    ];
    let review = browser.post("/tokens/new", &fields).await;
    let key = review.field("key");
    let sent = [&fields[..], &[("key", key.as_str()), ("otp", OTP)]].concat();
    let place = browser.post("/tokens", &sent).await.location().to_owned();
    let secret = browser.get(&place).await;
    assert!(secret.html.contains("/rail/chain/wallet/default/"), "{}", secret.html);
    assert!(!secret.html.contains("sendcoins"), "the rail refuses it: {}", secret.html);
    assert_eq!(upstream.heard(), 0);
}
