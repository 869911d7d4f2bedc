//! What services are told of tokens by their texts, and who ends one by its text.

use base64::Engine as _;
use bursar_core::time::Span;
use bursar_service::people::DEFAULT_ORGANISATION;
use serde_json::{Value, json};

use crate::house::{House, name};
use crate::support::Answer;
use crate::world::{World, code};

async fn ask(server: &crate::support::Server, path: &str, by: Option<String>, body: &str) -> Answer {
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
    headers.extend(by.map(|by| ("authorization", by)));
    server.send_all([127, 0, 0, 1], "POST", path, &headers, body.as_bytes().to_vec()).await
}

async fn introspect(server: &crate::support::Server, service: &str, token: &str) -> Value {
    let answer = ask(server, "/oauth2/introspect", Some(format!("Bearer {service}")), &format!("token={token}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.body
}

async fn revoke(server: &crate::support::Server, by: &str, token: &str) -> Answer {
    ask(server, "/oauth2/revoke", Some(format!("Bearer {by}")), &format!("token={token}&token_type_hint=x")).await
}

#[tokio::test]
async fn a_service_is_told_what_a_living_token_may_do_and_has_left() {
    let world = World::new().await;
    let service = world.server.service(&world.session).await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    assert_eq!(world.spend(&token, "30").await.status, 200);
    let told = introspect(&world.server, &service, &token).await;
    assert_eq!(told["active"], true, "{told}");
    assert_eq!((told["client_id"].as_str(), &told["token_type"]), (Some(&*id), &json!("Bearer")));
    assert_eq!(told["scope"], "wallet_view_all wallet_spend_all profile");
    assert_eq!(told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap(), 86_400);
    assert_eq!(told["bursar"]["limits"][0]["remaining"], "70");
    assert_eq!(told["bursar"]["locked"], false);
    // A service with a password, as clients of OAuth have.
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("service:{service}"));
    let by_basic =
        ask(&world.server, "/oauth2/introspect", Some(format!("Basic {basic}")), &format!("token={token}")).await;
    assert_eq!(by_basic.body["active"], true, "{}", by_basic.body);
    let lock = world.server.send("POST", &format!("/bursar/v1/tokens/{id}/lock"), Some(&token), None).await;
    assert_eq!(lock.status, 200);
    assert_eq!(introspect(&world.server, &service, &token).await["bursar"]["locked"], true);
    world.server.pass(Span::from_seconds(86_400));
    let later = world.server.log_in(crate::world::NAME).await;
    let service = world.server.service(&later).await;
    assert_eq!(introspect(&world.server, &service, &token).await, json!({"active": false}), "it has expired");
}

#[tokio::test]
async fn whatever_is_no_living_token_of_the_organisation_is_told_as_inactive_and_nothing_else() {
    let house = House::new().await;
    let server = &house.server;
    let owner = house.session("owner").await;
    let service = server.service(&owner).await;
    let stranger = house.session("stranger").await;
    let token =
        async |session: &str, more: Value| server.issue(session, more).await["token"].as_str().unwrap().to_owned();
    let good = token(&owner, json!({})).await;
    let revoked = token(&owner, json!({})).await;
    assert_eq!(revoke(server, &revoked, &revoked).await.status, 200);
    let of_stranger = token(&stranger, json!({})).await;
    let other_service = server.service(&owner).await;
    let readers = [
        token(&owner, json!({"scope": ["profile"]})).await,
        token(&owner, json!({"scope": ["wallet_view_all"]})).await,
    ];
    let cut_off = &good[..good.len() - 3];
    let unknown = format!("v2x{}", "0".repeat(64));
    let inactive = [
        ("revoked", revoked.as_str()),
        ("a session", &owner),
        ("a service", &other_service),
        ("of a stranger", &of_stranger),
        ("may spend nothing", &readers[0]),
        ("only looks at wallets", &readers[1]),
        ("cut off", cut_off),
        ("unknown", &unknown),
        ("no token", "x"),
    ];
    for (what, text) in inactive {
        assert_eq!(introspect(server, &service, text).await, json!({"active": false}), "{what}");
    }
    let member = house.session("member").await;
    let of_member = token(&member, json!({})).await;
    let tied = token(&owner, json!({"ipRestrict": ["203.0.113.0/24"]})).await;
    assert_eq!(introspect(server, &service, &of_member).await["active"], true);
    assert_eq!(introspect(server, &service, &tied).await["active"], true, "where it is used from, the service knows");
    let victim = format!("/users/{}/freeze", house.id("member").await);
    let frozen = house.ask("POST", &victim, &owner, Some(json!({"reason": "left"}))).await;
    assert_eq!(frozen.status, 200, "{}", frozen.body);
    assert_eq!(introspect(server, &service, &of_member).await, json!({"active": false}), "its owner is frozen");
    let path = format!("/organisations/{DEFAULT_ORGANISATION}/freeze");
    assert_eq!(house.ask("POST", &path, &owner, Some(json!({}))).await.status, 200);
    assert_eq!(introspect(server, &service, &good).await, json!({"active": false}), "the organisation is frozen");
}

#[tokio::test]
async fn only_a_service_asks_and_only_by_a_form_with_one_token() {
    let world = World::new().await;
    let (_, token) = world.token(json!({})).await;
    let service = format!("Bearer {}", world.server.service(&world.session).await);
    let good = format!("token={token}");
    for (by, code_told, error) in [
        (None, "token_missing", "invalid_client"),
        (Some("Bearer v2x00".to_owned()), "token_cut_off", "invalid_client"),
        (Some(format!("Bearer {token}")), "service_only", "unauthorized_client"),
        (Some(format!("Bearer {}", world.session)), "service_only", "unauthorized_client"),
    ] {
        let answer = ask(&world.server, "/oauth2/introspect", by, &good).await;
        assert_eq!((code(&answer), answer.body["error"].as_str()), (code_told, Some(error)), "{}", answer.body);
        assert_eq!(answer.status == 401, answer.headers.contains_key("www-authenticate"));
    }
    for body in ["", "token=", "token_type_hint=access_token", &format!("{good}&{good}")] {
        for path in ["/oauth2/introspect", "/oauth2/revoke"] {
            let answer = ask(&world.server, path, Some(service.clone()), body).await;
            assert_eq!((code(&answer), &answer.body["error"]), ("invalid_field", &json!("invalid_request")), "{body}");
        }
    }
    let headers = [("authorization", service), ("content-type", "application/json".to_owned())];
    let json = json!({"token": token}).to_string().into_bytes();
    let answer = world.server.send_all([127, 0, 0, 1], "POST", "/oauth2/introspect", &headers, json).await;
    assert_eq!((answer.status.as_u16(), code(&answer)), (400, "invalid_field"));
}

#[tokio::test]
async fn a_token_is_ended_by_its_text_by_itself_or_by_a_service_it_was_shown_to() {
    let house = House::new().await;
    let server = &house.server;
    let owner = house.session("owner").await;
    let service = server.service(&owner).await;
    let issue = async || server.issue(&owner, json!({})).await["token"].as_str().unwrap().to_owned();
    let lives = async |token: &str| server.send("GET", "/bursar/v1/self", Some(token), None).await.status == 200;
    let (one, two) = (issue().await, issue().await);
    // Neither another token, nor its owner's session, nor a service of somebody else's, ends it by its text.
    assert_eq!(code(&revoke(server, &one, &two).await), "service_only");
    assert_eq!(code(&revoke(server, &owner, &two).await), "service_only");
    let stranger = house.session("stranger").await;
    let of_stranger = server.issue(&stranger, json!({})).await["token"].as_str().unwrap().to_owned();
    assert_eq!(code(&revoke(server, &service, &of_stranger).await), "not_found");
    let reader =
        server.issue(&owner, json!({"scope": ["wallet_view_all"]})).await["token"].as_str().unwrap().to_owned();
    assert_eq!(code(&revoke(server, &service, &reader).await), "not_found", "it may spend nothing there");
    assert_eq!(code(&revoke(server, &service, &owner).await), "not_found", "a session is no service's affair");
    assert!(lives(&two).await && lives(&of_stranger).await && lives(&owner).await);
    assert_eq!(code(&ask(server, "/oauth2/revoke", None, &format!("token={two}")).await), "token_missing");

    assert_eq!(revoke(server, &one, &one).await.status, 200);
    assert_eq!(revoke(server, &service, &two).await.status, 200);
    assert!(!lives(&one).await && !lives(&two).await);
    for over in [two.as_str(), "x", &one] {
        assert_eq!(revoke(server, &service, over).await.status, 200, "what is over needs no ending");
    }
    assert_eq!(house.role_of(&name("owner")).await.as_deref(), Some("owner"));
}
