//! What the rail remembers of a spend: that it will never be sent, that it was, or how the upstream took it.

use bursar_core::id::HoldId;
use bursar_core::time::Timestamp;
use bursar_service::rail::{Memory, NewNote, RailError};

/// A spend as it is remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Remembered {
    /// It was never sent, and will not be.
    Cancelled,
    /// It is being sent, or was.
    Asked(Asked),
}

/// That the upstream is asked to carry a spend out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    /// What the upstream calls the wallet.
    pub(super) wallet: String,
    /// When the request was signed.
    pub(super) at: Timestamp,
    /// How it was taken, as far as that was told.
    pub(super) taken: Taken,
    /// The transaction request that it is there, if it is one and that was told.
    pub(super) request: Option<String>,
}

/// How the upstream took a spend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// It did not say.
    Untold,
    /// It is on its way under this name.
    Sent(String),
    /// It waits for the approval of this id.
    Awaiting(String),
}

impl Remembered {
    /// As it is kept.
    pub(super) fn pack(&self) -> Vec<u8> {
        let Self::Asked(Asked { wallet, at, taken, request }) = self else { return b"-".to_vec() };
        let (kind, name) = match taken {
            Taken::Untold => ("asked", ""),
            Taken::Sent(reference) => ("sent", reference.as_str()),
            Taken::Awaiting(approval) => ("awaiting", approval.as_str()),
        };
        let request = request.as_ref().map(|request| format!("\n{request}")).unwrap_or_default();
        format!("{kind}\n{wallet}\n{}\n{name}{request}", at.as_millis()).into_bytes()
    }

    fn unpack(body: &[u8]) -> Option<Self> {
        if body == b"-" {
            return Some(Self::Cancelled);
        }
        let mut lines = std::str::from_utf8(body).ok()?.splitn(5, '\n');
        let (kind, wallet, at, name) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
        let taken = match kind {
            "asked" => Taken::Untold,
            "sent" => Taken::Sent(name.to_owned()),
            "awaiting" => Taken::Awaiting(name.to_owned()),
            _ => return None,
        };
        let at = Timestamp::from_millis(at.parse().ok()?);
        let request = lines.next().map(str::to_owned);
        Some(Self::Asked(Asked { wallet: wallet.to_owned(), at, taken, request }))
    }
}

/// The name of the note on a spend.
pub(super) fn name(hold: HoldId) -> String {
    format!("sent/{hold}")
}

/// The name of the note on a transaction request, which says whose it is.
fn name_of_request(request: &str) -> String {
    format!("request/{request}")
}

/// The spend that a transaction request was asked for by.
pub(super) fn of_request(memory: &dyn Memory, request: &str) -> Result<Option<HoldId>, RailError> {
    let Some(found) = memory.read(&name_of_request(request))? else { return Ok(None) };
    let hold = std::str::from_utf8(&found.body).ok().and_then(|text| text.parse().ok());
    hold.map(Some)
        .ok_or_else(|| RailError::Unavailable("what was remembered of a transaction request cannot be read".to_owned()))
}

/// Lets go of what is remembered of a spend.
pub(super) async fn forget(memory: &dyn Memory, hold: HoldId) -> Result<(), RailError> {
    // INVARIANT: that a spend is never sent stays said: its send may still be on its way, and would ask.
    let Some((version, Remembered::Asked(asked))) = read(memory, hold)? else { return Ok(()) };
    let mut gone = vec![NewNote { name: name(hold), version, body: None }];
    if let Some(request) = asked.request {
        let name = name_of_request(&request);
        gone.extend(memory.read(&name)?.map(|note| NewNote { name, version: note.version, body: None }));
    }
    memory.write(gone).await.map(drop)
}

/// What is remembered of a spend, with the note's version.
pub(super) fn read(memory: &dyn Memory, hold: HoldId) -> Result<Option<(u64, Remembered)>, RailError> {
    let Some(found) = memory.read(&name(hold))? else { return Ok(None) };
    let remembered = Remembered::unpack(&found.body)
        .ok_or_else(|| RailError::Unavailable("what was remembered of a spend cannot be read".to_owned()))?;
    Ok(Some((found.version, remembered)))
}

/// Remembers the first thing of a spend; `false` if something was remembered before.
pub(super) async fn begin(memory: &dyn Memory, hold: HoldId, what: &Remembered) -> Result<bool, RailError> {
    memory.write(vec![NewNote { name: name(hold), version: 0, body: Some(what.pack()) }]).await
}

/// Remembers how the upstream took a spend, and as which transaction request. Should it fail, the upstream is asked again.
pub(super) async fn note(memory: &dyn Memory, hold: HoldId, taken: Taken, request: Option<String>) {
    let Ok(Some((version, Remembered::Asked(asked)))) = read(memory, hold) else { return };
    let is_new = request.is_some() && asked.request.is_none();
    if asked.taken == taken && !is_new {
        return;
    }
    let mut notes = Vec::new();
    if let Some(request) = request.as_ref().filter(|_| is_new) {
        notes.push(NewNote { name: name_of_request(request), version: 0, body: Some(hold.to_string().into_bytes()) });
    }
    let request = if is_new { request } else { asked.request.clone() };
    let body = Some(Remembered::Asked(Asked { taken, request, ..asked }).pack());
    notes.push(NewNote { name: name(hold), version, body });
    match memory.write(notes).await {
        Ok(true) => {}
        Ok(false) => tracing::debug!(spend = %hold, "how the upstream took a spend was noted by another"),
        Err(error) => tracing::debug!(spend = %hold, %error, "how the upstream took a spend is not remembered"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_what_was_remembered_and_nothing_else_is_one() {
        let asked = |taken, request| {
            Remembered::Asked(Asked { wallet: "w1".to_owned(), at: Timestamp::from_millis(7), taken, request })
        };
        for remembered in [
            Remembered::Cancelled,
            asked(Taken::Untold, None),
            asked(Taken::Sent("r-1".to_owned()), Some("r-1".to_owned())),
            asked(Taken::Sent("0xab".to_owned()), None),
            asked(Taken::Awaiting("5f".to_owned()), None),
        ] {
            assert_eq!(Remembered::unpack(&remembered.pack()), Some(remembered));
        }
        for body in [&b""[..], b"asked", b"asked\nw\nx\n", b"other\nw\n1\n", b"\xff"] {
            assert_eq!(Remembered::unpack(body), None);
        }
    }
}
