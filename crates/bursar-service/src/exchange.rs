//! Requests to a rail of plain HTTP: read, passed on, or spent like every other spend.
//!
//! What must never happen here: that a request is sent on which was not understood, or a spend's before it is held.

use std::future::pending;
use std::sync::{Arc, Mutex};

use bursar_core::authorize::{Need, authorize};
use bursar_core::coin::Coin;
use bursar_core::id::{HoldId, TokenId, WalletId};
use bursar_core::limit::LimitReport;
use bursar_core::refusal::Refusal;
use bursar_core::scope::{ScopeName, WalletAction};
use bursar_rails::exchange::{Answered, Asked, Exchange};
use bursar_rails::{Forbidden, Why};
use tokio::sync::oneshot;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::breakers::{Doing, Place};
use crate::error::ServiceError;
use crate::flow::{Begun, Flow, Kept};
use crate::proxy::{OwnWallet, spoken_to_otherwise};
use crate::rail::{Exchanges, RailError};
use crate::spend::{Sent, SpendRequest, What};

/// The status of a credential that is not taken. 403 may as well be about what was asked for.
const UNAUTHORIZED: u16 = 401;
/// Methods of which nobody expects that they do anything: what is refused of all others was to.
const READING: [&str; 3] = ["GET", "HEAD", "OPTIONS"];
/// Wallets that one refusal names.
const MOST_NAMED: usize = 20;
/// Behind this, a request names the wallet that it means; the path of the upstream follows.
const WALLET: &str = "/wallet/";

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
        /// Whether it went to its client while it came.
        streamed: bool,
    },
}

/// The answer of the upstream.
pub enum Exchanged {
    /// All of it.
    Whole {
        /// The answer.
        answered: Answered,
        /// What each limit said that the spend fell under; nothing of a read.
        reports: Vec<LimitReport>,
        /// Whether nothing was to be spent.
        is_read: bool,
    },
    /// Its head; the rest comes.
    Flowing {
        /// The head and the rest.
        begun: Begun,
        /// What it answers.
        taken: Taken,
    },
}

/// What a token must still be allowed to for as long as it takes an answer.
pub struct Taken {
    rail: String,
    /// A spend from the one wallet of these, or a read of any.
    doing: Doing,
    wallets: Vec<OwnWallet>,
    needs: Option<ScopeName>,
}

impl Taken {
    /// Whether nothing was to be spent.
    pub fn is_read(&self) -> bool {
        self.doing == Doing::Read
    }
}

impl From<ServiceError> for NoExchange {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl Bursar {
    /// The header in which clients of a rail may have their token, beside the usual one; nothing if it has none of its own.
    pub fn credential_header(&self, rail: &str) -> Option<&str> {
        self.rails.get(rail)?.exchanges()?.credential_header()
    }

    /// Whether a rail is one of plain HTTP.
    pub fn exchanges(&self, rail: &str) -> bool {
        self.rails.get(rail).is_some_and(|rail| rail.exchanges().is_some())
    }

