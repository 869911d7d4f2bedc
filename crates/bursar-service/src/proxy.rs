//! Calls in a rail's own protocol: read, passed on, or spent like every other spend.
//!
//! What must never happen here: that a call is passed on which was not understood as a read.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bursar_core::account::User;
use bursar_core::authorize::{Need, authorize};
use bursar_core::coin::Coin;
use bursar_core::id::{UserId, WalletId};
use bursar_core::ip::IpRule;
use bursar_core::limit::LimitReport;
use bursar_core::refusal::Refusal;
use bursar_core::scope::WalletAction;
use bursar_core::token::Token;
use bursar_rails::Forbidden;
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::{Call, Calls};
use bursar_store::{Page, WalletOfUser};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::Bursar;
use crate::authenticate::Principal;
use crate::breakers::{Circuit, Doing, Place};
use crate::error::ServiceError;
use crate::live::over_socket;
use crate::rail::{CallError, CallMeaning, Protocol, Rail, Spoken, Wanted};
use crate::spend::{SpendRequest, What};

/// What Ethereum's nodes say of too much (EIP-1474).
const LIMIT_EXCEEDED: i64 = -32005;
/// Wallets looked at in one read.
const PAGE: usize = 500;
/// The most wallets of a user that are looked through.
const MOST_WALLETS: usize = 10_000;

/// Why a call has no result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoResult {
    /// It is never carried out.
    Forbidden(Forbidden),
    /// The rail says so, in its own words.
    Rail(CallError),
    /// It is for a wallet that the caller does not see there, in these words.
    NoSuchWallet(String),
    /// It was not carried out here.
    Service(ServiceError),
}

/// A wallet of the caller on a rail.
pub(crate) struct OwnWallet {
    pub(crate) id: WalletId,
    pub(crate) reference: String,
    pub(crate) coin: Coin,
}

/// How much memory the answers to one batch may take, about, and from which sum on few batches have so much at a time.
const MOST_OF_BATCH: usize = 32 << 20;
const LONG: usize = 1 << 20;
/// How many batches with long answers are gathered at once.
pub(crate) const LONG_AT_ONCE: usize = 8;

/// What the answers to a batch take so far.
pub(crate) struct Room<'a> {
    taken: usize,
    turns: &'a Semaphore,
    turn: Option<SemaphorePermit<'a>>,
}

impl<'a> Room<'a> {
    pub(crate) const fn new(turns: &'a Semaphore) -> Self {
        Self { taken: 0, turns, turn: None }
    }

    /// Reads something, if its answer still has room.
    pub(crate) async fn gather(
        &mut self,
        circuit: &Circuit<'_>,
        reading: impl Future<Output = Result<Json, NoResult>>,
    ) -> Result<Json, NoResult> {
        if self.is_full() {
            return Err(NoResult::Rail(too_long()));
        }
        let result = circuit.read(reading.await).await;
        self.take(result.as_ref().map_or(0, Json::weight)).await;
        result
    }

    const fn is_full(&self) -> bool {
        self.taken >= MOST_OF_BATCH
    }

    async fn take(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(bytes);
        if self.taken > LONG && self.turn.is_none() {
            self.turn = self.turns.acquire().await.ok();
        }
    }
}

fn too_long() -> CallError {
    CallError::Refused {
        code: LIMIT_EXCEEDED,
        message: "the answers to the calls before it in this batch are too long; ask for less at once".to_owned(),
        data: None,
    }
}

fn no_such_wallet(name: &str) -> NoResult {
    NoResult::NoSuchWallet(format!(
        "the token sees no wallet `{}` on this rail; wallets are named here by what the rail calls them, as `bursar wallet list` \
         shows it",
        name.escape_debug()
    ))
}

/// Calls, as a rail understands them.
pub(crate) struct Understood<'a> {
    pub(crate) protocol: &'a dyn Protocol,
    pub(crate) wallets: Vec<OwnWallet>,
    pub(crate) references: Vec<String>,
    /// One of each call.
    pub(crate) meanings: Vec<CallMeaning>,
    /// That of reading.
    pub(crate) circuit: Circuit<'a>,
}

/// Carries out what spends nothing.
pub(crate) async fn read(
    protocol: &dyn Protocol,
    call: &Call,
    meaning: CallMeaning,
    references: &[String],
) -> Result<Json, NoResult> {
    match meaning {
        CallMeaning::Read => protocol.read(call, references).await.map_err(NoResult::Rail),
        CallMeaning::Wallets => Ok(Json::List(references.iter().map(|one| Json::Text(one.as_str().into())).collect())),
        CallMeaning::Forbidden(refusal) => Err(NoResult::Forbidden(refusal)),
        CallMeaning::NewAddress(_) | CallMeaning::Spend(_) => Err(NoResult::Forbidden(over_socket())),
    }
}

/// What comes with calls, beside them.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// The client's own name for the spend among them.
    pub key: Option<String>,
    /// A one-time password: an unlock for that spend alone.
    pub otp: Option<String>,
}

