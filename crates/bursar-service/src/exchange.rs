//! Requests to a rail of plain HTTP: read, passed on, or spent like every other spend.
//!
//! What must never happen here: that a request is sent on which was not understood, or a spend's before it is held.

use std::sync::Arc;

use bursar_core::id::HoldId;
use bursar_rails::Forbidden;
use bursar_rails::exchange::{Answered, Asked, Exchange};

use crate::Bursar;
use crate::authenticate::Principal;
use crate::breakers::{Doing, Place};
use crate::error::ServiceError;
use crate::proxy::OwnWallet;
use crate::rail::{Exchanges, RailError};
use crate::spend::{SpendRequest, What};

/// Why a request has no answer of the upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoExchange {
    /// It is never carried out.
    Forbidden(Forbidden),
    /// It was not carried out here, or nobody knows.
    Service(ServiceError),
    /// It was carried out, and what the upstream answered is not kept any more.
    AnswerGone {
        /// The spend.
        hold: HoldId,
        /// What the upstream calls it.
        reference: String,
    },
}

impl From<ServiceError> for NoExchange {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl Bursar {
    /// Whether a rail is one of plain HTTP.
    pub fn exchanges(&self, rail: &str) -> bool {
        self.rails.get(rail).is_some_and(|rail| rail.exchanges().is_some())
    }

    /// Carries a request out and gives the upstream's answer. A token that may see no wallet of the rail reads nothing
    /// there either.
    ///
    /// # Errors
    /// There is no such rail, no rule is for the request, the caller may not, or nobody knows what came of it.
    pub async fn exchange(
        &self,
        principal: &Principal,
        rail: &str,
        asked: &Asked<'_>,
        otp: Option<String>,
    ) -> Result<Answered, NoExchange> {
        let found = self.rails.get(rail).ok_or(ServiceError::NotFound("rail"))?;
        let exchanges = found.exchanges().ok_or(ServiceError::NotFound("rail"))?;
        let wallets = self.wallets_on(principal, rail).await?;
        let circuit = self.circuit(principal, Doing::Read, Place::Rail(rail));
        let meaning = match exchanges.meaning(asked) {
            Ok(meaning) => meaning,
            Err(forbidden) => {
                circuit.check()?;
                circuit.went_wrong(forbidden.why.code()).await;
                return Err(NoExchange::Forbidden(forbidden));
            }
        };
        match meaning {
            Exchange::Read(outgoing) => {
                circuit.check()?;
                let answered = exchanges.read(&outgoing).await;
                match &answered {
                    Ok(_) => circuit.went_well(),
                    Err(_) => circuit.went_wrong("rail_unavailable").await,
                }
                answered.map_err(|error| ServiceError::from(error).into())
            }
            Exchange::Spend(charge) => {
                let wallet = the_wallet(&wallets)?.id;
                let coin = charge.coin.clone();
                let what = What::Exchange(Arc::new(*charge));
                let request = SpendRequest { coin, wallet, what, sequence_id: None, comment: None, otp };
                let spent = self.spend(principal, request).await;
                self.answer_to(rail, exchanges, spent)
            }
        }
    }

    /// What the upstream answered to a spend, which is kept until it is known what came of it, and for a while longer.
    fn answer_to(
        &self,
        rail: &str,
        exchanges: &dyn Exchanges,
        spent: Result<crate::spend::Sent, ServiceError>,
    ) -> Result<Answered, NoExchange> {
        let kept = |hold| exchanges.answered(hold, &self.memory(rail)).map_err(ServiceError::from);
        match spent {
            Ok(sent) => {
                let gone = NoExchange::AnswerGone { hold: sent.hold.id, reference: sent.reference };
                kept(sent.hold.id)?.ok_or(gone)
            }
            // The upstream refused: its own words say why.
            Err(ServiceError::RailRefused { hold, reason }) => {
                kept(hold)?.ok_or(NoExchange::Service(ServiceError::RailRefused { hold, reason }))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The wallet that a request means: the only one of the rail that the token sees.
fn the_wallet(wallets: &[OwnWallet]) -> Result<&OwnWallet, ServiceError> {
    match wallets {
        [one] => Ok(one),
        _ => {
            let problem = "is not clear: the token sees several wallets of this rail; use a token for each".to_owned();
            Err(RailError::Invalid { field: "wallet", problem }.into())
        }
    }
}
