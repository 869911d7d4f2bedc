//! The answers to spends, kept so that a client that asks again is answered as before.
//!
//! There are so many places and no more, and each keeps the latest answer that fell to it.

use bursar_core::amount::Amount;
use bursar_core::id::HoldId;
use bursar_rails::exchange::Answered;
use bursar_service::rail::{Memory, NewNote, Note, RailError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How many answers are kept at most.
const PLACES: u16 = 1024;
/// The longest answer that is kept, in bytes.
const LONGEST: usize = 1024 * 1024;

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    hold: String,
    status: u16,
    headers: Vec<(Box<str>, Box<str>)>,
    body: String,
    #[serde(default)]
    came: Came,
}

/// How an answer came.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Came {
    /// In full, before it was passed on.
    #[default]
    Whole,
    /// As a stream, to its end; of it the last event is kept.
    Streamed,
    /// As a stream whose end was not seen yet.
    Begun,
}

pub(super) fn place(hold: HoldId) -> String {
    let [high, low, ..]: [u8; 32] = Sha256::digest(hold.as_bytes()).into();
    format!("answer/{}", u16::from_be_bytes([high, low]).checked_rem(PLACES).unwrap_or_default())
}

/// Keeps an answer with the settlement of its spend, unless it is long or no text. Of two spends that fall to one place
/// the latter keeps it.
pub(super) fn keep_with_outcome(memory: &dyn Memory, hold: HoldId, answered: &Answered, came: Came) {
    if let Some(body) = packed(hold, answered, came) {
        memory.write_with_outcome(&place(hold), body);
    }
}

fn exceeded_name(hold: HoldId) -> String {
    format!("exceeded/{hold}")
}

/// Keeps that more moved than was held, until the spend is settled: its answer may lose its place to another's.
pub(super) fn keep_exceeded(memory: &dyn Memory, hold: HoldId, told: (Amount, &str)) {
    memory.write_with_outcome(&exceeded_name(hold), exceeded_body(told));
}

fn exceeded_body((moved, reason): (Amount, &str)) -> Vec<u8> {
    format!("{moved} {reason}").into_bytes()
}

/// The same of a look-up, which settles nothing that it could be written with.
pub(super) async fn keep_exceeded_as_found(
    memory: &dyn Memory,
    hold: HoldId,
    told: (Amount, &str),
) -> Result<(), RailError> {
    let name = exceeded_name(hold);
    let before = memory.read(&name)?;
    let most = before.as_ref().map(told_by).transpose()?;
    if most.is_some_and(|(moved, _)| moved >= told.0) {
        // The most that was told stands until it is taken back.
        return Ok(());
    }
    let version = before.map_or(0, |note| note.version);
    let body = Some(exceeded_body(told));
    memory.write(vec![NewNote { name, version, body }]).await.map(drop)
}

/// How much moved, and in words, if more than was held was told of a spend that is not settled.
pub(super) fn exceeded(memory: &dyn Memory, hold: HoldId) -> Result<Option<(Amount, String)>, RailError> {
    memory.read(&exceeded_name(hold))?.as_ref().map(told_by).transpose()
}

/// What [`exceeded_body`] wrote.
fn told_by(note: &Note) -> Result<(Amount, String), RailError> {
    let text = String::from_utf8_lossy(&note.body);
    let told = text.split_once(' ').and_then(|(moved, reason)| Some((Amount::parse(moved).ok()?, reason.to_owned())));
    told.ok_or_else(|| RailError::Unavailable("what the upstream told cannot be read again".to_owned()))
}

/// Lets go of that.
pub(super) async fn forget_exceeded(memory: &dyn Memory, hold: HoldId) -> Result<(), RailError> {
    let name = exceeded_name(hold);
    let Some(note) = memory.read(&name)? else { return Ok(()) };
    memory.write(vec![NewNote { name, version: note.version, body: None }]).await.map(drop)
}

/// Keeps the head of an answer that is about to be passed on while it comes.
pub(super) async fn keep_begun(memory: &dyn Memory, hold: HoldId, head: &Answered) -> Result<(), RailError> {
    let Some(body) = packed(hold, head, Came::Begun) else { return Ok(()) };
    let name = place(hold);
    // Another spend may take the place at the same moment: then one of the two is not kept.
    let version = memory.read(&name)?.map_or(0, |note| note.version);
    memory.write(vec![NewNote { name, version, body: Some(body) }]).await.map(drop)
}

fn packed(hold: HoldId, answered: &Answered, came: Came) -> Option<Vec<u8>> {
    let body = std::str::from_utf8(&answered.body).ok().filter(|body| body.len() <= LONGEST)?;
    let kept = Kept {
        hold: hold.to_string(),
        status: answered.status,
        headers: answered.headers.clone(),
        body: body.to_owned(),
        came,
    };
    serde_json::to_vec(&kept).ok()
}

/// The answer to a spend, if it is still kept, and how it came.
pub(super) fn kept(memory: &dyn Memory, hold: HoldId) -> Result<Option<(Answered, Came)>, RailError> {
    let Some(note) = memory.read(&place(hold))? else { return Ok(None) };
    let read: Option<Kept> = serde_json::from_slice(&note.body).ok();
    let own = read.filter(|kept| kept.hold == hold.to_string());
    Ok(own.map(|kept| {
        let answered = Answered { status: kept.status, headers: kept.headers, body: kept.body.into_bytes() };
        (answered, kept.came)
    }))
}
