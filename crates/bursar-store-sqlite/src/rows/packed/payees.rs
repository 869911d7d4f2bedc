//! Who is paid by a spend: address, family, bytes and tag of the destination, amount.

use bursar_core::destination::Destination;
use bursar_core::hold::Payee;

use super::{VERSION, put_amount, put_bytes, take, take_amount, take_bytes, take_text, unpack_list};

const UNTAGGED: u8 = 0;
const TAGGED: u8 = 1;

/// They go on until the end, so nothing may follow them.
pub(super) fn put_payees(packed: &mut Vec<u8>, payees: &[Payee]) {
    packed.push(VERSION);
    for Payee { address, destination, amount } in payees {
        put_bytes(packed, address.as_bytes());
        put_bytes(packed, destination.family().as_bytes());
        put_bytes(packed, destination.bytes());
        match destination.tag() {
            None => packed.push(UNTAGGED),
            Some(tag) => {
                packed.push(TAGGED);
                put_bytes(packed, tag.as_bytes());
            }
        }
        put_amount(packed, *amount);
    }
}

/// Nothing if these bytes are not what [`put_payees`] writes.
pub(super) fn unpack_payees(packed: &[u8]) -> Option<Vec<Payee>> {
    unpack_list(packed, |rest| {
        let address = take_text(rest)?.to_owned();
        let (family, bytes) = (take_text(rest)?, take_bytes(rest)?);
        let tag = match take(rest)? {
            [UNTAGGED] => None,
            [TAGGED] => Some(take_text(rest)?),
            _ => return None,
        };
        Some(Payee { address, destination: Destination::new(family, bytes, tag), amount: take_amount(rest)? })
    })
}

#[cfg(test)]
mod tests {
    use bursar_core::amount::Amount;

    use super::*;

    fn pack_payees(payees: &[Payee]) -> Vec<u8> {
        let mut packed = Vec::new();
        put_payees(&mut packed, payees);
        packed
    }

    fn payees() -> Vec<Payee> {
        let payee = |address: &str, destination, amount| Payee { address: address.to_owned(), destination, amount };
        vec![
            payee("bc1q", Destination::new("bitcoin", &[7; 200], None), Amount::MAX),
            payee("", Destination::new("", &[], Some("")), Amount::ZERO),
            payee("0xü", Destination::new("evm", &[0, 255], Some("memo")), Amount::new(7)),
        ]
    }

    #[test]
    fn payees_unpack_to_what_was_packed() {
        assert_eq!(unpack_payees(&pack_payees(&payees())), Some(payees()));
        assert_eq!(unpack_payees(&pack_payees(&[])), Some(Vec::new()));
    }

    #[test]
    fn bytes_that_were_cut_off_or_changed_do_not_unpack() {
        let packed = pack_payees(&payees());
        let whole = |length: usize| (0..=3).any(|count| pack_payees(&payees()[..count]).len() == length);
        for length in 0..packed.len() {
            assert_eq!(unpack_payees(&packed[..length]).is_some(), whole(length), "{length} bytes");
        }
        // Version, lengths of the address and of the amount, no text, tag.
        let one = pack_payees(&payees()[2..]);
        assert_eq!(one.len(), 1 + 5 + 4 + 3 + 6 + 2);
        for (place, wrong) in [(0, 2), (1, 200), (4, b'u'), (13, 2), (13, 0), (19, 0)] {
            let mut changed = one.clone();
            changed[place] = wrong;
            assert_eq!(unpack_payees(&changed), None, "byte {place}");
        }
    }
}
