//! Requests and answers as HTTP/1.1 writes them, read as leniently as people write and no more.

use bursar_rails::exchange::{Answered, Asked};
use bursar_rails::http::Events;

/// A request.
pub(super) struct Request {
    method: String,
    path: String,
    query: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    /// Reads a request: its first line may lack `HTTP/1.1`, lines may end as they like, and one newline after the body
    /// is the editor's.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let Written { first, headers, body } = written(bytes)?;
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err("does not begin with `METHOD /path`".to_owned());
        };
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let headers = headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
        Ok(Self { method: method.to_owned(), path: path.to_owned(), query, headers, body })
    }

    pub(super) fn headers(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
    }

    pub(super) fn asked<'a>(&'a self, headers: &'a [(&'a str, &'a [u8])]) -> Asked<'a> {
        Asked { method: &self.method, path: &self.path, query: self.query.as_deref(), headers, body: &self.body }
    }
}

/// What an answer says to a request.
pub(super) fn answer(bytes: &[u8]) -> Result<Answered, String> {
    let Written { first, headers, body } = written(bytes)?;
    let status = first.split(' ').find(|word| !word.starts_with("HTTP/")).and_then(|word| word.parse().ok());
    let status = status.filter(|status| (100..1000).contains(status)).ok_or("does not begin with a status: `200`")?;
    if headers.iter().any(|(name, _)| name == "content-encoding") {
        return Err("is packed: such an answer says nothing, and its spend stays held".to_owned());
    }
    let mut headers: Vec<(String, String)> = headers;
    // Whoever writes an answer down in short writes JSON, or a stream of events.
    if !body.is_empty() && !headers.iter().any(|(name, _)| name == "content-type") {
        let kind = if begins_stream(&body) { "text/event-stream" } else { "application/json" };
        headers.push(("content-type".to_owned(), kind.to_owned()));
    }
    let headers = headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let mut answered = Answered { status, headers, body };
    // The newline that was taken for the editor's ends the last event.
    if Events::are_in(&answered) {
        answered.body.push(b'\n');
    }
    Ok(answered)
}

/// Whether a body begins as a stream of events does, and JSON does not.
fn begins_stream(body: &[u8]) -> bool {
    ["data:", "event:", "id:", "retry:", ":"].iter().any(|field| body.starts_with(field.as_bytes()))
}

/// What HTTP/1.1 writes: a line, headers with their names in small letters, an empty line, a body.
struct Written {
    first: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn written(bytes: &[u8]) -> Result<Written, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is no UTF-8")?.replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("has a header without `:`: `{line}`"))?;
        Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers = lines.map(header).collect::<Result<_, String>>()?;
    Ok(Written { first, headers, body: body.strip_suffix('\n').unwrap_or(body).as_bytes().to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_http_writes_it_or_in_short() {
        let full = answer(b"HTTP/1.1 402 Payment Required\r\nContent-Type: application/json\r\n\r\n{}\n").unwrap();
        assert_eq!(
            (full.status, full.header("content-type"), &*full.body),
            (402, Some("application/json"), &b"{}"[..])
        );
        assert_eq!(answer(b"200\n").unwrap().status, 200);
        assert_eq!(answer(b"200\n\n{}\n").unwrap().header("content-type"), Some("application/json"));
        assert_eq!(answer(b"200\ncontent-type: text/plain\n\nx").unwrap().header("content-type"), Some("text/plain"));
        for text in ["", "OK", "HTTP/1.1", "99", "200 OK\nno header\n\n", "200\ncontent-encoding: gzip\n\nx"] {
            assert!(answer(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_stream_of_events_is_read_to_its_end_by_what_it_is_called_or_looks_like() {
        let last = |text: &str| {
            let answered = answer(text.as_bytes()).unwrap();
            assert!(Events::are_in(&answered), "{text}");
            let mut events = Events::new(usize::MAX);
            events.push(&answered.body);
            events.last()
        };
        let stream = "data: {\"a\":1}\n\ndata: {\"usage\":{}}\n\ndata: [DONE]\n\n";
        let crlf = stream.replace('\n', "\r\n");
        let named = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n";
        for text in [format!("{named}{crlf}"), format!("200\n\n{stream}"), format!("200\n\n: ping\n\n{stream}\n")] {
            assert_eq!(last(&text).as_deref(), Some(&b"{\"usage\":{}}"[..]), "{text}");
        }
        assert_eq!(last("200\n\ndata: {\"a\":1}"), None, "it breaks off");
    }

    #[test]
    fn a_request_is_read_as_http_writes_it_or_in_short() {
        let full = b"POST /v1/x?a=1 HTTP/1.1\r\nContent-Type: text/plain\r\n\r\na\r\nb";
        let request = Request::read(full).unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/x"));
        assert_eq!((request.query.as_deref(), request.body.as_slice()), (Some("a=1"), &b"a\nb"[..]));
        assert_eq!(request.headers(), [("content-type", &b"text/plain"[..])]);
        let short = Request::read(b"GET /v1/x\n").unwrap();
        assert_eq!((short.path.as_str(), short.body.len()), ("/v1/x", 0));
        for text in ["", "GET", "GET /x\nno header\n\n"] {
            assert!(Request::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
