//! An answer of an upstream that goes to its client while it comes, for as long as the token may have it.
//!
//! Who takes it is looked at again twice a second, as over a WebSocket, and before each piece that has waited so long. When a
//! token ends, its stream breaks off; a spend goes on, and is settled by what it came to.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use bursar_service::Bursar;
use bursar_service::authenticate::Principal;
use bursar_service::exchange::Taken;
use bursar_service::flow::{BrokenOff, Rest};
use futures_util::stream::unfold;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::connections::WayOut;

/// How often it is asked whether the token may still have it.
const CHECK_EVERY: Duration = Duration::from_millis(500);
/// How often that is asked of a read after the server began to close: it may have no end of its own.
const MOST_WHILE_CLOSING: u32 = 60;

/// A client that takes an answer while it comes.
struct Taker {
    bursar: Arc<Bursar>,
    principal: Principal,
    taken: Taken,
    rest: Rest,
    checks: Interval,
    while_closing: u32,
    way_out: Option<WayOut>,
}

/// The body of such an answer.
pub(crate) fn body(
    bursar: Arc<Bursar>,
    principal: Principal,
    taken: Taken,
    rest: Rest,
    way_out: Option<WayOut>,
) -> Body {
    let begun = Instant::now();
    let mut checks = interval_at(begun.checked_add(CHECK_EVERY).unwrap_or(begun), CHECK_EVERY);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let taker = Taker { bursar, principal, taken, rest, checks, while_closing: 0, way_out };
    Body::from_stream(unfold(Some(taker), |taker| async {
        let mut taker = taker?;
        match taker.next().await {
            Ok(Some(piece)) => Some((Ok(Bytes::from(piece)), Some(taker))),
            Ok(None) => None,
            Err(broken) => {
                if let Some(way_out) = &taker.way_out {
                    way_out.break_off();
                }
                Some((Err(broken), None))
            }
        }
    }))
}

impl Taker {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, BrokenOff> {
        loop {
            tokio::select! {
                biased;
                _ = self.checks.tick() => {
                    let again = self.bursar.still_exchanges(&self.principal, &self.taken);
                    self.principal = again.map_err(|_| BrokenOff)?;
                    if self.taken.is_read() && self.way_out.as_ref().is_some_and(WayOut::is_closing) {
                        self.while_closing = self.while_closing.saturating_add(1);
                        if self.while_closing > MOST_WHILE_CLOSING {
                            return Err(BrokenOff);
                        }
                    }
                }
                piece = self.rest.next() => {
                    if !matches!(piece, Ok(Some(_))) {
                        self.bursar.exchange_ended(&self.principal, &self.taken, piece.is_ok()).await;
                    }
                    return piece;
                }
            }
        }
    }
}
