//! What the sandbox takes for an address, a fee and a transaction id of each coin. Pure.
//!
//! A destination is read into its one normal form before anything is done with it, so that two ways of
//! writing an address are one address.

use std::str::FromStr;

use bitcoin::{Address, KnownHrp, Network, WitnessProgram, WitnessVersion};
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::Recipient;
use bursar_core::id::HoldId;
use bursar_service::rail::RailError;
use sha2::{Digest, Sha256};
use sha3::Keccak256;

/// The most recipients of one transaction.
const MOST_RECIPIENTS: usize = 1000;

/// The longest destination, in bytes.
const LONGEST_DESTINATION: usize = 256;

/// What a send of a coin on Bitcoin's chain costs, in satoshi.
const BITCOIN_FEE: u128 = 250;

/// What a send of an EVM chain's own coin costs, in wei: 21,000 gas at 1 gwei.
const EVM_FEE: u128 = 21_000 * 1_000_000_000;

/// EVM chains where money is worth something.
const EVM_MAIN: [&str; 6] = ["eth", "polygon", "arbeth", "opeth", "bsc", "avaxc"];

/// EVM chains for tests.
const EVM_TEST: [&str; 8] = [
    "teth", "hteth", "hoodeth", "tpolygon", "tarbeth", "topeth", "tbsc", "tavaxc",
];

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
        if text.starts_with("sandbox-") {
            return own_address(text)
                .map(Self::Address)
                .ok_or_else(|| "is not `sandbox-` with 40 lower-case hex digits".to_owned());
        }
        let address = match Chain::of(coin) {
            Chain::Bitcoin(network) => bitcoin_address(network, text),
            Chain::Evm { .. } => evm_address(text),
            Chain::Other => printable_address(text),
        };
        address
            .map(Self::Address)
            .ok_or_else(|| format!("is no {coin} address"))
    }
}

/// A chain, as far as its addresses and fees go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Chain {
    Bitcoin(Network),
    Evm { test: bool },
    Other,
}

impl Chain {
    fn of(coin: &Coin) -> Self {
        match coin.chain() {
            "btc" => Self::Bitcoin(Network::Bitcoin),
            // The test networks of Bitcoin share their address formats.
            "tbtc" | "tbtc4" | "tbtcsig" => Self::Bitcoin(Network::Testnet),
            chain if EVM_TEST.contains(&chain) => Self::Evm { test: true },
            chain if EVM_MAIN.contains(&chain) => Self::Evm { test: false },
            _ => Self::Other,
        }
    }
}

/// Checks that these recipients can be paid in one transaction of the coin.
pub(super) fn check(coin: &Coin, recipients: &[Recipient]) -> Result<(), RailError> {
    if recipients.is_empty() {
        return invalid(
            "recipients",
            "is empty; name at least one recipient".to_owned(),
        );
    }
    if recipients.len() > MOST_RECIPIENTS {
        return invalid(
            "recipients",
            format!("has more than {MOST_RECIPIENTS} entries; split the transaction"),
        );
    }
    for (position, recipient) in recipients.iter().enumerate() {
        if let Err(problem) = Destination::read(coin, &recipient.address) {
            return invalid("address", format!("of recipient {position} {problem}"));
        }
    }
    match total(recipients).and_then(|total| total.checked_add(fee(coin))) {
        Some(_) => Ok(()),
        None => invalid(
            "recipients",
            "together get more than 2^256 - 1 base units".to_owned(),
        ),
    }
}

/// What the recipients get together, if that is an amount.
pub(super) fn total(recipients: &[Recipient]) -> Option<Amount> {
    recipients
        .iter()
        .try_fold(Amount::ZERO, |total, recipient| {
            total.checked_add(recipient.amount)
        })
}

/// The first fault among the recipients.
pub(super) fn fault(recipients: &[Recipient]) -> Option<Fault> {
    recipients
        .iter()
        .find_map(|recipient| Fault::read(recipient.address.strip_prefix("sandbox:")?))
}

