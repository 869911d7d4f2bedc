//! A person's word on a spend of which nobody knows what became: with a second factor and with evidence, and never against
//! what the rail still may do.

use bursar_core::amount::Amount;
use bursar_core::coin::Asset;
use bursar_core::decimals::Decimals;
use bursar_core::hold::Hold;
use bursar_core::id::HoldId;
use bursar_core::ledger::{Command, Settler};
use bursar_core::limit::text::amount_of;

use crate::Bursar;
use crate::accounts::check_name;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::holding::moved;
use crate::step_up::Action;

/// What became of a spend, as a person found out.
#[derive(Clone, Debug)]
pub enum Finding {
    /// The money moved.
    Moved {
        /// What recipients got; what was held for them, if absent.
        amount: Option<Amount>,
        /// The fee that was paid; what was held for it, if absent.
        fee: Option<Amount>,
        /// What the rail calls it.
        reference: String,
        /// Whether it may be more than was held.
        more_than_held: bool,
    },
    /// It did not, and will not.
    NotMoved,
}

/// How much a person says that moved, beside what is held.
enum Said {
    /// Less, which gives the rest back.
    Less(Amount),
    /// As much, or more: a rail may know of more still.
    AtLeast(Amount),
}

impl Bursar {
    /// Settles a spend of which nobody knew, on a person's word: with a second factor, and with evidence.
    ///
    /// # Errors
    /// The caller does not administer the wallet or the organisation, or the spend was settled before.
    pub async fn resolve_spend(
        &self,
        principal: &Principal,
        id: HoldId,
        finding: Finding,
        evidence: String,
        otp: Option<&str>,
    ) -> Result<Hold, ServiceError> {
        self.person(principal)?;
        let hold = self.stored_spend(id)?;
        self.may_resolve(principal, &hold)?;
        check_slip(&hold, &finding, self.decimals())?;
        if evidence.trim().is_empty() {
            return Err(ServiceError::invalid("evidence", "is empty; say where you looked and what you saw"));
        }
        check_name("evidence", &evidence)?;
        if let Finding::Moved { reference, .. } = &finding {
            check_name("reference", reference)?;
        }
        let _shown = self.prove_step_up(principal, Action::Settle(id), otp).await?;
        let by = Settler::Person { evidence: evidence.clone() };
        let name = match &finding {
            Finding::Moved { reference, .. } => Some(reference.clone()),
            Finding::NotMoved => None,
        };
        let (command, said) = match finding {
            Finding::Moved { amount, fee, reference, .. } => {
                let (amount, fee) = moved(&hold, amount, fee);
                let cost = hold.cost.really(amount, fee);
                let said = match hold.cost.exceeds(&cost) {
                    true => Said::Less(cost.amount),
                    false => Said::AtLeast(cost.amount),
                };
                (Command::Capture { hold: id, amount, fee, reference, by }, said)
            }
            Finding::NotMoved => (Command::Release { hold: id, reason: evidence, by }, Said::Less(Amount::ZERO)),
        };
        // INVARIANT: whoever says that less moved gives the rest back, and all of it may still move; and nobody alone takes back
        // what a rail told.
        // A slow rail keeps what it is given here as it keeps spends.
        let _turn = self.turn_at_rail_of(principal, &hold).await?;
        // Whatever became of it while this waited.
        let now = self.stored_spend(id)?;
        match said {
            Said::Less(said) => self.check_no_more_moved(&now, said).await?,
            Said::AtLeast(said) => self.check_no_more_told(&now, said).await?,
        }
        if let Some(name) = name {
            self.check_name_of(&hold, &name).await?;
        }
        self.settle_as(principal, command).await
    }
}

impl Bursar {
    /// Refuses another name for a spend than the one under which its rail has it: that would be lost.
    async fn check_name_of(&self, hold: &Hold, said: &str) -> Result<(), ServiceError> {
        if !hold.state.is_held() || hold.holder.is_some() {
            return Ok(());
        }
        let Some((name, rail)) = self.rail_of(hold)? else { return Ok(()) };
        let memory = self.memory(name);
        // What is not called by its last name yet, such as a request that others sign, is called as whoever looked says.
        match rail.transaction_id(hold.id, &memory).await? {
            Some(known) if !known.eq_ignore_ascii_case(said) => {
                let problem = format!("is not what the rail has it as, which is `{known}`: look that up, and name it");
                Err(ServiceError::invalid("reference", problem))
            }
            _ => Ok(()),
        }
    }
}

/// Whether no more is said to have moved than was held, unless that is meant: it cannot be taken back, and it stops the token.
///
/// # Errors
/// More is said, and not that it is meant.
fn check_slip(hold: &Hold, finding: &Finding, decimals: &Decimals) -> Result<(), ServiceError> {
    let Finding::Moved { amount, fee, more_than_held: false, .. } = finding else { return Ok(()) };
    let sides = [
        ("amount", amount, hold.cost.without_fee(), &hold.cost.coin, "recipients"),
        ("fee", fee, hold.cost.fee, &hold.cost.fee_coin, "the fee"),
    ];
    let more = sides.into_iter().find(|(_, said, held, ..)| said.is_some_and(|said| said > *held));
    let Some((field, _, held, coin, whom)) = more else { return Ok(()) };
    let held = amount_of(held, &Asset::Coin(coin.clone()), decimals);
    let problem = format!("is more than the {held} that were held for {whom}; say `moreThanHeld` if so much moved");
    Err(ServiceError::invalid(field, problem))
}
