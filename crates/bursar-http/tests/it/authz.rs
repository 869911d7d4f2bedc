//! Other proxies ask whether a request may pass, over the whole router: what passes, what is refused and how it is told, and
//! that nothing is held after a refusal.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use bursar_core::time::Span;
use bursar_http::authz::{BodyKind, Does, NewRule, NewSpend, Rules};
use bursar_http::operations::Operations;
use bursar_service::sweep::Overdue;
use serde_json::json;
use tower::ServiceExt as _;

use crate::events::refused;
use crate::support::{OTP, Server};
use crate::world::{ADDRESS, World};

const HOST: &str = "api.example.com";
const PROXY: [u8; 4] = [10, 0, 0, 1];

/// A world with proxies that ask.
struct Street {
    world: World,
    service: String,
    router: Router,
}

struct Told {
    status: StatusCode,
    headers: HeaderMap,
}

impl Told {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn code(&self) -> &str {
        self.header("bursar-refusal")
    }
}

fn spend(world: &World, path: &str, change: impl FnOnce(&mut NewSpend)) -> NewRule {
    let mut spend = NewSpend {
        wallet: Some(world.server.wallet.to_string()),
        organisation: None,
        coin: "tbtc".to_owned(),
        amount: "query.amount".to_owned(),
        is_decimal: false,
        decimals: None,
        body: None,
        destination: "{to}".to_owned(),
        key: "header.Idempotency-Key".to_owned(),
        service: None,
        release_within: None,
        repeats_pass: false,
    };
    change(&mut spend);
    rule("POST", path, Does::Spend(Box::new(spend)))
}

fn rule(method: &str, path: &str, does: Does) -> NewRule {
    NewRule { host: HOST.to_owned(), method: method.to_owned(), path: path.to_owned(), does }
}

impl Street {
    async fn new() -> Self {
        let world = World::new().await;
        let service = world.server.service(&world.session).await;
        let id = world.get("/bursar/v1/self", &service).await.body["id"].as_str().unwrap().to_owned();
        let held = |spend: &mut NewSpend| {
            (spend.service, spend.release_within) = (Some(id.clone()), Some(Span::from_seconds(30)));
        };
        let rules = vec![
            rule("GET", "/any", Does::Read { scope: None, wallet: None }),
            rule("GET", "/scoped", Does::Read { scope: Some("user_manage".to_owned()), wallet: None }),
            rule("GET", "/seen", Does::Read { scope: None, wallet: Some(world.server.wallet.to_string()) }),
            spend(&world, "/pay/{to}", |_| {}),
            spend(&world, "/held/{to}", held),
            spend(&world, "/again/{to}", |spend| spend.repeats_pass = true),
            spend(&world, "/body/{to}", |spend| {
                (spend.amount, spend.body) = ("body.amount".to_owned(), Some(BodyKind::Json));
            }),
            spend(&world, "/form/{to}", |spend| {
                (spend.amount, spend.body) = ("body.amount".to_owned(), Some(BodyKind::Form));
            }),
            spend(&world, "/coins/{to}", |spend| spend.is_decimal = true),
            spend(&world, "/nobody/{to}", |spend| {
                (spend.service, spend.release_within) = (Some("ab".repeat(16)), Some(Span::from_seconds(30)));
            }),
        ];
        let settings = bursar_http::Settings {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            authz: Arc::new(Rules::new(rules).unwrap()),
            ..world.server.settings()
        };
        let router = bursar_http::router(Arc::clone(&world.server.bursar), settings, &Operations::new());
        Self { world, service, router }
    }

    fn server(&self) -> &Server {
        &self.world.server
    }

