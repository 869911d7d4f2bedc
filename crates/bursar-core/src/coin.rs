//! Coins as BitGo writes them (`tbtc`, `hteth`, `hteth:usdc`), and the assets a limit can speak of.

use std::fmt;
use std::sync::Arc;

/// The ticker of a coin or of a token on a coin's chain: `tbtc`, `hteth:usdc`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coin(Arc<str>);

/// The text is not a ticker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidCoin;

/// The longest ticker that is accepted, in bytes.
const LONGEST_TICKER: usize = 64;

/// EVM chains by the tickers of their native coins; a token on one of them is an ERC-20 token.
const EVM_CHAINS: [&str; 14] = [
    "eth", "teth", "hteth", "hoodeth", "polygon", "tpolygon", "arbeth", "tarbeth", "opeth", "topeth", "bsc", "tbsc",
    "avaxc", "tavaxc",
];

/// Money that is no chain's, by its code of ISO 4217 in small letters, of which the smallest unit is a hundredth.
const MONEY_IN_HUNDREDTHS: [&str; 4] = ["chf", "eur", "gbp", "usd"];

impl Coin {
    /// Reads a ticker: letters, digits and `:._-`, beginning with a letter or digit, at most 64 bytes.
    /// Upper case is kept: BitGo has tickers such as `tavaxc:LINK`.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidCoin> {
        let sound = (1..=LONGEST_TICKER).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":._-".contains(&byte));
        if sound { Ok(Self(text.into())) } else { Err(InvalidCoin) }
    }

    /// The ticker.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The coin of the chain this coin lives on: itself, or the part before the colon.
    pub fn chain(&self) -> &str {
        self.0.split_once(':').map_or(&*self.0, |(chain, _)| chain)
    }

    /// Whether this is a token on another coin's chain.
    pub fn is_token(&self) -> bool {
        self.0.contains(':')
    }

    /// Decimal places between the coin people speak of and its base unit, where Bursar knows them.
    pub fn decimals(&self) -> Option<u8> {
        match &*self.0 {
            "btc" | "tbtc" | "tbtc4" | "tbtcsig" => Some(8),
            money if MONEY_IN_HUNDREDTHS.contains(&money) => Some(2),
            chain if EVM_CHAINS.contains(&chain) => Some(18),
            token if token.ends_with(":usdc") || token.ends_with(":usdt") => Some(6),
            _ => None,
        }
    }
}

/// A group of coins that one limit covers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// `btc` and `tbtc`: what BitGo's oldest limit field, a bare number of satoshi, speaks of (WC §1.4).
    Bitcoin,
    /// Every token on an EVM chain.
    Erc20,
}

impl Family {
    /// Whether the coin belongs to the family.
    pub fn covers(self, coin: &Coin) -> bool {
        match self {
            Self::Bitcoin => matches!(coin.as_str(), "btc" | "tbtc"),
            Self::Erc20 => coin.is_token() && EVM_CHAINS.contains(&coin.chain()),
        }
    }
}

/// What a limit counts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Asset {
    /// One coin.
    Coin(Coin),
    /// Every coin of a family that has no limit of its own on the same subject.
    Family(Family),
    /// A chain's coin and every token on it: `eth:*`.
    Chain(Coin),
    /// Every coin there is: `*`.
    Any,
}

impl Asset {
    /// Whether a spend of `coin` falls under this asset, limits of its own aside.
    pub fn covers(&self, coin: &Coin) -> bool {
        match self {
            Self::Coin(own) => own == coin,
            Self::Family(family) => family.covers(coin),
            Self::Chain(chain) => chain.as_str() == coin.chain(),
            Self::Any => true,
        }
    }

    /// Whether it may cover any coin on the chain of this ticker.
    pub fn reaches(&self, chain: &str) -> bool {
        match self {
            Self::Coin(coin) | Self::Chain(coin) => coin.chain() == chain,
            Self::Family(Family::Bitcoin) => matches!(chain, "btc" | "tbtc"),
            Self::Family(Family::Erc20) => EVM_CHAINS.contains(&chain),
            Self::Any => true,
        }
    }

    /// Reads what `Display` writes.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidCoin> {
        match text {
            "*bitcoin" => Ok(Self::Family(Family::Bitcoin)),
            "*erc20" => Ok(Self::Family(Family::Erc20)),
            "*" => Ok(Self::Any),
            coin => match coin.strip_suffix(":*") {
                Some(chain) => Coin::parse(chain)
                    .and_then(|chain| if chain.is_token() { Err(InvalidCoin) } else { Ok(Self::Chain(chain)) }),
                None => Coin::parse(coin).map(Self::Coin),
            },
        }
    }
}

impl fmt::Display for Coin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Coin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Asset {
    /// The coin's ticker, or a family behind `*`, which no ticker begins with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coin(coin) => f.write_str(coin.as_str()),
            Self::Family(Family::Bitcoin) => f.write_str("*bitcoin"),
            Self::Family(Family::Erc20) => f.write_str("*erc20"),
            Self::Chain(chain) => write!(f, "{chain}:*"),
            Self::Any => f.write_str("*"),
        }
    }
}

impl fmt::Display for InvalidCoin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not a coin; write a ticker such as `tbtc` or `hteth:usdc`")
    }
}

impl std::error::Error for InvalidCoin {}

#[cfg(test)]
mod tests {
    use super::*;

    fn coin(text: &str) -> Coin {
        Coin::parse(text).unwrap()
    }

    #[test]
    fn every_asset_reads_back_as_it_was_written() {
        for text in ["tbtc", "hteth:usdc", "*bitcoin", "*erc20", "hteth:*", "*"] {
            assert_eq!(Asset::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_chain_covers_its_coin_and_every_token_on_it() {
        let asset = Asset::parse("hteth:*").unwrap();
        assert!(asset.covers(&coin("hteth")) && asset.covers(&coin("hteth:usdc")));
        assert!(!asset.covers(&coin("teth")) && !asset.covers(&coin("hteth2:usdc")));
        assert_eq!(Asset::parse("hteth:usdc:*"), Err(InvalidCoin));
    }

    #[test]
    fn texts_that_are_no_ticker_are_refused() {
        for text in ["", ":usdc", "*erc21", "t btc", "tbtc\n", "ü", &"a".repeat(65)] {
            assert_eq!(Coin::parse(text), Err(InvalidCoin), "{text}");
        }
    }

    #[test]
    fn the_erc20_family_holds_tokens_of_evm_chains_only() {
        assert!(Family::Erc20.covers(&coin("hteth:usdc")));
        assert!(!Family::Erc20.covers(&coin("hteth")));
        assert!(!Family::Erc20.covers(&coin("tsol:usdc")));
    }
}
