//! What a spend is, and what became of it.
//!
//! Terms: a byte of marks, the coin, the amount, the coin of the fee if it is another, the fee, the holder if there is
//! one, when it was made and by when an answer is due, the meaning, the key and the comment if there are any, the
//! instruction, and the payees to the end. An outcome is the kind, then amount, fee and reference of what was
//! captured, or the reason of what was released or is unresolved.

use bursar_core::coin::Coin;
use bursar_core::hold::{Cost, Hold, HoldState, Payee, SpendKey};
use bursar_core::id::TokenId;
use bursar_core::time::Timestamp;

use super::payees::{put_payees, unpack_payees};
use super::{VERSION, put_amount, put_bytes, put_signed, take, take_amount, take_bytes, take_signed, take_text};
use crate::rows::spend_key;

const FEE_COIN: u8 = 1;
const OVERRIDDEN: u8 = 2;
const HOLDER: u8 = 4;
const KEY: u8 = 8;
const COMMENT: u8 = 16;
const CAPTURES_ITSELF: u8 = 32;
const MARKS: u8 = FEE_COIN | OVERRIDDEN | HOLDER | KEY | COMMENT | CAPTURES_ITSELF;

const CAPTURED: u8 = 1;
const RELEASED: u8 = 2;
const UNRESOLVED: u8 = 3;

/// Room for the terms of a usual spend, so that the bytes do not move while they are written.
const USUAL: usize = 320;

/// What a spend is: all that never changes and is never searched.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Terms {
    pub(crate) payees: Vec<Payee>,
    pub(crate) cost: Cost,
    pub(crate) key: Option<SpendKey>,
    pub(crate) meaning: [u8; 32],
    pub(crate) instruction: Vec<u8>,
    pub(crate) comment: Option<String>,
    pub(crate) overridden: bool,
    pub(crate) holder: Option<TokenId>,
    pub(crate) captures_itself: bool,
    pub(crate) created: Timestamp,
    pub(crate) deadline: Timestamp,
}

pub(crate) fn pack_terms(hold: &Hold) -> Vec<u8> {
    let Cost { coin, amount, fee_coin, fee } = &hold.cost;
    let mark = |is_set: bool, mark: u8| if is_set { mark } else { 0 };
    let marks = mark(fee_coin != coin, FEE_COIN)
        | mark(hold.overridden, OVERRIDDEN)
        | mark(hold.holder.is_some(), HOLDER)
        | mark(hold.key.is_some(), KEY)
        | mark(hold.comment.is_some(), COMMENT)
        | mark(hold.captures_itself, CAPTURES_ITSELF);
    let mut packed = Vec::with_capacity(USUAL);
    packed.extend([VERSION, marks]);
    put_bytes(&mut packed, coin.as_str().as_bytes());
    put_amount(&mut packed, *amount);
    if fee_coin != coin {
        put_bytes(&mut packed, fee_coin.as_str().as_bytes());
    }
    put_amount(&mut packed, *fee);
    if let Some(holder) = &hold.holder {
        packed.extend(holder.as_bytes());
    }
    put_signed(&mut packed, hold.created.as_millis());
    put_signed(&mut packed, hold.deadline.as_millis());
    packed.extend(hold.meaning);
    if let Some(key) = &hold.key {
        put_bytes(&mut packed, &spend_key::pack(key));
    }
    if let Some(comment) = &hold.comment {
        put_bytes(&mut packed, comment.as_bytes());
    }
    put_bytes(&mut packed, &hold.instruction);
    put_payees(&mut packed, &hold.payees);
    packed
}

