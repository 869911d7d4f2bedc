//! What clients ask of the rail in the protocol of its nodes.

use bitcoin::consensus::encode::serialize;
use bitcoin::{Amount as Satoshi, Txid};
use bursar_core::amount::Amount;
use bursar_core::hold::Recipient;
use bursar_core::id::HoldId;
use bursar_rails::bitcoin::methods::{self, Effect};
use bursar_rails::bitcoin::request::{Bump, Fees, Share, Spend, Wanted as Asked};
use bursar_rails::bitcoin::{amount, classify, classify_all, transaction};
use bursar_rails::forbidden::Why;
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::{Call, Calls};
use bursar_rails::{Forbidden, Operation};
use bursar_service::rail::{Answer, CallError, CallMeaning, Memory, Plan, Protocol, RailError, Wanted};

use super::plan::Errand;
use super::sent::{self, Remembered, Signed};
use super::{BitcoinRail, refused};

impl Protocol for BitcoinRail {
    fn knows_passwords_only(&self) -> bool {
        true
    }

    fn meanings(&self, calls: &Calls, wallets: &[String], _memory: &dyn Memory) -> Result<Vec<CallMeaning>, Forbidden> {
        let operations = classify_all(self.network, calls)?;
        let wallet = only(wallets)?;
        let calls = calls.as_slice().iter().zip(operations);
        Ok(calls.map(|(call, operation)| self.meaning(wallet, call, operation)).collect())
    }

    fn read<'a>(&'a self, call: &'a Call, wallets: &'a [String]) -> Answer<'a, Result<Json, CallError>> {
        Box::pin(async move {
            let told = |refusal: Forbidden| CallError::Refused { code: -1, message: refusal.detail, data: None };
            let wallet = only(wallets).map_err(told)?;
            self.node.read(wallet, call).await
        })
    }

    fn spends(&self, call: &Call) -> bool {
        matches!(methods::effect(&call.method), Ok(Effect::Spend(_)))
    }

    fn plan_call<'a>(
        &'a self,
        reference: &'a str,
        call: &'a Call,
        hold: HoldId,
        memory: &'a dyn Memory,
    ) -> Answer<'a, Result<(Plan, Vec<Recipient>), RailError>> {
        Box::pin(async move {
            let spend = match classify(self.network, call) {
                Operation::Spend(spend) => spend,
                Operation::Forbidden(refusal) => return Err(refused(refusal)),
                Operation::Read => return Err(RailError::Refused("it moves nothing".to_owned())),
            };
            match spend {
                Spend::Make(asked) => self.make(reference, &asked, hold).await,
                Spend::Bump(bump) => self.bump(reference, &bump, hold, memory).await,
                Spend::Sign(raw) => self.take(reference, raw.transaction(), Errand::Sign, hold).await,
                Spend::SignPsbt(sign) => {
                    let errand = Errand::SignPsbt(sign.psbt.to_base64());
                    self.take(reference, sign.psbt.transaction(), errand, hold).await
                }
                Spend::Broadcast(broadcast) => {
                    let errand = Errand::Broadcast(broadcast.raw.clone());
                    self.take(reference, broadcast.raw.transaction(), errand, hold).await
                }
            }
        })
    }

    fn parameter(&self, call: &Call, field: &'static str) -> &'static str {
        match (&*call.method, field) {
            ("sendtoaddress", "recipients" | "address") => "address",
            ("sendmany", "recipients" | "address" | "amount") => "amounts",
            ("send", "recipients" | "address" | "amount") => "outputs",
            ("sendall", "address" | "amount") => "recipients",
            ("walletprocesspsbt", "recipients" | "address" | "amount") => "psbt",
            (
                "sendrawtransaction" | "signrawtransactionwithwallet" | "signrawtransaction",
                "recipients" | "address" | "amount",
            ) => "hexstring",
            _ => field,
        }
    }

    fn result(&self, call: &Call, reference: &str) -> Json {
        match (classify(self.network, call), reference.parse::<Txid>()) {
            (Operation::Spend(Spend::Make(asked)), Ok(txid)) => asked.answer(txid),
            _ => Json::Text(reference.into()),
        }
    }

    fn transaction(&self, hold: HoldId, memory: &dyn Memory) -> Result<Option<Json>, RailError> {
        let Some(Remembered::Signed(signed)) = sent::read(memory, hold)? else { return Ok(None) };
        if let Some(raised_from) = signed.raised_from {
            return Ok(raised(&signed, raised_from));
        }
        let mut entries: Vec<(Box<str>, Json)> = vec![("hex".into(), Json::Text(signed.raw.to_hex().into()))];
        entries.push(("complete".into(), Json::Bool(true)));
        entries.extend(signed.psbt.map(|psbt| ("psbt".into(), Json::Text(psbt.into()))));
        Ok(Some(Json::Object(entries)))
    }
}

