//! Spending: hold, send, settle, in this order and never another (SECURITY.md, I7).

mod asked;
mod on_its_way;
mod planned;
mod two_wallets;
pub(crate) mod untaken;

use std::sync::{Arc, Mutex};

use bursar_core::amount::Amount;
use bursar_core::authorize::{Need, authorize};
use bursar_core::coin::Coin;
use bursar_core::hold::{Cost, Hold, Payee, Recipient, SpendKey};
use bursar_core::id::{HoldId, UserId, WalletId};
use bursar_core::ledger::{HoldRequest, Key, Outcome};
use bursar_core::limit::LimitReport;
use bursar_core::refusal::Refusal;
use bursar_core::scope::WalletAction;
use bursar_rails::dialect::Order;
use bursar_rails::exchange::Charge;
use bursar_rails::jsonrpc::Call;
use bursar_store::StoreError;
use sha2::{Digest, Sha256};

use self::asked::{Asked, Asks, Planning};
use self::on_its_way::HoldAndSend;
pub(crate) use self::planned::Planned;
use crate::Bursar;
use crate::authenticate::Principal;
use crate::breakers::{Circuit, Doing, Place};
use crate::error::ServiceError;
use crate::flow::Flow;
use crate::known::KnownWallet;
use crate::rail::{Built, Plan, Wanted};
use crate::refused::Attempt;
use crate::step_up::Action;
use crate::stored::TRIES;
use crate::turns::Turn;

/// What stands for the recipient of a spend that nobody gets but the upstream itself.
pub const NOBODY_ELSE: &str = "-";

/// A spend as a client asks for it.
#[derive(Clone, Debug)]
pub struct SpendRequest {
    /// The coin named in the path.
    pub coin: Coin,
    /// From which wallet.
    pub wallet: WalletId,
    /// What is to be sent.
    pub what: What,
    /// The client's own name for the spend.
    pub sequence_id: Option<String>,
    /// A comment to keep with it.
    pub comment: Option<String>,
    /// A one-time password: an unlock for this spend alone.
    pub otp: Option<String>,
}

/// What is to be sent.
#[derive(Clone, Debug)]
pub enum What {
    /// So much to each of these.
    Recipients(Vec<Recipient>),
    /// The transaction that was built before, and the recipients the client believes are in it.
    Transaction {
        /// Its bytes.
        bytes: Vec<u8>,
        /// What the client claims.
        claimed: Option<Vec<Recipient>>,
    },
    /// What a call in the rail's own protocol asks.
    Call {
        /// The call.
        call: Call,
        /// What it means.
        wanted: Box<Wanted>,
        /// The wallet whose money moves, if it is another than the one that pays the fee.
        payer: Option<WalletId>,
        /// The client's own name for the spend, if it gave one beside the call.
        key: Option<String>,
    },
    /// What a request of plain HTTP asks.
    Exchange {
        /// What it asks.
        charge: Arc<Charge>,
        /// The way for its answer, for whoever takes it while it comes.
        flow: Arc<Mutex<Option<Flow>>>,
    },
    /// What an order says that the rail reads itself.
    Order(Arc<Order>),
}

/// A spend that went through, now or before.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The spend; captured.
    pub hold: Hold,
    /// What the rail calls it.
    pub reference: String,
    /// What the approval is called that it waits for where it was sent; there is no reference yet then.
    pub approval: Option<String>,
    /// Its transaction, as far as it is known: signed, or as it was built before.
    pub transaction: Vec<u8>,
    /// What each limit it fell under said; how the token's own stand, if it was asked for again.
    pub reports: Vec<LimitReport>,
    /// Whether it went through before.
    pub before: bool,
}