    async fn send(&self, peer: [u8; 4], request: axum::http::request::Builder, body: &str) -> Told {
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from((peer, 4711))));
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        assert!(bytes.is_empty(), "{bytes:?}");
        let told = Told { status: parts.status, headers: parts.headers };
        assert!(matches!(told.status.as_u16(), 200 | 401 | 403), "{}", told.status);
        assert_eq!((told.header("content-length"), told.header("cache-control")), ("0", "no-store"));
        assert_eq!(told.status == 200, told.code().is_empty());
        assert_eq!(told.status == 401, told.headers.contains_key("www-authenticate"));
        told
    }

    /// Asks as nginx does; headers that are named replace those that a good question has, empty ones take them away.
    async fn ask(&self, token: &str, method: &str, target: &str, changed: &[(&str, &str)]) -> Told {
        let authorization = format!("Bearer {token}");
        let usual = [
            ("authorization", authorization.as_str()),
            ("x-original-method", method),
            ("x-original-uri", target),
            ("x-forwarded-host", HOST),
            ("x-forwarded-for", "203.0.113.7"),
        ];
        let mut request = Request::builder().method("GET").uri("/authz/nginx");
        for (name, value) in usual.iter().filter(|(name, _)| !changed.iter().any(|(other, _)| other == name)) {
            request = request.header(*name, *value);
        }
        for (name, value) in changed.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        self.send(PROXY, request, "").await
    }

    async fn pay(&self, token: &str, amount: &str, key: &str) -> Told {
        let target = format!("/pay/{ADDRESS}?amount={amount}");
        self.ask(token, "POST", &target, &[("idempotency-key", key)]).await
    }

    /// Asks as Envoy does, with a body.
    async fn with_body(&self, token: &str, body: &str, changed: &[(&str, &str)]) -> Told {
        let mut request = Request::post(format!("/authz/envoy/body/{ADDRESS}"));
        let authorization = format!("Bearer {token}");
        let usual = [
            ("authorization", authorization.as_str()),
            ("host", HOST),
            ("x-forwarded-for", "203.0.113.7"),
            ("idempotency-key", "k"),
            ("content-type", "application/json"),
            ("x-envoy-auth-partial-body", "false"),
        ];
        for (name, value) in usual.iter().filter(|(name, _)| !changed.iter().any(|(other, _)| other == name)) {
            request = request.header(*name, *value);
        }
        for (name, value) in changed.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        self.send(PROXY, request, body).await
    }

    async fn token(&self) -> (String, String) {
        self.world.token(json!({"limits": ["tbtc 100 base units/day"]})).await
    }

    /// What is captured and held of the token's limit.
    async fn used(&self, id: &str) -> (String, String) {
        // A write waits for the settlements before it.
        self.server().bursar.note_uses().await.unwrap();
        let limits = self.world.limits(id).await;
        let text = |name: &str| limits["limits"][0][name].as_str().unwrap().to_owned();
        (text("captured"), text("held"))
    }

    async fn settle(&self, what: &str, spend: &str, body: serde_json::Value) -> crate::support::Answer {
        let path = format!("/bursar/v1/spends/{spend}/{what}");
        self.server().send("POST", &path, Some(&self.service), Some(body)).await
    }
}

fn used(captured: &str, held: &str) -> (String, String) {
    (captured.to_owned(), held.to_owned())
}

#[tokio::test]
async fn a_spend_that_passes_is_captured_at_once_and_named() {
    let street = Street::new().await;
    let (id, token) = street.token().await;
    let told = street.pay(&token, "60", "order-1").await;
    assert_eq!((told.status.as_u16(), told.code()), (200, ""));
    assert_eq!(told.header("bursar-token-id"), id);
    assert!(told.header("ratelimit").contains("r=40"), "{:?}", told.headers);
    let spend = told.header("bursar-spend-id").to_owned();
    assert_eq!(street.used(&id).await, used("60", "0"));
    let shown = street.world.get(&format!("/bursar/v1/spends/{spend}"), &token).await;
    assert_eq!((&shown.body["state"], &shown.body["capturesItself"]), (&json!("captured"), &json!(true)));
    assert_eq!(shown.body["idempotencyKey"], "order-1");
}

#[tokio::test]
async fn a_spend_above_the_limit_does_not_pass_and_holds_nothing() {
    let street = Street::new().await;
    let (id, token) = street.token().await;
    let told = street.pay(&token, "101", "order-1").await;
    assert_eq!((told.status.as_u16(), told.code()), (403, "limit_exceeded"));
    assert_eq!(told.header("bursar-refusal-kind"), "out_of_budget");
    assert!(told.header("bursar-refusal-reason").contains("leaves"), "{:?}", told.headers);
    assert_eq!(told.header("bursar-spend-id"), "");
    assert_eq!(street.used(&id).await, used("0", "0"));
    assert_eq!(street.pay(&token, "100", "order-1").await.status, 200, "a refusal occupies no key");
}

