//! A node that speaks JSON-RPC, asked by us.

use bursar_core::secret::Secret;
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::{Call, Params};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::tls::Trust;
use crate::upstream::{Answered, NoAnswer, Upstream, is_refusal};

/// The longest answer of a node that is read.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;

/// The id of the next call: each has one of its own, whoever asks, so that an answer that comes late is none of another.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A node.
#[derive(Clone)]
pub struct Node {
    upstream: Upstream,
    is_version_2: bool,
}

/// What a node answers instead of a result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NodeError {
    /// It refuses, in its words.
    Refused {
        /// Its number for that.
        code: i64,
        /// Its words.
        message: String,
        /// What else it says.
        data: Option<Json>,
    },
    /// It was not reached: nothing can have happened.
    NotReached(String),
    /// No answer that can be read: whatever was asked may have been done.
    Lost(String),
}

impl Node {
    /// The node at a URL, believed by this and no other trust.
    ///
    /// # Errors
    /// It is no URL of a node.
    pub fn trusting(url: &Secret<String>, within: Duration, is_version_2: bool, trust: &Trust) -> Result<Self, String> {
        Ok(Self { upstream: Upstream::trusting(url, within, LONGEST_ANSWER, trust)?, is_version_2 })
    }

    /// The same node, asked at a place under its URL.
    ///
    /// # Errors
    /// A name is empty, or means another place in a path.
    pub fn under(&self, names: &[&str]) -> Result<Self, String> {
        Ok(Self { upstream: self.upstream.under(names)?, is_version_2: self.is_version_2 })
    }

    /// The same place, asked a question.
    ///
    /// # Errors
    /// It cannot be asked in a URL.
    pub fn asking(&self, question: &[(&str, &str)]) -> Result<Self, String> {
        Ok(Self { upstream: self.upstream.asking(question)?, is_version_2: self.is_version_2 })
    }

    /// Whether it refused the credential that it was shown last.
    pub fn refuses_credential(&self) -> bool {
        self.upstream.refuses_credential()
    }

    /// Gets what it shows; nothing if it has none of that.
    ///
    /// # Errors
    /// It refuses, or does not answer.
    pub async fn get(&self) -> Result<Option<Json>, NodeError> {
        let answered = self.upstream.get().await.map_err(unanswered)?;
        self.upstream.note(answered.status);
        if answered.status == hyper::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        shown(&answered).map(Some)
    }

    /// Posts something that is no call, and gives what is answered.
    ///
    /// # Errors
    /// It refuses, or does not answer.
    pub async fn post(&self, body: &Json) -> Result<Json, NodeError> {
        let answered = self.upstream.post(body.to_string()).await.map_err(unanswered)?;
        self.upstream.note(answered.status);
        shown(&answered)
    }

    /// Asks it something.
    ///
    /// # Errors
    /// It refuses, or does not answer.
    pub async fn ask(&self, method: &str, params: Vec<Json>) -> Result<Json, NodeError> {
        let params = Params::List(params);
        self.call(&Call { is_version_2: self.is_version_2, id: Json::Null, method: method.into(), params }).await
    }

    /// Sends it a call as it was understood, under an id of our own.
    ///
    /// # Errors
    /// It refuses, or does not answer; an answer to another call is none.
    pub async fn call(&self, call: &Call) -> Result<Json, NodeError> {
        let id = Json::Number(NEXT.fetch_add(1, Ordering::Relaxed).to_string().into());
        let answered = self.upstream.post(call.to_json_as(id.clone()).to_string()).await.map_err(unanswered)?;
        self.upstream.note(answered.status);
        // Bitcoin Core says errors with status 500 and 404; their bodies tell.
        let read = Json::read(&answered.body);
        let answer = read.map_err(|_| NodeError::Lost(no_json(&answered)))?;
        if answer.get("id") != Some(&id) {
            self.upstream.close_waiting();
            return Err(NodeError::Lost(format!("it answered {} to another call", answered.status)));
        }
        result(answer)
    }
}

/// What an answer is that cannot be read.
fn no_json(answered: &Answered) -> String {
    match is_refusal(answered.status) {
        true => format!("it answered {}: it does not take the credential that the rail shows it", answered.status),
        false => format!("it answered {} and no JSON", answered.status),
    }
}

/// What an answer says.
pub(crate) fn result(answer: Json) -> Result<Json, NodeError> {
    if let Some(error) = answer.get("error").filter(|error| **error != Json::Null) {
        return Err(refusal(error));
    }
    answer.into_entry("result").ok_or_else(|| NodeError::Lost("its answer has neither result nor error".to_owned()))
}

