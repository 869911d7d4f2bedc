//! A WebSocket to the service behind a rail: one for each client that subscribes, bounded as everything else is.
//!
//! What must never happen here: that a failure tells the upstream's address or its credentials.

use std::time::Duration;

use bursar_core::secret::Secret;
use hyper::Uri;
use hyper::header::{AUTHORIZATION, HeaderValue};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::tls::{self, Trust};
use crate::upstream::{Locator, NoAnswer};

/// How long a connection may take to be made, in all.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The longest message that is read or written, in bytes.
const LONGEST_MESSAGE: usize = 1 << 20;
/// What is kept ready for reading and writing, in bytes.
const BUFFER: usize = 16 << 10;

/// Where a service takes WebSockets.
#[derive(Clone)]
pub struct LivePlace {
    uri: Uri,
    host: String,
    port: u16,
    name: Option<ServerName<'static>>,
    authorization: Option<HeaderValue>,
    trust: Trust,
}

/// A stream in clear or in TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A WebSocket to a service.
pub(crate) type Socket = WebSocketStream<Box<dyn Stream>>;

impl LivePlace {
    /// A service at a URL, `ws` or `wss`; a user and password in it become basic authentication.
    ///
    /// # Errors
    /// It is no such URL.
    pub fn new(url: &Secret<String>, trust: &Trust) -> Result<Self, String> {
        let problem = || "is no ws or wss URL".to_owned();
        let Locator { uri, authorization } = Locator::read(url, ["ws", "wss"]).ok_or_else(problem)??;
        let host = uri.host().ok_or_else(problem)?.trim_matches(['[', ']']).to_owned();
        let is_secure = uri.scheme_str() == Some("wss");
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let name = if is_secure { Some(ServerName::try_from(host.clone()).map_err(|_| problem())?) } else { None };
        Ok(Self { uri, host, port, name, authorization, trust: trust.clone() })
    }

    /// Connects to it.
    pub(crate) async fn connect(&self) -> Result<Socket, NoAnswer> {
        let late = |_| NoAnswer::NotSent(format!("no WebSocket within {} s", CONNECT_WITHIN.as_secs()));
        timeout(CONNECT_WITHIN, self.shake_hands()).await.map_err(late)?
    }

    async fn shake_hands(&self) -> Result<Socket, NoAnswer> {
        let unreachable = |error: std::io::Error| {
            NoAnswer::NotSent(tls::problem(&error).unwrap_or_else(|| "it cannot be reached".to_owned()))
        };
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        let stream: Box<dyn Stream> = match &self.name {
            None => Box::new(tcp),
            Some(name) => {
                let tls = TlsConnector::from(self.trust.config()).connect(name.clone(), tcp).await;
                Box::new(tls.map_err(unreachable)?)
            }
        };
        let no_request = |_| NoAnswer::NotSent("its URL cannot be asked for".to_owned());
        let mut request = self.uri.clone().into_client_request().map_err(no_request)?;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(2 * LONGEST_MESSAGE)
            .max_message_size(Some(LONGEST_MESSAGE))
            .max_frame_size(Some(LONGEST_MESSAGE));
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(answer)) => {
                Err(NoAnswer::NotSent(format!("it answered {} instead of a WebSocket", answer.status())))
            }
            Err(Error::Io(error)) => Err(unreachable(error)),
            Err(error) => {
                tracing::debug!(%error, "an upstream opened no WebSocket");
                Err(NoAnswer::NotSent("it opened no WebSocket".to_owned()))
            }
        }
    }
}
