//! Makes the replacement of a transaction, for nodes that cannot build one: the same inputs and outputs, and less change.

use bitcoin::{Amount, Script, ScriptBuf, Sequence, Transaction};

use super::request::FeeRate;
use crate::{Forbidden, Why};

/// What a replacement pays more than what it replaces, for its size: what nodes ask for relaying it anew.
pub const AGAIN: FeeRate = FeeRate::per_1000_bytes(1000);

/// Whether a transaction says that a later one may replace it (BIP 125).
pub fn is_replaceable(transaction: &Transaction) -> bool {
    transaction.input.iter().any(|input| input.sequence.is_rbf())
}

/// The least that the replacement of a signed transaction pays.
pub fn least_fee(signed: &Transaction, fee: Amount) -> Option<Amount> {
    AGAIN.fee(size(signed))?.checked_add(fee)
}

/// What a signed transaction would pay at a rate.
pub fn fee_at(signed: &Transaction, rate: FeeRate) -> Option<Amount> {
    rate.fee(size(signed))
}

/// Makes the replacement of a signed transaction, without signatures, that pays so much more; its greatest change pays it.
///
/// # Errors
/// None of its change suffices.
pub fn raise(
    signed: &Transaction,
    more: Amount,
    is_change: impl Fn(&Script) -> bool,
    replaceable: Option<bool>,
) -> Result<Transaction, Forbidden> {
    let mut made = signed.clone();
    for input in &mut made.input {
        input.script_sig = ScriptBuf::new();
        input.witness.clear();
        if replaceable == Some(false) {
            input.sequence = Sequence::ENABLE_LOCKTIME_NO_RBF;
        }
    }
    let change = made.output.iter_mut().filter(|output| is_change(&output.script_pubkey));
    let greatest = change.max_by_key(|output| output.value);
    let left = greatest.as_ref().and_then(|output| {
        let left = output.value.checked_sub(more)?;
        (left >= output.script_pubkey.minimal_non_dust()).then_some(left)
    });
    match (greatest, left) {
        (Some(output), Some(left)) => output.value = left,
        _ => {
            let problem = "the change of the transaction does not suffice for the higher fee; let a child pay instead";
            return Err(Forbidden::new(Why::NotSupported, problem));
        }
    }
    Ok(made)
}

fn size(signed: &Transaction) -> u64 {
    u64::try_from(signed.vsize()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::{Key, Kind, transaction};
    use super::*;

    fn sat(amount: u64) -> Amount {
        Amount::from_sat(amount)
    }

    #[test]
    fn the_change_pays_and_nobody_else() {
        let (own, other) = (Key::new(1).script(Kind::Segwit), Key::new(2).script(Kind::Segwit));
        let signed = transaction(&[1, 2], &[(50_000, other.clone()), (9_000, own.clone()), (20_000, own.clone())]);
        let is_own = |script: &Script| *script == *own;
        let made = raise(&signed, sat(700), is_own, None).unwrap();
        let values: Vec<_> = made.output.iter().map(|output| output.value.to_sat()).collect();
        assert_eq!(values, [50_000, 9_000, 19_300]);
        assert_eq!((&made.input, made.output[0].script_pubkey.clone()), (&signed.input, other));
        assert!(raise(&signed, sat(19_800), is_own, None).is_err(), "too little would be left to be spent again");
        assert!(raise(&signed, sat(1), |_| false, None).is_err(), "it has no change");
        assert!(!is_replaceable(&raise(&signed, sat(1), is_own, Some(false)).unwrap()));
    }

    proptest! {
        #[test]
        fn the_outputs_get_less_by_exactly_what_is_paid_more(values in prop::collection::vec(0_u64..1_000_000, 1..6), more in 0_u64..2_000_000) {
            let own = Key::new(1).script(Kind::Segwit);
            let outputs: Vec<_> = values.iter().map(|value| (*value, own.clone())).collect();
            let signed = transaction(&[1], &outputs);
            if let Ok(made) = raise(&signed, sat(more), |_| true, None) {
                let sum = |of: &Transaction| of.output.iter().map(|output| output.value.to_sat()).sum::<u64>();
                prop_assert_eq!(sum(&signed) - sum(&made), more);
            }
        }
    }
}
