//! Links, events and checkpoints as JSON, each on a line of its own. `docs/audit.md` describes them.
//!
//! What is read must be what was written: a field nobody knows, a second one of its name or another
//! notation of a hash is refused.

use bursar_core::audit::{Checkpoint, Event, Hash, Head, Link, MAIN_CHAIN};
use bursar_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

const LINK: &str = "bursar audit link 1";
const CHECKPOINT: &str = "bursar audit checkpoint 1";

/// Bytes as lower-case hex.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Hex<const N: usize>(pub(super) [u8; N]);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkForm {
    form: String,
    chain: String,
    number: u64,
    previous: Hex<32>,
    hash: Hex<32>,
    count: u32,
    events: Vec<EventForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventForm {
    time: i64,
    actor: String,
    action: String,
    subject: String,
    data: Vec<(String, String)>,
}

/// An event with the number of its link.
#[derive(Serialize)]
struct TailForm {
    link: u64,
    #[serde(flatten)]
    event: EventForm,
}

/// A checkpoint as it is written down, perhaps signed.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CheckpointForm {
    form: String,
    chain: String,
    number: u64,
    hash: Hex<32>,
    time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) public_key: Option<Hex<32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<Hex<64>>,
}

/// A link with its events.
pub(crate) fn line(link: &Link, events: &[Event]) -> Result<Vec<u8>, Failure> {
    written(&LinkForm {
        form: LINK.to_owned(),
        chain: MAIN_CHAIN.to_owned(),
        number: link.number,
        previous: Hex(link.previous),
        hash: Hex(link.hash),
        count: link.events,
        events: events.iter().map(EventForm::from).collect(),
    })
}

/// An event, and the link that covers it.
pub(super) fn event_line(link: u64, event: &Event) -> Result<Vec<u8>, Failure> {
    written(&TailForm { link, event: event.into() })
}

/// Reads what [`line()`] wrote.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read_line(text: &[u8]) -> Result<(Link, Vec<Event>), String> {
    let read: LinkForm = serde_json::from_slice(text).map_err(|problem| problem.to_string())?;
    if read.form != LINK {
        return Err(format!("it is no `{LINK}`"));
    }
    if read.chain != MAIN_CHAIN {
        return Err(format!("it is of another chain than `{MAIN_CHAIN}`"));
    }
    let events: Result<Vec<Event>, String> = read.events.into_iter().map(Event::try_from).collect();
    let link = Link { number: read.number, previous: read.previous.0, events: read.count, hash: read.hash.0 };
    Ok((link, events?))
}

impl CheckpointForm {
    pub(super) fn new(checkpoint: &Checkpoint) -> Self {
        Self {
            form: CHECKPOINT.to_owned(),
            chain: checkpoint.chain.clone(),
            number: checkpoint.head.number,
            hash: Hex(checkpoint.head.hash),
            time: checkpoint.time.as_millis(),
            public_key: None,
            signature: None,
        }
    }

    /// Reads a line with a checkpoint.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let read: Self = serde_json::from_str(text).map_err(|problem| problem.to_string())?;
        if read.form == CHECKPOINT { Ok(read) } else { Err(format!("it is no `{CHECKPOINT}`")) }
    }

    pub(super) fn line(&self) -> Result<Vec<u8>, Failure> {
        written(self)
    }

    /// What it records.
    pub(super) fn checkpoint(&self) -> Checkpoint {
        let head = Head { number: self.number, hash: self.hash.0 };
        Checkpoint { chain: self.chain.clone(), head, time: Timestamp::from_millis(self.time) }
    }
}

impl From<&Event> for EventForm {
    fn from(event: &Event) -> Self {
        Self {
            time: event.time.as_millis(),
            actor: event.actor.to_string(),
            action: event.action.clone(),
            subject: event.subject.clone(),
            data: event.data.clone(),
        }
    }
}

impl TryFrom<EventForm> for Event {
    type Error = String;

    fn try_from(form: EventForm) -> Result<Self, String> {
        let EventForm { time, actor, action, subject, data } = form;
        let actor = actor.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { time: Timestamp::from_millis(time), actor, action, subject, data })
    }
}

impl<const N: usize> TryFrom<String> for Hex<N> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut bytes = [0; N];
        match base16ct::lower::decode(&text, &mut bytes) {
            Ok(read) if read.len() == N => Ok(Self(bytes)),
            _ => Err(format!("it has to be {} lower-case hex digits", 2 * N)),
        }
    }
}

impl<const N: usize> From<Hex<N>> for String {
    fn from(hex: Hex<N>) -> Self {
        base16ct::lower::encode_string(&hex.0)
    }
}

/// A hash for people and programs.
pub(crate) fn hex(hash: Hash) -> String {
    Hex(hash).into()
}

fn written(form: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let mut line = serde_json::to_vec(form).map_err(|problem| Failure::new(problem.to_string()))?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use bursar_core::audit::{Actor, Verifier};

    use super::*;

    fn covered() -> (Link, Vec<Event>) {
        let event = Event {
            time: Timestamp::from_millis(1_790_000_000_000),
            actor: Actor::Operator,
            action: "token.issue".to_owned(),
            subject: "token:1".to_owned(),
            data: vec![("label".to_owned(), "\"ü\"\n\u{1}".to_owned()), ("label".to_owned(), String::new())],
        };
        let events = vec![event.clone(), Event { actor: Actor::System, ..event }];
        (Head::default().next(&events), events)
    }

    #[test]
    fn a_link_reads_as_it_was_written() {
        let (link, events) = covered();
        let line = line(&link, &events).unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
        assert_eq!(read_line(&line), Ok((link, events)));
    }

    #[test]
    fn a_flipped_bit_of_a_line_is_found_or_says_the_same() {
        let (link, events) = covered();
        let line = line(&link, &events).unwrap();
        let mut same = 0;
        for place in 0..line.len() - 1 {
            for bit in 0..8 {
                let mut flipped = line.clone();
                flipped[place] ^= 1 << bit;
                let Ok(read) = read_line(&flipped) else { continue };
                if read == (link, events.clone()) {
                    same += 1;
                } else {
                    assert!(Verifier::default().check(&read.0, &read.1).is_err(), "byte {place}, bit {bit}");
                }
            }
        }
        assert!(same < 10, "other notations of the same text are few: {same}");
    }

    #[test]
    fn what_has_more_fields_or_another_form_is_refused() {
        let (link, events) = covered();
        let line = String::from_utf8(line(&link, &events).unwrap()).unwrap();
        for (from, to) in [
            ("{\"form\"", "{\"more\":1,\"form\""),
            ("\"number\":1", "\"number\":1,\"number\":1"),
            ("link 1", "link 2"),
            ("\"main\"", "\"other\""),
            ("\"operator\"", "\"root\""),
        ] {
            let other = line.replacen(from, to, 1);
            assert_ne!(other, line);
            assert!(read_line(other.as_bytes()).is_err(), "{to}");
        }
        assert!(read_line(line.to_uppercase().as_bytes()).is_err());
    }
}
