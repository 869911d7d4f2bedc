//! What an address of each coin looks like. Pure.
//!
//! Two ways of writing an address are one address: everything is read into its normal form. What must never
//! happen here: that a wallet gets an address that somebody could take for one of a main network.

use std::str::FromStr as _;

use bitcoin::{Address, KnownHrp, Network, WitnessProgram, WitnessVersion};
use bursar_core::coin::Coin;
use bursar_core::destination::Destination;
use sha2::{Digest as _, Sha256};
use sha3::Keccak256;

/// EVM chains where money is worth something.
const EVM_MAIN: [&str; 6] = ["eth", "polygon", "arbeth", "opeth", "bsc", "avaxc"];

/// EVM chains for tests.
const EVM_TEST: [&str; 8] = ["teth", "hteth", "hoodeth", "tpolygon", "tarbeth", "topeth", "tbsc", "tavaxc"];

/// A chain, as far as its addresses and transaction ids go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Chain {
    /// Bitcoin, on that network.
    Bitcoin(Network),
    /// A chain like Ethereum.
    Evm {
        /// Whether it is there for tests.
        test: bool,
    },
    /// One the sandbox knows nothing about.
    Other,
}

impl Chain {
    /// The chain of a coin.
    pub(super) fn of(coin: &Coin) -> Self {
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

/// The normal form of an address, if the text is an address of the coin.
pub(super) fn normal_form(coin: &Coin, text: &str) -> Option<String> {
    if text.starts_with("sandbox-") {
        return own_address(text);
    }
    match Chain::of(coin) {
        Chain::Bitcoin(network) => bitcoin_address(network, text),
        Chain::Evm { .. } => evm_address(text),
        Chain::Other => printable_address(text),
    }
}

/// The destination behind an address in its normal form: what the chain itself compares.
pub(super) fn meant(coin: &Coin, normal: &str) -> Destination {
    let as_text = || Destination::new(coin.chain(), normal.as_bytes(), None);
    if normal.starts_with("sandbox-") {
        return Destination::new("sandbox", normal.as_bytes(), None);
    }
    match Chain::of(coin) {
        Chain::Bitcoin(network) => {
            let family = if network == Network::Bitcoin { "bitcoin" } else { "bitcoin-testnet" };
            let address = Address::from_str(normal).ok().and_then(|address| address.require_network(network).ok());
            address.map_or_else(as_text, |address| Destination::new(family, address.script_pubkey().as_bytes(), None))
        }
        Chain::Evm { .. } => {
            let bytes = normal.strip_prefix("0x").and_then(|digits| base16ct::lower::decode_vec(digits).ok());
            bytes.map_or_else(as_text, |bytes| Destination::new("evm", &bytes, None))
        }
        Chain::Other => as_text(),
    }
}

/// An address nobody has a key to: in the coin's notation on test networks, marked as the sandbox's on others.
pub(super) fn new(coin: &Coin, reference: &str, random: [u8; 16]) -> String {
    let digest =
        Sha256::new_with_prefix("bursar sandbox address").chain_update(random).chain_update(reference).finalize();
    let bytes = digest.as_slice().first_chunk::<20>().copied().unwrap_or_default();
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
    let lower_hex = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (digits.len() == 40 && lower_hex).then(|| text.to_owned())
}

fn bitcoin_address(network: Network, text: &str) -> Option<String> {
    let address = Address::from_str(text).ok()?.require_network(network).ok()?;
    Some(address.to_string())
}

/// Reads `0x` and 40 hex digits; where their case is mixed it must be the checksum of EIP-55.
fn evm_address(text: &str) -> Option<String> {
    let digits = text.strip_prefix("0x")?;
    if digits.len() != 40 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let lower = digits.to_ascii_lowercase();
    let sound = digits == lower || digits == lower.to_ascii_uppercase() || digits == checksummed(&lower);
    sound.then(|| format!("0x{lower}"))
}

/// EIP-55: a letter is upper-case where the hash of the lower-case digits has 8 or more.
fn checksummed(lower: &str) -> String {
    let hash = Keccak256::digest(lower);
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let cased = |(digit, nibble): (char, u8)| {
        if nibble >= 8 { digit.to_ascii_uppercase() } else { digit }
    };
    lower.chars().zip(nibbles).map(cased).collect()
}

fn printable_address(text: &str) -> Option<String> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use bursar_core::coin::Family;

    use super::*;

    fn coin(text: &str) -> Coin {
        Coin::parse(text).unwrap()
    }

    fn reads(ticker: &str, text: &str) -> bool {
        normal_form(&coin(ticker), text).is_some()
    }

    #[test]
    fn bitcoin_addresses_belong_to_their_network() {
        let test = [
            "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
            "TB1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KXPJZSX",
            "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
            "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
        ];
        let main = ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "17VZNX1SN5NtKa8UQFxwQbFeFc3iqRYhem"];
        for text in test {
            assert!(reads("tbtc", text) && reads("tbtc4", text) && !reads("btc", text), "{text}");
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
            let read = normal_form(&coin("hteth:usdc"), text);
            assert_eq!(read, Some("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed".to_owned()));
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
    fn the_chains_taken_for_evm_are_those_of_the_core() {
        for chain in EVM_MAIN.iter().chain(&EVM_TEST) {
            assert!(Family::Erc20.covers(&coin(&format!("{chain}:token"))), "{chain}");
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
            let address = new(&coin(ticker), "wallet", [7; 16]);
            assert!(address.starts_with(start), "{ticker}: {address}");
            assert_eq!(normal_form(&coin(ticker), &address), Some(address.clone()));
            assert_ne!(address, new(&coin(ticker), "wallet", [8; 16]));
            assert_ne!(address, new(&coin(ticker), "other", [7; 16]));
        }
    }
}