    /// Carries a request out and gives the upstream's answer. A token that may see no wallet of the rail reads nothing
    /// there either. Whoever can take an answer while it comes says what to keep meanwhile.
    ///
    /// # Errors
    /// There is no such rail, no rule is for the request, the caller may not, or nobody knows what came of it.
    pub async fn exchange(
        &self,
        principal: &Principal,
        rail: &str,
        asked: &Asked<'_>,
        otp: Option<String>,
        live: Option<Kept>,
    ) -> Result<Exchanged, NoExchange> {
        let found = self.rails.get(rail).ok_or(ServiceError::NotFound("rail"))?;
        let mut wallets = self.wallets_on(principal, rail).await?;
        let exchanges = found.exchanges().ok_or_else(|| spoken_to_otherwise(found.as_ref()))?;
        let circuit = self.circuit(principal, Doing::Read, Place::Rail(rail));
        let mut meaning = exchanges.meaning(asked);
        // What the rules have a path for is meant by it, also if it begins like that.
        if let (Err(Forbidden { why: Why::UnknownRoute, .. }), Some((named, path))) = (&meaning, naming(asked.path)) {
            wallets.retain(|own| own.reference == named || own.id.to_string() == named);
            if wallets.is_empty() {
                circuit.check()?;
                return Err(ServiceError::from(Refusal::WalletUnknown).into());
            }
            meaning = exchanges.meaning(&Asked { path, ..*asked });
        }
        if let Err(forbidden) = &meaning
            && !READING.contains(&asked.method)
            && !exchanges.is_read(asked)
        {
            self.note_unread(principal, Place::Rail(rail), forbidden.why.code(), &forbidden.detail).await?;
            return Err(NoExchange::Forbidden(forbidden.clone()));
        }
        match circuit.understood(meaning).await? {
            Exchange::Read { outgoing, needs } => {
                circuit.check()?;
                self.check_needs(principal, needs, &wallets)?;
                let (flow, begun) = live.map(Flow::of_read).unzip();
                let answered = exchanges.read(&outgoing, flow).await.map_err(ServiceError::from);
                match answered.transpose() {
                    Some(answered) => {
                        let answered = answered.and_then(|answered| not_about_us(answered, None));
                        let answered = circuit.passed(answered).await?;
                        Ok(Exchanged::Whole { answered, reports: Vec::new(), is_read: true })
                    }
                    None => {
                        let begun = beginning(begun).await;
                        let answered = not_about_us(begun.answered, None)?;
                        let taken = Taken { rail: rail.to_owned(), doing: Doing::Read, wallets, needs };
                        Ok(Exchanged::Flowing { begun: Begun { answered, ..begun }, taken })
                    }
                }
            }
            Exchange::Spend(charge) => {
                let coin = charge.coin.clone();
                let needs = charge.needs;
                let found = the_wallet(rail, &wallets, &coin).and_then(|wallet| {
                    self.check_needs(principal, needs, std::slice::from_ref(wallet))?;
                    Ok(wallet.id)
                });
                let wallet = self.noting_unread(principal, Place::Rail(rail), found).await?;
                wallets.retain(|own| own.id == wallet);
                let (flow, begun) = live.map(Flow::new).unzip();
                let what = What::Exchange { charge: Arc::new(*charge), flow: Arc::new(Mutex::new(flow)) };
                let request = SpendRequest { coin, wallet, what, sequence_id: None, comment: None, otp };
                tokio::select! {
                    biased;
                    // The spend goes on by itself: it is on a task of its own once its answer comes.
                    begun = beginning(begun) => {
                        self.circuit(principal, Doing::Spend, Place::Wallet(Some(wallet))).went_well();
                        let taken = Taken { rail: rail.to_owned(), doing: Doing::Spend, wallets, needs };
                        Ok(Exchanged::Flowing { begun, taken })
                    }
                    spent = self.spend(principal, request) => self.answer_to(rail, exchanges, spent),
                }
            }
        }
    }

    /// What a request has to say besides so that a spend from this wallet is understood, where the token sees several that it
    /// could be: how it names the one.
    ///
    /// # Errors
    /// The caller may not see the token or the wallet.
    pub async fn naming_of(
        &self,
        principal: &Principal,
        token: TokenId,
        wallet: WalletId,
        coin: &Coin,
    ) -> Result<Option<String>, ServiceError> {
        let of = self.own_token(principal, token)?;
        let (wallet, _) = self.wallet_for(principal, wallet, WalletAction::View)?;
        if !self.exchanges(&wallet.rail) {
            return Ok(None);
        }
        let seen = self.wallets_seen_by((&of, &principal.owner, None), &wallet.rail).await?;
        let several = seen.iter().filter(|own| own.coin == *coin).count() > 1;
        Ok(several.then(|| naming_form(&wallet.rail, &wallet.reference)))
    }

    /// Looks again at whoever takes an answer while it comes.
    ///
    /// # Errors
    /// The token may not be used any more, or may not do any more what it takes the answer to.
    pub fn still_exchanges(&self, principal: &Principal, taken: &Taken) -> Result<Principal, ServiceError> {
        let principal = self.is_still_good(principal).map_err(|_| ServiceError::NotFound("token"))?;
        let action = match taken.doing {
            Doing::Spend if principal.token().locked.is_some() => return Err(ServiceError::NotFound("token")),
            Doing::Spend => WalletAction::Spend,
            Doing::Read => WalletAction::View,
        };
        self.may_on_one(&principal, action, &taken.wallets)?;
        self.check_needs(&principal, taken.needs, &taken.wallets)?;
        Ok(principal)
    }

    /// Notes how an answer ended that was taken while it came. What came of a spend is noted by that.
    pub async fn exchange_ended(&self, principal: &Principal, taken: &Taken, is_whole: bool) {
        let circuit = self.circuit(principal, taken.doing, Place::Rail(&taken.rail));
        match taken.doing {
            Doing::Read if is_whole => circuit.went_well(),
            Doing::Read => circuit.went_wrong("rail_unavailable").await,
            Doing::Spend => {}
        }
    }

    /// Checks what a rule asks for besides: on a wallet, or on one of several.
    fn check_needs(
        &self,
        principal: &Principal,
        needs: Option<ScopeName>,
        wallets: &[OwnWallet],
    ) -> Result<(), ServiceError> {
        let Some(name) = needs else { return Ok(()) };
        let Some(action) = WalletAction::ALL.into_iter().find(|action| action.scope() == name) else {
            let need = Need::Scope(name);
            return Ok(authorize(principal.token(), &principal.owner, principal.address, need, self.clock.now())?);
        };
        self.may_on_one(principal, action, wallets)
    }