impl BitcoinRail {
    fn meaning(&self, wallet: &str, call: &Call, operation: Operation<Spend>) -> CallMeaning {
        match operation {
            Operation::Forbidden(refusal) => CallMeaning::Forbidden(refusal),
            Operation::Read if methods::effect(&call.method) == Ok(Effect::Receive) => {
                CallMeaning::NewAddress(wallet.to_owned())
            }
            Operation::Read => CallMeaning::Read,
            Operation::Spend(spend) => match self.wanted(wallet, &spend) {
                Ok(wanted) => CallMeaning::Spend(Box::new(wanted)),
                Err(refusal) => CallMeaning::Forbidden(refusal),
            },
        }
    }

    fn wanted(&self, wallet: &str, spend: &Spend) -> Result<Wanted, Forbidden> {
        let wanted = |recipients, meaning, name, shows_transaction| {
            let (reference, coin) = (wallet.to_owned(), self.coin.clone());
            Wanted { reference, coin, recipients, meaning, name, shows_transaction, payer: None }
        };
        // Signing, combining and broadcasting one transaction is one spend, whoever asks for which of them.
        let of_transaction = |made: &bitcoin::Transaction, shows_transaction| {
            let key = transaction::key(made).to_string();
            wanted(Vec::new(), key.clone().into_bytes(), Some(key), shows_transaction)
        };
        Ok(match spend {
            Spend::Make(asked) => wanted(recipients(asked), meaning(asked), None, false),
            Spend::Bump(bump) => wanted(Vec::new(), meaning_of_bump(bump), None, true),
            Spend::Sign(raw) => of_transaction(raw.transaction(), true),
            Spend::SignPsbt(sign) if !sign.finalize => {
                let problem = "a signature is final here; leave out `finalize`";
                return Err(Forbidden::new(Why::NotSupported, problem));
            }
            Spend::SignPsbt(sign) => of_transaction(sign.psbt.transaction(), true),
            Spend::Broadcast(broadcast) => of_transaction(broadcast.raw.transaction(), false),
        })
    }
}

/// What is answered to `bumpfee`.
fn raised(signed: &Signed, raised_from: Satoshi) -> Option<Json> {
    let made = signed.raw.transaction();
    let coins = made.input.iter().map(|input| input.previous_output).zip(signed.coins.iter().cloned()).collect();
    let fee = transaction::fee(made, &coins).ok()?;
    Some(Json::Object(vec![
        ("txid".into(), Json::Text(signed.txid().to_string().into())),
        ("origfee".into(), amount::write(raised_from)),
        ("fee".into(), amount::write(fee)),
        ("errors".into(), Json::List(Vec::new())),
    ]))
}

/// The one wallet that a call can mean.
fn only(wallets: &[String]) -> Result<&str, Forbidden> {
    let [one] = wallets else {
        let problem = "the token sees several wallets of this rail, and a call names none; use a token for one of them";
        return Err(Forbidden::new(Why::NotSupported, problem));
    };
    Ok(one)
}

/// Who gets how much, where the call says it to the satoshi.
fn recipients(asked: &Asked) -> Vec<Recipient> {
    let exact = asked.outputs.iter().map(|output| match output.share {
        Share::Exactly(amount) if !output.pays_fee => {
            Some(Recipient { address: output.address.clone(), amount: Amount::new(amount.to_sat().into()) })
        }
        _ => None,
    });
    exact.collect::<Option<_>>().unwrap_or_default()
}

/// What two calls must have in common to ask for the same.
fn meaning(asked: &Asked) -> Vec<u8> {
    let mut meaning = vec![u8::from(asked.may_add_inputs), asked.replaceable.map_or(2, u8::from)];
    for output in &asked.outputs {
        meaning.extend(serialize(&output.script));
        meaning.extend(match output.share {
            Share::Exactly(amount) => amount.to_sat().to_be_bytes(),
            Share::Rest => [0xff; 8],
        });
        meaning.push(u8::from(output.pays_fee));
    }
    meaning.extend(asked.inputs.iter().flat_map(serialize));
    meaning.extend(meaning_of_fees(asked.fees));
    meaning
}

fn meaning_of_bump(bump: &Bump) -> Vec<u8> {
    // No other meaning begins like this: with 0 or 1.
    let mut meaning = b"bump".to_vec();
    meaning.extend(serialize(&bump.replaced));
    meaning.push(bump.replaceable.map_or(2, u8::from));
    meaning.extend(meaning_of_fees(bump.fees));
    meaning
}

fn meaning_of_fees(fees: Fees) -> Vec<u8> {
    match fees {
        Fees::Node => Vec::new(),
        Fees::Target { blocks, mode } => format!("{blocks:?}{mode:?}").into_bytes(),
        Fees::Rate(rate) => rate.of_1000_bytes().to_be_bytes().to_vec(),
    }
}
