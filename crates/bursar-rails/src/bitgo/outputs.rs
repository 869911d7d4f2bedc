//! A transaction of Bitcoin that a client signed: whom it pays, what goes back to the wallet, and its fee.
//!
//! What inputs are worth, and which addresses are the wallet's own, the upstream says with its signature, never the client.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::base64::Engine as _;
use bitcoin::base64::engine::general_purpose::STANDARD;
use bitcoin::hex::FromHex as _;
use bitcoin::{Amount as Satoshi, OutPoint, Transaction, TxOut};
use bursar_core::amount::Amount;
use bursar_core::destination::Destination;
use bursar_core::hold::Recipient;

use super::order::differs;
use crate::bitcoin::network::Network;
use crate::bitcoin::transaction::{Coins, PartiallySigned, Raw, fee};
use crate::json::Json;
use crate::{Forbidden, Why};

/// How a PSBT begins.
const PSBT: &[u8] = b"psbt\xff";
/// The longest transaction, in hex digits.
const LONGEST_HEX: usize = 500_000;
/// The most outputs that are looked up.
const MOST_LEFT_OVER: usize = 20;

/// A transaction with its outputs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outputs {
    network: Network,
    transaction: Transaction,
    psbt: Option<PartiallySigned>,
}

impl Outputs {
    /// Reads hex digits of a transaction or of a PSBT.
    ///
    /// # Errors
    /// They are neither, or one that is not carried out, or that is signed for less than the whole of it.
    pub fn read(network: Network, hex: &str) -> Result<Self, Forbidden> {
        let unreadable = || Forbidden::undecodable("`txHex` is no transaction in hex; build it anew");
        if hex.len() > LONGEST_HEX {
            return Err(Forbidden::undecodable(format!("`txHex` has more than {LONGEST_HEX} digits")));
        }
        let bytes = Vec::<u8>::from_hex(hex).map_err(|_| unreadable())?;
        if bytes.starts_with(PSBT) {
            let psbt = PartiallySigned::read(&STANDARD.encode(&bytes))?;
            return Ok(Self { network, transaction: psbt.transaction().clone(), psbt: Some(psbt) });
        }
        let raw = Raw::read(bytes)?;
        // INVARIANT: what was signed for a part of it could pay others once it is sent on.
        raw.check_signed_for_all()?;
        Ok(Self { network, transaction: raw.transaction().clone(), psbt: None })
    }

    /// The coins that it spends.
    pub fn spends(&self) -> BTreeSet<OutPoint> {
        self.transaction.input.iter().map(|input| input.previous_output).collect()
    }

    /// The addresses that get something and are no recipients: the wallet's own, or it is not carried out.
    ///
    /// # Errors
    /// A recipient does not get what is claimed, or an output has no address.
    pub fn left_over(&self, claimed: &[Recipient]) -> Result<BTreeMap<String, Destination>, Forbidden> {
        let mut wanted = claimed
            .iter()
            .map(|to| Ok((self.network.address(&to.address)?.destination, to.amount)))
            .collect::<Result<Vec<_>, Forbidden>>()?;
        let mut left = BTreeMap::new();
        for output in &self.transaction.output {
            let to = self.network.payee_of(&output.script_pubkey)?;
            let amount = Amount::new(output.value.to_sat().into());
            match wanted.iter().position(|one| *one == (to.destination.clone(), amount)) {
                Some(place) => drop(wanted.swap_remove(place)),
                None => drop(left.insert(to.address, to.destination)),
            }
        }
        // A recipient's address that also gets something else is no change.
        let is_claimed = |to: &Destination| {
            claimed.iter().any(|one| self.network.address(&one.address).is_ok_and(|one| one.destination == *to))
        };
        if !wanted.is_empty() || left.values().any(is_claimed) {
            return Err(differs());
        }
        if left.len() > MOST_LEFT_OVER {
            let problem = format!("more than {MOST_LEFT_OVER} outputs are no recipients; name them");
            return Err(Forbidden::new(Why::NotSupported, problem));
        }
        Ok(left)
    }

    /// The fee, of inputs that are worth this; what its signers were told of them must be the same.
    ///
    /// # Errors
    /// An input is none of these, or worth something else.
    pub fn fee(&self, coins: &Coins) -> Result<Amount, Forbidden> {
        if let Some(psbt) = &self.psbt {
            psbt.check_coins(coins)?;
        }
        Ok(Amount::new(fee(&self.transaction, coins)?.to_sat().into()))
    }
}

/// A coin of the wallet as the upstream lists it; nothing if it cannot be read.
pub fn coin(network: Network, shown: &Json) -> Option<(OutPoint, TxOut)> {
    let text = |name: &str| shown.get(name).and_then(Json::as_text);
    let value = match (shown.get("valueString"), shown.get("value")) {
        (Some(Json::Text(digits)), _) | (None, Some(Json::Number(digits))) => digits.parse().ok()?,
        _ => return None,
    };
    let script = network.address(text("address")?).ok()?.script;
    let place: OutPoint = text("id")?.parse().ok()?;
    Some((place, TxOut { value: Satoshi::from_sat(value), script_pubkey: script }))
}

/// Whether the upstream says that an address is this wallet's.
pub fn is_own(network: Network, shown: &Json, wallet: &str, wanted: &Destination) -> bool {
    let text = |name: &str| shown.get(name).and_then(Json::as_text);
    let address = text("address").and_then(|address| network.address(address).ok());
    text("wallet") == Some(wallet) && address.is_some_and(|address| address.destination == *wanted)
}
