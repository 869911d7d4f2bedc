//! Verification: links and their events come in one by one, in order, and the first that is broken is
//! named. It keeps the end of what it has seen and the checkpoints it still has to meet, never the chain.

use std::fmt;

use super::archive::{archived_through, is_told};
use super::{Event, Head, Link};

/// Verifies a chain, link by link.
#[derive(Clone, Debug)]
pub struct Verifier {
    from: u64,
    until: Option<u64>,
    /// The end of what was verified.
    head: Head,
    /// The hash of `head` is whatever the next link says.
    believes: bool,
    events: u64,
    /// Still to be met, the next one last.
    checkpoints: Vec<Head>,
    met: usize,
    /// Where the store says that it begins, if it is a store's chain.
    base: Option<Head>,
    /// Up to where the newest event says that the chain was archived.
    told: Option<(u64, String)>,
}

/// A chain, or a part of one, that is sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The first link's number.
    pub from: u64,
    /// The end; one below `from` if there was no link.
    pub head: Head,
    /// How many events the links cover.
    pub events: u64,
    /// How many checkpoints agree.
    pub checkpoints: usize,
}

/// The first link that is broken, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The number of the link.
    pub link: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Another link stands in its place: it was dropped, or one was inserted, moved or renumbered.
    Number {
        /// The number of the one that stands there.
        found: u64,
    },
    /// It does not name the hash of the link before.
    Previous,
    /// It covers another number of events.
    Events {
        /// As many as it says.
        said: u32,
        /// As many as there are.
        found: u64,
    },
    /// Its hash does not follow from its events.
    Hash,
    /// A checkpoint recorded another hash: it, or a link before it, was rewritten with all that follow.
    Checkpoint,
    /// The chain ends before it, although it once went on: it was cut or rolled back.
    Truncated {
        /// The link it reached at least.
        reached: u64,
    },
    /// The chain is sound, and ends before a link that was asked for.
    Ends {
        /// The link that was asked for.
        asked: u64,
    },
    /// It is where the chain was to be verified from, and not there: nothing was verified.
    Beyond,
    /// The store begins elsewhere than its newest event of an archive says: somebody moved where it begins.
    Base,
    /// There are events or links outside of the chain.
    Unlinked,
    /// What is stored of it is no link, or its events are none.
    Unreadable(String),
}

impl Default for Verifier {
    fn default() -> Self {
        Self::after(Head::default())
    }
}

impl Verifier {
    /// Verifies what follows a known end; the default begins with the first link.
    pub const fn after(head: Head) -> Self {
        let from = head.number.saturating_add(1);
        let checkpoints = Vec::new();
        Self { from, until: None, head, believes: false, events: 0, checkpoints, met: 0, base: None, told: None }
    }

    /// Verifies from a link on, which must be there, believing what it says of the link before.
    pub fn believing(first: u64) -> Self {
        match first {
            // Before the first link there is nothing to believe.
            0 | 1 => Self::after(Head { number: 0, hash: [0; 32] }),
            _ => Self { believes: true, ..Self::after(Head { number: first.saturating_sub(1), hash: [0; 32] }) },
        }
    }

    /// Stops at this link, which must be there; checkpoints beyond it do not count.
    #[must_use]
    pub fn until(self, last: Option<u64>) -> Self {
        Self { until: last, ..self }
    }

    /// Demands that the newest event of an archive says that the chain was archived up to here, where the store begins;
    /// that there is none, if nothing was.
    #[must_use]
    pub fn with_base(self, base: Head) -> Self {
        Self { base: Some(base), ..self }
    }

    /// The end of what was verified so far.
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Holds the chain against checkpoints; those before the first verified link do not count.
    #[must_use]
    pub fn against(mut self, checkpoints: impl IntoIterator<Item = Head>) -> Self {
        self.checkpoints.extend(checkpoints);
        self.checkpoints.sort_unstable_by_key(|head| std::cmp::Reverse(head.number));
        self
    }

    /// The number of the link that has to come next.
    pub const fn next_number(&self) -> u64 {
        self.head.number.saturating_add(1)
    }

    /// Whether the last link that was asked for is verified.
    pub fn is_done(&self) -> bool {
        self.until.is_some_and(|last| self.head.number >= last)
    }