fn unanswered(error: NoAnswer) -> NodeError {
    match error {
        NoAnswer::NotSent(reason) => NodeError::NotReached(reason),
        lost => NodeError::Lost(lost.reason()),
    }
}

/// What was answered to something that is no call: JSON, or an error with a status that says so.
fn shown(answered: &Answered) -> Result<Json, NodeError> {
    let read = Json::read(&answered.body).map_err(|_| NodeError::Lost(no_json(answered)));
    if answered.status.is_success() {
        return read;
    }
    let message = read?.get("error").and_then(|error| error.get("message")).and_then(Json::as_text).map(str::to_owned);
    let code = i64::from(answered.status.as_u16());
    let lost = || NodeError::Lost(format!("it answered {}", answered.status));
    Err(message.map_or_else(lost, |message| NodeError::Refused { code, message, data: None }))
}

fn refusal(error: &Json) -> NodeError {
    let code = match error.get("code") {
        Some(Json::Number(code)) => code.parse().ok(),
        _ => None,
    };
    let message = error.get("message").and_then(Json::as_text);
    match (code, message) {
        (Some(code), Some(message)) => {
            NodeError::Refused { code, message: message.to_owned(), data: error.get("data").cloned() }
        }
        _ => NodeError::Lost("its error cannot be read".to_owned()),
    }
}

impl NodeError {
    /// What happened, for people.
    pub fn reason(self) -> String {
        match self {
            Self::Refused { message, .. } => message,
            Self::NotReached(reason) | Self::Lost(reason) => format!("the node did not answer: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// A node that answers whatever it is asked as if it were asked the first thing once more; its URL.
    async fn repeating() -> Secret<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Secret::new(format!("http://{}", listener.local_addr().unwrap()));
        tokio::spawn(async move {
            let mut answer = None::<String>;
            while let Ok((mut socket, _)) = listener.accept().await {
                let asked = call_over(&mut socket).await.unwrap();
                let body = answer.get_or_insert_with(|| format!(r#"{{"id":{},"result":7}}"#, asked.get("id").unwrap()));
                let length = body.len();
                let reply = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
                socket.write_all(reply.as_bytes()).await.unwrap();
            }
        });
        url
    }

    /// A node that on each connection answers the first call, and to each further one what was asked before it.
    async fn one_behind() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut before = None;
                loop {
                    let Some(asked) = call_over(&mut socket).await else { break };
                    let id = asked.get("id").unwrap().to_string();
                    let body = format!(r#"{{"id":{},"result":7}}"#, before.replace(id.clone()).unwrap_or(id));
                    let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    socket.write_all(reply.as_bytes()).await.unwrap();
                }
            }
        });
        url
    }

    async fn call_over(socket: &mut TcpStream) -> Option<Json> {
        let mut read = Vec::new();
        loop {
            let mut more = [0; 4096];
            let count = socket.read(&mut more).await.ok().filter(|count| *count > 0)?;
            read.extend_from_slice(&more[..count]);
            let head = read.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(Ok(asked)) = head.map(|head| Json::read(&read[head + 4..])) {
                return Some(asked);
            }
        }
    }

    #[tokio::test]
    async fn a_connection_over_which_another_calls_answer_came_is_not_used_again() {
        let trust = Trust::public().unwrap();
        let node = Node::trusting(&Secret::new(one_behind().await), Duration::from_secs(5), true, &trust).unwrap();
        let ask = || node.ask("eth_blockNumber", Vec::new());
        for _ in 0..3 {
            assert_eq!(ask().await, Ok(Json::Number("7".into())));
            assert!(matches!(ask().await, Err(NodeError::Lost(_))));
        }
    }

    #[tokio::test]
    async fn what_was_answered_to_one_call_is_not_believed_of_the_next_whoever_asks() {
        let trust = Trust::public().unwrap();
        let node = Node::trusting(&repeating().await, Duration::from_secs(5), true, &trust).unwrap();
        // Clients name their calls alike.
        let (id, params) = (Json::Number("1".into()), Params::List(Vec::new()));
        let call = Call { is_version_2: true, id, method: "eth_blockNumber".into(), params };
        assert_eq!(node.call(&call).await, Ok(Json::Number("7".into())));
        for next in [node.call(&call).await, node.ask("eth_blockNumber", Vec::new()).await] {
            assert!(matches!(&next, Err(NodeError::Lost(told)) if told.contains("to another call")), "{next:?}");
        }
    }
}