/// Nothing if these bytes are not what [`pack_terms`] makes.
pub(crate) fn unpack_terms(packed: &[u8]) -> Option<Terms> {
    let rest = &mut &*packed;
    let [VERSION, marks] = take(rest)? else { return None };
    if marks & !MARKS != 0 {
        return None;
    }
    let has = |mark: u8| marks & mark != 0;
    let coin = |rest: &mut &[u8]| Coin::parse(take_text(rest)?).ok();
    let (own, amount) = (coin(rest)?, take_amount(rest)?);
    let fee_coin = match has(FEE_COIN) {
        true => coin(rest).filter(|fee_coin| *fee_coin != own)?,
        false => own.clone(),
    };
    let cost = Cost { coin: own, amount, fee_coin, fee: take_amount(rest)? };
    let holder = match has(HOLDER) {
        true => Some(TokenId::from_bytes(take(rest)?)),
        false => None,
    };
    let created = Timestamp::from_millis(take_signed(rest)?);
    let deadline = Timestamp::from_millis(take_signed(rest)?);
    let meaning = take(rest)?;
    let key = match has(KEY) {
        true => Some(spend_key::unpack(take_bytes(rest)?)?),
        false => None,
    };
    let comment = match has(COMMENT) {
        true => Some(take_text(rest)?.to_owned()),
        false => None,
    };
    let instruction = take_bytes(rest)?.to_vec();
    let payees = unpack_payees(rest)?;
    let (overridden, captures_itself) = (has(OVERRIDDEN), has(CAPTURES_ITSELF));
    Some(Terms {
        payees,
        cost,
        key,
        meaning,
        instruction,
        comment,
        overridden,
        holder,
        captures_itself,
        created,
        deadline,
    })
}

/// Nothing as long as it is held, unless it is known why nobody knows what became of it.
pub(crate) fn pack_outcome(state: &HoldState) -> Option<Vec<u8>> {
    match state {
        HoldState::Open => None,
        HoldState::Unresolved { reason, .. } => (!reason.is_empty()).then(|| {
            let mut packed = vec![VERSION, UNRESOLVED];
            put_bytes(&mut packed, reason.as_bytes());
            packed
        }),
        HoldState::Captured { amount, fee, reference, .. } => {
            let mut packed = vec![VERSION, CAPTURED];
            put_amount(&mut packed, *amount);
            put_amount(&mut packed, *fee);
            put_bytes(&mut packed, reference.as_bytes());
            Some(packed)
        }
        HoldState::Released { reason, .. } => {
            let mut packed = vec![VERSION, RELEASED];
            put_bytes(&mut packed, reason.as_bytes());
            Some(packed)
        }
    }
}

/// Nothing if these bytes are not what [`pack_outcome`] makes.
pub(crate) fn unpack_outcome(packed: &[u8], at: Timestamp) -> Option<HoldState> {
    let rest = &mut &*packed;
    let state = match take(rest)? {
        [VERSION, CAPTURED] => {
            let (amount, fee) = (take_amount(rest)?, take_amount(rest)?);
            HoldState::Captured { at, amount, fee, reference: take_text(rest)?.to_owned() }
        }
        [VERSION, RELEASED] => HoldState::Released { at, reason: take_text(rest)?.to_owned() },
        [VERSION, UNRESOLVED] => {
            let reason = take_text(rest)?.to_owned();
            // No reason is said in one way only.
            if reason.is_empty() {
                return None;
            }
            HoldState::Unresolved { since: at, reason }
        }
        _ => return None,
    };
    rest.is_empty().then_some(state)
}

#[cfg(test)]
mod tests {
    use bursar_core::amount::Amount;
    use bursar_core::destination::Destination;
    use bursar_core::id::{HoldId, OrganisationId, UserId, WalletId};

    use super::*;

    const AT: Timestamp = Timestamp::from_millis(7);

    fn coin(text: &str) -> Coin {
        Coin::parse(text).unwrap()
    }

    fn plain() -> Hold {
        Hold {
            id: HoldId::from_bytes([1; 16]),
            token: TokenId::from_bytes([2; 16]),
            user: UserId::from_bytes([3; 16]),
            wallet: None,
            organisation: OrganisationId::from_bytes([4; 16]),
            payees: Vec::new(),
            cost: Cost { coin: coin("eth"), amount: Amount::ZERO, fee_coin: coin("eth"), fee: Amount::ZERO },
            key: None,
            aliases: Vec::new(),
            meaning: [0; 32],
            instruction: Vec::new(),
            comment: None,
            overridden: false,
            holder: None,
            captures_itself: false,
            created: Timestamp::from_millis(i64::MIN),
            deadline: Timestamp::from_millis(i64::MAX),
            state: HoldState::Open,
        }
    }