#[tokio::test]
async fn a_key_passes_once_also_when_it_is_asked_twice_at_once() {
    let street = Street::new().await;
    let (id, token) = street.token().await;
    let both = tokio::join!(street.pay(&token, "10", "k"), street.pay(&token, "10", "k"));
    let mut statuses = [both.0.status.as_u16(), both.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
    let (passed, refused) = if both.0.status == 200 { both } else { (both.1, both.0) };
    assert_eq!((refused.code(), refused.header("bursar-refusal-kind")), ("already_allowed", "not_allowed"));
    assert_eq!(refused.header("bursar-spend-id"), passed.header("bursar-spend-id"));
    assert_eq!(street.used(&id).await, used("10", "0"));
    assert_eq!(street.pay(&token, "11", "k").await.code(), "idempotency_key_used");
    // The same money to the same payee, but another request.
    let other = format!("/again/{ADDRESS}?amount=10");
    assert_eq!(street.ask(&token, "POST", &other, &[("idempotency-key", "k")]).await.code(), "idempotency_key_used");
    // Where the application takes the key for the same thing, asking twice is spending once.
    for before in ["", "true"] {
        let told = street.ask(&token, "POST", &other, &[("idempotency-key", "l")]).await;
        assert_eq!((told.status.as_u16(), told.header("bursar-spend-before")), (200, before));
    }
    assert_eq!(street.used(&id).await, used("20", "0"));
    // What a service holds was not allowed to anybody else.
    assert_eq!(street.world.hold(&street.service, &token, Some("s"), "10").await.status, 201);
    assert_eq!(street.pay(&token, "10", "s").await.code(), "idempotency_key_used");
}

#[tokio::test]
async fn the_service_of_a_rule_gives_back_in_time_and_else_it_counts_for_good() {
    let street = Street::new().await;
    let (id, token) = street.token().await;
    let target = format!("/held/{ADDRESS}?amount=40");
    let first = street.ask(&token, "POST", &target, &[("idempotency-key", "1")]).await;
    let spend = first.header("bursar-spend-id").to_owned();
    assert_eq!(street.used(&id).await, used("0", "40"), "it counts from the moment it is allowed");
    let released = street.settle("release", &spend, json!({"reason": "the order failed"})).await;
    assert_eq!(released.status, 200, "{}", released.body);
    assert_eq!(street.used(&id).await, used("0", "0"));

    let second = street.ask(&token, "POST", &target, &[("idempotency-key", "1")]).await;
    let spend = second.header("bursar-spend-id").to_owned();
    assert_eq!(street.settle("capture", &spend, json!({"amount": "25", "reference": "order 1"})).await.status, 200);
    assert_eq!(street.used(&id).await, used("25", "0"));

    let third = street.ask(&token, "POST", &target, &[("idempotency-key", "2")]).await;
    let spend = third.header("bursar-spend-id").to_owned();
    street.server().bursar.sweep(Overdue::All).await.unwrap();
    assert_eq!(street.used(&id).await, used("25", "40"), "a start of the server ends nobody's time");
    street.server().pass(Span::from_seconds(30));
    let late = street.settle("release", &spend, json!({"reason": "too late"})).await;
    assert_eq!(crate::world::code(&late), "step_up_needed");
    let word = json!({"moved": false, "evidence": "the order failed", "otp": OTP});
    let path = format!("/bursar/v1/spends/{spend}/resolve");
    let refused = street.server().send("POST", &path, Some(&street.world.session), Some(word)).await;
    assert_eq!(crate::world::code(&refused), "conflict", "nobody else gives back what was let pass: {}", refused.body);
    let swept = street.server().bursar.sweep(Overdue::PastDeadline).await.unwrap();
    assert_eq!((swept.captured, swept.unresolved), (1, 0));
    assert_eq!(street.used(&id).await, used("65", "0"));
    let over = street.settle("release", &spend, json!({"reason": "too late"})).await;
    assert_eq!(over.status, 409, "{}", over.body);

    let nobody = format!("/nobody/{ADDRESS}?amount=1");
    let told = street.ask(&token, "POST", &nobody, &[("idempotency-key", "3")]).await;
    assert_eq!((told.status.as_u16(), told.code()), (403, "invalid_field"), "the rule names no service");
    assert_eq!(street.used(&id).await, used("65", "0"));
}

#[tokio::test]
async fn reads_take_what_their_rule_demands_and_hold_nothing() {
    let street = Street::new().await;
    let (id, token) = street.token().await;
    for (target, code) in [("/any", ""), ("/seen", ""), ("/any?x=1", ""), ("/scoped", "scope_missing")] {
        let told = street.ask(&token, "GET", target, &[]).await;
        assert_eq!(told.code(), code, "{target}");
        assert_eq!(told.header("bursar-spend-id"), "");
    }
    let service = street.service.clone();
    assert_eq!(
        street.ask(&service, "GET", "/any", &[]).await.code(),
        "wallet_not_permitted",
        "a service asks for others"
    );
    assert_eq!(street.used(&id).await, used("0", "0"));
}

#[tokio::test]
async fn each_reason_has_a_code_and_a_kind_of_its_own() {
    let street = Street::new().await;
    let (id, token) = street.token().await;
    let kind =
        |told: &Told| (told.status.as_u16(), told.code().to_owned(), told.header("bursar-refusal-kind").to_owned());
    let expect = |status: u16, code: &str, kind: &str| (status, code.to_owned(), kind.to_owned());
    let none = street.ask(&token, "GET", "/any", &[("authorization", "")]).await;
    assert_eq!(kind(&none), expect(401, "token_missing", "unauthenticated"));
    assert_eq!(none.header("www-authenticate"), "Bearer realm=\"bursar\"");
    let unknown = street.ask("v2x00", "GET", "/any", &[]).await;
    assert_eq!(kind(&unknown), expect(401, "token_cut_off", "unauthenticated"));
    assert!(unknown.header("www-authenticate").contains("invalid_token"));
    let basic = street.ask(&token, "GET", "/any", &[("authorization", "Basic Og==")]).await;
    assert_eq!(basic.status, 401);
    let signed = street.ask(&token, "GET", "/any", &[("hmac", "00")]).await;
    assert_eq!(kind(&signed), expect(401, "signed_request", "unauthenticated"));
    let tied = street.world.token(json!({"limits": ["tbtc 9 base units"], "ipRestrict": ["198.51.100.0/24"]})).await.1;
    assert_eq!(kind(&street.pay(&tied, "1", "k").await), expect(403, "ip_not_allowed", "not_allowed"));
    let from = [("x-forwarded-for", "9.9.9.9, 198.51.100.9, 10.0.0.9")];
    assert_eq!(street.ask(&tied, "GET", "/any", &from).await.status, 200);
    let unlimited = street.world.token(json!({})).await.1;
    assert_eq!(kind(&street.pay(&unlimited, "1", "k").await), expect(403, "no_limit", "out_of_budget"));
    assert_eq!(kind(&street.ask(&token, "GET", "/none", &[]).await), expect(403, "no_rule", "not_allowed"));
    let lock = street.server().send("POST", &format!("/bursar/v1/tokens/{id}/lock"), Some(&token), None).await;
    assert_eq!(lock.status, 200);
    assert_eq!(kind(&street.pay(&token, "1", "k").await), expect(403, "locked", "locked"));
    street.server().bursar.close();
    let closed = street.pay(&tied, "1", "k").await;
    assert_eq!(closed.status, 403);
    let late = street.ask(&unlimited, "POST", &format!("/pay/{ADDRESS}?amount=1"), &[("idempotency-key", "z")]).await;
    assert_eq!((late.status.as_u16(), late.header("bursar-refusal-kind")), (403, "try_later"), "{}", late.code());
    assert!(late.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_is_refused_and_holds_nothing() {
    let street = Street::new().await;
    let (id, token) = street.token().await;
    let good = format!("/pay/{ADDRESS}?amount=1");
    let many = [("idempotency-key", "k")];
    assert_eq!(street.ask(&token, "POST", &good, &many).await.status, 200);
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str);
    let cases: [Case<'_>; 39] = [
        (&[], "key_missing"),
        (&[("idempotency-key", "a b")], "value_invalid"),
        (&[("idempotency-key", "k"), ("idempotency-key", "l")], "header_ambiguous"),
        (&[("idempotency-key", "k"), ("idempotency_key", "l")], "header_ambiguous"),
        (&[("x-original-method", "")], "forwarded_missing"),
        (&[("x-original-uri", "")], "forwarded_missing"),
        (&[("x-forwarded-host", "")], "forwarded_missing"),
        (&[("x-forwarded-for", "")], "forwarded_missing"),
        (&[("x-original-method", "post")], "not_normal"),
        (&[("x-original-method", "POST, GET")], "not_normal"),
        (&[("x-original-method", "POST"), ("x-original-method", "GET")], "header_ambiguous"),
        (&[("x-original-uri", "/any"), ("x-original-uri", "/any")], "header_ambiguous"),
        (&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "1.1.1.1")], "header_ambiguous"),
        (&[("x-forwarded-host", HOST), ("x-forwarded-host", HOST)], "header_ambiguous"),
        (&[("x-forwarded-host", HOST), ("x_forwarded_host", HOST)], "header_ambiguous"),
        (&[("x-forwarded-host", "API.example.com")], "not_normal"),
        (&[("x-forwarded-host", "api.example.com.")], "not_normal"),
        (&[("x-forwarded-host", "api.example.com:443")], "no_rule"),
        (&[("x-forwarded-for", "somewhere")], "not_normal"),
        (&[("x-forwarded-for", "203.0.113.7, unknown")], "not_normal"),
        (&[("x-http-method-override", "DELETE")], "method_overridden"),
        (&[("x-method-override", "POST")], "method_overridden"),
        (&[("x-original-uri", "/any?_method=DELETE")], "method_overridden"),
        (&[("x-original-url", "/pay/x?amount=1")], "target_overridden"),
        (&[("x_rewrite_url", "/pay/x?amount=1")], "target_overridden"),
        (&[("x-original-url", "https://other.example.com/any")], "target_overridden"),
        (&[("x-original-url", "https://API.example.com:443/other")], "target_overridden"),
        (&[("bursar-spend-id", "00")], "header_forged"),
        (&[("bursar_token_id", "00")], "header_forged"),
        (&[("x-original-uri", "//pay/x?amount=1")], "not_normal"),
        (&[("x-original-uri", "/any/../pay/x?amount=1")], "not_normal"),
        (&[("x-original-uri", "/pay/%2e%2e?amount=1")], "not_normal"),
        (&[("x-original-uri", "/pay%2Fx?amount=1")], "not_normal"),
        (&[("x-original-uri", "/pay\\x?amount=1")], "not_normal"),
        (&[("x-original-uri", "http://api.example.com/any")], "not_normal"),
        (&[("x-original-uri", "/pay/?amount=1"), ("idempotency-key", "n")], "no_rule"),
        (&[("x-original-uri", "/pay/x?amount=1"), ("idempotency-key", "n")], "invalid_field"),
        (&[("x-original-uri", "/pay/x?amount=1&amount=2"), ("idempotency-key", "n")], "value_ambiguous"),
        (&[("x-original-uri", "/pay/x?amount=-1"), ("idempotency-key", "n")], "value_invalid"),
    ];
    for (changed, code) in cases {
        let told = street.ask(&token, "POST", &good, changed).await;
        assert_eq!((told.status.as_u16(), told.code()), (403, code), "{changed:?}");
    }
    assert_eq!(street.used(&id).await, used("1", "0"));
}

