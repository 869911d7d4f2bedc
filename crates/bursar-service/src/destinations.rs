//! Whom money goes to, in one normal form for each address: as a rail reads it that has the coin. One address has many
//! spellings, and who cannot tell them apart must not compare them.

use std::collections::BTreeSet;
use std::sync::Arc;

use bursar_core::coin::Coin;
use bursar_core::destination::Destination;
use bursar_core::hold::{Payee, Recipient};
use bursar_core::limit::{Allowed, Destinations};
use bursar_wire::requests::{DestinationRules, DestinationText};

use crate::Bursar;
use crate::error::ServiceError;
use crate::rail::{Rail, RailError};

/// The longest address that no rail reads, in bytes.
const LONGEST_ADDRESS: usize = 256;
/// Coins that one refusal names.
const MOST_NAMED: usize = 20;

impl Bursar {
    /// The destinations of rules, as they will be compared.
    pub(crate) fn resolve_destinations(&self, asked: DestinationRules) -> Result<Destinations, ServiceError> {
        if self.rails.is_empty() {
            let problem = "cannot be compared: no rail of this server reads addresses";
            return Err(ServiceError::invalid("destinations", problem));
        }
        let read = |DestinationText { address, coin }: DestinationText| {
            let destination = self.destination(&coin, &address)?;
            Ok::<_, ServiceError>(Allowed { destination, address, coin })
        };
        let allowed = asked.allow.map(|list| list.into_iter().map(read).collect::<Result<Vec<_>, _>>());
        Ok(Destinations {
            allowed: allowed.transpose()?,
            at_most: asked.at_most,
            each: asked.each,
            counted_since: None,
        })
    }

    /// What an address of a coin means to whichever rail understands it. All rails write one normal form. Rules name no
    /// addresses of a coin that no rail has, where there are rails: nobody could tell one from another.
    fn destination(&self, coin: &Coin, address: &str) -> Result<Destination, ServiceError> {
        match self.read_by_rails(coin, address)? {
            Some(destination) => Ok(destination),
            None if self.rails.is_empty() => plain("address", coin, address),
            None => Err(ServiceError::invalid("coin", self.unknown_coin(coin))),
        }
    }

    /// Who is paid by a spend that no rail carries out: of a coin that no rail has, whatever the text says.
    pub(crate) fn destination_anywhere(
        &self,
        field: &'static str,
        coin: &Coin,
        address: &str,
    ) -> Result<Destination, ServiceError> {
        match self.read_by_rails(coin, address)? {
            Some(destination) => Ok(destination),
            None => plain(field, coin, address),
        }
    }

    /// What an address means to a rail that has its coin; nothing if none has it.
    fn read_by_rails(&self, coin: &Coin, address: &str) -> Result<Option<Destination>, ServiceError> {
        let mut problem = None;
        for rail in self.rails.values() {
            match rail.destination(coin, address) {
                Ok(destination) => return Ok(Some(destination)),
                // What a rail says of a coin that is not its own is nobody's problem, if another has it.
                Err(RailError::Invalid { field: "coin", .. }) => {}
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        problem.map_or(Ok(None), |problem| Err(problem.into()))
    }

    /// That no rail reads addresses of a coin, and of which coins they do.
    fn unknown_coin(&self, coin: &Coin) -> String {
        let coins: BTreeSet<Coin> = self.rails.values().flat_map(|rail| rail.coins()).collect();
        let some: Vec<String> = coins.iter().take(MOST_NAMED).map(|coin| format!("`{coin}`")).collect();
        let more = if coins.len() > some.len() { " and more" } else { "" };
        let problem = format!("`{coin}` is no coin of any rail of this server");
        if some.is_empty() { problem } else { format!("{problem}; there are {}{more}", some.join(", ")) }
    }

    /// Reads recipients as the rail of their wallet does; without one, as any rail does.
    pub(crate) fn payees_by(
        &self,
        rail: Option<&Arc<dyn Rail>>,
        coin: &Coin,
        recipients: &[Recipient],
    ) -> Result<Vec<Payee>, ServiceError> {
        match rail {
            Some(rail) => Ok(rail.payees(coin, recipients)?),
            None => self.payees_anywhere(coin, recipients),
        }
    }

    /// Reads recipients that no rail pays.
    fn payees_anywhere(&self, coin: &Coin, recipients: &[Recipient]) -> Result<Vec<Payee>, ServiceError> {
        let read = |recipient: &Recipient| {
            let destination = self.destination_anywhere("address", coin, &recipient.address)?;
            Ok(Payee { address: recipient.address.clone(), destination, amount: recipient.amount })
        };
        recipients.iter().map(read).collect()
    }
}

/// An address that is what it says, and nothing else.
fn plain(field: &'static str, coin: &Coin, address: &str) -> Result<Destination, ServiceError> {
    let is_sound =
        (1..=LONGEST_ADDRESS).contains(&address.len()) && address.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_sound {
        let problem = format!("must be 1 to {LONGEST_ADDRESS} printable characters without spaces");
        return Err(ServiceError::invalid(field, problem));
    }
    Ok(Destination::new(coin.chain(), address.as_bytes(), None))
}