impl Bursar {
    /// Makes a transaction without sending it. Needs the scope to spend, but neither limit nor unlock.
    ///
    /// # Errors
    /// The caller may not spend from this wallet, or the rail cannot make it.
    pub async fn build(
        &self,
        principal: &Principal,
        coin: &Coin,
        wallet: WalletId,
        recipients: &[Recipient],
    ) -> Result<Built, ServiceError> {
        let (wallet, _) = self.wallet_for(principal, wallet, WalletAction::Spend)?;
        if wallet.coin != *coin {
            return Err(Refusal::WrongCoin { holds: wallet.coin.clone() }.into());
        }
        let rail = self.rail(&wallet.rail)?;
        rail.payees(coin, recipients)?;
        Ok(rail.build(&wallet.reference, coin, recipients, self.random.bytes()).await?)
    }

    /// Spends: holds the budget, sends, settles.
    ///
    /// # Errors
    /// Refused with the reason, or sent with an outcome that is not known: then it stays held.
    pub async fn spend(&self, principal: &Principal, request: SpendRequest) -> Result<Sent, ServiceError> {
        let circuit = self.circuit(principal, Doing::Spend, Place::Wallet(Some(request.wallet)));
        circuit.check()?;
        let id = HoldId::time_ordered(self.clock.now(), self.random.bytes());
        let spent = self.spend_as(principal, request, id, &circuit).await;
        circuit.ended(id, spent, |sent| sent.before).await
    }

    async fn spend_as(
        &self,
        principal: &Principal,
        request: SpendRequest,
        id: HoldId,
        circuit: &Circuit<'_>,
    ) -> Result<Sent, ServiceError> {
        let attempt = Attempt { token: principal.token().id, coin: request.coin.clone(), wallet: Some(request.wallet) };
        let prepared = self.prepare(principal, request, id, circuit).await;
        let (work, mut hold, turn) = self.noting_refusal(principal, &attempt, prepared).await?;
        // On a task of its own: a client that goes away leaves no spend half done.
        let pending = ServiceError::OutcomePending { hold: hold.id };
        for _ in 0..TRIES {
            let (work, hold_now, turn) = (work.clone(), hold.clone(), Arc::clone(&turn));
            let under_way = tokio::spawn(async move {
                let _turn = turn;
                work.run(hold_now).await
            });
            match under_way.await.unwrap_or(Err(pending.clone()))? {
                Some(sent) if sent.before => {
                    let reports = self.standing_of_token(hold.token, &*self.limits_of(hold.token)?).await?;
                    return Ok(Sent { reports, ..sent });
                }
                Some(sent) => return Ok(sent),
                None => {
                    let presented = self.still_presented(hold.token, principal.lookup);
                    // What it repeats must be there still, or it is another spend, and has to be planned as one.
                    hold.read.retain(|(key, _)| matches!(key, Key::SpendKey(_)));
                    hold.read.push(self.noting_refusal(principal, &attempt, presented).await?);
                }
            }
        }
        Err(ServiceError::Busy)
    }

