//! Whether a spend may still move of which the upstream does not tell: it is asked about everything that it could have made of
//! it, and only what it says it does not have is left to a person.

use bursar_core::hold::Hold;
use bursar_rails::bitgo;
use bursar_rails::json::Json;
use bursar_service::rail::{Memory, RailError};
use hyper::Method;

use super::send::{NO_LONGER_TAKEN, reason};
use super::sent::{self, Asked, Remembered, Taken};
use super::{BitgoRail, requests};

/// Whether something shown is in one of these states.
fn is_in(shown: &Json, states: &[&str]) -> bool {
    shown.get("state").and_then(Json::as_text).is_some_and(|state| states.contains(&state))
}

impl BitgoRail {
    pub(super) async fn why_it_may_move(&self, hold: &Hold, memory: &dyn Memory) -> Result<Option<String>, RailError> {
        let Some((_, Remembered::Asked(asked))) = sent::read(memory, hold.id)? else { return Ok(None) };
        let end = asked.at.plus(NO_LONGER_TAKEN);
        if self.caller.now() <= end && asked.taken == Taken::Untold {
            return Ok(Some(format!("the upstream may still take it until {end}; decide after that")));
        }
        Ok(match self.has_it(hold, &asked).await {
            Ok(found) => found.map(str::to_owned),
            Err(error) => {
                Some(format!("the upstream does not say whether it has it, so it stays held: {}", reason(error)))
            }
        })
    }

    /// What the upstream has that can become the spend; nothing if it has none of it.
    async fn has_it(&self, hold: &Hold, asked: &Asked) -> Result<Option<&'static str>, RailError> {
        let name = bitgo::sequence_id(hold.id);
        let transfer = self.of_wallet(&asked.wallet, &["transfer", "sequenceId", &name]);
        // One that came to nothing and has a transaction is told nowhere else: whether that can be mined, a person sees.
        match (self.shown(&transfer).await?, &asked.taken) {
            (Some(transfer), _) if is_in(&transfer, &["failed", "rejected", "removed"]) => {}
            (Some(_), _) => {
                return Ok(Some(
                    "the upstream has a transfer of this name; what becomes of that, becomes of the spend",
                ));
            }
            (None, Taken::Sent(_)) => {
                return Ok(Some("the upstream had it on its way, and shows no transfer of it now; it may still move"));
            }
            (None, Taken::Untold | Taken::Awaiting(_)) => {}
        }
        if requests::is_request(hold) && self.request_of(hold, asked).await?.is_some() {
            return Ok(Some(
                "the upstream has a transaction request of this name; cancel it there, and it is given back",
            ));
        }
        if let Taken::Awaiting(approval) = &asked.taken
            && let Some(approval) = self.shown(&["api", "v2", "pendingapprovals", approval]).await?
            && !is_in(&approval, &["rejected", "canceled"])
        {
            return Ok(Some(
                "the upstream has the approval that it waits for, which is not rejected or cancelled; do that there first",
            ));
        }
        Ok(None)
    }

    /// What the upstream shows at a path; nothing if it says that there is none.
    async fn shown(&self, path: &[&str]) -> Result<Option<Json>, RailError> {
        match self.heard(Method::GET, (path, &[]), None).await? {
            (200, shown) => Ok(Some(shown)),
            (404, _) => Ok(None),
            (status, _) => Err(RailError::Unavailable(format!("it answered {status}"))),
        }
    }
}
