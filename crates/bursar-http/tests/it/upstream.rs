//! BitGo's public API in front of an upstream: every route of the table by every kind of token, and half-signed
//! transactions on their way.

use std::sync::{Arc, Mutex};

use bursar_core::amount::Amount;
use bursar_core::breaker::BreakerRules;
use bursar_core::coin::Coin;
use bursar_core::ledger::FeeCeiling;
use bursar_core::secret::Secret;
use bursar_core::time::{Span, Timestamp};
use bursar_gateway::bitgo::{AuthVersion, BitgoRail, ExpressSettings, Scheme, Settings, Software};
use bursar_gateway::tls::Trust;
use bursar_rails::bitgo::routes::{Handling, Route, table};
use bursar_service::Policy;
use bursar_service::new_wallet::NewWallet;
use bursar_service::people::DEFAULT_ORGANISATION;
use bursar_testkit::FixedClock;
use bursar_wire::signature::{Response, SigningKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{Answer, OTP, Server, policy};
use crate::world::code;

const OWNER: &str = "owner@example.com";
const TOKEN: &str = "v2x0000000000000000000000000000000000000000000000000000000000000000";
const NOW: i64 = 1_790_000_000_000;
const TO: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
const CHANGE: &str = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";

/// Scopes that a route of the table asks for, or more than that.
const ALL_SCOPES: [&str; 17] = [
    "auditlogs_view_all",
    "crypto_compare",
    "enterprise_manage_all",
    "enterprise_view_all",
    "pending_approval_update",
    "settlement_network_read",
    "settlement_network_write",
    "trade_trade",
    "trade_view",
    "wallet_approve_all",
    "wallet_create",
    "wallet_edit_all",
    "wallet_freeze_all",
    "wallet_manage_all",
    "wallet_spend_all",
    "wallet_stake_all",
    "wallet_view_all",
];

/// An upstream that signs what it answers, and remembers what it was asked.
#[derive(Clone, Default)]
struct Upstream(Arc<Mutex<Vec<String>>>, Arc<Mutex<&'static str>>);

impl Upstream {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let this = this.clone();
                tokio::spawn(async move {
                    let mut read = Vec::new();
                    loop {
                        let mut more = [0; 4096];
                        match socket.read(&mut more).await {
                            Ok(0) | Err(_) => return,
                            Ok(count) => read.extend_from_slice(&more[..count]),
                        }
                        let text = String::from_utf8(read.clone()).unwrap();
                        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                        if body.len() < length.map_or(0, |length| length.parse().unwrap()) {
                            continue;
                        }
                        this.0.lock().unwrap().push(text.clone());
                        let mut words = head.split(' ');
                        let (method, target) = (words.next().unwrap(), words.next().unwrap());
                        let answered =
                            this.requests(method, target, body).unwrap_or_else(|| says(method, target, body));
                        let Some((status, answer)) = answered else { return };
                        let (body, timestamp) = (answer.to_string(), NOW.to_string());
                        let key = SigningKey::from_token_text(TOKEN);
                        let version = AuthVersion::V3;
                        let subject =
                            Response { version, method, timestamp: &timestamp, target, status, body: body.as_bytes() };
                        let signature = key.sign(&subject);
                        let reply = format!(
                            "HTTP/1.1 {status} X\r\ntimestamp: {timestamp}\r\nhmac: {}\r\ncontent-length: {}\r\n\r\n{body}",
                            signature.as_str(),
                            body.len()
                        );
                        socket.write_all(reply.as_bytes()).await.unwrap();
                        read.clear();
                    }
                });
            }
        });
        url
    }

    /// What it answers where transaction requests are asked for, which all stand as it is told.
    fn requests(&self, method: &str, target: &str, body: &str) -> Option<Option<(u16, Value)>> {
        let state = *self.1.lock().unwrap();
        let asked = |text: &String| {
            let body =
                text.starts_with("POST /api/v2/wallet/up/txrequests HTTP").then(|| text.split_once("\r\n\r\n"))?;
            serde_json::from_str::<Value>(body?.1).ok()
        };
        let made: Vec<Value> = self.0.lock().unwrap().iter().filter_map(asked).collect();
        let show = |(number, asked): (usize, &Value)| {
            json!({"txRequestId": format!("r-{number}"), "walletId": "up", "state": state, "latest": true,
                "pendingApprovalId": "5f", "intent": asked["intent"], "transactions": []})
        };
        let named = target.strip_prefix("/api/v2/tbtc/wallet/up/transfer/sequenceId/");
        let is_named = |asked: &Value| named.is_some_and(|name| asked["intent"]["sequenceId"] == name);
        match (method, target.split('?').next().unwrap()) {
            ("POST", "/api/v2/wallet/up/txrequests") => {
                let is_lost = body.contains("\"value\":\"2000\"");
                Some((!is_lost).then(|| (200, show((made.len() - 1, made.last().unwrap())))))
            }
            ("GET", "/api/v2/wallet/up/txrequests") => {
                let list: Vec<Value> = made.iter().enumerate().map(show).collect();
                Some(Some((200, json!({"txRequests": list}))))
            }
            _ if made.iter().any(is_named) && state != "delivered" => {
                Some(Some((404, json!({"error": "no such transfer"}))))
            }
            _ => None,
        }
    }

    fn heard(&self, what: &str) -> Vec<String> {
        self.0.lock().unwrap().iter().filter(|request| request.contains(what)).cloned().collect()
    }
}

