//! Wallets that a rail's node has: whoever runs an organisation registers those that the operator allowed it, and learns
//! nothing of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::post;
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::id::OrganisationId;
use bursar_core::secret::Secret;
use bursar_rails::evm::build::Terms;
use bursar_rails::evm::{Chain, FeeCeilings, Payment, Price, Unsigned, address};
use bursar_service::allowed_wallets::AllowedWallet;
use bursar_service::error::ServiceError;
use bursar_service::new_wallet::NewWallet;
use bursar_service::people::DEFAULT_ORGANISATION;
use k256::ecdsa::SigningKey;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::exchange::{rail_by, rules};
use crate::house::{House, name};
use crate::support::{Answer, OTP, Server, chain_at};
use crate::world::code;

/// The first key of every test chain, and its address as a checksum spells it.
const KEY: [u8; 32] = [
    0xac, 0x09, 0x74, 0xbe, 0xc3, 0x9a, 0x17, 0xe3, 0x6b, 0xa4, 0xa6, 0xb4, 0xd2, 0x38, 0xff, 0x94, 0x4b, 0xac, 0xb4,
    0x78, 0xcb, 0xed, 0x5e, 0xfc, 0xae, 0x78, 0x4d, 0x7b, 0xf4, 0xf2, 0xff, 0x80,
];
const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

/// The people of a house on a server with a rail of kind `http`, which has any account by a sound name.
async fn house() -> House {
    House::of(Server::before(Arc::new(rail_by("http://127.0.0.1:1".to_owned(), rules()))).await).await
}

async fn allow(house: &House, reference: &str, to: OrganisationId) -> Result<AllowedWallet, ServiceError> {
    house.server.bursar.allow_wallet("chain", reference, Coin::parse("usd").unwrap(), to).await
}

async fn elsewhere(house: &House) -> OrganisationId {
    let places = house.server.bursar.roles_named(&name("stranger")).await.unwrap();
    places.into_iter().find(|(place, _)| place.id != DEFAULT_ORGANISATION).unwrap().0.id
}

async fn register(house: &House, session: &str, organisation: OrganisationId, reference: &str) -> Answer {
    let organisation = organisation.to_string();
    let body =
        json!({"organisation": organisation, "rail": "chain", "label": "Shop", "reference": reference, "otp": OTP});
    house.ask("POST", "/wallets", session, Some(body)).await
}

fn registered(house: &House) -> i64 {
    let count = "SELECT count(*) FROM wallets WHERE rail = 'chain'";
    house.server.database().query_row(count, [], |row| row.get(0)).unwrap()
}

fn add(reference: &str, organisation: OrganisationId, owner: &str) -> NewWallet {
    NewWallet {
        rail: "chain".to_owned(),
        coin: Coin::parse("usd").unwrap(),
        label: "Shop".to_owned(),
        organisation,
        owner: name(owner),
        key: None,
        reference: Some(reference.to_owned()),
    }
}

#[tokio::test]
async fn whoever_runs_an_organisation_registers_what_it_is_allowed() {
    let house = house().await;
    allow(&house, "shop", DEFAULT_ORGANISATION).await.unwrap();
    for (role, status) in [("member", 403), ("auditor", 403), ("stranger", 404)] {
        let refused = register(&house, &house.session(role).await, DEFAULT_ORGANISATION, "shop").await;
        assert_eq!(refused.status, status, "{role}: {}", refused.body);
    }
    let admin = house.session("admin").await;
    let body = json!({"organisation": DEFAULT_ORGANISATION.to_string(), "rail": "chain", "label": "Shop", "reference": "shop"});
    assert_eq!(code(&house.ask("POST", "/wallets", &admin, Some(body)).await), "step_up_needed");
    assert_eq!(registered(&house), 0);
    let made = register(&house, &admin, DEFAULT_ORGANISATION, "shop").await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!((&made.body["coin"], &made.body["rail"]), (&json!("usd"), &json!("chain")));
    assert_eq!(made.body["role"], json!({"view": true, "spend": true, "admin": true}));
    let again = register(&house, &house.session("owner").await, DEFAULT_ORGANISATION, "shop").await;
    assert_eq!((again.status.as_u16(), code(&again)), (409, "conflict"));
    let problem = again.body["detail"].as_str().unwrap_or_default().to_owned();
    assert!(problem.contains(made.body["id"].as_str().unwrap()), "{}", again.body);
    assert_eq!(registered(&house), 1);
}

