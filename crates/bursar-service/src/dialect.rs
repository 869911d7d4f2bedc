//! Requests in the language of Bursar's own clients that Bursar does not serve itself: passed on to a wallet's rail, or
//! spent like every other spend.
//!
//! What must never happen here: that a request is passed on for a wallet on which the token may not do it, or that one
//! which moves money is sent before it is held.

use std::sync::Arc;

use bursar_core::account::Wallet;
use bursar_core::authorize::{Need as Authority, authorize};
use bursar_core::coin::Coin;
use bursar_core::hold::Hold;
use bursar_core::id::{HoldId, WalletId};
use bursar_core::refusal::Refusal;
use bursar_rails::dialect::{Does, Need, Order, Passed, Route};
use bursar_rails::exchange::{Answered, Asked};
use bursar_rails::{Forbidden, Why};

use crate::Bursar;
use crate::authenticate::Principal;
use crate::breakers::{Doing, Place};
use crate::error::ServiceError;
use crate::exchange::NoExchange;
use crate::rail::{Answer, Memory, Plan, RailError};
use crate::spend::{Sent, SpendRequest, What};

/// A rail that is asked in the language of Bursar's own clients.
pub trait Dialect: Send + Sync {
    /// The route that a request goes to; nothing if there is none, or if Bursar answers it itself.
    fn route(&self, method: &str, path: &str) -> Option<Route>;

    /// What is passed on of a request to a wallet that the rail calls so.
    ///
    /// # Errors
    /// It could be read in two ways, or carries a secret.
    fn passed(&self, asked: &Asked<'_>, reference: &str) -> Result<Passed, Forbidden>;

    /// Passes it on, and gives the answer with our name of the wallet in it.
    fn pass<'a>(
        &'a self,
        passed: &'a Passed,
        reference: &'a str,
        own: WalletId,
    ) -> Answer<'a, Result<Answered, RailError>>;

    /// What a request that moves money asks for.
    ///
    /// # Errors
    /// It is never carried out.
    fn order(&self, asked: &Asked<'_>) -> Result<Order, Forbidden>;

    /// Finds out what an order takes, and that it pays its recipients and nobody else. Moves nothing.
    fn plan_order<'a>(
        &'a self,
        reference: &'a str,
        order: &'a Order,
        hold: HoldId,
    ) -> Answer<'a, Result<Plan, RailError>>;

    /// What a request goes on with that was asked for before; nothing if it stands for itself.
    ///
    /// # Errors
    /// What is remembered of it cannot be read.
    fn continued(
        &self,
        asked: &Asked<'_>,
        reference: &str,
        memory: &dyn Memory,
    ) -> Result<Option<Continued>, RailError>;

    /// What the rail shows of a spend that is to be gone on with, in our name of the wallet; nothing of all others.
    fn shown<'a>(
        &'a self,
        hold: &'a Hold,
        reference: &'a str,
        memory: &'a dyn Memory,
    ) -> Answer<'a, Result<Option<Answered>, RailError>>;
}

/// A step of a spend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Continued {
    /// The spend that is held for it; nothing if none is known.
    pub hold: Option<HoldId>,
    /// What is passed on, if that is held.
    pub passed: Result<Passed, Forbidden>,
    /// Why it is not, if it is not held.
    pub unheld: Forbidden,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub enum Done {
    /// It was passed on, and this was answered.
    Passed(Answered),
    /// It was spent, and the rail shows this of it, if it is to be gone on with.
    Sent(Box<Sent>, Option<Answered>),
}

impl Bursar {
    /// The route of any rail that a request goes to which Bursar does not serve itself.
    pub fn route(&self, method: &str, path: &str) -> Option<Route> {
        self.rails.values().find_map(|rail| rail.dialect()).and_then(|dialect| dialect.route(method, path))
    }