/// What a send of the coin costs, in that coin. Never less, never more: the ceiling is the price. A token's
/// send costs nothing, as its fee would be in another coin than the one this wallet holds.
pub(super) fn fee(coin: &Coin) -> Amount {
    match Chain::of(coin) {
        _ if coin.is_token() => Amount::ZERO,
        Chain::Bitcoin(_) => Amount::new(BITCOIN_FEE),
        Chain::Evm { .. } => Amount::new(EVM_FEE),
        Chain::Other => Amount::ZERO,
    }
}

/// What a hold's transaction is called. It follows from the hold, so that it is the same at any time.
pub(super) fn transaction_id(coin: &Coin, hold: HoldId) -> String {
    let digest = Sha256::new_with_prefix("bursar sandbox")
        .chain_update(hold.as_bytes())
        .finalize();
    let text = base16ct::lower::encode_string(&digest);
    match Chain::of(coin) {
        Chain::Evm { .. } => format!("0x{text}"),
        Chain::Bitcoin(_) | Chain::Other => text,
    }
}

/// An address nobody has a key to: in the coin's notation on test networks, marked as the sandbox's on others.
pub(super) fn new_address(coin: &Coin, reference: &str, random: [u8; 16]) -> String {
    let digest = Sha256::new_with_prefix("bursar sandbox address")
        .chain_update(random)
        .chain_update(reference)
        .finalize();
    let bytes = digest
        .as_slice()
        .first_chunk::<20>()
        .copied()
        .unwrap_or_default();
    let digits = base16ct::lower::encode_string(&bytes);
    match Chain::of(coin) {
        Chain::Bitcoin(Network::Testnet) => WitnessProgram::new(WitnessVersion::V0, &bytes)
            .map(|program| Address::from_witness_program(program, KnownHrp::Testnets).to_string())
            .unwrap_or_else(|_| format!("sandbox-{digits}")),
        Chain::Evm { test: true } => format!("0x{digits}"),
        _ => format!("sandbox-{digits}"),
    }
}

fn own_address(text: &str) -> Option<String> {
    let digits = text.strip_prefix("sandbox-")?;
    let lower_hex = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (digits.len() == 40 && lower_hex).then(|| text.to_owned())
}

fn bitcoin_address(network: Network, text: &str) -> Option<String> {
    let address = Address::from_str(text)
        .ok()?
        .require_network(network)
        .ok()?;
    Some(address.to_string())
}

/// Reads `0x` and 40 hex digits; where their case is mixed it must be the checksum of EIP-55.
fn evm_address(text: &str) -> Option<String> {
    let digits = text.strip_prefix("0x")?;
    if digits.len() != 40 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let lower = digits.to_ascii_lowercase();
    let sound =
        digits == lower || digits == lower.to_ascii_uppercase() || digits == checksummed(&lower);
    sound.then(|| format!("0x{lower}"))
}

/// EIP-55: a letter is upper-case where the hash of the lower-case digits has 8 or more.
fn checksummed(lower: &str) -> String {
    let hash = Keccak256::digest(lower);
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let cased = |(digit, nibble): (char, u8)| {
        if nibble >= 8 {
            digit.to_ascii_uppercase()
        } else {
            digit
        }
    };
    lower.chars().zip(nibbles).map(cased).collect()
}

fn printable_address(text: &str) -> Option<String> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
}

fn invalid<T>(field: &'static str, problem: String) -> Result<T, RailError> {
    Err(RailError::Invalid { field, problem })
}

#[cfg(test)]
mod tests {
    use bursar_core::coin::Family;

    use super::*;

    fn coin(text: &str) -> Coin {
        Coin::parse(text).unwrap()
    }

    fn reads(ticker: &str, text: &str) -> bool {
        Destination::read(&coin(ticker), text).is_ok()
    }

