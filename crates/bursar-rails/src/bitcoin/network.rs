//! The networks of Bitcoin, their coins, and the addresses that belong to each.

use std::str::FromStr as _;

use bitcoin::{Address, Script, ScriptBuf};
use bursar_core::coin::Coin;
use bursar_core::destination::Destination;

use crate::{Forbidden, Why};

/// The longest text that is read as an address, in bytes.
const LONGEST_ADDRESS: usize = 100;

/// A network of Bitcoin.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Network {
    /// Where money is worth something.
    Main,
    /// The third test network.
    Test,
    /// The fourth test network.
    Test4,
    /// The test network whose blocks are signed.
    Signet,
    /// A private chain for tests.
    Regtest,
}

/// An address of a network, and what it means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payable {
    /// The address in its normal form.
    pub address: String,
    /// What the chain compares.
    pub script: ScriptBuf,
    /// The same in the normal form of all rails.
    pub destination: Destination,
}

impl Network {
    /// The network that a node means in `chain` of its `getblockchaininfo`.
    ///
    /// # Errors
    /// None that Bursar knows.
    pub fn of_chain(name: &str) -> Result<Self, Forbidden> {
        match name {
            "main" => Ok(Self::Main),
            "test" | "testnet" => Ok(Self::Test),
            "testnet4" => Ok(Self::Test4),
            "signet" => Ok(Self::Signet),
            "regtest" => Ok(Self::Regtest),
            _ => Err(Forbidden::new(
                Why::WrongChain,
                format!(
                    "the node's chain `{}` is not known; use main, test, testnet4, signet or regtest",
                    name.escape_debug()
                ),
            )),
        }
    }

    /// The ticker of its coin.
    pub const fn ticker(self) -> &'static str {
        match self {
            Self::Main => "btc",
            Self::Test | Self::Regtest => "tbtc",
            Self::Test4 => "tbtc4",
            Self::Signet => "tbtcsig",
        }
    }

    /// Its coin.
    ///
    /// # Errors
    /// Only if [`Network::ticker`] were none.
    pub fn coin(self) -> Result<Coin, Forbidden> {
        Coin::parse(self.ticker()).map_err(|problem| Forbidden::undecodable(format!("`{}` {problem}", self.ticker())))
    }

    /// The family of chains whose destinations it shares.
    pub const fn family(self) -> &'static str {
        match self {
            Self::Main => "bitcoin",
            Self::Test | Self::Test4 | Self::Signet | Self::Regtest => "bitcoin-testnet",
        }
    }

    const fn of_library(self) -> bitcoin::Network {
        match self {
            Self::Main => bitcoin::Network::Bitcoin,
            Self::Test => bitcoin::Network::Testnet,
            Self::Test4 => bitcoin::Network::Testnet4,
            Self::Signet => bitcoin::Network::Signet,
            Self::Regtest => bitcoin::Network::Regtest,
        }
    }

    /// Reads an address of this network.
    ///
    /// # Errors
    /// It is no address, or one of another network.
    pub fn address(self, text: &str) -> Result<Payable, Forbidden> {
        if text.len() > LONGEST_ADDRESS {
            return Err(Forbidden::undecodable(format!("an address is longer than {LONGEST_ADDRESS} characters")));
        }
        let shown = text.escape_debug();
        let address = Address::from_str(text)
            .map_err(|_| Forbidden::undecodable(format!("`{shown}` is no Bitcoin address; check it for a slip")))?;
        let address = address.require_network(self.of_library()).map_err(|_| {
            Forbidden::new(
                Why::WrongChain,
                format!("`{shown}` is an address of another network than this rail's, whose coin is {}", self.ticker()),
            )
        })?;
        Ok(self.payable(&address))
    }

    /// What a script pays to, if it has an address.
    ///
    /// # Errors
    /// It has none: it carries data, or is of a kind that only its maker understands.
    pub fn payee_of(self, script: &Script) -> Result<Payable, Forbidden> {
        let address = Address::from_script(script, self.of_library()).map_err(|_| {
            Forbidden::new(
                Why::NotSupported,
                "an output pays a script that has no address (data, or a bare script); pay addresses only",
            )
        })?;
        Ok(self.payable(&address))
    }

    fn payable(self, address: &Address) -> Payable {
        let script = address.script_pubkey();
        let destination = Destination::new(self.family(), script.as_bytes(), None);
        Payable { address: address.to_string(), script, destination }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Network; 5] = [Network::Main, Network::Test, Network::Test4, Network::Signet, Network::Regtest];

    #[test]
    fn an_address_belongs_to_its_network() {
        let networks_of = |text: &str| ALL.into_iter().filter(|network| network.address(text).is_ok()).count();
        assert_eq!(networks_of("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"), 1);
        assert_eq!(networks_of("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"), 1);
        assert_eq!(networks_of("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"), 3);
        assert_eq!(networks_of("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"), 4);
        assert_eq!(networks_of("17VZNX1SN5NtKa8UQFxwQbFeFc3iqRYhem"), 1);
        let other = Network::Regtest.address("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4").expect_err("main");
        assert_eq!(other.why, Why::WrongChain);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsy",
            "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx ",
            "bitcoin:tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
            "data",
            &"t".repeat(101),
        ] {
            assert_eq!(Network::Test.address(text).expect_err(text).why, Why::Undecodable);
        }
    }

    #[test]
    fn two_spellings_are_one_destination_and_networks_of_tests_share_theirs() {
        let lower = Network::Test.address("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx").expect("an address");
        let upper = Network::Test.address("TB1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KXPJZSX").expect("an address");
        assert_eq!(lower, upper);
        let regtest = Network::Regtest.address("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080").expect("an address");
        assert_eq!(regtest.destination, lower.destination);
        let main = Network::Main.address("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4").expect("an address");
        assert_ne!(main.destination, lower.destination);
        assert_eq!(Network::Test.payee_of(&lower.script), Ok(lower));
    }

    #[test]
    fn every_network_has_a_coin_of_eight_decimals() {
        for network in ALL {
            assert_eq!(network.coin().expect("a coin").decimals(), Some(8), "{network:?}");
        }
        assert_eq!(Network::of_chain("regtest"), Ok(Network::Regtest));
        assert!(Network::of_chain("Main").is_err());
    }

    #[test]
    fn scripts_without_an_address_are_refused() {
        let data = ScriptBuf::new_op_return([1, 2, 3]);
        assert_eq!(Network::Test.payee_of(&data).expect_err("data").why, Why::NotSupported);
        assert!(Network::Test.payee_of(&ScriptBuf::new()).is_err());
    }
}
