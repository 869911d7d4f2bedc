//! Where money is to go, what that costs, and what the transaction is called. Pure.
//!
//! A destination is read before anything is done with it; what cannot be read is refused.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::destination::Destination as Meant;
use bursar_core::hold::{Payee, Recipient};
use bursar_core::id::HoldId;
use bursar_core::ledger::FeeCeiling;
use bursar_service::rail::RailError;
use sha2::{Digest, Sha256};

use super::address::{self, Chain};

/// The most recipients of one transaction.
const MOST_RECIPIENTS: usize = 1000;

/// The longest destination, in bytes.
const LONGEST_DESTINATION: usize = 256;

/// A fault that a destination asks for; [`super`] says what each does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// Refuse.
    Refuse,
    /// Send, and answer late.
    Slow,
    /// Do not answer.
    DropAnswer,
    /// Send, then fail.
    FailAfterSend,
    /// Neither send nor answer.
    Never,
}

impl Fault {
    fn read(name: &str) -> Option<Self> {
        match name {
            "refuse" => Some(Self::Refuse),
            "slow" => Some(Self::Slow),
            "drop-answer" => Some(Self::DropAnswer),
            "fail-after-send" => Some(Self::FailAfterSend),
            "never" => Some(Self::Never),
            _ => None,
        }
    }
}

/// Where money is to go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Destination {
    /// An address in its normal form.
    Address(String),
    /// Nowhere, with a named fault.
    Fault(Fault),
}

impl Destination {
    /// Reads a destination of a coin, or says what is wrong with it.
    pub(super) fn read(coin: &Coin, text: &str) -> Result<Self, String> {
        if text.len() > LONGEST_DESTINATION {
            return Err(format!("is longer than {LONGEST_DESTINATION} characters"));
        }
        if let Some(name) = text.strip_prefix("sandbox:") {
            return Fault::read(name).map(Self::Fault).ok_or_else(|| {
                "names no fault; write refuse, slow, drop-answer, fail-after-send or never behind `sandbox:`".to_owned()
            });
        }
        address::normal_form(coin, text).map(Self::Address).ok_or_else(|| format!("is no {coin} address"))
    }
}

/// Checks that these recipients can be paid in one transaction of the coin.
pub(super) fn check(coin: &Coin, recipients: &[Recipient]) -> Result<(), RailError> {
    if recipients.is_empty() {
        return invalid("recipients", "is empty; name at least one recipient".to_owned());
    }
    if recipients.len() > MOST_RECIPIENTS {
        return invalid("recipients", format!("has more than {MOST_RECIPIENTS} entries; split the transaction"));
    }
    for (position, recipient) in recipients.iter().enumerate() {
        if let Err(problem) = Destination::read(coin, &recipient.address) {
            let which = match recipients.len() {
                1 => String::new(),
                count => format!("number {} of {count} ", position.saturating_add(1)),
            };
            return invalid("address", format!("{which}{problem}"));
        }
    }
    match total(recipients).and_then(|total| total.checked_add(fee())) {
        Some(_) => Ok(()),
        None => invalid("recipients", "together get more than 2^256 - 1 base units".to_owned()),
    }
}

/// What the recipients get together, if that is an amount.
pub(super) fn total(recipients: &[Recipient]) -> Option<Amount> {
    recipients.iter().try_fold(Amount::ZERO, |total, recipient| total.checked_add(recipient.amount))
}

/// The first fault among the recipients.
pub(super) fn fault(recipients: &[Recipient]) -> Option<Fault> {
    recipients.iter().find_map(|recipient| Fault::read(recipient.address.strip_prefix("sandbox:")?))
}

/// Reads the addresses of recipients that one transaction can pay.
pub(super) fn payees(coin: &Coin, recipients: &[Recipient]) -> Result<Vec<Payee>, RailError> {
    check(coin, recipients)?;
    let read = |recipient: &Recipient| {
        let destination = meant(coin, &recipient.address)?;
        Ok(Payee { address: recipient.address.clone(), destination, amount: recipient.amount })
    };
    recipients.iter().map(read).collect()
}

