//! An answer of an upstream that goes to its client while it comes, for as long as the token may spend.
//!
//! Who takes it is looked at again twice a second, as over a WebSocket, and before each piece that has waited so long. When a
//! token ends, its stream breaks off; the spend goes on, and is settled by what it came to.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use bursar_core::id::WalletId;
use bursar_service::Bursar;
use bursar_service::authenticate::Principal;
use bursar_service::flow::{BrokenOff, Rest};
use futures_util::stream::unfold;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often it is asked whether the token may still spend.
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// A client that takes an answer while it comes.
struct Taker {
    bursar: Arc<Bursar>,
    principal: Principal,
    wallet: WalletId,
    rest: Rest,
    checks: Interval,
}

/// The body of such an answer.
pub(crate) fn body(bursar: Arc<Bursar>, principal: Principal, wallet: WalletId, rest: Rest) -> Body {
    let mut checks = interval(CHECK_EVERY);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let taker = Taker { bursar, principal, wallet, rest, checks };
    Body::from_stream(unfold(Some(taker), |taker| async {
        let mut taker = taker?;
        match taker.next().await {
            Ok(Some(piece)) => Some((Ok(Bytes::from(piece)), Some(taker))),
            Ok(None) => None,
            Err(broken) => Some((Err(broken), None)),
        }
    }))
}

impl Taker {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, BrokenOff> {
        loop {
            tokio::select! {
                biased;
                _ = self.checks.tick() => {
                    let again = self.bursar.still_exchanges(&self.principal, self.wallet);
                    self.principal = again.map_err(|_| BrokenOff)?;
                }
                piece = self.rest.next() => return piece,
            }
        }
    }
}
