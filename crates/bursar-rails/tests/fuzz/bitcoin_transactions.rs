//! Transactions of Bitcoin, whole and in part: what is read is what the library reads, and is written to the same bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use bursar_rails::bitcoin::transaction::{Coins, PartiallySigned, Raw, fee, key};

fn coin(number: u8) -> OutPoint {
    let txid: Txid = format!("{number:02x}").repeat(32).parse().expect("a txid");
    OutPoint { txid, vout: number.into() }
}

fn script(number: u8) -> ScriptBuf {
    ScriptBuf::from_bytes([&[0, 20][..], &[number; 20]].concat())
}

fn transaction(inputs: u8, witness: bool) -> Transaction {
    let witness = if witness { Witness::from_slice(&[[1_u8; 71]]) } else { Witness::new() };
    let spending = |number| TxIn {
        previous_output: coin(number),
        script_sig: ScriptBuf::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: witness.clone(),
    };
    let paying = |number| TxOut { value: Amount::from_sat(1000 + u64::from(number)), script_pubkey: script(number) };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: (1..=inputs).map(spending).collect(),
        output: vec![paying(1), paying(2)],
    }
}

#[test]
fn a_transaction_is_the_one_that_the_library_reads_and_pays_what_is_left_over() {
    let samples = [transaction(1, false), transaction(2, true)].map(|made| encode::serialize(&made)).to_vec();
    let value = |number: u8| TxOut { value: Amount::from_sat(5000), script_pubkey: script(number) };
    let coins: Coins = (1..=2).map(|number| (coin(number), value(number))).collect();
    every!(&samples, |bytes| {
        let Ok(raw) = Raw::read(bytes.clone()) else { return };
        let theirs: Transaction = encode::deserialize(&bytes).expect("a transaction to others, too");
        assert_eq!((raw.transaction(), raw.bytes()), (&theirs, &bytes[..]));
        assert_eq!(encode::serialize(raw.transaction()), bytes);
        assert_eq!(Raw::read_hex(&raw.to_hex()), Ok(raw.clone()));
        // A signature changes nothing of what a spend is called by.
        let mut unsigned = theirs.clone();
        unsigned.input.iter_mut().for_each(|input| input.witness = Witness::new());
        assert_eq!(key(&theirs), key(&unsigned));
        let Ok(fee) = fee(&theirs, &coins) else { return };
        let paid: u64 = theirs.output.iter().map(|output| output.value.to_sat()).sum();
        let mut spent: Vec<_> = theirs.input.iter().map(|input| input.previous_output).collect();
        spent.sort_unstable();
        spent.dedup();
        assert_eq!(fee.to_sat() + paid, 5000 * spent.len() as u64);
    });
}

#[test]
fn a_psbt_is_the_one_that_the_library_reads_and_has_no_secrets_of_its_own() {
    let psbt = |inputs| Psbt::from_unsigned_tx(transaction(inputs, false)).expect("a PSBT");
    let mut known = psbt(2);
    known.inputs[0].witness_utxo = Some(TxOut { value: Amount::from_sat(5000), script_pubkey: script(1) });
    let samples = [psbt(1), known].map(|psbt| psbt.serialize()).to_vec();
    every!(&samples, |bytes| {
        let Ok(read) = PartiallySigned::read(&STANDARD.encode(&bytes)) else { return };
        assert_eq!(Psbt::deserialize(&bytes).as_ref().ok(), Some(read.psbt()));
        assert_eq!(read.transaction(), &read.psbt().unsigned_tx);
        // Nothing of it is left out, and nothing stands behind it.
        assert_eq!(STANDARD.decode(read.to_base64()).map(|written| written.len()), Ok(bytes.len()));
        let again = PartiallySigned::read(&read.to_base64()).expect("what was written");
        assert_eq!(again, read);
    });
}
