//! What the core never asks for itself and everything around it is given: the time, and chance.

use crate::time::{Span, Timestamp};

/// Says what time it is. One per process, in the binary; a fixed one in tests.
pub trait Clock: Send + Sync {
    /// The wall clock's time.
    fn now(&self) -> Timestamp;

    /// How long it is since some fixed moment, by a clock that nobody sets and that goes on while the
    /// machine sleeps; nothing where there is none, and then no jump of the wall clock is noticed.
    fn elapsed(&self) -> Option<Span> {
        None
    }
}

/// Gives random bytes fit for keys.
pub trait Random: Send + Sync {
    /// Fills the bytes.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random + '_ {
    /// So many random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}