fn transfer(sequence: &str) -> Value {
    json!({
        "id": "t1", "sequenceId": sequence, "coin": "tbtc", "wallet": "up", "state": "confirmed", "txid": "ab",
        "valueString": "-1007", "feeString": "7", "entries": [{"address": TO, "valueString": "1000"}],
    })
}

/// What it answers; nothing where it does what it is asked and hangs up.
fn says(method: &str, target: &str, body: &str) -> Option<(u16, Value)> {
    let place = target.split('?').next().unwrap().strip_prefix("/api/v2/tbtc/wallet/up").unwrap_or(target);
    Some(match (method, place) {
        ("GET", "") => {
            let wallet = json!({"id": "up", "coin": "tbtc", "permissions": ["spend"], "confirmedBalanceString": "9"});
            (200, wallet)
        }
        ("GET", "/unspents") if target.contains("limit=500") => {
            let coin = json!({"id": format!("{}:0", "01".repeat(32)), "address": CHANGE, "valueString": "1507"});
            (200, json!({"unspents": [coin]}))
        }
        ("GET", place) if place == format!("/address/{CHANGE}") => (200, json!({"wallet": "up", "address": CHANGE})),
        ("GET", place) if place.starts_with("/address/tb1") => (404, json!({"error": "no such address"})),
        ("GET", "/maximumSpendable") | ("POST", "/api/v2/wallet/up/txrequests/r-0/commit") => return None,
        ("POST", "/tx/initiate") => {
            let asked: Value = serde_json::from_str(body).unwrap();
            (200, json!({"transfer": transfer(asked["sequenceId"].as_str().unwrap())}))
        }
        ("POST", "/tx/send") => {
            let asked: Value = serde_json::from_str(body).unwrap();
            if asked["txRequestId"].is_string() {
                return Some((200, json!({"walletId": "up"})));
            }
            if asked["recipients"][0]["amount"] == "1000" && asked["txHex"].as_str().unwrap().starts_with("70736274") {
                return None;
            }
            (200, json!({"txid": "ab", "transfer": transfer(asked["sequenceId"].as_str().unwrap())}))
        }
        ("GET", place) if place.starts_with("/transfer/sequenceId/") => {
            (200, transfer(place.rsplit('/').next().unwrap()))
        }
        _ => (200, json!({"walletId": "up", "asked": target})),
    })
}

struct House {
    server: Server,
    upstream: Upstream,
    session: String,
    wallet: String,
}

impl House {
    async fn open() -> Self {
        Self::by(policy()).await
    }

    async fn by(policy: Policy) -> Self {
        Self::signed_by(policy, None).await
    }

