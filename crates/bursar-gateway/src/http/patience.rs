//! How often an upstream is asked after a spend, what it said then, and how long nothing is given back on its word: the
//! request may still be on its way there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bursar_core::ambient::Clock;
use bursar_core::id::HoldId;
use bursar_core::time::{Span, Timestamp};
use bursar_service::rail::{Asking, LookedUp, Memory, NewNote, RailError};
use tokio::time::Instant;

/// The most spends that are remembered; with more, they are forgotten but for the time of their first look.
const MOST: usize = 100_000;
/// How long it takes at least from one look-up of a spend to the next.
const BETWEEN: Duration = Duration::from_secs(15);
/// The same from one that somebody asked for to the next.
const BETWEEN_BY_HAND: Duration = Duration::from_secs(5);

/// When each spend was looked up.
pub(super) struct Patience {
    lasts: Duration,
    clock: Arc<dyn Clock>,
    looked: Mutex<HashMap<HoldId, Looked>>,
}

struct Looked {
    /// When this process looked first, and how long before another one did.
    first: Instant,
    before: Duration,
    last: Instant,
    /// When it was looked up last because somebody asked.
    by_hand: Option<Instant>,
    /// Whether the upstream said that it has none, when it was asked last.
    is_absent: bool,
    said: Option<LookedUp>,
}

impl Looked {
    fn since_first(&self, now: Instant) -> Duration {
        now.duration_since(self.first).saturating_add(self.before)
    }
}

impl Patience {
    pub(super) fn new(lasts: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { lasts, clock, looked: Mutex::default() }
    }

    /// Whether a spend may be looked up now; if so, it is taken to be.
    pub(super) async fn may_look(&self, hold: HoldId, asking: Asking, memory: &dyn Memory) -> bool {
        let is_known = self.lock().contains_key(&hold);
        let before = if is_known { Duration::ZERO } else { self.since_others(hold, memory).await };
        let (mut looked, now) = (self.lock(), Instant::now());
        if !looked.contains_key(&hold) && looked.len() >= MOST {
            looked.clear();
        }
        let by_hand = (asking == Asking::ByHand).then_some(now);
        let Some(known) = looked.get_mut(&hold) else {
            looked.insert(hold, Looked { first: now, before, last: now, by_hand, is_absent: false, said: None });
            return true;
        };
        let (last, between) = match asking {
            Asking::ByItself => (Some(known.last), BETWEEN),
            Asking::ByHand => (known.by_hand, BETWEEN_BY_HAND),
        };
        let is_time = last.is_none_or(|last| now.duration_since(last) >= between);
        if is_time {
            (known.last, known.is_absent) = (now, false);
            known.by_hand = by_hand.or(known.by_hand);
        }
        is_time
    }

    /// How long ago it was looked up first, by a process before this one; that this one does is noted.
    async fn since_others(&self, hold: HoldId, memory: &dyn Memory) -> Duration {
        let (name, now) = (name(hold), self.clock.now());
        let noted = match memory.read(&name) {
            Ok(noted) => noted,
            Err(_) => return Duration::ZERO,
        };
        if let Some(noted) = noted {
            let at = std::str::from_utf8(&noted.body).ok().and_then(|text| text.parse().ok());
            return at
                .map_or(Duration::ZERO, |at| Duration::from_millis(now.since(Timestamp::from_millis(at)).as_millis()));
        }
        let body = Some(now.as_millis().to_string().into_bytes());
        if let Err(error) = memory.write(vec![NewNote { name, version: 0, body }]).await {
            tracing::debug!(spend = %hold, %error, "when a spend was first looked up is not kept beyond this process");
        }
        Duration::ZERO
    }

    /// Notes what the upstream said; where that was that nothing moved, and is not believed yet, how long it has to say so.
    pub(super) fn note(&self, hold: HoldId, said: String, believed_after: Option<Duration>) {
        let (mut looked, now) = (self.lock(), Instant::now());
        if let Some(known) = looked.get_mut(&hold) {
            let at = self.clock.now();
            let left = believed_after.map(|lasts| lasts.saturating_sub(known.since_first(now)));
            // Rounded up: asked at that time, it is given back.
            let left =
                left.map(|left| Span::from_seconds(left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0))));
            known.said = Some(LookedUp { at, said, back_from: left.map(|left| at.plus(left)) });
        }
    }

    /// What the upstream said when it was asked last.
    pub(super) fn looked_up(&self, hold: HoldId) -> Option<LookedUp> {
        self.lock().get(&hold)?.said.clone()
    }

    /// Notes that the upstream says that it has none.
    pub(super) fn note_absence(&self, hold: HoldId) {
        if let Some(looked) = self.lock().get_mut(&hold) {
            looked.is_absent = true;
        }
    }

    /// Whether the upstream said so when it was asked last, and whether that was long enough after it was asked first.
    pub(super) fn is_absent(&self, hold: HoldId) -> bool {
        self.lock().get(&hold).is_some_and(|looked| looked.is_absent && looked.since_first(looked.last) >= self.lasts)
    }

    /// How long it takes from the first look until what is not there will not come.
    pub(super) const fn lasts(&self) -> Duration {
        self.lasts
    }

    /// Whether it was looked up first so long ago.
    pub(super) fn is_over(&self, hold: HoldId, lasts: Duration) -> bool {
        self.lock().get(&hold).is_some_and(|looked| looked.since_first(Instant::now()) >= lasts)
    }

    pub(super) async fn forget(&self, hold: HoldId, memory: &dyn Memory) -> Result<(), RailError> {
        self.lock().remove(&hold);
        let name = name(hold);
        let Some(note) = memory.read(&name)? else { return Ok(()) };
        memory.write(vec![NewNote { name, version: note.version, body: None }]).await.map(drop)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<HoldId, Looked>> {
        // A map is sound at every moment.
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(hold: HoldId) -> String {
    format!("looked/{hold}")
}
