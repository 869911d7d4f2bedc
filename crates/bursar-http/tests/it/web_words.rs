//! What pages say of amounts and places.

use bursar_core::time::Span;
use serde_json::json;

use crate::browser::Browser;
use crate::world::{NAME, World};

#[tokio::test]
async fn amounts_are_told_in_units_of_the_coin_also_in_refusals_and_in_the_trail() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 0.001/day"]})).await;
    assert_eq!(world.spend(&token, "40000").await.status, 200);
    assert_eq!(world.spend(&token, "90000").await.status, 401);
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    for (path, told) in [
        (format!("/tokens/{id}"), "leaves 0.0006 tbtc, 0.0009 tbtc asked"),
        (format!("/wallets/{}", world.server.wallet), "0.0004 tbtc tb1qw508d6"),
        ("/audit?action=spend.refuse".to_owned(), "leaves 0.0006 tbtc, 0.0009 tbtc asked"),
        ("/audit?action=spend.hold".to_owned(), "amount: 0.0004 tbtc"),
    ] {
        let text = browser.get(&path).await.text();
        assert!(text.contains(told), "`{told}` is not in {path}: {text}");
        for base in ["40000", "60000", "90000"] {
            assert!(!text.contains(&format!(" {base} ")), "{path} tells {base}: {text}");
        }
    }
}

#[tokio::test]
async fn a_token_tells_every_address_it_was_used_from() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 0.001/day"]})).await;
    for address in [[203, 0, 113, 5], [203, 0, 113, 6], [203, 0, 113, 5]] {
        let used = world.server.send_from(address, "GET", "/bursar/v1/self", Some(&token), Vec::new()).await;
        assert_eq!(used.status, 200);
        // What is written and what is only noted are told alike.
        world.server.bursar.note_uses().await.unwrap();
        world.server.pass(Span::from_seconds(3600));
    }
    let mut owner = Browser::signed_in(&world.server, NAME).await;
    let text = owner.get(&format!("/tokens/{id}")).await.text();
    assert!(text.contains("Last used 1 hour ago from 203.0.113.5 2 hours ago from 203.0.113.6 Expires"), "{text}");
    for last in 10..20 {
        world.server.send_from([203, 0, 113, last], "GET", "/bursar/v1/self", Some(&token), Vec::new()).await;
        world.server.pass(Span::from_seconds(1));
    }
    let text = owner.get(&format!("/tokens/{id}")).await.text();
    assert!(text.contains("from 203.0.113.10 Earlier addresses are not kept."), "{text}");
    let shown = world.get(&format!("/bursar/v1/tokens/{id}"), &token).await.body;
    let seen: Vec<_> = shown["seenFrom"].as_array().unwrap().iter().map(|used| used["ip"].as_str().unwrap()).collect();
    assert_eq!((seen[..2].to_vec(), seen.len()), (vec!["127.0.0.1", "203.0.113.19"], 10), "{shown}");
}