#[tokio::test]
async fn only_a_trusted_proxy_is_believed() {
    let street = Street::new().await;
    let (id, token) = street.token().await;
    for path in ["/authz/nginx", "/authz/forward", "/authz/envoy/any", "/authz/envoy", "/authz/envoy/"] {
        let request = Request::get(path)
            .header("authorization", format!("Bearer {token}"))
            .header("host", HOST)
            .header("x-original-method", "GET")
            .header("x-original-uri", "/any")
            .header("x-forwarded-method", "GET")
            .header("x-forwarded-uri", "/any")
            .header("x-forwarded-host", HOST)
            .header("x-forwarded-for", "10.0.0.1");
        let told = street.send([203, 0, 113, 7], request, "").await;
        assert_eq!((told.status.as_u16(), told.code()), (403, "proxy_not_trusted"), "{path}");
    }
    assert_eq!(street.used(&id).await, used("0", "0"));
}

#[tokio::test]
async fn traefik_caddy_and_envoy_ask_in_their_own_words() {
    let street = Street::new().await;
    let (id, token) = street.token().await;
    let request = Request::get("/authz/forward")
        .header("authorization", format!("Bearer {token}"))
        .header("x-forwarded-method", "POST")
        .header("x-forwarded-uri", format!("/coins/{ADDRESS}?amount=0.0000001"))
        .header("x-forwarded-host", HOST)
        .header("x-forwarded-for", "203.0.113.7")
        .header("idempotency-key", "k");
    assert_eq!(street.send(PROXY, request, "").await.code(), "");
    assert_eq!(street.used(&id).await, used("10", "0"));
    let envoy = |target: &str| {
        Request::post(format!("/authz/envoy{target}"))
            .header("authorization", format!("Bearer {token}"))
            .header("host", HOST)
            .header("x-forwarded-for", "203.0.113.7")
            .header("idempotency-key", "e")
    };
    assert_eq!(street.send(PROXY, envoy(&format!("/pay/{ADDRESS}?amount=7")), "").await.code(), "");
    assert_eq!(street.used(&id).await, used("17", "0"));
    for (target, code) in [
        ("", "not_normal"),
        ("/", "no_rule"),
        ("//pay/x", "not_normal"),
        ("/pay/%2e%2e/x", "not_normal"),
        ("/../nginx", "not_normal"),
    ] {
        assert_eq!(street.send(PROXY, envoy(target), "").await.code(), code, "{target}");
    }
    assert_eq!(street.used(&id).await, used("17", "0"));
}