    /// The same, whose direct sends go to a BitGo Express.
    async fn signed_by(policy: Policy, express: Option<ExpressSettings>) -> Self {
        let upstream = Upstream::default();
        let settings = Settings {
            coin: Coin::parse("tbtc").unwrap(),
            url: upstream.start().await,
            token: Secret::new(TOKEN.to_owned()),
            scheme: Scheme::Hmac(AuthVersion::V3),
            software: Software::Bitgo,
            express,
            trusts_recipients: false,
            fees: FeeCeiling { per_spend: Amount::new(50), per_day: Amount::new(500) },
        };
        let clock = Arc::new(FixedClock::at(Timestamp::from_millis(NOW)));
        let rail = BitgoRail::trusting(settings, clock, &Trust::public().unwrap()).unwrap();
        let server = Server::before_with(Arc::new(rail), policy).await;
        server.user(OWNER).await;
        server.wallet_of(OWNER).await;
        let wallet = NewWallet {
            rail: "chain".to_owned(),
            coin: Coin::parse("tbtc").unwrap(),
            label: "Upstream".to_owned(),
            organisation: DEFAULT_ORGANISATION,
            owner: OWNER.to_owned(),
            key: None,
            reference: Some("up".to_owned()),
        };
        let wallet = server.bursar.add_wallet(wallet).await.unwrap().id.to_string();
        let session = server.log_in(OWNER).await;
        Self { server, upstream, session, wallet }
    }

    async fn token(&self, more: Value) -> String {
        let made = self.server.issue(&self.session, more).await;
        made["token"].as_str().unwrap().to_owned()
    }

    fn path(&self, route: &Route) -> String {
        let path = route.path.replace("{coin}", "tbtc").replace("{walletId}", &self.wallet);
        path.replace(['{', '}'], "")
    }

    async fn tx_send(&self, token: &str, body: &Value) -> Answer {
        let path = format!("/api/v2/tbtc/wallet/{}/tx/send", self.wallet);
        self.server.send("POST", &path, Some(token), Some(body.clone())).await
    }
}

fn is_served(method: &str, path: &str) -> bool {
    let fits = |known: &str| {
        let (known, asked): (Vec<&str>, Vec<&str>) = (known.split('/').collect(), path.split('/').collect());
        known.len() == asked.len()
            && known.iter().zip(&asked).all(|(known, asked)| known.starts_with('{') || known == asked)
    };
    let own = bursar_http::table();
    own.iter().any(|route| route.method == method && fits(&route.path) && !path.contains("/tx/"))
}

/// What the table says a token gets that has these scopes.
fn expected(route: &Route, scopes: &[&str], is_narrowed: bool) -> &'static str {
    use bursar_core::scope::WalletAction as A;
    let name = route.scope.map(bursar_core::scope::ScopeName::as_str);
    let has = match route.action() {
        Some(A::View) => scopes.contains(&"wallet_view_all"),
        Some(_) | None => name.is_none_or(|name| {
            scopes.contains(&name) || (route.action().is_some() && scopes.contains(&&*format!("{name}_all")))
        }),
    };
    match route.handling {
        _ if !has => "scope_missing",
        _ if is_narrowed && route.action().is_some() => "wallet_not_permitted",
        Handling::Withheld(reason) => reason.told().why.code(),
        // An empty body says nothing that could be held.
        Handling::Recipients | Handling::Transaction | Handling::Intent => "undecodable",
        Handling::Continues if route.path.contains("{resource}") => "method_withheld",
        Handling::Continues => "not_supported",
        Handling::Pass | Handling::Own => "",
    }
}

