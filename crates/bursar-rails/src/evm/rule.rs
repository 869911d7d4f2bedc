//! What a call of a contract costs, as an operator says it: which argument is the asset, the amount, the destination.

use std::fmt;

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{Address, Selector, U256, keccak256};
use bursar_core::coin::Coin;

/// The most values a function may take, those inside of tuples included.
const MOST_VALUES: usize = 32;
/// How deep tuples may lie in one another.
const DEEPEST_TUPLE: usize = 2;

/// The price of one function of one contract.
#[derive(Clone, PartialEq, Debug)]
pub struct ContractRule {
    contract: Address,
    signature: String,
    selector: Selector,
    arguments: DynSolType,
    cost: RuleCost,
    destination: RuleDestination,
}

/// What a call costs, its fee aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RuleCost {
    /// The chain's own coin that is sent along.
    Value,
    /// So much of a token; the chain's own coin cannot go along.
    Token {
        /// Which token.
        asset: TokenSource,
        /// The argument with the amount.
        amount: RulePlace,
    },
    /// Nothing moves out; the chain's own coin cannot go along.
    Nothing,
}

/// Which token a call moves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenSource {
    /// Always this one.
    Coin(Coin),
    /// The one whose contract is this argument; a contract that is no coin of the chain has no price.
    Argument(RulePlace),
}

/// Where the money goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RuleDestination {
    /// To the contract itself.
    Contract,
    /// To the address in this argument.
    Argument(RulePlace),
}

/// The place of an argument, counted from 0; inside of a tuple the places on the way to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RulePlace(Vec<usize>);

/// Why a rule cannot be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidRule(String);

/// What a rule reads in a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Priced {
    /// The contract of the token that moves, a coin, or nothing for the chain's own coin.
    pub(super) asset: PricedAsset,
    /// How much of it; nothing if it is what is sent along.
    pub(super) amount: Option<U256>,
    /// Where it goes.
    pub(super) destination: Address,
}

/// The asset that a rule reads in a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum PricedAsset {
    /// The chain's own coin.
    Native,
    /// A coin by its name.
    Coin(Coin),
    /// A token by its contract.
    Contract(Address),
}

impl ContractRule {
    /// The price of a function, given by its signature: `deposit(uint256,address)`, types in full, tuples in parentheses.
    ///
    /// # Errors
    /// The signature cannot be read or has types that rules do not cover (arrays of anything but plain values), or a
    /// place is not in it or has another type than it must have.
    pub fn new(
        contract: Address,
        signature: &str,
        cost: RuleCost,
        destination: RuleDestination,
    ) -> Result<Self, InvalidRule> {
        let arguments = arguments(signature)?;
        let of_type = |place: &RulePlace, wanted: &str, fits: fn(&DynSolType) -> bool| match place.in_type(&arguments) {
            Some(found) if fits(found) => Ok(()),
            Some(found) => Err(InvalidRule(format!("argument {place} of `{signature}` is `{found}`, not {wanted}"))),
            None => Err(InvalidRule(format!("`{signature}` has no argument {place}; they are counted from 0"))),
        };
        let address = |place| of_type(place, "an address", |found| matches!(found, DynSolType::Address));
        if let RuleCost::Token { asset, amount } = &cost {
            of_type(amount, "an unsigned integer", |found| matches!(found, DynSolType::Uint(_)))?;
            if let TokenSource::Argument(place) = asset {
                address(place)?;
            }
        }
        if let RuleDestination::Argument(place) = &destination {
            address(place)?;
        }
        Ok(Self {
            contract,
            signature: signature.to_owned(),
            selector: selector(signature),
            arguments,
            cost,
            destination,
        })
    }

    /// The contract it is for.
    pub const fn contract(&self) -> &Address {
        &self.contract
    }

    /// The function it is for.
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// The first four bytes of a call of the function.
    pub const fn selector(&self) -> Selector {
        self.selector
    }

