//! What a rail's other end said when it was asked after a spend that nobody settled.

use std::fmt;

use bursar_core::time::Timestamp;

/// Who has a rail ask after a spend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asking {
    /// The server, now and then.
    ByItself,
    /// Somebody who wants to know it now.
    ByHand,
}

/// The last time that it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LookedUp {
    /// When.
    pub at: Timestamp,
    /// What it said.
    pub said: String,
    /// From when on the spend is given back if it says so again; nothing where it did not say that nothing moved.
    pub back_from: Option<Timestamp>,
}

impl fmt::Display for LookedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "asked at {}: {}", self.at, self.said)?;
        match self.back_from {
            Some(from) => write!(f, "; given back from {from} on, if it says so then"),
            None => Ok(()),
        }
    }
}
