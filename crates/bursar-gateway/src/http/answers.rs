//! The answers to spends, kept so that a client that asks again is answered as before.
//!
//! There are so many places and no more, and each keeps the latest answer that fell to it.

use bursar_core::id::HoldId;
use bursar_rails::exchange::Answered;
use bursar_service::rail::{Memory, NewNote, RailError};
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