#[tokio::test]
async fn every_route_of_the_public_api_does_for_every_kind_of_token_what_the_table_says() {
    let house = House::open().await;
    let reads = ["wallet_view_all"];
    let spends = ["wallet_view_all", "wallet_spend_all"];
    let other = house.server.wallet.to_string();
    let revoked = house.server.issue(&house.session, json!({})).await;
    let gone = format!("/api/v2/user/accesstoken/{}", revoked["id"].as_str().unwrap());
    assert_eq!(house.server.send("DELETE", &gone, Some(&house.session), None).await.status, 200);
    let all = ALL_SCOPES;
    let kinds: [(&str, &[&str], bool, Option<String>); 6] = [
        ("all", &all, false, Some(house.token(json!({"scope": all})).await)),
        ("reads", &reads, false, Some(house.token(json!({"scope": reads})).await)),
        ("spends", &spends, false, Some(house.token(json!({"scope": spends})).await)),
        ("elsewhere", &spends, true, Some(house.token(json!({"scope": spends, "permittedWallets": [other]})).await)),
        ("revoked", &[], false, revoked["token"].as_str().map(str::to_owned)),
        ("nobody", &[], false, None),
    ];
    for route in table().iter().filter(|route| route.handling != Handling::Own) {
        let path = house.path(route);
        // A few of BitGo's paths are taken for ids of Bursar's own routes, and are none.
        if is_served(route.method, &path) {
            continue;
        }
        for (kind, scopes, is_narrowed, token) in &kinds {
            let body = (route.method != "GET").then(|| json!({}));
            // What is asked of an upstream that hangs up has a test of its own.
            if path.ends_with("/maximumSpendable") && !scopes.is_empty() {
                continue;
            }
            let answer = house.server.send(route.method, &path, token.as_deref(), body).await;
            let told = format!("{kind}: {} {path}: {} {}", route.method, answer.status, answer.body);
            if scopes.is_empty() {
                assert_eq!(answer.status, 401, "{told}");
                continue;
            }
            let wanted = expected(route, scopes, *is_narrowed);
            assert_eq!(code(&answer), wanted, "{told}");
            assert_eq!(answer.status == 200, wanted.is_empty(), "{told}");
            if wanted.is_empty() {
                assert!(!answer.body.to_string().contains("\"walletId\":\"up\""), "{told}");
            }
        }
    }
    assert!(house.upstream.heard("POST /api").iter().all(|request| !request.contains("/tx/send")));
    let heard = house.upstream.heard("");
    assert!(heard.iter().all(|request| request.contains("hmac: ") && !request.contains("v2x")), "no token is shown");
    house.server.pass(Span::from_seconds(7200));
    for route in table() {
        let body = (route.method != "GET").then(|| json!({}));
        let (_, _, _, token) = &kinds[0];
        let expired = house.server.send(route.method, &house.path(route), token.as_deref(), body).await;
        let is_public = route.path.ends_with("/user/login");
        assert!(expired.status == 401 || is_public, "{} {}: {}", route.method, route.path, expired.body);
    }
    assert_eq!(house.upstream.heard("").len(), heard.len(), "an expired token asks nothing");
}

#[tokio::test]
async fn whoever_else_has_a_credential_gets_nothing_past_the_table() {
    let house = House::open().await;
    let spends = json!({"scope": ["wallet_view_all", "wallet_spend_all"]});
    let locked = house.token(spends.clone()).await;
    assert_eq!(house.server.send("POST", "/api/v2/user/lock", Some(&locked), None).await.status, 200);
    house.server.user("stranger@example.com").await;
    let session = house.server.log_in("stranger@example.com").await;
    let made = house.server.issue(&session, spends).await;
    let stranger = made["token"].as_str().unwrap().to_owned();
    let service = house.server.service(&house.session).await;
    let kinds = [
        ("locked", &locked),
        ("session", &house.session),
        ("stranger's session", &session),
        ("stranger's token", &stranger),
        ("service", &service),
    ];
    for route in table().iter().filter(|route| route.handling != Handling::Own) {
        let path = house.path(route);
        if is_served(route.method, &path) || path.ends_with("/maximumSpendable") {
            continue;
        }
        for (kind, token) in kinds {
            // Whole requests, so that it is who asks that is refused, and not what.
            let body = match route.handling {
                Handling::Recipients => json!({"recipients": [{"address": TO, "amount": "1000"}]}),
                Handling::Intent => intent("1000", "a"),
                _ => json!({}),
            };
            let asked = house.upstream.heard("").len();
            let answer =
                house.server.send(route.method, &path, Some(token), (route.method != "GET").then_some(body)).await;
            let told = format!("{kind}: {} {path}: {} {}", route.method, answer.status, answer.body);
            let may_read = route.handling == Handling::Pass && matches!(kind, "locked" | "session");
            assert!(may_read || answer.status.is_client_error(), "{told}");
            assert!(may_read || house.upstream.heard("").len() == asked, "{told}");
            if kind == "locked" && matches!(route.handling, Handling::Recipients | Handling::Intent) {
                assert_eq!(code(&answer), "locked", "{told}");
            }
        }
    }
    assert!(
        house
            .upstream
            .heard("")
            .iter()
            .all(|request| !request.contains("/tx/initiate") && !request.contains("POST /api/v2/wallet"))
    );
}