/// How a rail is spoken to, for whoever has a wallet there and called it in another way.
pub(crate) fn spoken_to_otherwise(rail: &dyn Rail) -> ServiceError {
    ServiceError::NoSuchPath(match rail.spoken() {
        Spoken::Calls => "its calls are posted to its name alone, or to `/wallet/NAME` behind it",
        Spoken::Requests => {
            "it takes requests to the paths behind its name that its rules have, or behind `/wallet/NAME` after it"
        }
        Spoken::Only => "its wallets are spent from through Bursar's own interface and BitGo's",
    })
}

/// What came of calls.
#[derive(Debug)]
pub struct Called {
    /// Of each, in their order.
    pub results: Vec<Result<Json, NoResult>>,
    /// Whether none of them was to spend.
    pub is_read: bool,
    /// How the limits of the last one that was to spend stand after it, if any did.
    pub reports: Vec<LimitReport>,
}

impl Bursar {
    /// Carries calls out, in their order. A token that may see no wallet of the rail reads nothing there either; where a
    /// wallet is named, by what the rail calls it, no other is meant.
    ///
    /// # Errors
    /// There is no such rail, it is not spoken to in its own protocol, or the caller has no part in it.
    pub async fn call_rail(
        &self,
        principal: &Principal,
        rail: &str,
        wallet: Option<&str>,
        calls: &Calls,
        beside: Beside,
    ) -> Result<Called, ServiceError> {
        let Understood { protocol, wallets, references, meanings, circuit } =
            self.understand(principal, rail, wallet, calls).await?;
        if let Some(name) = wallet.filter(|_| wallets.is_empty()) {
            let results = calls.as_slice().iter().map(|_| Err(no_such_wallet(name))).collect();
            return Ok(Called { results, is_read: true, reports: Vec::new() });
        }
        let is_read = !meanings.iter().any(|meaning| matches!(meaning, CallMeaning::Spend(_)));
        let mut results = Vec::with_capacity(meanings.len());
        let (mut room, mut reports) = (Room::new(&self.long_answers), Vec::new());
        for (call, meaning) in calls.as_slice().iter().zip(meanings) {
            results.push(match meaning {
                CallMeaning::Spend(wanted) => {
                    let spent = self.spend_by_call(principal, (rail, protocol), call, *wanted, &wallets, &beside).await;
                    match spent {
                        Ok((result, after)) => {
                            reports = after;
                            Ok(result)
                        }
                        Err(error) => {
                            reports = error.reports().to_vec();
                            Err(NoResult::Service(error))
                        }
                    }
                }
                CallMeaning::Forbidden(refusal) if protocol.spends(call) => {
                    Err(self.spend_forbidden(principal, rail, refusal).await)
                }
                other => match circuit.check().and_then(|()| self.may_ask(principal, other, &wallets)) {
                    Ok(other) => room.gather(&circuit, read(protocol, call, other, &references)).await,
                    Err(refused) => Err(NoResult::Service(refused)),
                },
            });
        }
        Ok(Called { results, is_read, reports })
    }

    /// That a call which was to spend is never carried out.
    pub(crate) async fn spend_forbidden(&self, principal: &Principal, rail: &str, refusal: Forbidden) -> NoResult {
        match self.note_unread(principal, Place::Rail(rail), refusal.why.code(), &refusal.detail).await {
            Ok(()) => NoResult::Forbidden(refusal),
            Err(paused) => NoResult::Service(paused),
        }
    }

    /// What is left to do of a call that spends nothing. Seeing a wallet is not enough for an address of it, as it is not
    /// where [`Bursar::new_address`] makes one.
    fn may_ask(
        &self,
        principal: &Principal,
        meaning: CallMeaning,
        wallets: &[OwnWallet],
    ) -> Result<CallMeaning, ServiceError> {
        let CallMeaning::NewAddress(reference) = meaning else { return Ok(meaning) };
        let wallet = wallets.iter().find(|own| own.reference == reference).ok_or(Refusal::WalletUnknown)?;
        self.wallet_for(principal, wallet.id, WalletAction::Spend)?;
        Ok(CallMeaning::Read)
    }

