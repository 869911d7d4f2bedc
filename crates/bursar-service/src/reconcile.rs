//! Asking by hand what became of a spend: what the sweep does by the clock, for whoever does not want to wait for it.
//!
//! It only asks the rail, and settles by what the rail shows, so it takes no second factor. What must never happen here: that
//! a spend is asked after whose own request is still carrying it out, as rails cancel what they do not know.

use std::sync::Arc;

use bursar_core::amount::Amount;
use bursar_core::coin::Asset;
use bursar_core::hold::{Hold, HoldState};
use bursar_core::id::HoldId;
use bursar_core::limit::text::amount_of;
use bursar_store::Page;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::exceeded::Exceeded;
use crate::rail::{Asking, LookedUp, SendOutcome, on_its_way};
use crate::spend::captured;
use crate::turns::Turn;

/// Why nobody can ask the rail of a spend.
const NOT_CONFIGURED: &str = "its rail is not in the configuration, and so cannot be asked; put its section back under the same name, \
                              start the server again, and decide then";

/// What came of asking after a spend.
#[derive(Clone, Debug)]
pub struct Reconciled {
    /// The spend, as it stands now.
    pub hold: Hold,
    /// What was shown of it.
    pub shown: Shown,
}

/// What was shown of a spend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shown {
    /// Nothing: its rail was not asked.
    NotAsked {
        /// Why not, and what comes next.
        reason: String,
    },
    /// What its rail said.
    ByRail(SendOutcome),
}

impl Bursar {
    /// Asks the rail what became of a spend, and settles it if the rail knows.
    ///
    /// # Errors
    /// The caller is no person, or may not resolve this spend; or the rail or the store does not answer.
    pub async fn reconcile_spend(&self, principal: &Principal, id: HoldId) -> Result<Reconciled, ServiceError> {
        self.person(principal)?;
        let found = self.stored_spend(id)?;
        self.may_resolve(principal, &found)?;
        let _turn = self.turn_at_rail_of(principal, &found).await?;
        let hold = self.stored_spend(id)?;
        if let Some(reason) = self.not_to_be_asked_after(&hold) {
            return Ok(Reconciled { hold, shown: Shown::NotAsked { reason } });
        }
        let outcome = self.became_of(&hold, Asking::ByHand).await?;
        self.settle_by(&hold, outcome.clone()).await?;
        // It counts as before, and nobody is told that its rail showed anything.
        if let SendOutcome::Unseen { reason, .. } = outcome {
            return Err(ServiceError::RailUnavailable(reason));
        }
        Ok(Reconciled { hold: self.stored_spend(id)?, shown: Shown::ByRail(outcome) })
    }

    /// Spends that nobody has settled, open or unresolved, among those that the caller may resolve, or holds as a service.
    ///
    /// # Errors
    /// The caller is neither a person nor a service.
    pub async fn unsettled_for(
        &self,
        principal: &Principal,
        page: Page<HoldId>,
    ) -> Result<(Vec<Hold>, Option<HoldId>), ServiceError> {
        self.resolvable(principal, page, |reader, look| reader.unsettled(look)).await
    }