    #[test]
    fn bitcoin_addresses_belong_to_their_network() {
        let test = [
            "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
            "TB1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KXPJZSX",
            "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
            "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
        ];
        let main = [
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "17VZNX1SN5NtKa8UQFxwQbFeFc3iqRYhem",
        ];
        for text in test {
            assert!(
                reads("tbtc", text) && reads("tbtc4", text) && !reads("btc", text),
                "{text}"
            );
        }
        for text in main {
            assert!(reads("btc", text) && !reads("tbtc", text), "{text}");
        }
        for text in [
            "",
            "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsy",
            "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx ",
            "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
            "bitcoin:tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        ] {
            assert!(!reads("tbtc", text), "{text}");
        }
    }

    #[test]
    fn evm_addresses_in_mixed_case_must_have_their_checksum() {
        for text in [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
            "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
        ] {
            let read = Destination::read(&coin("hteth:usdc"), text);
            assert_eq!(
                read,
                Ok(Destination::Address(
                    "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed".to_owned()
                ))
            );
        }
        for text in [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
            "0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
            "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae",
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg",
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaedaa",
        ] {
            assert!(!reads("hteth", text), "{text}");
        }
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
                assert!(
                    reads(ticker, &format!("sandbox:{fault}")),
                    "{ticker} {fault}"
                );
            }
            assert!(
                !reads(ticker, "sandbox:nevr") && !reads(ticker, "sandbox-12"),
                "{ticker}"
            );
        }
    }

    #[test]
    fn new_addresses_can_be_paid_and_are_never_those_of_a_main_network() {
        for (ticker, start) in [
            ("tbtc", "tb1q"),
            ("hteth", "0x"),
            ("hteth:usdc", "0x"),
            ("btc", "sandbox-"),
            ("eth", "sandbox-"),
            ("tsol", "sandbox-"),
        ] {
            let address = new_address(&coin(ticker), "wallet", [7; 16]);
            assert!(address.starts_with(start), "{ticker}: {address}");
            assert_eq!(
                Destination::read(&coin(ticker), &address),
                Ok(Destination::Address(address.clone()))
            );
            assert_ne!(address, new_address(&coin(ticker), "wallet", [8; 16]));
            assert_ne!(address, new_address(&coin(ticker), "other", [7; 16]));
        }
    }

    #[test]
    fn the_chains_taken_for_evm_are_those_of_the_core() {
        for chain in EVM_MAIN.iter().chain(&EVM_TEST) {
            assert!(
                Family::Erc20.covers(&coin(&format!("{chain}:token"))),
                "{chain}"
            );
        }
    }

    #[test]
    fn transaction_ids_look_like_the_chains_and_differ_by_hold() {
        let (one, two) = (HoldId::from_bytes([1; 16]), HoldId::from_bytes([2; 16]));
        assert_eq!(transaction_id(&coin("tbtc"), one).len(), 64);
        assert_eq!(
            transaction_id(&coin("hteth"), one),
            format!("0x{}", transaction_id(&coin("tbtc"), one))
        );
        assert_ne!(
            transaction_id(&coin("tbtc"), one),
            transaction_id(&coin("tbtc"), two)
        );
    }

    #[test]
    fn nobody_too_many_and_too_much_are_refused_by_field() {
        let to = |amount| Recipient {
            address: "sandbox:slow".to_owned(),
            amount,
        };
        let field = |recipients: &[Recipient]| match check(&coin("tbtc"), recipients) {
            Err(RailError::Invalid { field, .. }) => Some(field),
            _ => None,
        };
        assert_eq!(field(&[]), Some("recipients"));
        assert_eq!(field(&vec![to(Amount::ZERO); 1001]), Some("recipients"));
        assert_eq!(
            field(&[to(Amount::MAX)]),
            Some("recipients"),
            "the fee does not fit"
        );
        assert_eq!(
            field(&[Recipient {
                address: "x".to_owned(),
                amount: Amount::ZERO
            }]),
            Some("address")
        );
        assert_eq!(check(&coin("tbtc"), &vec![to(Amount::ZERO); 1000]), Ok(()));
    }
}
