//! Lists that belong to one hold and are never searched, packed into one column.
//!
//! A version byte, then the entries one behind the other until the end. Texts stand behind their length
//! in four big-endian bytes.
//! Recipient: address, then 32 bytes of amount.
//! Charge: flags (1 = overridden), kind of subject, 16 bytes of its id, window, asset.

use bursar_core::amount::Amount;
use bursar_core::coin::Asset;
use bursar_core::hold::{Charge, Recipient};
use bursar_core::id::{OrganisationId, TokenId, UserId, WalletId};
use bursar_core::limit::{BudgetKey, Subject, Window};

const VERSION: u8 = 1;
const OVERRIDDEN: u8 = 1;

pub(super) fn pack_recipients(recipients: &[Recipient]) -> Vec<u8> {
    let mut packed = vec![VERSION];
    for recipient in recipients {
        put_text(&mut packed, &recipient.address);
        packed.extend(recipient.amount.to_be_bytes());
    }
    packed
}

/// Nothing if these bytes are not what [`pack_recipients`] makes.
pub(super) fn unpack_recipients(packed: &[u8]) -> Option<Vec<Recipient>> {
    unpack(packed, |rest| {
        Some(Recipient { address: take_text(rest)?.to_owned(), amount: Amount::from_be_bytes(take(rest)?) })
    })
}

pub(super) fn pack_charges(charges: &[Charge]) -> Vec<u8> {
    let mut packed = vec![VERSION];
    for Charge { budget, overridden } in charges {
        let kind = match budget.subject {
            Subject::Token(_) => 1,
            Subject::User(_) => 2,
            Subject::Wallet(_) => 3,
            Subject::Organisation(_) => 4,
        };
        let window = match budget.window {
            Window::Lifetime => 1,
        };
        packed.extend([if *overridden { OVERRIDDEN } else { 0 }, kind]);
        packed.extend(budget.subject.id_bytes());
        packed.push(window);
        put_text(&mut packed, &budget.asset.to_string());
    }
    packed
}

/// Nothing if these bytes are not what [`pack_charges`] makes.
pub(super) fn unpack_charges(packed: &[u8]) -> Option<Vec<Charge>> {
    unpack(packed, |rest| {
        let [flags, kind] = take(rest)?;
        let overridden = match flags {
            0 => false,
            OVERRIDDEN => true,
            _ => return None,
        };
        let id = take(rest)?;
        let subject = match kind {
            1 => Subject::Token(TokenId::from_bytes(id)),
            2 => Subject::User(UserId::from_bytes(id)),
            3 => Subject::Wallet(WalletId::from_bytes(id)),
            4 => Subject::Organisation(OrganisationId::from_bytes(id)),
            _ => return None,
        };
        let window = match take(rest)? {
            [1] => Window::Lifetime,
            _ => return None,
        };
        let asset = Asset::parse(take_text(rest)?).ok()?;
        Some(Charge { budget: BudgetKey { subject, asset, window }, overridden })
    })
}

fn unpack<T>(packed: &[u8], mut entry: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let (&VERSION, mut rest) = packed.split_first()? else {
        return None;
    };
    let mut entries = Vec::new();
    while !rest.is_empty() {
        entries.push(entry(&mut rest)?);
    }
    Some(entries)
}

fn put_text(packed: &mut Vec<u8>, text: &str) {
    // Longer texts cannot occur: requests are bounded where they are read.
    packed.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    packed.extend(text.as_bytes());
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(u32::from_be_bytes(take(rest)?)).ok()?;
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    str::from_utf8(text).ok()
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charges() -> Vec<Charge> {
        let subjects = [
            Subject::Token(TokenId::from_bytes([1; 16])),
            Subject::User(UserId::from_bytes([2; 16])),
            Subject::Wallet(WalletId::from_bytes([3; 16])),
            Subject::Organisation(OrganisationId::from_bytes([4; 16])),
        ];
        let assets = ["tbtc", "hteth:usdc", "*erc20", "*bitcoin"];
        let budgets = subjects.into_iter().zip(assets).map(|(subject, asset)| BudgetKey {
            subject,
            asset: Asset::parse(asset).unwrap(),
            window: Window::Lifetime,
        });
        budgets.zip([true, false, false, true]).map(|(budget, overridden)| Charge { budget, overridden }).collect()
    }

    #[test]
    fn lists_unpack_to_what_was_packed() {
        let recipients = [("bc1q", Amount::MAX), ("", Amount::ZERO), ("0xü", Amount::new(7))]
            .map(|(address, amount)| Recipient { address: address.to_owned(), amount });
        assert_eq!(unpack_recipients(&pack_recipients(&recipients)).unwrap(), recipients);
        assert_eq!(unpack_recipients(&pack_recipients(&[])).unwrap(), []);
        assert_eq!(unpack_charges(&pack_charges(&charges())).unwrap(), charges());
    }

    #[test]
    fn bytes_that_were_cut_off_or_changed_do_not_unpack() {
        let packed = pack_charges(&charges());
        let one = pack_charges(&charges()[..1]).len();
        let whole = |length: usize| (0..=4).any(|count| pack_charges(&charges()[..count]).len() == length);
        for length in 0..packed.len() {
            let cut = &packed[..length];
            assert_eq!(unpack_charges(cut).is_some(), whole(length), "{length} bytes");
        }
        for (place, wrong) in [(0, 2), (1, 2), (2, 0), (2, 5), (19, 0), (23, 255), (24, b' ')] {
            let mut changed = packed[..one].to_vec();
            changed[place] = wrong;
            assert_eq!(unpack_charges(&changed), None, "byte {place}");
        }
    }
}