    /// Verifies the next link.
    ///
    /// # Errors
    /// It is broken; nothing that comes after says anything then.
    pub fn check(&mut self, link: &Link, events: &[Event]) -> Result<(), Broken> {
        if self.believes && link.number == self.next_number() {
            self.believes = false;
            self.head.hash = link.previous;
        }
        self.meet()?;
        let expected = self.head.next(events);
        let found = u64::try_from(events.len()).unwrap_or(u64::MAX);
        let fault = if link.number != expected.number {
            Some(Fault::Number { found: link.number })
        } else if link.previous != expected.previous {
            Some(Fault::Previous)
        } else if u64::from(link.events) != found {
            Some(Fault::Events { said: link.events, found })
        } else if link.hash != expected.hash {
            Some(Fault::Hash)
        } else {
            None
        };
        if let Some(fault) = fault {
            return Err(Broken { link: expected.number, fault });
        }
        self.head = link.head();
        for (number, hash) in events.iter().filter_map(archived_through) {
            self.told = Some((number, hash.to_owned()));
        }
        self.events = self.events.saturating_add(found);
        self.meet()
    }

    /// What was verified, once there is no further link.
    ///
    /// # Errors
    /// The chain ends too early.
    pub fn finish(mut self) -> Result<Verified, Broken> {
        self.meet()?;
        let counts = |head: &&Head| self.until.is_none_or(|last| head.number <= last);
        let recorded = self.checkpoints.iter().find(counts).map(|head| head.number);
        match (recorded, self.until) {
            (Some(reached), _) if reached > self.head.number => {
                Err(Broken { link: self.next_number(), fault: Fault::Truncated { reached } })
            }
            // Where it is to begin it has to have come to, or a chain that was cut would pass.
            _ if self.believes => Err(Broken { link: self.from, fault: Fault::Beyond }),
            (_, Some(asked)) if asked > self.head.number => {
                Err(Broken { link: self.next_number(), fault: Fault::Ends { asked } })
            }
            _ if self.base.is_some_and(|base| self.until.is_none() && !is_told(self.told.as_ref(), base)) => {
                let link = self.base.map_or(0, |base| base.number);
                Err(Broken { link, fault: Fault::Base })
            }
            _ => Ok(Verified { from: self.from, head: self.head, events: self.events, checkpoints: self.met }),
        }
    }

    /// Holds the end of what was verified against the checkpoints that speak of it.
    fn meet(&mut self) -> Result<(), Broken> {
        while !self.believes
            && let Some(recorded) = self.checkpoints.pop_if(|recorded| recorded.number <= self.head.number)
        {
            if recorded.number < self.head.number {
                continue;
            }
            if recorded.hash != self.head.hash {
                return Err(Broken { link: recorded.number, fault: Fault::Checkpoint });
            }
            self.met = self.met.saturating_add(1);
        }
        Ok(())
    }
}

impl Fault {
    /// A word for programs; it never changes.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Number { .. } => "number",
            Self::Previous => "previous",
            Self::Events { .. } => "events",
            Self::Hash => "hash",
            Self::Checkpoint => "checkpoint",
            Self::Truncated { .. } => "truncated",
            Self::Ends { .. } => "ends",
            Self::Beyond => "beyond",
            Self::Base => "base",
            Self::Unlinked => "unlinked",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { found } => write!(f, "link {found} stands in its place"),
            Self::Previous => f.write_str("it does not follow from the link before"),
            Self::Events { said, found } => write!(f, "it says that it covers {said} events, and there are {found}"),
            Self::Hash => f.write_str("its hash does not follow from its events"),
            Self::Checkpoint => f.write_str("a checkpoint recorded another hash: it or a link before it was rewritten"),
            Self::Truncated { reached } => write!(f, "the chain ends before it, and once reached link {reached}"),
            Self::Ends { asked } => write!(f, "it is not there, and neither is link {asked}"),
            Self::Beyond => f.write_str("it is not there"),
            Self::Base => f.write_str("the store begins after it, and no event says that it was archived up to there"),
            Self::Unlinked => f.write_str("there are records here that are not in the chain"),
            Self::Unreadable(problem) => f.write_str(problem),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::Ends { asked } => {
                let last = self.link.saturating_sub(1);
                write!(f, "the chain is sound as far as it goes, and ends with link {last}: there is no link {asked}")
            }
            Fault::Beyond => write!(f, "there is no link {}, so nothing to verify from there on", self.link),
            _ => write!(f, "link {} is broken: {}", self.link, self.fault),
        }
    }
}

impl std::error::Error for Broken {}
