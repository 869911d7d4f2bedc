//! A rail's own protocol over a connection that stays: reads and subscriptions, never a spend.
//!
//! What must never happen here: that a client hears of anything once it may not read any more. So who holds such a
//! connection asks [`Bursar::is_still_good`] before every call and every moment in between.

use bursar_core::authorize::{Need, authorize};
use bursar_core::refusal::Refusal;
use bursar_rails::Forbidden;
use bursar_rails::forbidden::Why;
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::{Call, Calls};

use crate::Bursar;
use crate::authenticate::{Principal, Unauthenticated};
use crate::error::ServiceError;
use crate::feed::Feed;
use crate::proxy::{NoResult, Room, Understood, read, spoken_to_otherwise};
use crate::rail::{CallError, CallMeaning, Protocol};

impl Bursar {
    /// Looks at a presenter again: the same token, by what is known of it now.
    ///
    /// # Errors
    /// It may not be used any more, its secret counts no more, or nobody can say.
    pub fn is_still_good(&self, principal: &Principal) -> Result<Principal, Unauthenticated> {
        let known = self.token_of_id(principal.token().id)?;
        let now = self.clock.now();
        let counts = known.secrets.iter().any(|secret| secret.lookup == principal.lookup && secret.counts_at(now));
        let owner = self.owner(known.token.user)?.ok_or(Unauthenticated::Unknown)?;
        authorize(&known.token, &owner, principal.address, Need::Presence, now)
            .map_err(|refusal| Unauthenticated::Refused(Box::new(refusal)))?;
        if !counts || !known.token.lives_at(now) {
            return Err(Unauthenticated::Unknown);
        }
        // Who locks a token is heard at once; what it reads meanwhile, it asks for one by one.
        if let Some(lock) = known.token.locked.filter(|_| known.token.unlocked_at(now).is_none()) {
            return Err(Unauthenticated::Refused(Box::new(Refusal::Locked(lock))));
        }
        Ok(Principal { known, owner, ..principal.clone() })
    }

    /// Whether clients of a rail know a user and a password, and no bearer; nothing if there is no such rail, or it is not spoken
    /// to in calls of its own protocol.
    pub fn asks_for_password(&self, rail: &str) -> Option<bool> {
        self.rails.get(rail)?.protocol().map(Protocol::knows_passwords_only)
    }

    /// Checks that the caller has a part in a rail, and speaks to it in its own protocol.
    ///
    /// # Errors
    /// There is no such rail, or the caller has no part in it.
    pub async fn check_rail(&self, principal: &Principal, rail: &str) -> Result<(), ServiceError> {
        let found = self.rails.get(rail).ok_or(ServiceError::NotFound("rail"))?;
        self.wallets_on(principal, rail).await?;
        found.protocol().map(drop).ok_or_else(|| spoken_to_otherwise(found.as_ref()))
    }

    /// Carries out calls that came over a connection that stays, in their order. What it subscribes to is told by the feed,
    /// which is opened for the first subscription.
    ///
    /// # Errors
    /// There is no such rail, it is not spoken to in its own protocol, or the caller has no part in it.
    pub async fn call_rail_live(
        &self,
        principal: &Principal,
        rail: &str,
        calls: &Calls,
        feed: &mut Option<Feed>,
    ) -> Result<Vec<Result<Json, NoResult>>, ServiceError> {
        let Understood { protocol, references, meanings, circuit, .. } =
            self.understand(principal, rail, None, calls).await?;
        let (mut results, mut room) = (Vec::with_capacity(meanings.len()), Room::new(&self.long_answers));
        for (call, meaning) in calls.as_slice().iter().zip(meanings) {
            if let Err(paused) = circuit.check() {
                results.push(Err(NoResult::Service(paused)));
                continue;
            }
            results.push(match (protocol.subscription(call), meaning) {
                (Some(Err(refusal)), _) => circuit.read(Err(NoResult::Forbidden(refusal))).await,
                (Some(Ok(())), _) => circuit.read(ask(protocol, feed, call).await.map_err(NoResult::Rail)).await,
                (None, CallMeaning::Forbidden(refusal)) if protocol.spends(call) => {
                    Err(self.spend_forbidden(principal, rail, refusal).await)
                }
                (None, meaning) => room.gather(&circuit, read(protocol, call, meaning, &references)).await,
            });
        }
        Ok(results)
    }
}

/// Asks for a subscription, or ends one.
async fn ask(protocol: &dyn Protocol, feed: &mut Option<Feed>, call: &Call) -> Result<Json, CallError> {
    let open = match feed.take() {
        Some(open) => open,
        None => protocol.feed().await?,
    };
    feed.insert(open).ask(call).await
}

/// The refusal of a spend: it can carry neither a name of its own nor a one-time password here, and its answer would be
/// lost with the connection.
pub(crate) fn over_socket() -> Forbidden {
    let detail = "nothing is spent over a WebSocket; send the same call as a POST to the same address";
    Forbidden::new(Why::SpendOverSocket, detail)
}
