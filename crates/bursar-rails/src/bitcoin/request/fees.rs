//! What a client says about the fee of a transaction.

use super::super::amount::{fixed_point, to_decimal};
use super::super::arguments::Arguments;
use crate::Forbidden;
use crate::json::Json;

/// Decimal places of a rate in satoshi for a virtual byte.
const RATE_DECIMALS: usize = 3;
/// The most blocks that a confirmation may be aimed at.
const MOST_BLOCKS: u32 = 1008;

/// What a transaction may cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fees {
    /// As the node thinks fit.
    #[default]
    Node,
    /// As much as the node thinks is needed to be confirmed in time.
    Target {
        /// Within so many blocks; the node's own habit if nothing was said.
        blocks: Option<u16>,
        /// How careful the estimate is to be.
        mode: Option<Mode>,
    },
    /// That much.
    Rate(FeeRate),
}

/// How careful an estimate of fees is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Follows falling fees at once.
    Economical,
    /// Follows them late.
    Conservative,
}

/// A fee for each 1000 virtual bytes, in satoshi.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FeeRate(u64);

impl FeeRate {
    /// So many satoshi for 1000 virtual bytes.
    pub const fn per_1000_bytes(satoshi: u64) -> Self {
        Self(satoshi)
    }

    /// The satoshi for 1000 virtual bytes.
    pub const fn of_1000_bytes(self) -> u64 {
        self.0
    }

    /// Satoshi for one virtual byte, as Bitcoin Core reads `fee_rate`.
    pub fn to_json(self) -> Json {
        Json::Number(to_decimal(self.0, RATE_DECIMALS).into())
    }

    /// The fee of a transaction of that many virtual bytes, rounded up; nothing if it is too large to be one.
    pub fn fee(self, virtual_bytes: u64) -> Option<bitcoin::Amount> {
        let fee = self.0.checked_mul(virtual_bytes)?.div_ceil(1000);
        Some(bitcoin::Amount::from_sat(fee)).filter(|fee| *fee <= bitcoin::Amount::MAX_MONEY)
    }
}

impl Mode {
    /// As nodes write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Economical => "economical",
            Self::Conservative => "conservative",
        }
    }
}

/// Reads `conf_target`, `estimate_mode` and `fee_rate`.
pub(super) fn read(arguments: &mut Arguments) -> Result<Fees, Forbidden> {
    let blocks = match arguments.number("conf_target")? {
        None => None,
        Some(blocks @ 1..=MOST_BLOCKS) => u16::try_from(blocks).ok(),
        Some(_) => return Err(Forbidden::undecodable(format!("`conf_target` must be from 1 to {MOST_BLOCKS} blocks"))),
    };
    let mode = match arguments.text("estimate_mode")?.map(|mode| mode.to_ascii_lowercase()).as_deref() {
        None | Some("unset") => None,
        Some("economical") => Some(Mode::Economical),
        Some("conservative") => Some(Mode::Conservative),
        Some(_) => {
            return Err(Forbidden::undecodable("`estimate_mode` must be `unset`, `economical` or `conservative`"));
        }
    };
    let rate = arguments.take("fee_rate").map(|rate| read_rate(&rate)).transpose()?;
    match (rate, blocks, mode) {
        (None, None, None) => Ok(Fees::Node),
        (None, blocks, mode) => Ok(Fees::Target { blocks, mode }),
        (Some(rate), None, None) => Ok(Fees::Rate(rate)),
        (Some(_), ..) => {
            Err(Forbidden::undecodable("`fee_rate` is given beside `conf_target` or `estimate_mode`; keep one of them"))
        }
    }
}

fn read_rate(json: &Json) -> Result<FeeRate, Forbidden> {
    let satoshi = match json {
        Json::Number(text) | Json::Text(text) => fixed_point(text, RATE_DECIMALS),
        _ => None,
    };
    // A rate of nothing means the node's own choice to some nodes.
    satoshi.filter(|satoshi| (1..=bitcoin::Amount::MAX_MONEY.to_sat()).contains(satoshi)).map(FeeRate).ok_or_else(
        || {
            Forbidden::undecodable(
                "`fee_rate` must be satoshi for a virtual byte, more than 0, with at most 3 decimals",
            )
        },
    )
}

impl Fees {
    /// The parts that two places of one request say; only one of them may.
    pub(super) fn or(self, other: Self) -> Result<Self, Forbidden> {
        match (self, other) {
            (fees, Self::Node) => Ok(fees),
            (Self::Node, fees) => Ok(fees),
            _ => Err(Forbidden::undecodable("the fee is given beside `options` and in them; keep one of both")),
        }
    }
}
