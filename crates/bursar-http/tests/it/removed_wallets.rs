//! Wallets that were registered by mistake: removed as long as nothing was spent from them, and never otherwise.

use std::sync::Arc;

use bursar_core::coin::Coin;
use bursar_core::id::WalletId;
use bursar_service::error::ServiceError;
use bursar_service::new_wallet::NewWallet;
use bursar_service::people::DEFAULT_ORGANISATION;
use serde_json::json;

use crate::browser::Browser;
use crate::exchange::{rail_by, rules};
use crate::house::{House, name};
use crate::support::{Answer, OTP, Server};
use crate::world::{ADDRESS, code};

async fn remove(house: &House, path: &str, session: &str) -> Answer {
    let headers = [("authorization", format!("Bearer {session}")), ("x-bitgo-otp", OTP.to_owned())];
    house.server.send_all([127, 0, 0, 1], "DELETE", &format!("/bursar/v1{path}"), &headers, Vec::new()).await
}

async fn house() -> House {
    House::of(Server::before(Arc::new(rail_by("http://127.0.0.1:1".to_owned(), rules()))).await).await
}

fn shop(coin: &str, owner: &str) -> NewWallet {
    NewWallet {
        rail: "chain".to_owned(),
        coin: Coin::parse(coin).unwrap(),
        label: "Shop".to_owned(),
        organisation: DEFAULT_ORGANISATION,
        owner: name(owner),
        key: None,
        reference: Some("default".to_owned()),
    }
}

#[tokio::test]
async fn a_wallet_of_a_coin_that_its_rail_does_not_have_is_neither_registered_nor_allowed() {
    let house = house().await;
    let bursar = &house.server.bursar;
    let by_operator = bursar.add_wallet(shop("chf", "owner")).await.map(drop);
    let allowed =
        bursar.allow_wallet("chain", "default", Coin::parse("chf").unwrap(), DEFAULT_ORGANISATION).await.map(drop);
    for refused in [by_operator, allowed] {
        let Err(error @ ServiceError::Invalid(_)) = refused else { panic!("{refused:?}") };
        let told = error.to_string();
        assert!(told.contains("coin") && told.contains("`chf`") && told.contains("it has `usd`"), "{told}");
    }
    assert!(bursar.allowed_wallets().await.unwrap().is_empty());
    bursar.add_wallet(shop("usd", "owner")).await.unwrap();
}