#[tokio::test]
async fn what_is_not_an_organisations_to_register_is_told_from_nothing() {
    let house = house().await;
    let (stranger, theirs) = (house.session("stranger").await, elsewhere(&house).await);
    allow(&house, "allowed-to-others", DEFAULT_ORGANISATION).await.unwrap();
    allow(&house, "registered-by-others", DEFAULT_ORGANISATION).await.unwrap();
    let owner = house.session("owner").await;
    assert_eq!(register(&house, &owner, DEFAULT_ORGANISATION, "registered-by-others").await.status, 201);
    house.server.bursar.add_wallet(add("operators", DEFAULT_ORGANISATION, "owner")).await.unwrap();
    // Allowed first, and registered for another organisation by the operator all the same.
    allow(&house, "lost", theirs).await.unwrap();
    house.server.bursar.add_wallet(add("lost", DEFAULT_ORGANISATION, "owner")).await.unwrap();
    let unknown = register(&house, &stranger, theirs, "unknown").await;
    assert_eq!((unknown.status.as_u16(), code(&unknown)), (400, "invalid_field"));
    assert_eq!(unknown.body["field"], "reference");
    for reference in ["allowed-to-others", "registered-by-others", "operators", "lost"] {
        let refused = register(&house, &stranger, theirs, reference).await;
        let same = |answer: &Answer| (answer.status, answer.body["code"].clone(), answer.body["detail"].clone());
        assert_eq!(same(&refused), same(&unknown), "{reference}");
    }
    assert_eq!(registered(&house), 3);
}

#[tokio::test]
async fn of_registrations_at_once_one_is_made() {
    let house = house().await;
    allow(&house, "shop", DEFAULT_ORGANISATION).await.unwrap();
    let (owner, admin) = (house.session("owner").await, house.session("admin").await);
    let of = |session| register(&house, session, DEFAULT_ORGANISATION, "shop");
    let by_operator = || house.server.bursar.add_wallet(add("shop", DEFAULT_ORGANISATION, "owner"));
    let (a, b, c, d) = tokio::join!(of(&owner), of(&admin), by_operator(), by_operator());
    let made = [a.status == 201, b.status == 201, c.is_ok(), d.is_ok()];
    assert_eq!(made.into_iter().filter(|made| *made).count(), 1, "{made:?}");
    assert_eq!(registered(&house), 1);
}

#[tokio::test]
async fn of_registrations_of_one_key_at_once_one_is_made() {
    let house = House::of(Server::before(Arc::new(chain_at("http://127.0.0.1:9"))).await).await;
    let of_key = || {
        let (coin, key) = (Coin::parse("hteth").unwrap(), Some(Secret::new(KEY.to_vec())));
        let shop = add("", DEFAULT_ORGANISATION, "owner");
        house.server.bursar.add_wallet(NewWallet { coin, key, reference: None, ..shop })
    };
    let (a, b, c) = tokio::join!(of_key(), of_key(), of_key());
    let made = [a.is_ok(), b.is_ok(), c.is_ok()];
    assert_eq!(made.into_iter().filter(|made| *made).count(), 1, "{made:?}");
    assert!(matches!(of_key().await, Err(ServiceError::Invalid(_))));
    assert_eq!(registered(&house), 1);
}

