//! Where a chain stood at a time, written down elsewhere: what a chain that was cut or rolled back is
//! held against. The signature over it is made outside of this crate.

use super::Head;
use super::event::length;
use crate::time::Timestamp;

const CHECKPOINT_TAG: &[u8] = b"bursar audit checkpoint 1";

/// The end of a chain at a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The chain's name.
    pub chain: String,
    /// Its end.
    pub head: Head,
    /// The ledger time it stood there.
    pub time: Timestamp,
}

impl Checkpoint {
    /// The bytes that are signed.
    pub fn canonical_form(&self) -> Vec<u8> {
        let mut form = CHECKPOINT_TAG.to_vec();
        form.extend(length(&self.chain));
        form.extend(self.chain.as_bytes());
        form.extend(self.head.number.to_be_bytes());
        form.extend(self.head.hash);
        form.extend(self.time.as_millis().to_be_bytes());
        form
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_checkpoint_is_in_what_is_signed() {
        let checkpoint = Checkpoint {
            chain: "main".to_owned(),
            head: Head { number: 7, hash: [9; 32] },
            time: Timestamp::from_millis(1_790_000_000_000),
        };
        let form = checkpoint.canonical_form();
        assert_eq!(form.len(), CHECKPOINT_TAG.len() + 4 + 4 + 8 + 32 + 8);
        let head = checkpoint.head;
        for other in [
            Checkpoint { chain: "mai".to_owned(), ..checkpoint.clone() },
            Checkpoint { head: Head { number: 8, ..head }, ..checkpoint.clone() },
            Checkpoint { head: Head { hash: [8; 32], ..head }, ..checkpoint.clone() },
            Checkpoint { time: Timestamp::from_millis(0), ..checkpoint.clone() },
        ] {
            assert_ne!(other.canonical_form(), form);
        }
    }
}
