//! What a spend takes, as it is kept with its hold: the transaction as `eth_sendTransaction` has it, fees and all but the
//! nonce; or one that its client signed.

use bursar_core::amount::Amount;
use bursar_core::hold::Hold;
use bursar_core::id::HoldId;
use bursar_rails::Operation;
use bursar_rails::evm::{Address, Chain, Form, Payment, Price, Signed, Transport, classify};
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::{Call, Params};

/// The first byte of a plan that is not signed yet. No signed transaction begins with it.
const ASKED: u8 = 0;
/// The first byte of what is kept with the half of a spend that another wallet pays. No signed transaction begins with it.
const PAYERS: u8 = 0x80;
/// The bytes of a hold's id, which keep two spends that ask for the same apart.
const ID_BYTES: usize = 16;

/// What is to be done.
pub(super) enum Step {
    /// To sign this on these terms, but for the nonce.
    Sign { payment: Payment, gas: u64, price: Price, broadcast: bool },
    /// To broadcast what is signed.
    Broadcast { payment: Payment, signed: Signed },
}

/// The plan of a payment that is still to be signed.
pub(super) fn write(hold: HoldId, payment: &Payment, gas: u64, price: Price) -> Vec<u8> {
    let text = |text: String| Json::Text(text.into());
    let mut entries: Vec<(Box<str>, Json)> = vec![
        ("from".into(), text(format!("{:#x}", payment.sender))),
        ("to".into(), text(format!("{:#x}", payment.message.to))),
        ("value".into(), text(format!("{:#x}", payment.message.value))),
        ("input".into(), text(payment.message.input.to_string())),
        ("gas".into(), text(format!("{gas:#x}"))),
    ];
    match price {
        Price::Fixed { gas_price } => entries.push(("gasPrice".into(), text(format!("{gas_price:#x}")))),
        Price::Market { max_fee_per_gas, max_priority_fee_per_gas } => {
            entries.push(("maxFeePerGas".into(), text(format!("{max_fee_per_gas:#x}"))));
            entries.push(("maxPriorityFeePerGas".into(), text(format!("{max_priority_fee_per_gas:#x}"))));
        }
    }
    let broadcast = match &payment.form {
        Form::Asked { nonce, broadcast, .. } => {
            // A client's expectation, which may turn out wrong when the nonce is given out.
            entries.extend(nonce.map(|nonce| ("nonce".into(), text(format!("{nonce:#x}")))));
            *broadcast
        }
        Form::Signed(_) => true,
    };
    let mut plan = vec![ASKED];
    plan.extend_from_slice(hold.as_bytes());
    plan.push(u8::from(broadcast));
    plan.extend_from_slice(Json::Object(entries).to_string().as_bytes());
    plan
}

/// What is kept with the half that another wallet pays: it is never sent by itself, as it is no plan.
pub(super) fn of_payer(hold: HoldId) -> Vec<u8> {
    [&[PAYERS], hold.as_bytes().as_slice()].concat()
}

/// Whether a hold is the half of a spend that another wallet pays: of the amount, while the fee is held of the sender's.
pub(super) fn is_of_payer(hold: &Hold) -> bool {
    hold.instruction.first() == Some(&PAYERS)
}

/// Whether exactly what a payment takes from another wallet than its sender's is held of that wallet.
pub(super) fn is_held_of_payer(payment: &Payment, (wallet, half): (Address, &Hold)) -> bool {
    let [payee] = half.payees.as_slice() else { return false };
    is_of_payer(half)
        && wallet == payment.payer
        && payment.coin == half.cost.coin
        && payment.payee.amount == half.cost.without_fee()
        && payment.payee.destination == payee.destination
        && payment.payee.amount == payee.amount
}

/// Reads the plan of a hold, and checks it against what was held: nothing else is carried out.
pub(super) fn read(chain: &Chain, hold: &Hold) -> Result<Step, String> {
    let problem = |problem: &str| Err(format!("the plan of this spend {problem}"));
    let is_asked = hold.instruction.first() == Some(&ASKED);
    let (method, param, broadcast) = if is_asked {
        let rest = hold.instruction.get(1..).unwrap_or_default();
        let Some((id, [broadcast, rest @ ..])) = rest.split_at_checked(ID_BYTES) else {
            return problem("breaks off");
        };
        if id != hold.id.as_bytes() {
            return problem("is that of another");
        }
        let param = Json::read(rest).map_err(|error| error.detail)?;
        ("eth_sendTransaction", param, *broadcast != 0)
    } else {
        let bytes = format!("0x{}", base16ct::lower::encode_string(&hold.instruction));
        ("eth_sendRawTransaction", Json::Text(bytes.into()), true)
    };
    let params = Params::List(vec![param]);
    let call = Call { is_version_2: true, id: Json::Number("1".into()), method: method.into(), params };
    // Whose wallet it is was asked when it was planned; what is held here is of a wallet of ours.
    let Operation::Spend(payment) = classify(chain, &|_| true, Transport::Http, &call) else {
        return problem("is none that is carried out here");
    };
    let [payee] = hold.payees.as_slice() else { return problem("pays more than one") };
    // Of what another wallet pays nothing is held here.
    let own = if payment.payer == payment.sender { payment.payee.amount } else { Amount::ZERO };
    let is_held = payment.coin == hold.cost.coin
        && payment.payee.destination == payee.destination
        && own == payee.amount
        && payment.fee().is_some_and(|fee| fee <= hold.cost.fee);
    if !is_held {
        return problem("says something else than what is held");
    }
    match &payment.form {
        Form::Signed(signed) => Ok(Step::Broadcast { signed: signed.clone(), payment }),
        Form::Asked { fees, .. } => match (fees.gas, fees.price()) {
            (Some(gas), Some(price)) => Ok(Step::Sign { payment, gas, price, broadcast }),
            _ => problem("names no fees"),
        },
    }
}