#[tokio::test]
async fn what_is_taken_back_is_registered_no_more_and_what_was_stays() {
    let house = house().await;
    let (owner, bursar, theirs) = (house.session("owner").await, &house.server.bursar, elsewhere(&house).await);
    for reference in ["kept", "taken"] {
        let allowed = allow(&house, reference, DEFAULT_ORGANISATION).await.unwrap();
        assert_eq!(allow(&house, reference, DEFAULT_ORGANISATION).await, Ok(allowed), "that it is changes nothing");
        assert!(matches!(allow(&house, reference, theirs).await, Err(ServiceError::Invalid(_))), "of one at a time");
    }
    let kept = register(&house, &owner, DEFAULT_ORGANISATION, "kept").await.body["id"].as_str().unwrap().to_owned();
    let listed: Vec<_> = bursar.allowed_wallets().await.unwrap();
    let listed: Vec<_> =
        listed.iter().map(|one| (one.reference.as_str(), one.wallet.map(|id| id.to_string()))).collect();
    assert_eq!(listed, [("kept", Some(kept.clone())), ("taken", None)]);
    assert!(matches!(allow(&house, "kept", theirs).await, Err(ServiceError::Invalid(_))), "it is registered");
    for reference in ["kept", "taken"] {
        bursar.disallow_wallet("chain", reference).await.unwrap();
        assert!(bursar.disallow_wallet("chain", reference).await.is_err());
    }
    assert_eq!(code(&register(&house, &owner, DEFAULT_ORGANISATION, "taken").await), "invalid_field");
    assert_eq!(house.ask("GET", &format!("/wallets/{kept}"), &owner, None).await.status, 200);
    allow(&house, "taken", theirs).await.unwrap();
    assert_eq!(register(&house, &house.session("stranger").await, theirs, "taken").await.status, 201);
    let trail = house.ask("GET", "/audit?action=wallet", &owner, None).await.body.to_string();
    for action in ["wallet.allow", "wallet.disallow", "wallet.register"] {
        assert!(trail.contains(action), "{trail}");
    }
}

#[tokio::test]
async fn only_what_a_rail_has_is_allowed() {
    let house = House::new().await;
    let allow = |rail, reference, coin| {
        house.server.bursar.allow_wallet(rail, reference, Coin::parse(coin).unwrap(), DEFAULT_ORGANISATION)
    };
    assert_eq!(allow("nowhere", "shop", "usd").await, Err(ServiceError::NotFound("rail")));
    assert!(matches!(allow("sandbox", "shop", "tbtc").await, Err(ServiceError::Invalid(_))), "its keys are kept here");
    assert!(matches!(allow("chain", ADDRESS, "tbtc").await, Err(ServiceError::Invalid(_))), "another chain's coin");
    assert!(matches!(allow("chain", "0x1", "hteth").await, Err(ServiceError::Invalid(_))), "no address");
    assert!(matches!(allow("chain", ADDRESS, "hteth").await, Err(ServiceError::RailUnavailable(_))), "a silent node");
    assert_eq!(house.server.bursar.allowed_wallets().await, Ok(Vec::new()));
}

/// What a node of Ethereum answers that has the key of one account, and signs what it is told.
fn of_node(call: &Value) -> Value {
    let hteth = Coin::parse("hteth").unwrap();
    match call["method"].as_str().unwrap() {
        "eth_chainId" => json!("0x7a69"),
        "eth_accounts" => json!([ADDRESS]),
        "eth_getBlockByNumber" => json!({"baseFeePerGas": "0x3b9aca00"}),
        "eth_maxPriorityFeePerGas" => json!("0x1"),
        "eth_signTransaction" => {
            let asked = &call["params"][0];
            let number = |field: &str| u128::from_str_radix(&asked[field].as_str().unwrap()[2..], 16).unwrap();
            let ceilings = FeeCeilings { fee_per_gas: u128::MAX, priority_fee_per_gas: u128::MAX, gas: 1_000_000 };
            let chain = Chain::new(31_337, hteth.clone(), ceilings).unwrap();
            let own = address::parse(ADDRESS).unwrap();
            let payment = Payment::transfer(&chain, &|_| true, own, &hteth, own, Amount::ZERO).unwrap();
            let price = Price::Market {
                max_fee_per_gas: number("maxFeePerGas"),
                max_priority_fee_per_gas: number("maxPriorityFeePerGas"),
            };
            let (nonce, gas) = (number("nonce").try_into().unwrap(), number("gas").try_into().unwrap());
            let unsigned = Unsigned::of(&chain, &payment, Terms { nonce, gas, price }).unwrap();
            let key = SigningKey::from_slice(&KEY).unwrap();
            let (signature, recovery) = key.sign_prehash_recoverable(unsigned.signing_hash().as_slice()).unwrap();
            let (r, s) = signature.split_bytes();
            json!(unsigned.sign(r.into(), s.into(), recovery.is_y_odd()).unwrap().bytes.to_string())
        }
        other => panic!("asked for {other}"),
    }
}

