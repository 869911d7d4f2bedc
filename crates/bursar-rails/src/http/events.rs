//! A stream of events (WHATWG HTML, 9.2) as it comes, piece by piece: of all of it only those events are kept that say what
//! a spend came to. They are the last one with something in it, or the last one of each name that a rule has.

use crate::exchange::Answered;
use crate::json::Json;

/// What a stream ends with by custom, which is no JSON.
const DONE: &[u8] = b"[DONE]";

/// What an event is called that has no name.
const UNNAMED: &str = "message";

/// The most events that a rule can name, and the longest name of one, in bytes.
const MOST_NAMES: usize = 8;
const LONGEST_NAME: usize = 64;

/// A stream of events that is being read. However it is cut into pieces, it says the same.
#[derive(Clone, Debug)]
pub struct Events {
    /// The longest that an event, and all that is kept, may be, in bytes; so much memory is used, and three times that at most.
    most: usize,
    /// Which events are kept; the last one, if none is named.
    names: Vec<Box<str>>,
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    name: Option<Box<str>>,
    kept: Vec<(Box<str>, Vec<u8>)>,
    /// Whether the last line was the empty one that ends an event.
    is_between: bool,
    /// Whether two readers could differ about it, or an event of it was too long.
    is_broken: bool,
}

impl Events {
    /// Nothing was read yet.
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            names: Vec::new(),
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            name: None,
            kept: Vec::new(),
            is_between: false,
            is_broken: false,
        }
    }

    /// Keeps the last event of each of these names, if there are any, in place of the last of all.
    #[must_use]
    pub fn named(self, names: &[Box<str>]) -> Self {
        Self { names: names.to_vec(), ..self }
    }

    /// Whether an answer is a stream of events.
    pub fn are_in(answered: &Answered) -> bool {
        let media_type = answered.header("content-type").unwrap_or_default();
        media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
    }

    /// Reads on.
    pub fn push(&mut self, mut piece: &[u8]) {
        while !self.is_broken {
            let Some(end) = piece.iter().position(|byte| *byte == b'\n') else {
                self.extend(piece);
                return;
            };
            let (line, rest) = piece.split_at(end);
            self.extend(line);
            piece = rest.get(1..).unwrap_or_default();
            self.end_line();
        }
    }

    /// What is kept, by the names of the events; nothing if the stream stops in the middle of one, or has none at all.
    fn kept(self) -> Option<Vec<(Box<str>, Vec<u8>)>> {
        let is_whole = self.is_between && self.line.is_empty() && !self.is_broken;
        let has_answer = !self.names.is_empty() || !self.kept.is_empty();
        (is_whole && has_answer).then_some(self.kept)
    }

    /// The data of the last event that has any; nothing if the stream stops in the middle of one.
    pub fn last(self) -> Option<Vec<u8>> {
        self.kept().and_then(|mut kept| kept.pop()).map(|(_, data)| data)
    }

    /// A stream of the events that are kept, and of no others: it says the same. Nothing if this one stops in the middle of an
    /// event.
    pub fn alone(self) -> Option<Vec<u8>> {
        let is_named = !self.names.is_empty();
        let written = |(name, data): (Box<str>, Vec<u8>)| match is_named {
            true => [b"event: ", name.as_bytes(), b"\n", &one_event(&data)].concat(),
            false => one_event(&data),
        };
        Some(self.kept()?.into_iter().flat_map(written).collect())
    }

    /// What the stream says: the JSON of its last event, or an object that has the JSON of each that is named.
    pub(super) fn answer(self) -> Option<Json> {
        let is_named = !self.names.is_empty();
        let kept = self.kept()?.into_iter();
        let mut read = kept.map(|(name, data)| Some((name, Json::read(&data).ok()?))).collect::<Option<Vec<_>>>()?;
        match is_named {
            true => (!read.is_empty()).then_some(Json::Object(read)),
            false => read.pop().map(|(_, json)| json),
        }
    }

    fn extend(&mut self, part: &[u8]) {
        if self.line.len().saturating_add(part.len()) > self.most {
            self.is_broken = true;
            return;
        }
        self.line.extend_from_slice(part);
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        line.pop_if(|last| *last == b'\r');
        // A lone return ends a line to some and not to others.
        if self.is_broken || line.contains(&b'\r') || std::str::from_utf8(&line).is_err() {
            self.is_broken = true;
            return;
        }
        self.is_between = line.is_empty();
        if line.is_empty() {
            let whole = std::mem::take(&mut self.data);
            self.has_data = false;
            let name = self.name.take();
            if !whole.is_empty() && whole != DONE {
                self.keep(name, whole);
            }
        } else if let Some(more) = line.strip_prefix(b"data:") {
            let more = more.strip_prefix(b" ").unwrap_or(more);
            if self.data.len().saturating_add(more.len()) >= self.most {
                self.is_broken = true;
                return;
            }
            if std::mem::replace(&mut self.has_data, true) {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(more);
        }
        if !self.names.is_empty()
            && let Some(name) = line.strip_prefix(b"event").filter(|rest| matches!(rest.first(), None | Some(b':')))
        {
            let name = name.strip_prefix(b":").unwrap_or(name);
            let name = name.strip_prefix(b" ").unwrap_or(name);
            // An event of two names is one to some and the other to others.
            self.is_broken = self.name.replace(String::from_utf8_lossy(name).into()).is_some();
        }
        line.clear();
        self.line = line;
    }

    fn keep(&mut self, name: Option<Box<str>>, data: Vec<u8>) {
        if self.names.is_empty() {
            self.kept = vec![(Box::default(), data)];
            return;
        }
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| UNNAMED.into());
        if !self.names.contains(&name) {
            return;
        }
        self.kept.retain(|(known, _)| *known != name);
        self.kept.push((name, data));
        let sum = self.kept.iter().fold(0_usize, |sum, (_, data)| sum.saturating_add(data.len()));
        self.is_broken = sum > self.most;
    }
}