/// What an address means, in the normal form that all rails share.
pub(super) fn meant(coin: &Coin, address: &str) -> Result<Meant, RailError> {
    match Destination::read(coin, address) {
        Ok(Destination::Address(normal)) => Ok(address::meant(coin, &normal)),
        Ok(Destination::Fault(_)) => Ok(Meant::new("sandbox", address.as_bytes(), None)),
        Err(problem) => invalid("address", problem),
    }
}

/// What a send costs, whatever the coin: nothing. Never more, so that the ceiling is the price.
pub(super) fn fee() -> Amount {
    Amount::ZERO
}

/// What whoever moves a wallet's money themselves may pay in fees: a hundredth of a coin at once, and a tenth a
/// day. A coin whose decimals nobody knows has none.
pub(super) fn fees_at_most(fee_coin: &Coin) -> FeeCeiling {
    let part = |digits: u8| {
        let exponent = fee_coin.decimals().and_then(|decimals| decimals.checked_sub(digits));
        let units = exponent.and_then(|exponent| 10_u128.checked_pow(exponent.into()));
        units.map_or(Amount::ZERO, Amount::new)
    };
    FeeCeiling { per_spend: part(2), per_day: part(1) }
}

/// What a hold's transaction is called. It follows from the hold, so that it is the same at any time.
pub(super) fn transaction_id(coin: &Coin, hold: HoldId) -> String {
    let digest = Sha256::new_with_prefix("bursar sandbox").chain_update(hold.as_bytes()).finalize();
    let text = base16ct::lower::encode_string(&digest);
    match Chain::of(coin) {
        Chain::Evm { .. } => format!("0x{text}"),
        Chain::Bitcoin(_) | Chain::Other => text,
    }
}

fn invalid<T>(field: &'static str, problem: String) -> Result<T, RailError> {
    Err(RailError::Invalid { field, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coin(text: &str) -> Coin {
        Coin::parse(text).unwrap()
    }

    fn reads(ticker: &str, text: &str) -> bool {
        Destination::read(&coin(ticker), text).is_ok()
    }

    #[test]
    fn other_coins_take_short_printable_text() {
        assert!(reads("tsol", "4Nd1mYz") && reads("tsol", &"a".repeat(256)));
        for text in ["", "a b", "a\n", "ü", &"a".repeat(257)] {
            assert!(!reads("tsol", text), "{text}");
        }
    }

    #[test]
    fn every_fault_is_a_destination_of_every_coin_and_a_mistyped_one_of_none() {
        for ticker in ["btc", "tbtc", "hteth", "hteth:usdc", "tsol"] {
            for fault in ["refuse", "slow", "drop-answer", "fail-after-send", "never"] {
                assert!(reads(ticker, &format!("sandbox:{fault}")), "{ticker} {fault}");
            }
            assert!(!reads(ticker, "sandbox:nevr") && !reads(ticker, "sandbox-12"), "{ticker}");
        }
    }

    #[test]
    fn transaction_ids_look_like_the_chains_and_differ_by_hold() {
        let (one, two) = (HoldId::from_bytes([1; 16]), HoldId::from_bytes([2; 16]));
        assert_eq!(transaction_id(&coin("tbtc"), one).len(), 64);
        assert_eq!(transaction_id(&coin("hteth"), one), format!("0x{}", transaction_id(&coin("tbtc"), one)));
        assert_ne!(transaction_id(&coin("tbtc"), one), transaction_id(&coin("tbtc"), two));
    }

    #[test]
    fn nobody_too_many_and_too_much_are_refused_by_field() {
        let to = |amount| Recipient { address: "sandbox:slow".to_owned(), amount };
        let field = |recipients: &[Recipient]| match check(&coin("tbtc"), recipients) {
            Err(RailError::Invalid { field, .. }) => Some(field),
            _ => None,
        };
        assert_eq!(field(&[]), Some("recipients"));
        assert_eq!(field(&vec![to(Amount::ZERO); 1001]), Some("recipients"));
        assert_eq!(field(&[to(Amount::MAX), to(Amount::new(1))]), Some("recipients"));
        assert_eq!(field(&[Recipient { address: "x".to_owned(), amount: Amount::ZERO }]), Some("address"));
        assert_eq!(check(&coin("tbtc"), &vec![to(Amount::ZERO); 1000]), Ok(()));
        assert_eq!(check(&coin("tbtc"), &[to(Amount::MAX)]), Ok(()), "no fee comes on top");
    }
}
