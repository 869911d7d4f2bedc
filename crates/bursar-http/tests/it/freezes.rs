//! Freezes over the whole router: what lifting says of what is not frozen, and who is told why something is.

use bursar_core::account::MemberRole;
use bursar_core::time::Span;
use bursar_service::error::ServiceError;
use bursar_service::people::DEFAULT_ORGANISATION;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::house::{House, name, organisation};
use crate::support::OTP;
use crate::world::code;

#[tokio::test]
async fn what_is_not_frozen_is_not_said_to_be_lifted() {
    let house = House::new().await;
    let owner = house.session("owner").await;
    let user = format!("/users/{}", house.id("member").await);
    let wallet = format!("/wallets/{}", house.server.wallet);
    for (path, kind) in [(user, "account"), (wallet, "wallet"), (organisation(""), "organisation")] {
        let lift = async |who: &str, body: Value| house.ask("POST", &format!("{path}/unfreeze"), who, Some(body)).await;
        let never = lift(&owner, json!({"otp": OTP})).await;
        assert_eq!((never.status.as_u16(), code(&never)), (409, "not_frozen"), "{}", never.body);
        assert_eq!(never.body["kind"], kind);
        assert_eq!(never.body["detail"], format!("the {kind} is not frozen, so nothing was lifted"));
        // It is told without a code, as a code would not help; and to nobody who may not lift it.
        assert_eq!(code(&lift(&owner, json!({})).await), "not_frozen");
        assert_eq!(lift(&house.session("stranger").await, json!({"otp": OTP})).await.status, 404);
        house.ask("POST", &format!("{path}/freeze"), &owner, Some(json!({"duration": 60}))).await;
        house.server.pass(Span::from_seconds(61));
        assert_eq!(code(&lift(&owner, json!({"otp": OTP})).await), "not_frozen", "it ended by itself");
        house.ask("POST", &format!("{path}/freeze"), &owner, None).await;
        assert_eq!(lift(&owner, json!({"otp": OTP})).await.status, 200);
        assert_eq!(code(&lift(&owner, json!({"otp": OTP})).await), "not_frozen", "once is enough");
    }
    let again = house.server.bursar.unfreeze(&name("member")).await;
    assert_eq!(again, Err(ServiceError::NotFrozen { what: "account" }));
    let again = house.server.bursar.unfreeze_wallet(house.server.wallet).await;
    assert_eq!(again, Err(ServiceError::NotFrozen { what: "wallet" }));
    let query = "SELECT count(*) FROM audit_events WHERE action LIKE '%.unfreeze'";
    let events: u64 = house.server.database().query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(events, 3, "nothing is told that did not happen");
}

#[tokio::test]
async fn why_an_account_is_frozen_is_told_to_its_owner_and_to_no_administrator() {
    let house = House::new().await;
    let stranger = house.session("stranger").await;
    let elsewhere = house.ask("GET", "/organisations", &stranger, None).await.body["organisations"][0]["id"].clone();
    let elsewhere = elsewhere.as_str().unwrap();
    let place = elsewhere.parse().unwrap();
    house.server.bursar.set_role_named("member@example.com", place, Some(MemberRole::Member)).await.unwrap();
    let path = format!("/users/{}", house.id("member").await);
    let owner = house.session("owner").await;
    let set = house.ask("POST", &format!("{path}/freeze"), &owner, Some(json!({"reason": "gambling debts"}))).await;
    assert_eq!(set.body["frozen"]["reason"], "gambling debts", "whoever says it knows it");
    // Another organisation learns that the account is frozen, and asking to freeze it again tells no more.
    let again = json!({"reason": "ours", "duration": 60});
    for body in [None, Some(again)] {
        let again = house.ask("POST", &format!("{path}/freeze"), &stranger, body).await;
        assert!(again.body["frozen"]["since"].is_string(), "{}", again.body);
        assert_eq!(again.body["frozen"]["reason"], Value::Null);
    }
    for (place, session) in [(elsewhere.to_owned(), &stranger), (DEFAULT_ORGANISATION.to_string(), &owner)] {
        let members = house.ask("GET", &format!("/organisations/{place}/members"), session, None).await;
        let all = members.body["members"].as_array().unwrap();
        let frozen = &all.iter().find(|of| of["user"]["username"] == "member@example.com").unwrap()["user"]["frozen"];
        assert!(frozen["since"].is_string() && frozen["reason"].is_null(), "{frozen}");
        assert!(!members.body.to_string().contains("gambling"));
    }
    for who in ["stranger", "owner"] {
        let place = if who == "owner" { DEFAULT_ORGANISATION.to_string() } else { elsewhere.to_owned() };
        let mut browser = Browser::signed_in(&house.server, &name(who)).await;
        for page in ["".to_owned(), format!("/members/{}", house.id("member").await)] {
            let page = browser.get(&format!("/organisations/{place}{page}")).await;
            assert!(page.status == 200 && page.html.to_lowercase().contains("frozen"), "{who}: {}", page.html);
            assert!(!page.html.to_lowercase().contains("gambling"), "{who}: {}", page.html);
        }
    }
    assert!(house.server.mail(&name("member"), "frozen").await.text.contains("gambling debts"));
}
