//! How long a rule takes to say what a request means. The goal is 5 µs.

use std::collections::BTreeMap;
use std::hint::black_box;

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_rails::exchange::{Answered, Asked, Exchange};
use bursar_rails::http::{Instruction, Rules};
use criterion::{Criterion, criterion_group, criterion_main};

/// The binary's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RULE: &str = r#"{
    "method": "POST", "path": "/v1/accounts/{account}/charges", "operation": "spend",
    "headers": ["idempotency-key"], "body": "form", "fields": ["amount", "currency", "source", "description"],
    "asset": "usd", "amount": "minor(body.amount, body.currency)", "destination": "body.source",
    "key": "headers['idempotency-key']", "done": "status == 200 && answer.status == 'succeeded'",
    "refused": "status == 402", "captured": "minor(answer.amount, answer.currency)", "record": "answer.id"
}"#;

fn rule(criterion: &mut Criterion) {
    let written = serde_json::from_str(RULE).expect("a rule");
    let rules = Rules::new(&BTreeMap::from([("usd".to_owned(), 2)]), &[written]).expect("rules");
    let headers: &[(&str, &[u8])] =
        &[("content-type", b"application/x-www-form-urlencoded"), ("idempotency-key", b"order-7")];
    let asked = Asked {
        method: "POST",
        path: "/v1/accounts/acct_1/charges",
        query: None,
        headers,
        body: b"amount=500&currency=usd&source=tok_1&description=two%20of%20them",
    };
    criterion.bench_function("a request: read, priced, written anew", |bench| {
        bench.iter(|| {
            let meaning = rules.meaning(black_box(&asked));
            assert!(matches!(meaning, Ok(Exchange::Spend(_))));
        });
    });
    let answered = Answered {
        status: 200,
        headers: vec![("content-type".into(), "application/json".into())],
        body: br#"{"id":"ch_1","status":"succeeded","amount":500,"currency":"usd"}"#.to_vec(),
    };
    let (coin, held) = (Coin::parse("usd").expect("a ticker"), Amount::new(500));
    let instruction = Instruction { rule: "POST /v1/accounts/{account}/charges".into(), key: "order-7".into() };
    criterion.bench_function("an answer: read, its outcome and capture", |bench| {
        bench.iter(|| rules.became(&instruction, black_box(&answered), &coin, held));
    });
}

criterion_group!(benches, rule);
criterion_main!(benches);