    /// The same for a route that Bursar serves, too, where the wallet's rail has its own way with it.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn route_of_wallet(
        &self,
        principal: &Principal,
        wallet: WalletId,
        (method, path): (&str, &str),
    ) -> Result<Option<Route>, ServiceError> {
        let known = self.wallet_of(wallet, principal.user())?;
        let rail = known.and_then(|(wallet, _)| self.rails.get(&wallet.rail));
        Ok(rail.and_then(|rail| rail.dialect()).and_then(|dialect| dialect.route(method, path)))
    }

    /// Carries a request out.
    ///
    /// # Errors
    /// The token may not, the route is for no token, the wallet's rail has no such route, or nobody knows what came of it.
    pub async fn speak(
        &self,
        principal: &Principal,
        route: Route,
        asked: &Asked<'_>,
        otp: Option<String>,
    ) -> Result<Done, NoExchange> {
        let Route { need, does } = route;
        let (action, wallet, coin) = match need {
            Need::Wallet { action, wallet, coin } => (action, wallet, coin),
            Need::Nothing => return Err(self.withheld(principal, Authority::Presence, does)),
            Need::Scope(scope) => return Err(self.withheld(principal, Authority::Scope(scope), does)),
        };
        let id: WalletId = wallet
            .parse()
            .map_err(|_| ServiceError::invalid("wallet", "is no id of a wallet: 32 hex digits in lower case"))?;
        let (wallet, _) = self.wallet_for(principal, id, action)?;
        if coin.is_some_and(|coin| *coin != *wallet.coin.as_str()) {
            return Err(ServiceError::from(Refusal::WrongCoin { holds: wallet.coin.clone() }).into());
        }
        let rail = self.rail(&wallet.rail)?;
        let Some(dialect) = rail.dialect() else { return Err(NoExchange::Forbidden(no_such_route())) };
        match does {
            Does::Withheld(forbidden) => Err(NoExchange::Forbidden(forbidden)),
            Does::Pass => {
                let passed = dialect.passed(asked, &wallet.reference).map_err(NoExchange::Forbidden)?;
                let circuit = self.circuit(principal, Doing::Read, Place::Rail(&wallet.rail));
                circuit.check()?;
                let answered = circuit
                    .passed(dialect.pass(&passed, &wallet.reference, id).await.map_err(ServiceError::from))
                    .await?;
                Ok(Done::Passed(answered))
            }
            Does::Spend | Does::Continue => {
                let memory = self.memory(&wallet.rail);
                let circuit = self.circuit(principal, Doing::Spend, Place::Wallet(Some(id)));
                if let Some(step) = dialect.continued(asked, &wallet.reference, &memory).map_err(ServiceError::from)? {
                    circuit.check()?;
                    let (hold, passed) = match self.held_step(principal, &wallet, step) {
                        Err(NoExchange::Forbidden(forbidden)) => {
                            circuit.went_wrong(forbidden.why.code()).await;
                            return Err(NoExchange::Forbidden(forbidden));
                        }
                        held => held?,
                    };
                    // What is not answered may have been done.
                    let untold = |_| ServiceError::OutcomePending { hold };
                    let answered = circuit
                        .passed(dialect.pass(&passed, &wallet.reference, id).await.map_err(ServiceError::from))
                        .await;
                    let answered = answered.map_err(untold)?;
                    return Ok(Done::Passed(answered));
                }
                let order = match dialect.order(asked) {
                    Ok(order) => order,
                    Err(forbidden) => {
                        let place = Place::Wallet(Some(id));
                        self.note_unread(principal, place, forbidden.why.code(), &forbidden.detail).await?;
                        return Err(NoExchange::Forbidden(forbidden));
                    }
                };
                let sent = self.spend(principal, request(id, wallet.coin.clone(), order, otp)).await?;
                // It was asked for, so a client that is told nothing of it must not take it for refused.
                let untold = |_| ServiceError::OutcomePending { hold: sent.hold.id };
                let shown = dialect.shown(&sent.hold, &wallet.reference, &memory).await.map_err(untold)?;
                Ok(Done::Sent(Box::new(sent), shown))
            }
        }
    }

    /// INVARIANT: a step is passed on for the token that asked for the spend, and only while that is held.
    fn held_step(
        &self,
        principal: &Principal,
        wallet: &Wallet,
        step: Continued,
    ) -> Result<(HoldId, Passed), NoExchange> {
        let Continued { hold, passed, unheld } = step;
        let hold = match hold {
            Some(id) => self.reads.look_up(|reader| reader.hold(id)).map_err(ServiceError::from)?,
            None => None,
        };
        // No new hold is decided on, so what would refuse one is asked here.
        let now = self.clock.now();
        if let Some(lock) = principal.token().locked.filter(|_| principal.token().unlocked_at(now).is_none()) {
            return Err(ServiceError::from(Refusal::Locked(lock)).into());
        }
        let freeze = match self.stored_organisation(wallet.organisation) {
            Ok(found) => found.value.freeze,
            // One that was never written down is not frozen either.
            Err(ServiceError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(freeze) = freeze.filter(|freeze| freeze.holds_at(now)) {
            return Err(ServiceError::from(Refusal::OrganisationFrozen(freeze)).into());
        }
        let is_held =
            |hold: &Hold| hold.token == principal.token().id && hold.wallet == Some(wallet.id) && hold.state.is_held();
        match hold.filter(is_held) {
            Some(hold) => Ok((hold.id, passed.map_err(NoExchange::Forbidden)?)),
            None => Err(NoExchange::Forbidden(unheld)),
        }
    }

    /// Why a route that names no wallet is not carried out: first what the token lacks, then that nobody may.
    fn withheld(&self, principal: &Principal, need: Authority<'_>, does: Does) -> NoExchange {
        let now = self.clock.now();
        match authorize(principal.token(), &principal.owner, principal.address, need, now) {
            Err(refusal) => ServiceError::from(refusal).into(),
            Ok(()) => NoExchange::Forbidden(match does {
                Does::Withheld(forbidden) => forbidden,
                Does::Pass | Does::Spend | Does::Continue => no_such_route(),
            }),
        }
    }
}

fn request(wallet: WalletId, coin: Coin, order: Order, otp: Option<String>) -> SpendRequest {
    let (sequence_id, comment) = (order.sequence_id.clone(), order.comment.clone());
    let otp = order.otp.clone().or(otp);
    SpendRequest { coin, wallet, what: What::Order(Arc::new(order)), sequence_id, comment, otp }
}

fn no_such_route() -> Forbidden {
    Forbidden::new(Why::UnknownRoute, "the wallet's rail has no such route")
}
