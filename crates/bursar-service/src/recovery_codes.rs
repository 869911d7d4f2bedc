//! A set of recovery codes as a credential: the hashes and, apart from them, which are used.

use bursar_core::ledger::Credential;
use bursar_core::time::Timestamp;
use bursar_identity::recovery::{CODES, CodeState, RecoverySet, StoredCode};

/// 32 bytes of hash, then 8 bytes of when it was used, zero if it was not.
const ENTRY: usize = 40;

/// The stored form of a set.
pub(crate) fn progress(set: &RecoverySet) -> Vec<u8> {
    let entry = |code: &StoredCode| {
        let used = match code.state {
            CodeState::Unused => 0,
            CodeState::Used { at } => at.as_millis(),
        };
        [&code.hash[..], &used.to_be_bytes()].concat()
    };
    set.codes().iter().flat_map(entry).collect()
}

/// The set that was stored, if it can be read.
pub(crate) fn read(credential: &Credential) -> Option<RecoverySet> {
    let (entries, rest) = credential.progress.as_chunks::<ENTRY>();
    let codes: Vec<StoredCode> = entries
        .iter()
        .map(|entry| {
            let hash = *entry.first_chunk::<32>()?;
            let used = i64::from_be_bytes(*entry.last_chunk::<8>()?);
            let state =
                if used == 0 { CodeState::Unused } else { CodeState::Used { at: Timestamp::from_millis(used) } };
            Some(StoredCode { hash, state })
        })
        .collect::<Option<_>>()?;
    let codes: [StoredCode; CODES] = codes.try_into().ok()?;
    rest.is_empty().then(|| RecoverySet::from_stored(codes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::id::{FactorId, UserId};
    use bursar_core::ledger::CredentialKind;
    use bursar_identity::recovery;

    #[test]
    fn a_set_reads_back_with_its_used_codes() {
        let (texts, mut set) = recovery::issue(&std::array::from_fn(|at| at as u8));
        set.redeem(texts[3].expose(), Timestamp::from_millis(1_790_000_000_000));
        let credential = Credential {
            id: FactorId::from_bytes([1; 16]),
            user: UserId::from_bytes([2; 16]),
            kind: CredentialKind::RecoveryCodes,
            label: String::new(),
            sealed: Vec::new(),
            progress: progress(&set),
            created: Timestamp::default(),
            last_used: None,
        };
        assert_eq!(read(&credential), Some(set));
    }
}