    /// What calls mean to a rail in which the caller has a part, or to one wallet there; it is none of the caller's if there
    /// are no wallets then. A batch that is refused as a whole is so call by call.
    ///
    /// # Errors
    /// There is no such rail, it is not spoken to in its own protocol, or the caller has no part in it.
    pub(crate) async fn understand<'a>(
        &'a self,
        principal: &Principal,
        rail: &'a str,
        wallet: Option<&str>,
        calls: &Calls,
    ) -> Result<Understood<'a>, ServiceError> {
        let found = self.rails.get(rail).ok_or(ServiceError::NotFound("rail"))?;
        let mut wallets = self.wallets_on(principal, rail).await?;
        let protocol = found.protocol().ok_or_else(|| spoken_to_otherwise(found.as_ref()))?;
        let named = wallet.map(|name| found.wallet_name(name).ok());
        wallets.retain(|own| named.as_ref().is_none_or(|name| name.as_ref() == Some(&own.reference)));
        let references: Vec<_> = wallets.iter().map(|wallet| wallet.reference.clone()).collect();
        let refuse =
            |refusal| calls.as_slice().iter().map(|_| CallMeaning::Forbidden(Forbidden::clone(&refusal))).collect();
        let meanings = protocol.meanings(calls, &references, &self.memory(rail)).unwrap_or_else(refuse);
        let circuit = self.circuit(principal, Doing::Read, Place::Rail(rail));
        Ok(Understood { protocol, wallets, references, meanings, circuit })
    }

    async fn spend_by_call(
        &self,
        principal: &Principal,
        (rail, protocol): (&str, &dyn Protocol),
        call: &Call,
        wanted: Wanted,
        wallets: &[OwnWallet],
        beside: &Beside,
    ) -> Result<(Json, Vec<LimitReport>), ServiceError> {
        let id_of =
            |reference: &str| wallets.iter().find(|wallet| wallet.reference == reference).map(|wallet| wallet.id);
        let found = |reference: &str| id_of(reference).ok_or(ServiceError::from(Refusal::WalletUnknown));
        let payer = wanted.payer.as_ref().map(|payer| found(&payer.reference)).transpose();
        let both = found(&wanted.reference).and_then(|wallet| Ok((wallet, payer?)));
        let (wallet, payer) = self.noting_unread(principal, Place::Rail(rail), both).await?;
        let shows_transaction = wanted.shows_transaction;
        let request = SpendRequest {
            coin: wanted.coin.clone(),
            wallet,
            what: What::Call { call: call.clone(), wanted: Box::new(wanted), payer, key: beside.key.clone() },
            sequence_id: None,
            comment: None,
            otp: beside.otp.clone(),
        };
        let sent = self.spend(principal, request).await?;
        if shows_transaction {
            let shown = protocol.transaction(sent.hold.id, &self.memory(rail))?;
            let shown = shown.ok_or(ServiceError::OutcomePending { hold: sent.hold.id })?;
            return Ok((shown, sent.reports));
        }
        Ok((protocol.result(call, &sent.reference), sent.reports))
    }

    /// The wallets on a rail that the caller may see, as [`Self::wallets_seen_by`] has them.
    pub(crate) async fn wallets_on(&self, principal: &Principal, rail: &str) -> Result<Vec<OwnWallet>, ServiceError> {
        self.wallets_seen_by((principal.token(), &principal.owner, Some(principal.address)), rail).await
    }

    /// The wallets on a rail that a token of somebody sees, from an address; from one of its own if none is said. Those that
    /// it may spend from come first: clients take the first account they are told of.
    pub(crate) async fn wallets_seen_by(
        &self,
        (token, owner, address): (&Token, &User, Option<IpAddr>),
        rail: &str,
    ) -> Result<Vec<OwnWallet>, ServiceError> {
        let now = self.clock.now();
        let own_address = || token.grant.ips.rules().first().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), IpRule::first);
        let address = address.unwrap_or_else(own_address);
        let (mut own, mut only_seen, mut refused) = (Vec::new(), Vec::new(), None);
        for WalletOfUser { wallet, role, .. } in self.wallets_of(owner.id).await?.iter() {
            if wallet.rail != rail {
                continue;
            }
            let may = |action| authorize(token, owner, address, Need::Wallet { action, wallet, role: *role }, now);
            match may(WalletAction::View) {
                Ok(()) => {
                    // A freeze ends again, and moves no wallet behind another one meanwhile.
                    let spends = matches!(may(WalletAction::Spend), Ok(()) | Err(Refusal::WalletFrozen(_)));
                    let list = if spends { &mut own } else { &mut only_seen };
                    let (reference, coin) = (wallet.reference.clone(), wallet.coin.clone());
                    list.push(OwnWallet { id: wallet.id, reference, coin });
                }
                Err(refusal) => refused = Some(refusal),
            }
        }
        own.append(&mut only_seen);
        match refused {
            Some(refusal) if own.is_empty() => Err(refusal.into()),
            // Whoever has no wallet there need not know which rails there are.
            None if own.is_empty() => Err(ServiceError::NotFound("rail")),
            _ => Ok(own),
        }
    }

    /// All wallets in which a user has a part, as far as they are looked through.
    pub(crate) async fn wallets_of(&self, user: UserId) -> Result<Arc<[WalletOfUser]>, ServiceError> {
        if let Some(known) = self.known.wallets(user) {
            return Ok(known);
        }
        let (read_at, mut all, mut after) = (self.known.generation(), Vec::new(), None);
        loop {
            let page = Page { limit: PAGE, after, newest_first: false };
            let found = self.reads.run(move |reader| reader.wallets(user, None, page)).await?;
            after = found.last().map(|last| last.wallet.id);
            let is_last = found.len() < PAGE;
            all.extend(found);
            if is_last || all.len() >= MOST_WALLETS {
                return Ok(self.known.keep_wallets(user, all, read_at));
            }
        }
    }
}