    /// What it says a call costs.
    pub const fn cost(&self) -> &RuleCost {
        &self.cost
    }

    /// Reads the arguments of a call, or says what is wrong with them.
    pub(super) fn price(&self, arguments: &[u8]) -> Option<Priced> {
        let values = self.decode(arguments)?;
        let address = |place: &RulePlace| place.in_value(&values).and_then(DynSolValue::as_address);
        let destination = match &self.destination {
            RuleDestination::Contract => self.contract,
            RuleDestination::Argument(place) => address(place)?,
        };
        let (asset, amount) = match &self.cost {
            RuleCost::Value => (PricedAsset::Native, None),
            RuleCost::Nothing => (PricedAsset::Native, Some(U256::ZERO)),
            RuleCost::Token { asset, amount } => {
                let (units, _) = amount.in_value(&values)?.as_uint()?;
                let asset = match asset {
                    TokenSource::Coin(coin) => PricedAsset::Coin(coin.clone()),
                    TokenSource::Argument(place) => PricedAsset::Contract(address(place)?),
                };
                (asset, Some(units))
            }
        };
        Some(Priced { asset, amount, destination })
    }

    /// The values, if these bytes are exactly how they are encoded.
    fn decode(&self, arguments: &[u8]) -> Option<DynSolValue> {
        if self.arguments.as_tuple().is_some_and(<[_]>::is_empty) {
            return arguments.is_empty().then(|| DynSolValue::Tuple(Vec::new()));
        }
        let values = self.arguments.abi_decode_params(arguments).ok()?;
        (values.abi_encode_params() == arguments && fits(&values)).then_some(values)
    }
}

impl RulePlace {
    /// Reads `0`, or `0.5` for the sixth value of a tuple that is the first argument.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidRule> {
        let steps: Result<Vec<usize>, _> = text.split('.').map(str::parse).collect();
        let steps = steps.ok().filter(|steps| steps.len() <= DEEPEST_TUPLE + 1);
        let place = steps.map(Self).filter(|place| place.to_string() == text);
        place.ok_or_else(|| InvalidRule("is no place of an argument; write `0`, or `0.5` inside of a tuple".to_owned()))
    }

    fn in_type<'a>(&self, arguments: &'a DynSolType) -> Option<&'a DynSolType> {
        self.0.iter().try_fold(arguments, |inside, step| inside.as_tuple()?.get(*step))
    }

    fn in_value<'a>(&self, arguments: &'a DynSolValue) -> Option<&'a DynSolValue> {
        self.0.iter().try_fold(arguments, |inside, step| inside.as_tuple()?.get(*step))
    }
}

/// The first four bytes of a call of the function with this signature.
pub(super) fn selector(signature: &str) -> Selector {
    let [a, b, c, d, ..] = keccak256(signature).0;
    Selector::new([a, b, c, d])
}

fn arguments(signature: &str) -> Result<DynSolType, InvalidRule> {
    let malformed = || {
        InvalidRule(format!(
            "`{}` is no signature; write the function as in `deposit(uint256,address)`, types in full and no spaces",
            signature.escape_debug()
        ))
    };
    let (name, _) = signature.split_once('(').ok_or_else(malformed)?;
    let is_name = |text: &str| {
        !text.starts_with(|c: char| c.is_ascii_digit())
            && !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_$".contains(&byte))
    };
    let types = signature.strip_prefix(name).unwrap_or_default();
    if !is_name(name) {
        return Err(malformed());
    }
    let arguments = if types == "()" {
        DynSolType::Tuple(Vec::new())
    } else {
        DynSolType::parse(types).map_err(|_| malformed())?
    };
    let spelled_in_full = arguments.as_tuple().is_some() && format!("{name}{}", spelled(&arguments)) == signature;
    if !spelled_in_full {
        return Err(malformed());
    }
    match values_in(&arguments, DEEPEST_TUPLE + 1) {
        Some(values) if values <= MOST_VALUES => Ok(arguments),
        Some(_) => Err(InvalidRule(format!("`{signature}` has more than {MOST_VALUES} values"))),
        None => Err(InvalidRule(format!(
            "`{signature}` has types that rules do not cover: arrays of anything but plain values, or deep tuples"
        ))),
    }
}

