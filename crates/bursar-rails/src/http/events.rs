//! A stream of events (WHATWG HTML, 9.2) as it comes, piece by piece: of all of it only the last event with something in it
//! is kept, which says what a spend came to.

use crate::exchange::Answered;

/// What a stream ends with by custom, which is no JSON.
const DONE: &[u8] = b"[DONE]";

/// A stream of events that is being read. However it is cut into pieces, it says the same.
#[derive(Clone, Debug)]
pub struct Events {
    /// The longest event that is kept, in bytes; so much memory is used, and twice that at most.
    most: usize,
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    last: Option<Vec<u8>>,
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
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            last: None,
            is_between: false,
            is_broken: false,
        }
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

    /// The data of the last event that has any; nothing if the stream stops in the middle of one.
    pub fn last(self) -> Option<Vec<u8>> {
        let is_whole = self.is_between && self.line.is_empty() && !self.is_broken;
        self.last.filter(|_| is_whole)
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
            if !whole.is_empty() && whole != DONE {
                self.last = Some(whole);
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
        line.clear();
        self.line = line;
    }
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
