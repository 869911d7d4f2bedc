//! What a signed request costs in process: reading the bearer, comparing its hash, verifying the request and signing
//! the answer, with a prepared key and bodies of 300 bytes. The goal is below one microsecond for all of it.

use std::hint::black_box;

use bursar_core::time::Timestamp;
use bursar_wire::bearer::{Bearer, SignatureHeader};
use bursar_wire::signature::{AuthVersion, Request, Response, SigningKey, window};
use bursar_wire::token_text::TokenText;
use criterion::{Criterion, criterion_group, criterion_main};

fn signature(criterion: &mut Criterion) {
    let token = TokenText::from_random([7; 28]);
    let hash = token.bearer_hash();
    let authorization = format!("Bearer {}", hash.to_hex().expose());
    let key = SigningKey::new(&hash);
    let now = Timestamp::from_millis(1_790_000_000_500);
    let body = [b'x'; 300];
    let target = "/api/v2/tbtc/wallet/a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1/sendcoins";

    for version in [AuthVersion::V2, AuthVersion::V3] {
        let request = Request { version, method: "POST", timestamp: "1790000000123", target, body: &body };
        let presented = key.sign(&request);
        let response =
            Response { version, method: "POST", timestamp: "1790000000500", target, status: 200, body: &body };
        let name = format!("v{}", version.as_header());
        let mut group = criterion.benchmark_group(name);
        group.bench_function("read bearer and compare its hash", |bencher| {
            bencher.iter(|| {
                let bearer = Bearer::read(Some(black_box(&authorization)), SignatureHeader::Hmac);
                matches!(bearer, Ok(Bearer::Hashed(presented)) if presented == hash)
            });
        });
        group.bench_function("verify request", |bencher| {
            bencher.iter(|| key.verify(black_box(&request), black_box(presented.as_str())));
        });
        group.bench_function("sign response", |bencher| {
            bencher.iter(|| key.sign(black_box(&response)));
        });
        group.bench_function("all of it", |bencher| {
            bencher.iter(|| {
                let bearer = Bearer::read(Some(black_box(&authorization)), SignatureHeader::Hmac);
                let known = matches!(bearer, Ok(Bearer::Hashed(presented)) if presented == hash);
                let verified = key.verify(black_box(&request), black_box(presented.as_str()));
                let time = window::read_millis(black_box(request.timestamp)).map(|time| window::check(time, now));
                (known, verified, time, key.sign(black_box(&response)))
            });
        });
        group.finish();
    }
    criterion.bench_function("prepare a key", |bencher| {
        bencher.iter(|| SigningKey::new(black_box(&hash)));
    });
}

criterion_group!(benches, signature);
criterion_main!(benches);