/// Whether every value lies within its type: the library keeps bits above it, where contracts may cut them off.
fn fits(value: &DynSolValue) -> bool {
    match value {
        DynSolValue::Uint(number, bits) => number.bit_len() <= *bits,
        DynSolValue::Int(number, bits) => usize::try_from(number.bits()).is_ok_and(|used| used <= *bits),
        DynSolValue::FixedBytes(word, size) => word.iter().skip(*size).all(|byte| *byte == 0),
        DynSolValue::Tuple(inside) | DynSolValue::Array(inside) | DynSolValue::FixedArray(inside) => {
            inside.iter().all(fits)
        }
        _ => true,
    }
}

/// A type as signatures spell it: a tuple of one value without the comma that the library writes.
fn spelled(kind: &DynSolType) -> String {
    match kind {
        DynSolType::Tuple(inside) => format!("({})", inside.iter().map(spelled).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// How many values lie in a type; nothing if it could make a short call decode to much.
fn values_in(kind: &DynSolType, deep: usize) -> Option<usize> {
    let plain = |kind: &DynSolType| {
        use DynSolType::{Address, Bool, FixedBytes, Int, Uint};
        matches!(kind, Address | Bool | FixedBytes(_) | Int(_) | Uint(_))
    };
    match kind {
        DynSolType::Bytes | DynSolType::String => Some(1),
        DynSolType::Array(of) => plain(of).then_some(1),
        DynSolType::FixedArray(of, length) => (plain(of) && *length > 0).then_some(*length),
        DynSolType::Tuple(inside) => {
            let deeper = deep.checked_sub(1)?;
            inside.iter().try_fold(0_usize, |sum, kind| sum.checked_add(values_in(kind, deeper)?))
        }
        other => plain(other).then_some(1),
    }
}

impl fmt::Display for RulePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            write!(f, "{}{step}", if depth == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

impl fmt::Display for InvalidRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidRule {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SWAP: &str = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))";

    fn place(text: &str) -> RulePlace {
        RulePlace::parse(text).expect(text)
    }

    fn swap() -> ContractRule {
        let cost = RuleCost::Token { asset: TokenSource::Argument(place("0.0")), amount: place("0.4") };
        let destination = RuleDestination::Argument(place("0.3"));
        ContractRule::new(Address::repeat_byte(7), SWAP, cost, destination).expect("a rule")
    }

    fn swapping() -> Vec<u8> {
        let address = |byte| DynSolValue::Address(Address::repeat_byte(byte));
        let uint = |number: u64, bits| DynSolValue::Uint(U256::from(number), bits);
        let inside =
            vec![address(1), address(2), uint(3000, 24), address(3), uint(55, 256), uint(1, 256), uint(0, 160)];
        DynSolValue::Tuple(vec![DynSolValue::Tuple(inside)]).abi_encode_params()
    }

    #[test]
    fn a_rule_reads_asset_amount_and_destination_where_it_says_they_are() {
        let expected = Priced {
            asset: PricedAsset::Contract(Address::repeat_byte(1)),
            amount: Some(U256::from(55)),
            destination: Address::repeat_byte(3),
        };
        assert_eq!(swap().price(&swapping()), Some(expected));
        // The router's own constant.
        assert_eq!(swap().signature(), SWAP);
        assert_eq!(swap().selector(), Selector::new([0x04, 0xe4, 0x5a, 0xaf]));
    }

    #[test]
    fn arguments_that_are_not_exactly_their_encoding_have_no_price() {
        let sound = swapping();
        let mut dirty = sound.clone();
        dirty[0] = 1;
        let mut large = sound.clone();
        large[2 * 32 + 28] = 1;
        let longer: Vec<u8> = sound.iter().copied().chain([0]).collect();
        let wider: Vec<u8> = sound.iter().copied().chain([0; 32]).collect();
        for bytes in [&dirty, &large, &longer, &wider, &sound[..sound.len() - 1].to_vec(), &Vec::new()] {
            assert_eq!(swap().price(bytes), None);
        }
    }

    #[test]
    fn bits_beyond_a_type_are_refused_and_negative_numbers_are_not() {
        let signature = "pay(address,uint256,int8,bytes2,bool)";
        let cost = RuleCost::Token { asset: TokenSource::Argument(place("0")), amount: place("1") };
        let rule = ContractRule::new(Address::ZERO, signature, cost, RuleDestination::Contract).expect("a rule");
        let with = |word: usize, byte: usize, value: u8| {
            let mut bytes = vec![0; 5 * 32];
            bytes[word * 32 + byte] = value;
            bytes
        };
        let mut negative = vec![0; 5 * 32];
        negative[64..96].fill(0xff);
        for sound in [vec![0; 5 * 32], with(2, 31, 0x7f), negative, with(3, 1, 1), with(4, 31, 1)] {
            assert!(rule.price(&sound).is_some());
        }
        for dirty in [with(0, 11, 1), with(2, 31, 0x80), with(2, 30, 1), with(3, 2, 1), with(4, 31, 2), with(4, 0, 1)] {
            assert_eq!(rule.price(&dirty), None);
        }
    }

    #[test]
    fn a_function_without_arguments_takes_no_bytes() {
        let rule =
            ContractRule::new(Address::ZERO, "deposit()", RuleCost::Value, RuleDestination::Contract).expect("a rule");
        assert_eq!(rule.selector(), Selector::new([0xd0, 0xe3, 0x0d, 0xb0]));
        assert_eq!(rule.price(&[]).map(|priced| priced.amount), Some(None));
        assert_eq!(rule.price(&[0; 32]), None);
    }

    #[test]
    fn a_rule_that_cannot_be_meant_is_refused() {
        let of = |signature: &str, amount: &str| {
            let cost = RuleCost::Token { asset: TokenSource::Argument(place("0")), amount: place(amount) };
            ContractRule::new(Address::ZERO, signature, cost, RuleDestination::Contract)
        };
        assert!(of("pay(address,uint256)", "1").is_ok());
        assert!(of("pay(address,uint256,((bool)),uint8[],bytes32[4],bytes)", "1").is_ok());
        assert_eq!(place("0.2.1").to_string(), "0.2.1");
        for (signature, amount) in [
            ("pay(address,uint)", "1"),
            ("pay(address, uint256)", "1"),
            ("pay(address,uint256)", "2"),
            ("pay(address,uint256)", "0"),
            ("pay(address,int256)", "1"),
            ("pay(address,uint256) ", "1"),
            ("pay(address,uint256)[]", "1"),
            ("(address,uint256)", "1"),
            ("2pay(address,uint256)", "1"),
            ("pay", "1"),
            ("pay(address,uint256,bytes[])", "1"),
            ("pay(address,uint256,uint8[][])", "1"),
            ("pay(address,uint256,uint8[2][2])", "1"),
            ("pay(address,uint256,uint8[0])", "1"),
            ("pay(address,uint256,uint8[100000])", "1"),
            ("pay(address,uint256,(((bool))))", "1"),
        ] {
            assert!(of(signature, amount).is_err(), "{signature} {amount}");
        }
        for text in ["", ".", "0.", "-1", "+1", "01", "0.0.0.0"] {
            assert!(RulePlace::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_arguments_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let cost = RuleCost::Token { asset: TokenSource::Argument(place("0")), amount: place("1") };
            let signature = "pay(address,uint256,bytes,string,uint8[],bool[3],(bytes,int8))";
            let rule = ContractRule::new(Address::ZERO, signature, cost, RuleDestination::Contract).expect("a rule");
            let _ = (rule.price(&bytes), swap().price(&bytes));
        }
    }
}
