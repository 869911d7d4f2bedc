//! Transaction requests of wallets with shared keys: asked for once, found again by their name, and gone on with only
//! if they were asked for here.
//!
//! A request that can be signed is money that can leave, whoever holds the shares: it stays held until its transfer is
//! final, or it is certain that there will be none.

use bursar_core::hold::Hold;
use bursar_core::id::HoldId;
use bursar_rails::bitgo::order::{Call, Way};
use bursar_rails::bitgo::request::{self, Progress, Requested};
use bursar_rails::json::Json;
use bursar_service::rail::{Memory, RailError, SendOutcome};
use hyper::Method;

use super::send::{still, unknown};
use super::sent::{self, Asked, Taken};
use super::{BitgoRail, MOST_PAGES_OF_REQUESTS};

/// How many requests a page has.
const REQUESTS_PER_PAGE: &str = "100";

impl BitgoRail {
    /// Looks for the request of a spend that has no transfer yet; nothing if it is none, or is not found.
    pub(super) async fn look_for_request(
        &self,
        hold: &Hold,
        asked: &Asked,
        memory: &dyn Memory,
    ) -> Option<SendOutcome> {
        if !is_request(hold) {
            return None;
        }
        let shown = match self.request_of(hold, asked).await {
            Ok(shown) => shown?,
            Err(error) => return Some(still(&asked.taken, format!("its transaction request is not told: {error:?}"))),
        };
        Some(match request::read(&shown, &self.expected(hold, &asked.wallet)) {
            Ok(requested) => taken(hold.id, requested, memory).await,
            Err(problem) => unknown(format!("the upstream's transaction request is not understood: {problem}")),
        })
    }

    /// The request of a spend: by its id, or by its name among all if nobody told its id.
    pub(super) async fn request_of(&self, hold: &Hold, asked: &Asked) -> Result<Option<Json>, RailError> {
        let (path, expected) = (of_requests(&asked.wallet), self.expected(hold, &asked.wallet));
        let mut after = None::<String>;
        for _ in 0..MOST_PAGES_OF_REQUESTS {
            let mut query = vec![("latest", "true")];
            match (&asked.request, &after) {
                (Some(id), _) => query.push(("txRequestIds", id)),
                (None, None) => query.push(("limit", REQUESTS_PER_PAGE)),
                (None, Some(after)) => query.extend([("limit", REQUESTS_PER_PAGE), ("prevId", after)]),
            }
            let (status, shown) = self.heard(Method::GET, (&path, &query), None).await?;
            let list = shown.get("txRequests").and_then(Json::as_list).filter(|_| status == 200);
            let list =
                list.ok_or_else(|| RailError::Unavailable(format!("the upstream lists none: it answered {status}")))?;
            if let Some(found) = list.iter().find(|shown| request::is_named(shown, &expected)) {
                return Ok(Some(found.clone()));
            }
            after = shown.get("nextBatchPrevId").and_then(Json::as_text).map(str::to_owned);
            if after.is_none() || asked.request.is_some() {
                return Ok(None);
            }
        }
        Err(RailError::Unavailable("the upstream has more transaction requests than are looked through".to_owned()))
    }
}

/// Whether a spend was asked for as a request.
pub(super) fn is_request(hold: &Hold) -> bool {
    Call::unpack(&hold.instruction).is_some_and(|call| call.way == Way::Request)
}

/// The path of a wallet's requests: they are of no coin.
pub(super) fn of_requests(wallet: &str) -> [&str; 5] {
    ["api", "v2", "wallet", wallet, "txrequests"]
}

/// What it comes to that a request stands so.
pub(super) async fn taken(hold: HoldId, requested: Requested, memory: &dyn Memory) -> SendOutcome {
    let Requested { id, progress } = requested;
    match progress {
        Progress::Open => {
            sent::note(memory, hold, Taken::Sent(id.clone()), Some(id.clone())).await;
            SendOutcome::Sent { reference: id }
        }
        Progress::Awaiting { approval } => {
            sent::note(memory, hold, Taken::Awaiting(approval.clone()), Some(id)).await;
            SendOutcome::Awaiting { approval }
        }
        // INVARIANT: given back only if the upstream signed that it is over, and nothing of it was ever signed or sent.
        Progress::Over => {
            SendOutcome::Refused { reason: "its transaction request was cancelled or rejected upstream".to_owned() }
        }
    }
}