#[tokio::test]
async fn two_spellings_of_an_address_are_one_wallet() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let node = axum::Router::new().fallback(post(move |body: axum::body::Bytes| async move {
        counted.fetch_add(1, Ordering::Relaxed);
        let call: Value = serde_json::from_slice(&body).unwrap();
        json!({"jsonrpc": "2.0", "id": call["id"], "result": of_node(&call)}).to_string()
    }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, node).await });
    let house = House::of(Server::before(Arc::new(chain_at(&url))).await).await;
    let (bursar, theirs) = (&house.server.bursar, elsewhere(&house).await);
    let hteth = || Coin::parse("hteth").unwrap();
    let lower = ADDRESS.to_lowercase();
    let allowed = bursar.allow_wallet("chain", ADDRESS, hteth(), DEFAULT_ORGANISATION).await.unwrap();
    assert_eq!(allowed.reference, lower);
    assert!(matches!(bursar.allow_wallet("chain", &lower, hteth(), theirs).await, Err(ServiceError::Invalid(_))));
    let (owner, stranger) = (house.session("owner").await, house.session("stranger").await);
    let before = asked.load(Ordering::Relaxed);
    assert_eq!(code(&register(&house, &stranger, theirs, &lower).await), "invalid_field");
    assert_eq!(asked.load(Ordering::Relaxed), before, "what is not allowed is not asked for");
    let made = register(&house, &owner, DEFAULT_ORGANISATION, &lower).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(code(&register(&house, &owner, DEFAULT_ORGANISATION, ADDRESS).await), "conflict");
    let by_operator = NewWallet { coin: hteth(), ..add(ADDRESS, theirs, "stranger") };
    assert!(matches!(bursar.add_wallet(by_operator).await, Err(ServiceError::Invalid(_))));
    assert_eq!(registered(&house), 1);
}

#[tokio::test]
async fn the_page_offers_what_is_allowed_and_not_registered_yet() {
    let house = house().await;
    let path = format!("/organisations/{DEFAULT_ORGANISATION}/wallet");
    let mut owner = Browser::signed_in(&house.server, &name("owner")).await;
    assert!(owner.get(&path).await.text().contains("No rail makes wallets"));
    allow(&house, "shop", DEFAULT_ORGANISATION).await.unwrap();
    allow(&house, "theirs", elsewhere(&house).await).await.unwrap();
    let page = owner.get(&path).await;
    assert!(page.html.contains("<option value=\"chain/shop\">shop on chain (usd)</option>"), "{}", page.html);
    assert!(!page.html.contains("theirs"), "{}", page.html);
    let refused = owner.post(&path, &[("rail", "chain/theirs"), ("label", "Shop"), ("otp", OTP)]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("the operator of the server allows one"), "{}", refused.text());
    assert!(refused.html.contains("<option value=\"\" selected>Choose another</option>"), "{}", refused.html);
    let made = owner.submit(&path, &[("rail", "chain/shop"), ("label", "Shop"), ("otp", OTP)]).await;
    assert!(made.text().contains("Shop") && made.text().contains("You administer it"), "{}", made.text());
    assert!(!owner.get(&path).await.html.contains("chain/shop"));
    assert_eq!(registered(&house), 1);
}
