//! Runs worlds by seed, and makes the story of a failure short.

use std::fmt;

use bursar_core::audit::Event;

use crate::Breakage;
use crate::script::{self, Step};
use crate::world::World;

/// How many steps a world has, unless it is said otherwise.
pub const STEPS: usize = 240;

/// What happened in worlds in which nothing broke, so that one can see that something happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Batches written.
    pub batches: u64,
    /// Spends granted and sent to the rail.
    pub granted: u64,
    /// Spends that a limit refused.
    pub refused_by_limit: u64,
    /// Spends answered with one that was there already.
    pub known: u64,
    /// Edits of limits.
    pub edits: u64,
    /// Commands answered with a failure.
    pub failures: u64,
    /// Spends turned away because the clock had jumped.
    pub jumps: u64,
    /// Crashes.
    pub crashes: u64,
    /// Transactions lost in them, answered to nobody.
    pub lost: u64,
    /// How often the past of a budget was read.
    pub histories: u64,
    /// Spends that moved, by the rail's book.
    pub moved: u64,
    /// Spends that were forgotten.
    pub forgotten: u64,
}

/// A promise that did not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The seed of the world.
    pub seed: u64,
    /// What broke.
    pub broken: String,
    /// The steps that suffice, of those that the seed has.
    pub story: Vec<String>,
    /// How many steps there were to be, and how many there were before the failure.
    pub steps: (usize, usize),
    /// What the audit log says of these steps.
    pub events: Vec<String>,
}

/// What broke, after how many steps, and what the audit log says until then.
struct Broken {
    what: String,
    at: usize,
    events: Vec<Event>,
}

/// Runs the world of a seed.
///
/// # Errors
/// A promise did not hold; the story is made short.
pub fn run(seed: u64, steps: usize, breakage: Option<Breakage>) -> Result<Counts, Box<Failure>> {
    let mut story = script::of_seed(seed, steps);
    let mut broken = match play(seed, &story, breakage) {
        Ok(counts) => return Ok(counts),
        Err(broken) => broken,
    };
    let at = broken.at;
    story.truncate(at);
    shorten(seed, &mut story, &mut broken, breakage);
    let story = story.iter().map(Step::to_string).collect();
    let events = broken.events.iter().map(tell).collect();
    Err(Box::new(Failure { seed, broken: broken.what, story, steps: (steps, at), events }))
}

/// Plays a script. If something breaks, says what, and after how many steps.
fn play(seed: u64, script: &[Step], breakage: Option<Breakage>) -> Result<Counts, Broken> {
    let mut world = World::new(seed, breakage);
    let mut steps = script.iter().enumerate();
    let broken = steps.find_map(|(place, step)| Some((world.step(*step).err()?, place + 1)));
    let broken = broken.or_else(|| Some((world.end().err()?, script.len())));
    if let Some((what, at)) = broken {
        return Err(Broken { what, at, events: world.judge.events });
    }
    let spends = world.judge.spends.all();
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let moved = count(spends.iter().filter(|spend| spend.moved.is_some()).count());
    let forgotten = count(spends.iter().filter(|spend| spend.is_forgotten).count());
    Ok(Counts { moved, forgotten, ..world.counts })
}

/// Leaves out what a failure does not need: ever smaller pieces, as long as something still breaks.
fn shorten(seed: u64, story: &mut Vec<Step>, broken: &mut Broken, breakage: Option<Breakage>) {
    let mut piece = story.len() / 2;
    while piece > 0 {
        let mut begin = 0;
        while begin < story.len() {
            let end = (begin + piece).min(story.len());
            let shorter = [&story[..begin], &story[end..]].concat();
            match play(seed, &shorter, breakage) {
                // Another promise that breaks on the way is another story.
                Err(other) if promise(&other.what) == promise(&broken.what) => {
                    *story = shorter;
                    story.truncate(other.at);
                    *broken = other;
                }
                _ => begin = end,
            }
        }
        piece /= 2;
    }
}

/// The name of the promise that a failure begins with.
fn promise(broken: &str) -> &str {
    broken.split_once(':').map_or("", |(promise, _)| promise)
}

fn tell(event: &Event) -> String {
    let data = event.data.iter().map(|(key, value)| format!(" {key}={value}"));
    format!("{} {} {}{}", event.time, event.action, event.subject, data.collect::<String>())
}

impl Counts {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            batches: self.batches + other.batches,
            granted: self.granted + other.granted,
            refused_by_limit: self.refused_by_limit + other.refused_by_limit,
            known: self.known + other.known,
            edits: self.edits + other.edits,
            failures: self.failures + other.failures,
            jumps: self.jumps + other.jumps,
            crashes: self.crashes + other.crashes,
            lost: self.lost + other.lost,
            histories: self.histories + other.histories,
            moved: self.moved + other.moved,
            forgotten: self.forgotten + other.forgotten,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, broken, story, steps: (steps, at), events } = self;
        writeln!(f, "{broken}")?;
        writeln!(f, "seed {seed} broke after {at} steps, of which these suffice: {}", story.join(", "))?;
        events.iter().try_for_each(|event| writeln!(f, "    {event}"))?;
        let length = if *steps == STEPS { String::new() } else { format!(" BURSAR_SIM_STEPS={steps}") };
        write!(f, "again: BURSAR_SIM_SEED={seed}{length} cargo test -p bursar-sim --test simulation simulation")
    }
}