/// What is wrong with the names of events that a rule has; nothing if they can be.
pub(super) fn problem_of_names(names: &[String]) -> Option<String> {
    if names.len() > MOST_NAMES {
        return Some(format!("can be {MOST_NAMES} names, and no more"));
    }
    let is_name =
        |name: &str| (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    if let Some(name) = names.iter().find(|name| !is_name(name)) {
        return Some(format!("`{}` is no name of an event", name.escape_debug()));
    }
    let again = names.iter().enumerate().find(|(place, name)| names.iter().take(*place).any(|other| other == *name));
    again.map(|(_, name)| format!("`{name}` is there twice"))
}

/// One event alone, as a stream has it.
pub fn one_event(data: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(data.len().saturating_add(16));
    for line in data.split(|byte| *byte == b'\n') {
        written.extend_from_slice(b"data: ");
        written.extend_from_slice(line);
        written.push(b'\n');
    }
    written.push(b'\n');
    written
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn last(pieces: &[&[u8]]) -> Option<Vec<u8>> {
        let mut events = Events::new(100);
        pieces.iter().for_each(|piece| events.push(piece));
        events.last()
    }

    #[test]
    fn the_last_event_with_something_in_it_counts_and_a_stream_that_breaks_off_has_none() {
        let whole = b"event: a\ndata: {\"a\":1}\n\n: ping\n\ndata: {\"b\":\ndata:2}\r\n\r\ndata: [DONE]\n\ndata:\n\n";
        assert_eq!(last(&[whole]).as_deref(), Some(&b"{\"b\":\n2}"[..]));
        for broken in [&whole[..whole.len() - 1], b"", b"\n\n", b"data: 1\n", b"data: 1", b"data: 1\n\ndata: 2\n"] {
            assert_eq!(last(&[broken]), None, "{}", String::from_utf8_lossy(broken));
        }
    }

    #[test]
    fn what_two_readers_could_take_for_two_streams_and_what_is_too_long_says_nothing() {
        let long = format!("data: {}\n\n", "1".repeat(100));
        let lines = format!("{}\n", "data: 1\n".repeat(60));
        for stream in ["data: 1\rdata: 2\n\n", "data: 1\r\r\n\n\n", &long, &lines] {
            assert_eq!(last(&[stream.as_bytes(), b"data: 3\n\n"]), None, "{stream:?}");
        }
        assert_eq!(last(&[b"data: \xff\n\n", b"data: 3\n\n"]), None);
    }

    fn of_names(names: &[&str], stream: &[u8]) -> Option<Json> {
        let names: Vec<Box<str>> = names.iter().map(|name| (*name).into()).collect();
        let read = |stream: &[u8]| {
            let mut events = Events::new(200).named(&names);
            events.push(stream);
            events
        };
        // What is kept of it says the same as all of it.
        let alone = read(stream).alone();
        let answer = read(stream).answer();
        assert_eq!(alone.and_then(|alone| read(&alone).answer()), answer);
        answer
    }

    #[test]
    fn an_answer_can_stand_in_events_of_several_names_of_which_the_last_of_each_counts() {
        let stream = b"event: message_start\ndata: {\"input\":25}\n\nevent: ping\ndata: {}\n\n\
            event:message_delta\ndata: {\"output\":1}\n\nevent: message_delta\ndata: {\"output\":15}\n\n\
            event: message_stop\ndata: {}\n\ndata: 7\n\n";
        let told = |names: &[&str]| of_names(names, stream).map(|answer| answer.to_string());
        let both = r#"{"message_start":{"input":25},"message_delta":{"output":15}}"#;
        assert_eq!(told(&["message_delta", "message_start"]).as_deref(), Some(both));
        assert_eq!(told(&["message"]).as_deref(), Some(r#"{"message":7}"#), "without a name it is a message");
        assert_eq!(told(&["message_stop", "error"]).as_deref(), Some(r#"{"message_stop":{}}"#));
        assert_eq!(told(&["error"]), None);
    }

    #[test]
    fn an_event_of_two_names_and_one_that_is_no_json_and_events_that_are_too_long_say_nothing() {
        let long = format!("event: a\ndata: \"{0}\"\n\nevent: b\ndata: \"{0}\"\n\n", "1".repeat(120));
        for stream in [
            "event: a\nevent: b\ndata: 1\n\n",
            "event: a\nevent\ndata: 1\n\n",
            "event: a\ndata: 1\n\nevent: b\ndata: x\n\n",
            "event: a\ndata: 1\n\nevent: b\ndata: 1\n",
            &long,
        ] {
            assert_eq!(of_names(&["a", "b"], stream.as_bytes()), None, "{stream}");
        }
        for names in [&["", "a"][..], &["a b"], &["a", "a"], &["a"; 9]] {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert!(problem_of_names(&names).is_some(), "{names:?}");
        }
    }

    proptest! {
        #[test]
        fn however_a_stream_is_cut_it_says_the_same(
            lines in prop::collection::vec(r"(data: ?[a1]{0,3}|: x|event: y|)(\r?\n|\r)?", 0..20),
            size in 1_usize..9,
        ) {
            let stream = lines.concat().into_bytes();
            let pieces: Vec<_> = stream.chunks(size).collect();
            prop_assert_eq!(last(&pieces), last(&[&stream]));
        }

        #[test]
        fn one_event_alone_says_what_the_stream_said(data in "[ -~]{1,20}(\n[ -~]{1,20})?") {
            prop_assume!(data.as_bytes() != DONE);
            prop_assert_eq!(last(&[&one_event(data.as_bytes())]), Some(data.into_bytes()));
        }
    }
}
