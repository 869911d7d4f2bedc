//! Rails in their own protocols over a WebSocket: reads and subscriptions, for as long as the token may read.
//!
//! The handshake takes the way of every request, so whoever may not POST a read opens no socket. After it the session asks
//! again, before every call and twice a second, and closes on who may no more.

mod outgoing;
mod places;
mod session;

use axum::body::Bytes;
use axum::http::request::Builder;
use axum::http::{Method, StatusCode, Version};
use bursar_service::authenticate::Mode;
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::server::create_response;

use self::session::Session;
use crate::call::{Call, Reply};
use crate::closing::Closing;
use crate::failure::Failure;
use crate::sending::ClientsRoom;
use crate::web::is_from_here;

pub(crate) use places::Places;

/// What a request has that may become another connection.
pub(crate) struct Upgrade {
    pub(crate) begun: OnUpgrade,
    pub(crate) closing: Closing,
    pub(crate) room: ClientsRoom,
}

/// Opens a WebSocket to a rail.
pub(crate) async fn open(mut call: Call) -> Result<Reply, Failure> {
    let principal = call.principal()?.clone();
    // A signature covers one request: what is said over a socket would be said by whoever has the connection.
    if principal.mode != Mode::Raw {
        return Err(Failure::SignedSocket);
    }
    // A browser says where its page comes from. No page of another origin speaks to a rail, whoever's token it has.
    let says_origin = call.headers.contains_key("origin") || call.headers.contains_key("sec-fetch-site");
    if says_origin && !is_from_here(&call.headers) {
        return Err(Failure::ForeignOrigin);
    }
    // That there is no such rail says more than how one speaks to it.
    let rail = call.parameter("rail")?.to_owned();
    call.bursar.check_rail(&principal, &rail).await?;
    let accepted = handshake(&call).ok_or(Failure::UpgradeNeeded)?;
    let Upgrade { begun, closing, room } = call.upgrade.take().ok_or(Failure::UpgradeNeeded)?;
    let place = call.sockets.take(principal.user(), principal.token().id).ok_or(Failure::TooManySockets)?;
    let (bursar, traffic, body_limit) = (call.bursar, call.traffic, call.settings.body_limit);
    let session = Session { bursar, principal, rail, place, room, body_limit, traffic };
    tokio::spawn(session.run(begun, closing));
    Ok(Reply {
        status: StatusCode::SWITCHING_PROTOCOLS,
        written: Some(Bytes::new()),
        headers: accepted,
        ..Reply::default()
    })
}

/// The headers that accept a WebSocket; nothing if none is asked for as RFC 6455 has it.
fn handshake(call: &Call) -> Option<Vec<(&'static str, String)>> {
    let mut request = Builder::new().method(Method::GET).version(Version::HTTP_11).body(()).ok()?;
    *request.headers_mut() = call.headers.clone();
    let response = create_response(&request).ok()?;
    let header = |name: &'static str| Some((name, response.headers().get(name)?.to_str().ok()?.to_owned()));
    ["connection", "upgrade", "sec-websocket-accept"].into_iter().map(header).collect()
}