#[tokio::test]
async fn a_body_that_a_rule_needs_is_whole_and_plain_or_the_request_does_not_pass() {
    let street = Street::new().await;
    let (id, token) = street.token().await;
    let good = r#"{"amount": "5"}"#;
    let long = format!(r#"{{"amount": "5", "memo": "{}"}}"#, "x".repeat(70_000));
    for (body, changed, code) in [
        (good, &[("x-envoy-auth-partial-body", "true")][..], "body_truncated"),
        (good, &[("x-envoy-auth-partial-body", "")], "body_missing"),
        (good, &[("content-encoding", "gzip")], "body_encoded"),
        (good, &[("content-encoding", "identity")], "body_encoded"),
        (good, &[("content-type", "text/plain")], "body_unreadable"),
        (good, &[("content-type", "application/json"), ("content-type", "text/plain")], "header_ambiguous"),
        ("", &[], "body_missing"),
        (&long, &[], "body_too_long"),
        (r#"{"amount": 5, "amount": 6}"#, &[], "body_unreadable"),
        (r#"{"amount": 5.5}"#, &[], "value_missing"),
        (r#"{"amount": null}"#, &[], "value_missing"),
        (r#"{"amount": -5}"#, &[], "value_invalid"),
        (r#"{"Amount": 5}"#, &[], "value_ambiguous"),
        ("{}", &[], "value_missing"),
    ] {
        let told = street.with_body(&token, body, changed).await;
        assert_eq!((told.status.as_u16(), told.code()), (403, code), "{changed:?} {}", &body[..body.len().min(40)]);
    }
    let by_nginx = street.ask(&token, "POST", &format!("/body/{ADDRESS}"), &[("idempotency-key", "k")]).await;
    assert_eq!(by_nginx.code(), "body_missing");
    assert_eq!(street.used(&id).await, used("0", "0"));
    assert_eq!(street.with_body(&token, good, &[]).await.code(), "");
    assert_eq!(street.used(&id).await, used("5", "0"));
}

#[tokio::test]
async fn a_captured_spend_is_named_after_itself_and_counts_once_whatever_is_swept() {
    let street = Street::new().await;
    let (id, token) = street.token().await;
    let told = street.pay(&token, "60", "k").await;
    let spend = told.header("bursar-spend-id").to_owned();
    street.used(&id).await;
    let shown = street.world.get(&format!("/bursar/v1/spends/{spend}"), &token).await;
    assert_eq!(shown.body["captured"]["reference"], format!("allowed:{spend}"));
    let swept = street.server().bursar.sweep(Overdue::All).await.unwrap();
    assert_eq!((swept.unresolved, swept.failed), (0, 0));
    assert_eq!(street.used(&id).await, used("60", "0"));
}

#[tokio::test]
async fn rules_that_name_what_is_not_there_are_told_of_with_rule_and_field() {
    let world = World::new().await;
    let nobody = "08".repeat(16);
    let service = |spend: &mut NewSpend| {
        (spend.service, spend.release_within) = (Some(nobody.clone()), Some(Span::from_seconds(30)));
    };
    let rules = Rules::new(vec![
        spend(&world, "/pay/{to}", |_| {}),
        spend(&world, "/wallet/{to}", |spend| spend.wallet = Some(nobody.clone())),
        spend(&world, "/coin/{to}", |spend| spend.coin = "hteth".to_owned()),
        spend(&world, "/nobodys/{to}", |spend| (spend.wallet, spend.organisation) = (None, Some(nobody.clone()))),
        spend(&world, "/held/{to}", service),
        rule("GET", "/seen", Does::Read { scope: None, wallet: Some(nobody.clone()) }),
    ]);
    let problems = rules.unwrap().check(&world.server.bursar).unwrap();
    let told = [
        format!("authz.rules[1]: wallet: there is no wallet {nobody}"),
        "authz.rules[2]: coin: `hteth` is not in the wallet, which is for tbtc".to_owned(),
        format!("authz.rules[3]: organisation: there is no organisation {nobody}"),
        "authz.rules[4]: service: in the rule cannot settle this spend: there is no such service".to_owned(),
        format!("authz.rules[5]: wallet: there is no wallet {nobody}"),
    ];
    assert_eq!(problems, told);
}

#[tokio::test]
async fn a_destination_that_is_none_is_refused_under_the_name_that_the_rule_has_for_it() {
    let street = Street::new().await;
    let (id, token) = street.token().await;
    let told = street.ask(&token, "POST", "/pay/nowhere?amount=10", &[("idempotency-key", "a")]).await;
    assert_eq!((told.code(), told.header("bursar-refusal-kind")), ("invalid_field", "not_understood"));
    let reason = told.header("bursar-refusal-reason");
    assert!(reason.starts_with("`{to}` is no tbtc address"), "{reason}");
    assert_eq!(street.used(&id).await, used("0", "0"));
}

#[tokio::test]
async fn a_spend_that_a_rule_cannot_read_leaves_an_event_and_a_stranger_none() {
    let street = Street::new().await;
    let (id, token) = street.token().await;
    let target = format!("/pay/{ADDRESS}?amount=1");
    assert_eq!(street.ask(&token, "POST", &target, &[]).await.code(), "key_missing");
    assert_eq!(street.pay(&token, "-1", "k").await.code(), "value_invalid");
    let typed = [("idempotency-key", "k"), ("content-type", "application/json")];
    assert_eq!(street.ask(&token, "POST", &target, &typed).await.code(), "body_unread");
    assert_eq!(street.with_body(&token, "[1]", &[]).await.code(), "body_unreadable");
    let noted = refused(street.server());
    let codes: Vec<_> = noted.iter().map(|(_, data)| data["code"].as_str()).collect();
    assert_eq!(codes, ["key_missing", "value_invalid", "body_unread", "body_unreadable"]);
    let wallet = street.server().wallet.to_string();
    assert!(
        noted.iter().all(|(subject, data)| *subject == format!("token:{id}") && data["wallet"] == wallet),
        "{noted:?}"
    );
    assert_eq!(street.pay("v2xnobody", "-1", "k").await.status, 401);
    assert_eq!(street.ask(&token, "GET", "/nowhere", &[]).await.code(), "no_rule");
    assert_eq!(refused(street.server()).len(), 4);
}