    /// Reads a request, and finds what it takes to hold and send it once it is sure that it may be asked for at all: what
    /// is refused keeps neither the rail nor whoever waits for it.
    async fn prepare(
        &self,
        principal: &Principal,
        request: SpendRequest,
        id: HoldId,
        circuit: &Circuit<'_>,
    ) -> Result<(HoldAndSend, HoldRequest, Arc<Turn>), ServiceError> {
        let (wallet, _) = self.wallet_for(principal, request.wallet, WalletAction::Spend)?;
        let rail = self.rail(&wallet.rail)?;
        let coin = request.coin;
        let key = request.sequence_id.map(|name| SpendKey::Sequence(wallet.id, name));
        let asks = Asks { principal, wallet: &wallet, rail, coin: &coin, id };
        let Asked { payees, plan: planning, bytes, key, charge, flow, payer } = asks.read(self, request.what, key)?;
        let fee_coin = rail.fee_coin(&coin);
        let mut hold = HoldRequest {
            id,
            token: principal.token().id,
            address: principal.address,
            wallet: Some(wallet.id),
            organisation: None,
            meaning: meaning(&coin, Some(wallet.id), &payees, &bytes),
            fee_ceiling: Some(rail.fees_at_most(&fee_coin)),
            fee_coin,
            coin: coin.clone(),
            payees,
            fee: Amount::ZERO,
            key,
            instruction: planning.instruction().to_vec(),
            comment: request.comment,
            stepped_up: self.ignores_limits(),
            holder: None,
            captures_itself: false,
            patience: self.policy.spend_deadline,
            read: vec![(Key::Token(principal.token().id), principal.known.version)],
        };
        // A repeat has used up its code already: its key leads to the first outcome, without proof.
        if request.otp.is_some() && !self.is_known(&hold)? {
            // A code is not used up for what none allows.
            self.check_unplanned(vec![HoldRequest { stepped_up: true, ..hold.clone() }]).await?;
            let action = Action::Spend(wallet.id);
            let _shown = self.prove_step_up(principal, action, request.otp.as_deref()).await?;
            hold.stepped_up = true;
        }
        if let Planning::Repeat(_, name) = &planning {
            hold.read.push(name.clone());
        }
        let payer = payer.map(|half| Arc::new(half.beside(&mut hold)));
        let turn = self.turns.take((principal.user(), hold.token), &wallet.rail).await.ok_or(ServiceError::Busy)?;
        let asks_the_rail = !matches!(planning, Planning::Done(_) | Planning::Repeat(..)) && !rail.is_sandbox();
        let mut turn_to_plan = None;
        if asks_the_rail {
            turn_to_plan = self.turns.take_plan(hold.token).await;
            // Those of a burst that were asked for before it was paused are not planned any more.
            circuit.check()?;
            let halves = payer.iter().map(|half| half.request().clone());
            self.check_unplanned(halves.chain([hold.clone()]).collect()).await?;
        }
        let planned = Arc::new(Planned::by(rail, id));
        let (Plan { fee, instruction }, told) = asks.plan(self, planning, !hold.payees.is_empty()).await?;
        if let Some(told) = told {
            hold.meaning = meaning(&coin, Some(wallet.id), &told, &bytes);
            hold.payees = told;
        }
        drop(turn_to_plan);
        check_sum(&hold.payees, &coin, (&hold.fee_coin, fee))?;
        (hold.fee, hold.instruction) = (fee, instruction);
        let work = HoldAndSend {
            ledger: Arc::clone(&self.ledger),
            memory: self.memory(&wallet.rail),
            rail: Arc::clone(rail),
            planned,
            charge,
            flow,
            wallet,
            payer,
            actor: principal.actor(),
            under_way: self.under_way.clone(),
            in_flight: self.in_flight.clone(),
            outcomes: self.outcomes.clone(),
            alarms: self.alarms.clone(),
            decimals: Arc::clone(&self.decimals),
        };
        Ok((work, hold, turn))
    }

    /// Whether one of the request's names stands for a spend already.
    fn is_known(&self, request: &HoldRequest) -> Result<bool, StoreError> {
        self.reads.look_up(|reader| {
            request.names().iter().try_fold(false, |known, name| Ok(known || reader.hold_by_key(name)?.is_some()))
        })
    }

    /// A wallet on which the caller may do this, checked on what is known now; the ledger checks again.
    pub(crate) fn wallet_for(
        &self,
        principal: &Principal,
        wallet: WalletId,
        action: WalletAction,
    ) -> Result<KnownWallet, ServiceError> {
        let (wallet, role) = self.wallet_of(wallet, principal.user())?.ok_or(Refusal::WalletUnknown)?;
        let need = Need::Wallet { action, wallet: &wallet, role };
        authorize(principal.token(), &principal.owner, principal.address, need, self.clock.now())?;
        Ok((wallet, role))
    }

    /// A wallet and what a user may do with it.
    pub(crate) fn wallet_of(&self, wallet: WalletId, user: UserId) -> Result<Option<KnownWallet>, StoreError> {
        if let Some(known) = self.known.wallet(wallet, user) {
            return Ok(Some(known));
        }
        let read_at = self.known.generation();
        let found = self.reads.look_up(|reader| reader.wallet(wallet, user))?;
        Ok(found.map(|found| (self.known.keep_wallet(found.wallet, user, found.role, read_at), found.role)))
    }
}

