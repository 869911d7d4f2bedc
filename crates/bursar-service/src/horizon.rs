//! How far signatures of state changes reach into the future, kept on the disk.
//!
//! The memory of seen signatures ends with the process. What was signed before its start is refused, but a
//! client whose clock is ahead signs for a time after it. So before such a signature is accepted, the
//! horizon is moved beyond it, durably; the next start refuses everything up to there (ADR 3).

use std::sync::atomic::{AtomicI64, Ordering};

use bursar_core::audit::Actor;
use bursar_core::id::UserId;
use bursar_core::ledger::{Document, DocumentKey, DocumentKind, Outcome, Record, Write};
use bursar_core::time::{Span, Timestamp};
use bursar_store::{Reader, StoreError};

use crate::Bursar;
use crate::error::ServiceError;

/// How far the horizon is moved beyond what is needed, so that it is not moved for every request.
const MARGIN: Span = Span::from_seconds(5);

/// The horizon of this run.
pub(crate) struct Horizon {
    reached: AtomicI64,
    /// Held while it is moved, so that a later, smaller one cannot take a greater one's place on the disk.
    moving: tokio::sync::Mutex<()>,
}

fn key() -> DocumentKey {
    DocumentKey { user: UserId::from_bytes([0; 16]), kind: DocumentKind::ReplayHorizon, name: String::new() }
}

impl Horizon {
    /// The horizon that earlier runs left.
    pub(crate) fn load(reader: &mut dyn Reader) -> Result<Timestamp, StoreError> {
        let Some(found) = reader.document(&key())? else { return Ok(Timestamp::default()) };
        let problem = "the replay horizon is no time".to_owned();
        let bytes = found.value.body.as_slice().try_into();
        let bytes = bytes.map_err(|_| StoreError::Inconsistent { table: "documents", problem })?;
        Ok(Timestamp::from_millis(i64::from_be_bytes(bytes)))
    }

    pub(crate) fn at(time: Timestamp) -> Self {
        Self { reached: AtomicI64::new(time.as_millis()), moving: tokio::sync::Mutex::default() }
    }

    fn covers(&self, time: Timestamp) -> bool {
        time.as_millis() <= self.reached.load(Ordering::SeqCst)
    }
}

impl Bursar {
    /// Makes sure that a signature of this time will be refused after a restart.
    pub(crate) async fn reach(&self, signed_at: Timestamp) -> Result<(), ServiceError> {
        // What is signed for the past lies before any later start.
        if signed_at <= self.clock.now() || self.horizon.covers(signed_at) {
            return Ok(());
        }
        let _moving = self.horizon.moving.lock().await;
        if self.horizon.covers(signed_at) {
            return Ok(());
        }
        let horizon = signed_at.plus(MARGIN).as_millis();
        let document = Document { title: None, body: horizon.to_be_bytes().to_vec() };
        let write = Write { put: vec![Record::Document(key(), document)], ..Write::default() };
        match self.write(Actor::System, write).await? {
            Outcome::Written => {
                self.horizon.reached.store(horizon, Ordering::SeqCst);
                Ok(())
            }
            _ => Err(ServiceError::Busy),
        }
    }
}