#[tokio::test]
async fn a_wallet_that_never_spent_is_removed_and_can_be_registered_anew() {
    let house = house().await;
    let (server, owner) = (&house.server, house.session("owner").await);
    let wallet = server.bursar.add_wallet(shop("usd", "owner")).await.unwrap().id;
    let path = format!("/wallets/{wallet}");
    let body = json!({
        "label": "bot", "otp": OTP, "limits": ["usd 5/day"],
        "scope": [format!("wallet_view:{wallet}"), format!("wallet_spend:{wallet}")],
    });
    let made = server.send("POST", "/bursar/v1/tokens", Some(&owner), Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    for (role, status) in [("member", 404), ("auditor", 404), ("admin", 404), ("stranger", 404)] {
        let refused = remove(&house, &path, &house.session(role).await).await;
        assert_eq!(refused.status.as_u16(), status, "{role}: {}", refused.body);
    }
    assert_eq!(code(&house.ask("DELETE", &path, &owner, None).await), "step_up_needed");
    let shown = house.ask("GET", &path, &owner, None).await;
    assert_eq!((shown.status.as_u16(), &shown.body["frozen"]), (200, &json!(null)), "nothing was done to it");
    let removed = remove(&house, &path, &owner).await;
    assert_eq!(removed.status, 200, "{}", removed.body);
    assert_eq!(house.ask("GET", &path, &owner, None).await.status, 404);
    let left: i64 = server
        .database()
        .query_row("SELECT count(*) FROM wallet_members WHERE wallet = ?1", [wallet.as_bytes()], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0, "nobody has a part in what is gone");
    let token = made.body["token"].as_str().unwrap();
    let headers = [
        ("authorization", format!("Bearer {token}")),
        ("idempotency-key", "one".to_owned()),
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
    ];
    let spend = b"amount=400&source=acct_1".to_vec();
    let refused = server.send_all([127, 0, 0, 1], "POST", "/rail/chain/v1/charges", &headers, spend).await;
    assert!(refused.status.is_client_error(), "{}", refused.body);
    let trail = house.ask("GET", "/audit?action=wallet.remove", &owner, None).await.body.to_string();
    assert!(trail.contains("wallet.remove") && trail.contains("default"), "{trail}");
    assert_ne!(server.bursar.add_wallet(shop("usd", "owner")).await.unwrap().id, wallet);
}

#[tokio::test]
async fn a_wallet_that_spent_is_frozen_and_not_removed() {
    let house = House::new().await;
    let (server, owner) = (&house.server, house.session("owner").await);
    let issued = server.issue(&owner, json!({"limits": ["tbtc 1/day"]})).await;
    let spent = house.spend(issued["token"].as_str().unwrap()).await;
    assert_eq!(spent.status, 200, "{}", spent.body);
    let path = format!("/wallets/{}", server.wallet);
    let refused = remove(&house, &path, &owner).await;
    assert_eq!((refused.status.as_u16(), code(&refused)), (409, "conflict"), "{}", refused.body);
    assert!(refused.body["detail"].as_str().unwrap().contains("freeze it instead"), "{}", refused.body);
    let id: WalletId = server.wallet.to_string().parse().unwrap();
    assert!(matches!(server.bursar.remove_wallet(id).await, Err(ServiceError::Conflict(_))), "nor by the operator");
    let shown = house.ask("GET", &path, &owner, None).await;
    assert_eq!((shown.status.as_u16(), &shown.body["frozen"]), (200, &json!(null)), "it is as it was");
}

#[tokio::test]
async fn of_a_removal_and_a_first_spend_at_once_one_comes_about() {
    let house = House::new().await;
    let (server, owner) = (&house.server, house.session("owner").await);
    let issued = server.issue(&owner, json!({"limits": ["tbtc 1/day"]})).await;
    let token = issued["token"].as_str().unwrap();
    let user = server.bursar.user_named(&name("owner")).await.unwrap().id;
    let (mut removed, mut spent) = (0, 0);
    for number in 0..40_u8 {
        let id = WalletId::from_bytes([number.saturating_add(100); 16]);
        let coin = Coin::parse("tbtc").unwrap();
        server.bursar.register_wallet(id, coin, "Till".to_owned(), "sandbox", user).await.unwrap();
        let (wallet, sending) = (format!("/wallets/{id}"), format!("/api/v2/tbtc/wallet/{id}/sendcoins"));
        let body = json!({"address": ADDRESS, "amount": "1"});
        let spending = server.send("POST", &sending, Some(token), Some(body.clone()));
        let (unfreeze, otp) = (format!("{wallet}/unfreeze"), json!({"otp": OTP}));
        let unfreezing = house.ask("POST", &unfreeze, &owner, Some(otp));
        let (gone, sent, _) = tokio::join!(remove(&house, &wallet, &owner), spending, unfreezing);
        let shown = house.ask("GET", &wallet, &owner, None).await;
        match gone.status.as_u16() {
            200 => {
                removed += 1;
                assert!(sent.status.is_client_error(), "{}", sent.body);
                assert_eq!(shown.status, 404);
                let sent = server.send("POST", &sending, Some(token), Some(body)).await;
                assert!(sent.status.is_client_error(), "{}", sent.body);
            }
            _ => {
                spent += 1;
                // It was held, and given back: the sandbox was not told of this wallet.
                assert_eq!((gone.status.as_u16(), code(&sent)), (409, "rail_refused"), "{} {}", gone.body, sent.body);
                assert_eq!((shown.status.as_u16(), &shown.body["frozen"]), (200, &json!(null)), "it is as it was");
            }
        }
    }
    assert_eq!(removed + spent, 40);
    assert_eq!(server.bursar.check_conservation(true).await.unwrap(), []);
}

#[tokio::test]
async fn in_the_browser_a_wallet_is_removed_after_asking_and_with_a_code() {
    let house = house().await;
    let wallet = house.server.bursar.add_wallet(shop("usd", "owner")).await.unwrap().id;
    let path = format!("/wallets/{wallet}");
    let remove = format!("{path}/remove");
    let mut owner = Browser::signed_in(&house.server, &name("owner")).await;
    let page = owner.get(&path).await;
    assert!(page.html.contains(&format!("href=\"{remove}\"")) && !page.html.contains(&format!("action=\"{remove}\"")));
    assert!(owner.get(&remove).await.text().contains("Remove the wallet Shop?"));
    assert_eq!(owner.post(&remove, &[]).await.status, 401);
    assert_eq!(owner.get(&path).await.status, 200);
    let done = owner.submit(&remove, &[("otp", OTP)]).await;
    assert!(done.text().contains("The wallet is removed.") && !done.html.contains(&path), "{}", done.text());
    assert_eq!(owner.get(&path).await.status, 404);
}

#[tokio::test]
async fn in_the_browser_an_owner_removes_a_wallet_of_the_organisation_that_they_have_no_role_in() {
    let house = house().await;
    let wallet = house.server.bursar.add_wallet(shop("usd", "member")).await.unwrap().id;
    let remove = format!("/wallets/{wallet}/remove");
    for (role, status) in [("stranger", 404), ("admin", 404), ("auditor", 404)] {
        assert_eq!(Browser::signed_in(&house.server, &name(role)).await.get(&remove).await.status, status, "{role}");
    }
    let mut owner = Browser::signed_in(&house.server, &name("owner")).await;
    assert_eq!(owner.get(&format!("/wallets/{wallet}")).await.status, 404, "they may not look at it");
    let trail = format!("/audit?subject=wallet%3A{wallet}");
    assert!(owner.get("/audit").await.html.contains(&trail), "its registration is in their trail");
    let link = format!("href=\"{remove}\"");
    assert!(owner.get(&trail).await.html.contains(&link));
    let mut auditor = Browser::signed_in(&house.server, &name("auditor")).await;
    assert!(!auditor.get(&trail).await.html.contains(&remove), "who may not is not offered it");
    let page = owner.get(&remove).await;
    assert!(
        page.text().contains("Remove the wallet Shop?") && page.html.contains("href=\"/wallets\""),
        "{}",
        page.html
    );
    assert_eq!(owner.post(&remove, &[]).await.status, 401);
    let done = owner.submit(&remove, &[("otp", OTP)]).await;
    assert!(done.text().contains("The wallet is removed."), "{}", done.text());
    assert!(house.server.bursar.add_wallet(shop("usd", "member")).await.is_ok(), "it can be registered anew");
}

#[tokio::test]
async fn in_the_browser_a_wallet_that_spent_stays_and_the_page_says_why() {
    let house = House::new().await;
    let issued = house.server.issue(&house.session("owner").await, json!({"limits": ["tbtc 1/day"]})).await;
    assert_eq!(house.spend(issued["token"].as_str().unwrap()).await.status, 200);
    let path = format!("/wallets/{}", house.server.wallet);
    let remove = format!("{path}/remove");
    let mut owner = Browser::signed_in(&house.server, &name("owner")).await;
    assert!(!owner.get(&path).await.html.contains(&remove), "what cannot be is not offered");
    let refused = owner.post(&remove, &[("otp", OTP)]).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("freeze it instead"), "{}", refused.text());
    assert_eq!(owner.get(&path).await.status, 200);
}
