//! What clients ask of the rail in the protocol of its nodes.

use bitcoin::Txid;
use bitcoin::consensus::encode::serialize;
use bursar_core::amount::Amount;
use bursar_core::hold::Recipient;
use bursar_core::id::HoldId;
use bursar_rails::bitcoin::request::{Fees, Share, Spend, Wanted as Asked};
use bursar_rails::bitcoin::{classify, classify_all, transaction};
use bursar_rails::forbidden::Why;
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::{Call, Calls};
use bursar_rails::{Forbidden, Operation};
use bursar_service::rail::{Answer, CallError, CallMeaning, Memory, Plan, Protocol, RailError, Wanted};

use super::plan::Errand;
use super::sent::{self, Remembered};
use super::{BitcoinRail, refused};

impl Protocol for BitcoinRail {
    fn meanings(&self, calls: &Calls, wallets: &[String]) -> Result<Vec<CallMeaning>, Forbidden> {
        let operations = classify_all(self.network, calls)?;
        let wallet = only(wallets)?;
        Ok(operations.into_iter().map(|operation| self.meaning(wallet, operation)).collect())
    }

    fn read<'a>(&'a self, call: &'a Call, wallets: &'a [String]) -> Answer<'a, Result<Json, CallError>> {
        Box::pin(async move {
            let told = |refusal: Forbidden| CallError::Refused { code: -1, message: refusal.detail, data: None };
            let wallet = only(wallets).map_err(told)?;
            self.node.read(wallet, call).await
        })
    }

    fn plan_call<'a>(
        &'a self,
        reference: &'a str,
        call: &'a Call,
        hold: HoldId,
    ) -> Answer<'a, Result<(Plan, Vec<Recipient>), RailError>> {
        Box::pin(async move {
            let spend = match classify(self.network, call) {
                Operation::Spend(spend) => spend,
                Operation::Forbidden(refusal) => return Err(refused(refusal)),
                Operation::Read => return Err(RailError::Refused("it moves nothing".to_owned())),
            };
            match spend {
                Spend::Make(asked) => self.make(reference, &asked, hold).await,
                Spend::Bump(_) => Err(refused(no_bump())),
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

    fn result(&self, call: &Call, reference: &str) -> Json {
        match (classify(self.network, call), reference.parse::<Txid>()) {
            (Operation::Spend(Spend::Make(asked)), Ok(txid)) => asked.answer(txid),
            _ => Json::Text(reference.into()),
        }
    }

    fn transaction(&self, hold: HoldId, memory: &dyn Memory) -> Result<Option<Json>, RailError> {
        let Some(Remembered::Signed(signed)) = sent::read(memory, hold)? else { return Ok(None) };
        let mut entries: Vec<(Box<str>, Json)> = vec![("hex".into(), Json::Text(signed.raw.to_hex().into()))];
        entries.push(("complete".into(), Json::Bool(true)));
        entries.extend(signed.psbt.map(|psbt| ("psbt".into(), Json::Text(psbt.into()))));
        Ok(Some(Json::Object(entries)))
    }
}

impl BitcoinRail {
    fn meaning(&self, wallet: &str, operation: Operation<Spend>) -> CallMeaning {
        match operation {
            Operation::Forbidden(refusal) => CallMeaning::Forbidden(refusal),
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
            Wanted { reference, coin, recipients, meaning, name, shows_transaction }
        };
        // Signing, combining and broadcasting one transaction is one spend, whoever asks for which of them.
        let of_transaction = |made: &bitcoin::Transaction, shows_transaction| {
            let key = transaction::key(made).to_string();
            wanted(Vec::new(), key.clone().into_bytes(), Some(key), shows_transaction)
        };
        Ok(match spend {
            Spend::Make(asked) => wanted(recipients(asked), meaning(asked), None, false),
            Spend::Bump(_) => return Err(no_bump()),
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

fn no_bump() -> Forbidden {
    let problem =
        "a transaction is not replaced here; send it with a sufficient `fee_rate`, or pay for it with a child";
    Forbidden::new(Why::NotSupported, problem)
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
    match asked.fees {
        Fees::Node => {}
        Fees::Target { blocks, mode } => meaning.extend(format!("{blocks:?}{mode:?}").into_bytes()),
        Fees::Rate(rate) => meaning.extend(rate.of_1000_bytes().to_be_bytes()),
    }
    meaning
}