/// The same if the recipients got nothing.
pub(crate) fn captured_of_none(hold: &Hold, fee: Amount) -> Amount {
    if hold.cost.coin == hold.cost.fee_coin { fee } else { Amount::ZERO }
}

/// Refuses sums that no coin has: totals of many spends must always fit 256 bits, or one of them could
/// keep all others from being counted.
pub(crate) fn check_sum(payees: &[Payee], coin: &Coin, (fee_coin, fee): (&Coin, Amount)) -> Result<(), Refusal> {
    match Cost::of(coin.clone(), payees.iter().map(|to| to.amount), fee_coin.clone(), fee) {
        Some(cost) if !cost.is_absurd() => Ok(()),
        _ => Err(Refusal::AmountTooLarge),
    }
}

/// How much of the coin left: what the recipients got, and the real fee if it was paid in the same coin.
pub(crate) fn captured(hold: &Hold, fee: Amount) -> Amount {
    let cost = &hold.cost;
    if cost.coin == cost.fee_coin { cost.without_fee().saturating_add(fee) } else { cost.amount }
}

/// That the ledger answered a hold with what no hold is answered with.
pub(crate) fn unexpected(outcome: &Outcome) -> ServiceError {
    ServiceError::Unavailable(format!("the ledger answered a hold with {outcome:?}"))
}

/// Names what a spend means, so that a key cannot be used for two different ones. Not its bytes: the same
/// spend may be written in many ways.
pub(crate) fn meaning(coin: &Coin, wallet: Option<WalletId>, payees: &[Payee], transaction: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(bytes.len().to_be_bytes());
        hasher.update(bytes);
    };
    field(b"spend");
    field(coin.as_str().as_bytes());
    field(wallet.as_ref().map_or(&[], |wallet| &wallet.as_bytes()[..]));
    // Who is named first says nothing about who gets what.
    let mut payments: Vec<_> = payees.iter().map(|payee| (payee.destination.id(), payee.amount)).collect();
    payments.sort_unstable();
    for (destination, amount) in payments {
        field(destination.as_bytes());
        field(&amount.to_be_bytes());
    }
    field(transaction);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use bursar_core::destination::Destination;

    use super::*;

    #[test]
    fn a_fee_is_part_of_the_sum_only_in_the_coin_that_is_spent() {
        let coin = |text| Coin::parse(text).expect("a ticker");
        let (tbtc, usdc, hteth) = (coin("tbtc"), coin("hteth:usdc"), coin("hteth"));
        let to = Payee {
            address: "1".to_owned(),
            destination: Destination::new("bitcoin-testnet", &[1], None),
            amount: Cost::WITHOUT_END,
        };
        let one = Amount::new(1);
        let check = |payees: &[Payee], coin, fee| check_sum(payees, coin, fee).is_ok();
        assert!(check(std::slice::from_ref(&to), &tbtc, (&tbtc, Amount::ZERO)));
        assert!(!check(std::slice::from_ref(&to), &tbtc, (&tbtc, one)));
        assert!(check(std::slice::from_ref(&to), &usdc, (&hteth, one)));
        assert!(!check(&[], &usdc, (&hteth, Cost::BOUND)));
        assert!(!check(&[to.clone(), to], &usdc, (&hteth, one)));
    }

    #[test]
    fn the_order_of_recipients_means_nothing_and_who_gets_how_much_does() {
        let coin = Coin::parse("tbtc").expect("a ticker");
        let to = |number: u8, amount| Payee {
            address: number.to_string(),
            destination: Destination::new("bitcoin-testnet", &[number], None),
            amount: Amount::new(amount),
        };
        let meaning = |payees: &[Payee]| meaning(&coin, None, payees, &[]);
        let one = meaning(&[to(1, 5), to(2, 7)]);
        assert_eq!(meaning(&[to(2, 7), to(1, 5)]), one);
        assert_ne!(meaning(&[to(1, 7), to(2, 5)]), one);
        assert_ne!(meaning(&[to(1, 5), to(2, 7), to(2, 7)]), one);
    }
}