    fn full() -> Hold {
        let destination = Destination::new("evm", &[0, 255], Some("memo"));
        Hold {
            payees: vec![Payee { address: "0xü".to_owned(), destination, amount: Amount::MAX }],
            cost: Cost { coin: coin("eth:usdc"), amount: Amount::MAX, fee_coin: coin("eth"), fee: Amount::new(300) },
            key: Some(SpendKey::Sequence(WalletId::from_bytes([5; 16]), "order-1".to_owned())),
            meaning: [9; 32],
            instruction: vec![0; 200],
            comment: Some(String::new()),
            overridden: true,
            holder: Some(TokenId::from_bytes([6; 16])),
            captures_itself: true,
            ..plain()
        }
    }

    fn terms(hold: Hold) -> Terms {
        let Hold { payees, cost, key, meaning, instruction, comment, overridden, holder, .. } = hold;
        let Hold { captures_itself, created, deadline, .. } = hold;
        Terms {
            payees,
            cost,
            key,
            meaning,
            instruction,
            comment,
            overridden,
            holder,
            captures_itself,
            created,
            deadline,
        }
    }

    #[test]
    fn terms_unpack_to_what_was_packed_and_nothing_else() {
        for hold in [plain(), full()] {
            let packed = pack_terms(&hold);
            let without_payees = pack_terms(&Hold { payees: Vec::new(), ..hold.clone() }).len();
            assert_eq!(unpack_terms(&packed), Some(terms(hold)));
            for end in (0..packed.len()).filter(|end| *end != without_payees) {
                assert_eq!(unpack_terms(&packed[..end]), None, "cut off at {end}");
            }
            for (place, wrong) in [(0, 2), (1, 0x40), (1, 0xff)] {
                let mut changed = packed.clone();
                changed[place] = wrong;
                assert_eq!(unpack_terms(&changed), None, "byte {place}");
            }
            assert_eq!(unpack_terms(&[&packed[..], &[0]].concat()), None, "there is more");
        }
    }

    #[test]
    fn a_fee_in_the_same_coin_is_said_in_one_way() {
        let mut twice = pack_terms(&Hold { cost: Cost { fee_coin: coin("btc"), ..plain().cost }, ..plain() });
        let place = twice.windows(3).position(|bytes| bytes == b"btc").unwrap();
        twice[place..place + 3].copy_from_slice(b"eth");
        assert_eq!(unpack_terms(&twice), None);
    }

    #[test]
    fn an_outcome_unpacks_to_what_was_packed_and_nothing_else() {
        let (amount, fee) = (Amount::MAX, Amount::ZERO);
        let captured = HoldState::Captured { at: AT, amount, fee, reference: "tx".to_owned() };
        let released = HoldState::Released { at: AT, reason: String::new() };
        for state in [captured, released, HoldState::unresolved(AT, "no answer")] {
            let packed = pack_outcome(&state).unwrap();
            assert_eq!(unpack_outcome(&packed, AT), Some(state));
            for end in 0..packed.len() {
                assert_eq!(unpack_outcome(&packed[..end], AT), None, "cut off at {end}");
            }
            assert_eq!(unpack_outcome(&[&packed[..], &[0]].concat(), AT), None, "there is more");
        }
        assert_eq!(unpack_outcome(&[VERSION, UNRESOLVED, 0], AT), None);
        assert_eq!(pack_outcome(&HoldState::Open), None);
        assert_eq!(pack_outcome(&HoldState::unresolved(AT, "")), None);
        assert_eq!(unpack_outcome(&[VERSION, 4, 0], AT), None);
    }
}