    /// The id of the transaction that a spend became, while it is not settled; nothing if it has none yet.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn sent_as(&self, hold: &Hold) -> Result<Option<String>, ServiceError> {
        // Whoever moves the money themselves knows what they called it.
        if !hold.state.is_held() || hold.holder.is_some() {
            return Ok(None);
        }
        let Some((name, rail)) = self.rail_of(hold)? else { return Ok(None) };
        if let Some(sent) = rail.transaction_id(hold.id, &self.memory(name)).await? {
            return Ok(Some(sent));
        }
        // It may have been settled since it was read, and the rail remembers those no longer.
        Ok(match self.stored_spend(hold.id)?.state {
            HoldState::Captured { reference, .. } => Some(reference),
            _ => None,
        })
    }

    /// What was said when the rail's other end was last asked after a spend that is not settled, as far as it is known.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn looked_up(&self, hold: &Hold) -> Result<Option<LookedUp>, ServiceError> {
        if !hold.state.is_held() || hold.holder.is_some() {
            return Ok(None);
        }
        Ok(self.rail_of(hold)?.and_then(|(_, rail)| rail.looked_up(hold.id)))
    }

    /// What the rail told of a spend that is not settled, if more moved of it than is held: why its token is locked.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn more_than_held(&self, hold: &Hold) -> Result<Option<String>, ServiceError> {
        if !hold.state.is_held() || hold.holder.is_some() {
            return Ok(None);
        }
        Ok(self.exceeded(hold)?.map(|told| told.reason))
    }

    /// Spends, each with the id of its transaction while it is not settled.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn with_names(&self, spends: Vec<Hold>) -> Result<Vec<(Hold, Option<String>)>, ServiceError> {
        let mut named = Vec::with_capacity(spends.len());
        for hold in spends {
            let sent = self.sent_as(&hold).await?;
            named.push((hold, sent));
        }
        Ok(named)
    }

    /// A turn at the rail of a spend: a slow one keeps what it is asked as it keeps spends.
    ///
    /// # Errors
    /// The server ends, or the store does not answer.
    pub(crate) async fn turn_at_rail_of(&self, principal: &Principal, hold: &Hold) -> Result<Arc<Turn>, ServiceError> {
        let rail = self.rail_of(hold)?.map_or("", |(name, _)| name);
        self.turns.take((principal.user(), principal.token().id), rail).await.ok_or(ServiceError::Busy)
    }

    /// Asks the rail before a spend is given back on a person's word, in part or in full, so that nothing is given back that may
    /// still move: a rail that has not sent it never will from then on, and one that has it keeps it held. Where the rail has
    /// nothing to say of it, the person's word stands; and where it told of more than was held, and tells now of no more than
    /// they say left.
    ///
    /// # Errors
    /// The request is still being carried out, the rail has the spend or knows that it moved, or the store does not answer.
    pub(crate) async fn check_no_more_moved(&self, hold: &Hold, said: Amount) -> Result<(), ServiceError> {
        if !hold.state.is_held() {
            // Its settlement says what became of it.
            return Ok(());
        }
        if hold.captures_itself {
            let problem =
                "it was let pass, and counts as captured; only the service whose credential asked gives it back";
            return Err(ServiceError::Conflict(problem.to_owned()));
        }
        if hold.holder.is_some() {
            return Ok(());
        }
        self.check_carried_out(hold)?;
        // INVARIANT: nobody's word counts before the rail was asked, and the rail is not asked too early.
        if let Some(problem) = self.not_to_be_asked_after(hold) {
            return Err(ServiceError::Conflict(problem));
        }
        let was_told = self.exceeded(hold)?.is_some();
        let outcome = self.became_of(hold, Asking::ByHand).await?;
        let problem = match &outcome {
            SendOutcome::Refused { .. } | SendOutcome::NotSent { .. } => return Ok(()),
            SendOutcome::Unknown { .. } | SendOutcome::Awaiting { .. } => {
                let Some((name, rail)) = self.rail_of(hold)? else {
                    // INVARIANT: a rail that nobody can ask tells of nothing that it moved.
                    return Err(ServiceError::Conflict(NOT_CONFIGURED.to_owned()));
                };
                return match rail.may_still_move(hold, &self.memory(name)).await? {
                    Some(problem) => Err(ServiceError::Conflict(problem)),
                    None => Ok(()),
                };
            }
            SendOutcome::Sent { reference } | SendOutcome::Unseen { reference, .. } => on_its_way(reference),
            SendOutcome::Done { reference, .. } | SendOutcome::Charged { reference, .. } => shows_moved(reference),
            SendOutcome::Reverted { reference, .. } => {
                format!("the rail shows that {reference} was reverted, which costs its fee, and it is settled so")
            }
            SendOutcome::Exceeded { reason, .. } => {
                // What was told before is what came of it, without asking; what was not, the rail was asked for just now.
                let now = if was_told { self.asked_anew(hold).await? } else { outcome.clone() };
                match self.not_taken_back(hold, &now, said) {
                    None => return Ok(()),
                    Some(now) => told_more(&now, reason),
                }
            }
        };
        self.settle_by(hold, outcome).await?;
        Err(ServiceError::Conflict(problem))
    }

    /// That its own request says nothing of it any more.
    fn check_carried_out(&self, hold: &Hold) -> Result<(), ServiceError> {
        if self.in_flight.contains(hold.id) {
            let problem = "its request is still being carried out; decide when that has its answer";
            return Err(ServiceError::Conflict(problem.to_owned()));
        }
        Ok(())
    }

    /// The same where a person says that all of it moved, or more: that gives nothing back, but a rail may have told of more than
    /// they say.
    ///
    /// # Errors
    /// The rail told of more than that, and does not take it back; or the store does not answer.
    pub(crate) async fn check_no_more_told(&self, hold: &Hold, said: Amount) -> Result<(), ServiceError> {
        if !hold.state.is_held() || hold.captures_itself || hold.holder.is_some() {
            return Ok(());
        }
        self.check_carried_out(hold)?;
        if let Some(problem) = self.not_to_be_asked_after(hold) {
            return Err(ServiceError::Conflict(problem));
        }
        let now = self.asked_anew(hold).await?;
        let Some(says) = self.not_taken_back(hold, &now, said) else { return Ok(()) };
        let (problem, outcome) = match (&now, self.exceeded(hold)?) {
            (SendOutcome::Done { reference, .. } | SendOutcome::Charged { reference, .. }, _) => {
                (shows_moved(reference), now)
            }
            (SendOutcome::Exceeded { reason, .. }, _) => (told_more(&says, reason), now),
            (_, Some(Exceeded { moved, reason })) if moved > said => {
                (told_more(&says, &reason), SendOutcome::Exceeded { moved, reason })
            }
            _ => return Ok(()),
        };
        self.settle_by(hold, outcome).await?;
        Err(ServiceError::Conflict(problem))
    }

    /// What a rail says of a spend at this moment, whatever it told before.
    async fn asked_anew(&self, hold: &Hold) -> Result<SendOutcome, ServiceError> {
        Ok(match self.rail_of(hold)? {
            Some((name, rail)) => rail.look_again(hold, &self.memory(name)).await.plain(self.decimals()),
            None => SendOutcome::Unknown { reason: NOT_CONFIGURED.to_owned() },
        })
    }

    /// What a rail says now; nothing if it is that no more moved than somebody says.
    // INVARIANT: what a rail told is taken back by the rail together with a person, and by neither alone.
    fn not_taken_back(&self, hold: &Hold, now: &SendOutcome, said: Amount) -> Option<String> {
        match (moved_by(hold, now), now) {
            (Some(moved), _) => (moved > said).then(|| self.tells_of(hold, moved)),
            (None, SendOutcome::Unknown { reason }) => Some(format!("takes nothing back now ({reason})")),
            (None, _) => Some("takes nothing back now".to_owned()),
        }
    }

    /// That a rail tells of more than a person says.
    fn tells_of(&self, hold: &Hold, moved: Amount) -> String {
        let moved = amount_of(moved, &Asset::Coin(hold.cost.coin.clone()), self.decimals());
        format!("tells now of {moved}, which is more than you say")
    }

    /// Why nobody is to ask after a spend now; nothing if they may.
    fn not_to_be_asked_after(&self, hold: &Hold) -> Option<String> {
        let is_overdue = hold.deadline <= self.clock.now();
        match hold.state {
            HoldState::Captured { .. } | HoldState::Released { .. } => Some("it is settled".to_owned()),
            _ if self.in_flight.contains(hold.id) && (is_overdue || !matches!(hold.state, HoldState::Open)) => {
                Some("its request is still being carried out; ask again when that has its answer".to_owned())
            }
            HoldState::Unresolved { .. } => None,
            HoldState::Open if is_overdue => None,
            HoldState::Open if hold.captures_itself => Some(format!(
                "it counts as captured from {} on, unless its holder says otherwise before",
                hold.deadline
            )),
            HoldState::Open if hold.holder.is_some() => {
                Some(format!("the service that holds it has until {} to say what became of it", hold.deadline))
            }
            HoldState::Open if self.under_way.contains(hold.id) => None,
            HoldState::Open => {
                Some(format!("it is being carried out; if no answer has come by {}, ask again", hold.deadline))
            }
        }
    }
}

/// How much left by what a rail says, where it says so.
fn moved_by(hold: &Hold, outcome: &SendOutcome) -> Option<Amount> {
    match outcome {
        SendOutcome::Refused { .. } => Some(Amount::ZERO),
        SendOutcome::Charged { amount, .. } => Some(*amount),
        SendOutcome::Exceeded { moved, .. } => Some(*moved),
        SendOutcome::Done { fee, .. } => Some(captured(hold, *fee)),
        _ => None,
    }
}

fn shows_moved(reference: &str) -> String {
    format!("the rail shows that it moved as {reference}, and it is settled so")
}

fn told_more(now: &str, reason: &str) -> String {
    format!("the rail told that more moved than was held, and {now}: {reason}")
}