    /// Checks that something may be done on one of these wallets.
    fn may_on_one(
        &self,
        principal: &Principal,
        action: WalletAction,
        wallets: &[OwnWallet],
    ) -> Result<(), ServiceError> {
        let mut refused = ServiceError::NotFound("wallet");
        for wallet in wallets {
            match self.wallet_for(principal, wallet.id, action) {
                Ok(_) => return Ok(()),
                Err(refusal) => refused = refusal,
            }
        }
        Err(refused)
    }

    /// What the upstream answered to a spend, which is kept until it is known what came of it, and for a while longer.
    fn answer_to(
        &self,
        rail: &str,
        exchanges: &dyn Exchanges,
        spent: Result<Sent, ServiceError>,
    ) -> Result<Exchanged, NoExchange> {
        let memory = self.memory(rail);
        let kept = |hold| exchanges.answered(hold, &memory).map_err(ServiceError::from);
        match spent {
            Ok(Sent { hold, reference, reports, .. }) => match kept(hold.id)? {
                Some(answered) => {
                    let answered = not_about_us(answered, Some(hold.id))?;
                    Ok(Exchanged::Whole { answered, reports, is_read: false })
                }
                None => {
                    let streamed = exchanges.was_streamed(hold.id, &memory).map_err(ServiceError::from)?;
                    Err(NoExchange::AnswerGone { hold: hold.id, reference, streamed })
                }
            },
            // The upstream refused: its own words say why.
            Err(ServiceError::RailRefused { hold, reason }) => match kept(hold)? {
                Some(answered) => {
                    let answered = not_about_us(answered, Some(hold))?;
                    Ok(Exchanged::Whole { answered, reports: Vec::new(), is_read: false })
                }
                None => Err(NoExchange::Service(ServiceError::RailRefused { hold, reason })),
            },
            Err(error) => Err(error.into()),
        }
    }
}

/// An answer, unless it says that the rail's own credential is none: its client would take that for a word on its token.
fn not_about_us(answered: Answered, hold: Option<HoldId>) -> Result<Answered, ServiceError> {
    if answered.status == UNAUTHORIZED { Err(ServiceError::RailCredentialRefused { hold }) } else { Ok(answered) }
}

/// The head of an answer that is taken while it comes; never, if it is not.
async fn beginning(begun: Option<oneshot::Receiver<Begun>>) -> Begun {
    let begun = match begun {
        Some(begun) => begun.await.ok(),
        None => None,
    };
    match begun {
        Some(begun) => begun,
        None => pending().await,
    }
}

/// The wallet that a path names, in plain letters, and the path behind it.
fn naming(path: &str) -> Option<(&str, &str)> {
    let named = path.strip_prefix(WALLET)?;
    let (name, rest) = named.split_at(named.find('/')?);
    (!name.is_empty()).then_some((name, rest))
}

/// The path under which a request to a rail means a wallet.
fn naming_form(rail: &str, wallet: &str) -> String {
    format!("`/rail/{rail}{WALLET}{wallet}` before the path")
}

/// The wallet that a request means: the only one of the rail with its coin that the token sees, of those that it names if
/// it names one.
fn the_wallet<'a>(rail: &str, wallets: &'a [OwnWallet], coin: &Coin) -> Result<&'a OwnWallet, ServiceError> {
    let mut fit = wallets.iter().filter(|wallet| wallet.coin == *coin);
    match (fit.next(), fit.next(), wallets) {
        (Some(one), None, _) => Ok(one),
        (None, _, [other]) => Err(Refusal::WrongCoin { holds: other.coin.clone() }.into()),
        (None, ..) => {
            let problem = format!("is missing: the token sees none of this rail that holds {coin}");
            Err(RailError::Invalid { field: "wallet", problem }.into())
        }
        (Some(_), Some(_), _) => {
            let of_coin = wallets.iter().filter(|wallet| wallet.coin == *coin);
            let mut names: Vec<_> = of_coin.map(|wallet| format!("`{}`", wallet.reference)).collect();
            names.sort();
            names.truncate(MOST_NAMED);
            let names = names.join(", ");
            let form = naming_form(rail, "NAME");
            let problem =
                format!("is not clear: the token sees several that hold {coin} ({names}); name one by {form}");
            Err(RailError::Invalid { field: "wallet", problem }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_wallet_only_if_another_path_follows() {
        assert_eq!(naming("/wallet/shop/v1/charges"), Some(("shop", "/v1/charges")));
        assert_eq!(naming("/wallet/shop/"), Some(("shop", "/")));
        for none in ["/wallet/shop", "/wallet//v1", "/wallet/", "/v1/wallet/shop/x", "/wallets/shop/x"] {
            assert_eq!(naming(none), None, "{none}");
        }
    }
}