#[tokio::test]
async fn a_read_is_asked_twice_at_most_and_its_answer_names_our_wallet() {
    let house = House::open().await;
    let token = house.token(json!({})).await;
    let base = format!("/api/v2/tbtc/wallet/{}", house.wallet);
    let read = house.server.send("GET", &format!("{base}/unspents?minConfirms=3"), Some(&token), None).await;
    assert_eq!((read.status.as_u16(), &read.body["walletId"]), (200, &json!(house.wallet)), "{}", read.body);
    assert_eq!(read.body["asked"], "/api/v2/tbtc/wallet/up/unspents?minConfirms=3");
    let lost = house.server.send("GET", &format!("{base}/maximumSpendable"), Some(&token), None).await;
    assert_eq!(code(&lost), "rail_unavailable", "{}", lost.body);
    assert_eq!(house.upstream.heard("/maximumSpendable").len(), 2);
    for path in [format!("{base}/unknown"), format!("{base}/%75nspents"), "/api/v2/none/of/these".to_owned()] {
        let unknown = house.server.send("GET", &path, Some(&token), None).await;
        assert_eq!((unknown.status.as_u16(), code(&unknown)), (404, "no_such_route"), "{path}");
    }
}

#[tokio::test]
async fn a_half_signed_transaction_is_held_as_it_reads_sent_once_and_found_if_its_answer_is_lost() {
    let house = House::open().await;
    let session = &house.session;
    let scope = ["wallet_view_all", "wallet_spend_all"];
    let limits = ["tbtc 2100 base units/day"];
    let body = json!({"label": "bot", "otp": OTP, "scope": scope, "limits": limits});
    let made = house.server.send("POST", "/bursar/v1/tokens", Some(session), Some(body)).await;
    let token = made.body["token"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned();
    let body = |hex: &str, name: &str| json!({"txHex": hex, "recipients": [{"address": TO, "amount": "1000"}], "sequenceId": name});
    let (to, change, foreign) = (
        "e803000000000000160014751e76e8199196d454941c45d1b3a323f1433bd6",
        "f4010000000000001976a914243f1394f44554f4ce3fd68649c19adc483ce92488ac",
        "f401000000000000160014841b80d2cc75f5345c482af96294d04fdd66b2b7",
    );
    let raw = |outputs: &[&str]| {
        format!("0200000001{}0000000000fdffffff{:02x}{}00000000", "01".repeat(32), outputs.len(), outputs.concat())
    };
    for (outputs, why) in
        [(&[to, foreign][..], "invalid_field"), (&[change], "undecodable"), (&[to, to], "undecodable")]
    {
        let refused = house.tx_send(&token, &body(&raw(outputs), "a")).await;
        assert_eq!((refused.status.as_u16(), code(&refused)), (400, why), "{}", refused.body);
    }
    assert!(house.upstream.heard("POST ").is_empty(), "nothing of that was sent");
    let sent = house.tx_send(&token, &body(&raw(&[to, change]), "a")).await;
    assert_eq!((sent.status.as_u16(), &sent.body["txid"]), (200, &json!("ab")), "{}", sent.body);
    assert_eq!(sent.body["transfer"]["feeString"], "7", "{}", sent.body);
    let again = house.tx_send(&token, &body(&raw(&[to, change]), "a")).await;
    assert_eq!(again.status, 200, "{}", again.body);
    let other = house.tx_send(&token, &body(&raw(&[change, to]), "a")).await;
    assert_eq!(code(&other), "duplicate_sequence_id", "{}", other.body);
    assert_eq!(house.upstream.heard("POST ").len(), 1);
    assert!(house.upstream.heard("POST ")[0].contains("\"sequenceId\":\"bursar-"));
    // The upstream does this one and hangs up; it is found by its name.
    let unsigned = raw(&[to, change]);
    let psbt = format!("70736274ff0100{:02x}{unsigned}00000000", unsigned.len() / 2);
    let lost = house.tx_send(&token, &body(&psbt, "b")).await;
    assert_eq!((lost.status.as_u16(), code(&lost)), (409, "outcome_pending"), "{}", lost.body);
    let same = house.tx_send(&token, &body(&raw(&[to, change]), "c")).await;
    assert_eq!(same.body["transfer"]["sequenceId"], "a", "one transaction is one spend: {}", same.body);
    let third = raw(&[to, change]).replace("fdffffff", "fcffffff");
    let over = house.tx_send(&token, &body(&third, "d")).await;
    assert_eq!(code(&over), "limit_exceeded", "it stays held: {}", over.body);
    let locked = house.server.send("POST", "/api/v2/user/lock", Some(&token), None).await;
    assert_eq!(locked.status, 200, "{}", locked.body);
    let refused = house.tx_send(&token, &body(&third, "e")).await;
    assert_eq!((refused.status.as_u16(), code(&refused)), (401, "locked"), "{}", refused.body);
    assert_eq!(house.upstream.heard("POST ").len(), 2);
    let swept = house.server.bursar.sweep(bursar_service::sweep::Overdue::PastDeadline).await.unwrap();
    assert_eq!((swept.captured, swept.unresolved), (1, 0));
}

#[tokio::test]
async fn what_the_upstream_makes_is_one_spend_each_time_and_one_under_its_name() {
    let house = House::open().await;
    let body =
        json!({"label": "bot", "otp": OTP, "scope": ["wallet_spend_all"], "limits": ["tbtc 9000 base units/day"]});
    let made = house.server.send("POST", "/bursar/v1/tokens", Some(&house.session), Some(body)).await;
    let token = made.body["token"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned();
    let path = format!("/api/v2/tbtc/wallet/{}/tx/initiate", house.wallet);
    let recipients = json!([{"address": TO, "amount": 1000}]);
    for (name, sent) in [(None, 1), (None, 2), (Some("a"), 3), (Some("a"), 3)] {
        let mut body = json!({"recipients": recipients});
        if let Some(name) = name {
            body["sequenceId"] = name.into();
        }
        let answer = house.server.send("POST", &path, Some(&token), Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(house.upstream.heard("POST ").len(), sent);
    }
    let with = json!({"recipients": recipients, "txHex": "00"});
    let refused = house.server.send("POST", &path, Some(&token), Some(with)).await;
    assert_eq!(code(&refused), "not_supported", "{}", refused.body);
}

fn intent(amount: &str, name: &str) -> Value {
    let recipient = json!({"address": {"address": TO}, "amount": {"value": amount, "symbol": "tbtc"}});
    json!({"intent": {"intentType": "payment", "sequenceId": name, "recipients": [recipient]}, "apiVersion": "full"})
}

#[tokio::test]
async fn an_intent_is_held_when_it_is_asked_for_and_only_its_token_signs_and_delivers_it() {
    let house = House::open().await;
    *house.upstream.1.lock().unwrap() = "pendingUserSignature";
    let issue = async |label: &str| {
        let scope = ["wallet_view_all", "wallet_spend_all"];
        let body = json!({"label": label, "otp": OTP, "scope": scope, "limits": ["tbtc 2100 base units/day"]});
        let made = house.server.send("POST", "/bursar/v1/tokens", Some(&house.session), Some(body)).await;
        made.body["token"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned()
    };
    let (token, other) = (issue("bot").await, issue("other").await);
    let requests = format!("/api/v2/wallet/{}/txrequests", house.wallet);
    let post = async |token: &str, path: &str, body: Option<Value>| {
        house.server.send("POST", &format!("{requests}{path}"), Some(token), body).await
    };
    for (body, why) in [
        (json!({"intent": {"intentType": "signMessage", "messageRaw": "x"}}), "method_withheld"),
        (json!({"intent": {"intentType": "transferToken"}}), "not_supported"),
        (json!({"intent": {"intentType": "customTx"}}), "not_priced"),
        (json!({"intent": {}}), "undecodable"),
    ] {
        let refused = post(&token, "", Some(body)).await;
        assert_eq!(code(&refused), why, "{}", refused.body);
    }
    let over = post(&token, "", Some(intent("2101", "a"))).await;
    assert_eq!(code(&over), "limit_exceeded", "{}", over.body);
    assert!(house.upstream.heard("POST ").is_empty(), "nothing of that was asked for");

    let made = post(&token, "", Some(intent("1000", "a"))).await;
    assert_eq!((made.status.as_u16(), &made.body["txRequestId"]), (200, &json!("r-0")), "{}", made.body);
    assert_eq!(made.body["walletId"], json!(house.wallet));
    let again = post(&token, "", Some(intent("1000", "a"))).await;
    assert_eq!((again.status.as_u16(), &again.body["txRequestId"]), (200, &json!("r-0")), "{}", again.body);
    let differs = post(&token, "", Some(intent("1001", "a"))).await;
    assert_eq!(code(&differs), "duplicate_sequence_id", "{}", differs.body);
    assert_eq!(house.upstream.heard("POST ").len(), 1, "it is asked for once");
    let full = post(&token, "", Some(intent("1100", "b"))).await;
    assert_eq!(code(&full), "limit_exceeded", "it is held before it is signed: {}", full.body);

    let sign = json!({"type": "ecdsaMpcV2", "signatureShares": []});
    for (who, path) in [(&other, "/r-0"), (&token, "/r-1"), (&token, "/..")] {
        let refused = post(who, &format!("{path}/transactions/0/sign"), Some(sign.clone())).await;
        assert_ne!(refused.status, 200, "{path}: {}", refused.body);
    }
    let message = post(&token, "/r-0/messages/0/sign", Some(sign.clone())).await;
    assert_eq!(code(&message), "method_withheld", "{}", message.body);
    let more = post(&token, "/r-0/transactions/0/sign", Some(json!({"recipients": []}))).await;
    assert_eq!(code(&more), "not_supported", "{}", more.body);
    assert_eq!(house.upstream.heard("POST ").len(), 1);
    for (path, body) in [("/transactions/0/sign", Some(sign)), ("/transactions/0/send", None), ("/transfers", None)] {
        let passed = post(&token, &format!("/r-0{path}"), body).await;
        assert_eq!((passed.status.as_u16(), &passed.body["walletId"]), (200, &json!(house.wallet)), "{}", passed.body);
    }
    assert_eq!(house.server.send("POST", "/api/v2/user/lock", Some(&token), None).await.status, 200);
    for (path, body) in [("/transactions/0/send", None), ("/commit", Some(json!({})))] {
        let locked = post(&token, &format!("/r-0{path}"), body).await;
        assert_eq!(code(&locked), "locked", "who may not spend delivers nothing: {}", locked.body);
    }
    let unlock = async || {
        let body = json!({"otp": OTP, "duration": 60});
        house.server.send("POST", "/api/v2/user/unlock", Some(&token), Some(body)).await.status
    };
    assert_eq!(unlock().await, 200);
    let lost = post(&token, "/r-0/commit", Some(json!({}))).await;
    assert_eq!(code(&lost), "outcome_pending", "it may have been done: {}", lost.body);
    let lite = house.tx_send(&token, &json!({"txRequestId": "r-0"})).await;
    assert_eq!(lite.status, 200, "{}", lite.body);
    let foreign = house.tx_send(&other, &json!({"txRequestId": "r-0"})).await;
    assert_eq!(code(&foreign), "not_supported", "{}", foreign.body);
    assert_eq!(house.upstream.heard("POST ").len(), 6);

    let sweep = || house.server.bursar.sweep(bursar_service::sweep::Overdue::PastDeadline);
    house.server.pass(Span::from_seconds(3600));
    assert_eq!(sweep().await.unwrap().captured, 0, "what can be signed stays held, however long");
    *house.upstream.1.lock().unwrap() = "delivered";
    assert_eq!(sweep().await.unwrap().captured, 1);
    assert_eq!(unlock().await, 200);
    let late = post(&token, "/r-0/transactions/0/send", None).await;
    assert_eq!(code(&late), "not_supported", "what is settled is gone on with no more: {}", late.body);
}

#[tokio::test]
async fn a_request_whose_answer_is_lost_is_found_by_its_name_and_given_back_only_if_it_is_over() {
    let house = House::open().await;
    *house.upstream.1.lock().unwrap() = "pendingApproval";
    let body =
        json!({"label": "bot", "otp": OTP, "scope": ["wallet_spend_all"], "limits": ["tbtc 2100 base units/day"]});
    let made = house.server.send("POST", "/bursar/v1/tokens", Some(&house.session), Some(body)).await;
    let token = made.body["token"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned();
    let requests = format!("/api/v2/wallet/{}/txrequests", house.wallet);
    let ask = async |amount: &str, name: &str| {
        house.server.send("POST", &requests, Some(&token), Some(intent(amount, name))).await
    };
    let lost = ask("2000", "a").await;
    assert_eq!((lost.status.as_u16(), code(&lost)), (409, "outcome_pending"), "{}", lost.body);
    let sweep = || house.server.bursar.sweep(bursar_service::sweep::Overdue::PastDeadline);
    assert_eq!(sweep().await.unwrap().released, 0);
    let found = ask("2000", "a").await;
    assert_eq!((found.status.as_u16(), &found.body["state"]), (200, &json!("pendingApproval")), "{}", found.body);
    assert_eq!(found.body["pendingApprovalId"], "5f");
    assert_eq!(code(&ask("1000", "b").await), "limit_exceeded");
    *house.upstream.1.lock().unwrap() = "rejected";
    assert_eq!(sweep().await.unwrap().released, 1);
    assert_eq!(house.upstream.heard("POST ").len(), 1);
    let other = ask("1000", "b").await;
    assert_eq!(code(&other), "rail_refused", "what is over when it is asked for is refused: {}", other.body);
}

#[tokio::test]
async fn a_token_that_only_asks_for_what_is_refused_is_paused() {
    let rules = BreakerRules { after: 3, pause: Span::from_seconds(60), longest: Span::from_seconds(3600) };
    let house = House::by(Policy { breaker: Some(rules), ..policy() }).await;
    let token = house.token(json!({"scope": ["wallet_view_all", "wallet_spend_all"]})).await;
    let requests = format!("/api/v2/wallet/{}/txrequests", house.wallet);
    let post = async |path: &str, body: Value| {
        code(&house.server.send("POST", &format!("{requests}{path}"), Some(&token), Some(body)).await).to_owned()
    };
    assert_eq!(post("", json!({"intent": {"intentType": "customTx"}})).await, "not_priced");
    for _ in 0..2 {
        assert_eq!(post("/r-0/transactions/0/send", json!({})).await, "not_supported");
    }
    assert_eq!(post("", intent("1000", "a")).await, "broken");
    assert!(house.upstream.heard("POST ").is_empty());
}

#[tokio::test]
async fn what_did_not_reach_express_may_be_sent_again_and_holds_nothing() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let express = ExpressSettings { url: format!("http://{nobody}"), passphrases: [].into() };
    let house = House::signed_by(policy(), Some(express)).await;
    let token = house.token(json!({"limits": ["tbtc 5000 base units/day"]})).await;
    let path = format!("/api/v2/tbtc/wallet/{}/sendcoins", house.wallet);
    let body = json!({"address": TO, "amount": "1000", "sequenceId": "order-7"});
    for _ in 0..2 {
        let answer = house.server.send("POST", &path, Some(&token), Some(body.clone())).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (503, "rail_unavailable"), "{}", answer.body);
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert!(house.upstream.heard("POST ").is_empty(), "nothing goes around Express");
    let held = "SELECT count(*) FROM holds WHERE state IN ('open', 'unresolved')";
    let held: i64 = house.server.database().query_row(held, [], |row| row.get(0)).unwrap();
    assert_eq!(held, 0);
}
