//! `sendtoaddress`, `sendmany`, `send` and `sendall`.

use super::super::arguments::Arguments;
use super::outputs::{self, mark_addresses, mark_places};
use super::{Fees, Network, Share, Verb, Wanted, amount, fees};
use crate::json::Json;
use crate::jsonrpc::Call;
use crate::{Forbidden, Why};

/// What asks for no more than every spend gets.
const ABSENT: &[Json] = &[];

fn number(text: &str) -> Json {
    Json::Number(text.into())
}

/// `sendtoaddress "address" amount ...`.
pub(super) fn send_to_address(network: Network, call: &Call) -> Result<Wanted, Forbidden> {
    const NAMES: [&str; 11] = [
        "address",
        "amount",
        "comment",
        "comment_to",
        "subtractfeefromamount",
        "replaceable",
        "conf_target",
        "estimate_mode",
        "avoid_reuse",
        "fee_rate",
        "verbose",
    ];
    let mut arguments = Arguments::of(call, &NAMES)?;
    let address = arguments.required_text("address")?;
    let amount = amount::read(&arguments.required("amount")?)?;
    let mut output = outputs::output(network, &address, Share::Exactly(amount))?;
    let comment = arguments.text("comment")?;
    arguments.only("comment_to", &[Json::Text("".into())], "say it in `comment`")?;
    output.pays_fee = arguments.flag("subtractfeefromamount")?.unwrap_or(false);
    let replaceable = arguments.flag("replaceable")?;
    arguments.only("avoid_reuse", ABSENT, "leave it out")?;
    let fees = fees::read(&mut arguments)?;
    arguments.only("verbose", &[Json::Bool(false)], "leave it out; the answer is the txid")?;
    arguments.finish()?;
    finished(Wanted {
        verb: Verb::SendToAddress,
        network,
        outputs: vec![output],
        inputs: Vec::new(),
        may_add_inputs: true,
        fees,
        replaceable,
        comment,
    })
}

/// `sendmany "" {"address": amount} ...`.
pub(super) fn send_many(network: Network, call: &Call) -> Result<Wanted, Forbidden> {
    const NAMES: [&str; 10] = [
        "dummy",
        "amounts",
        "minconf",
        "comment",
        "subtractfeefrom",
        "replaceable",
        "conf_target",
        "estimate_mode",
        "fee_rate",
        "verbose",
    ];
    let mut arguments = Arguments::of(call, &NAMES)?;
    arguments.only("dummy", &[Json::Text("".into())], "give an empty text; accounts are of the past")?;
    let mut paid = match arguments.required("amounts")? {
        Json::Object(entries) => outputs::of_object(network, &entries)?,
        _ => return Err(arguments.misfit("amounts", "an object of addresses and amounts")),
    };
    arguments.only("minconf", &[number("0"), number("1")], "leave it out; no node heeds it any more")?;
    let comment = arguments.text("comment")?;
    let payers = arguments.list("subtractfeefrom")?.unwrap_or_default();
    mark_addresses(network, &mut paid, &payers)?;
    let replaceable = arguments.flag("replaceable")?;
    let fees = fees::read(&mut arguments)?;
    arguments.only("verbose", &[Json::Bool(false)], "leave it out; the answer is the txid")?;
    arguments.finish()?;
    finished(Wanted {
        verb: Verb::SendMany,
        network,
        outputs: paid,
        inputs: Vec::new(),
        may_add_inputs: true,
        fees,
        replaceable,
        comment,
    })
}

/// `send [{"address": amount}] ...`.
pub(super) fn send(network: Network, call: &Call) -> Result<Wanted, Forbidden> {
    const NAMES: [&str; 6] = ["outputs", "conf_target", "estimate_mode", "fee_rate", "options", "version"];
    let mut arguments = Arguments::of(call, &NAMES)?;
    let mut paid = outputs::of_json(network, &arguments.required("outputs")?, false)?;
    let fees = fees::read(&mut arguments)?;
    let mut options = Options::take(&mut arguments, "send")?;
    mark_places(&mut paid, &options.fee_payers)?;
    arguments.finish()?;
    let may_add_inputs = options.may_add_inputs.unwrap_or(options.inputs.is_empty());
    finished(Wanted {
        verb: Verb::Send,
        network,
        outputs: paid,
        inputs: std::mem::take(&mut options.inputs),
        may_add_inputs,
        fees: fees.or(options.fees)?,
        replaceable: options.replaceable,
        comment: None,
    })
}

/// `sendall ["address", {"address": amount}] ...`.
pub(super) fn send_all(network: Network, call: &Call) -> Result<Wanted, Forbidden> {
    const NAMES: [&str; 5] = ["recipients", "conf_target", "estimate_mode", "fee_rate", "options"];
    let mut arguments = Arguments::of(call, &NAMES)?;
    let mut paid = outputs::of_json(network, &arguments.required("recipients")?, true)?;
    let fees = fees::read(&mut arguments)?;
    let options = Options::take(&mut arguments, "sendall")?;
    arguments.finish()?;
    if !options.fee_payers.is_empty() || options.may_add_inputs.is_some() {
        return Err(Forbidden::undecodable("`sendall` takes neither `add_inputs` nor who pays the fee: the rest does"));
    }
    for output in &mut paid {
        output.pays_fee = output.share == Share::Rest;
    }
    if !paid.iter().any(|output| output.share == Share::Rest) {
        return Err(Forbidden::undecodable("`sendall` must name an address without an amount, which gets the rest"));
    }
    finished(Wanted {
        verb: Verb::SendAll,
        network,
        outputs: paid,
        inputs: options.inputs,
        may_add_inputs: false,
        fees: fees.or(options.fees)?,
        replaceable: options.replaceable,
        comment: None,
    })
}

fn finished(wanted: Wanted) -> Result<Wanted, Forbidden> {
    outputs::check(&wanted.outputs)?;
    Ok(wanted)
}

/// The `options` of `send` and `sendall`, as far as they are carried out.
#[derive(Default)]
struct Options {
    inputs: Vec<bitcoin::OutPoint>,
    may_add_inputs: Option<bool>,
    fee_payers: Vec<Json>,
    fees: Fees,
    replaceable: Option<bool>,
}

impl Options {
    fn take(arguments: &mut Arguments, method: &str) -> Result<Self, Forbidden> {
        arguments.only("version", &[number("2")], "leave it out")?;
        let Some(options) = arguments.take("options") else { return Ok(Self::default()) };
        let mut options = Arguments::of_options(method, options)?;
        for name in ["change_address", "changeAddress", "change_position", "change_type"] {
            if options.take(name).is_some() {
                let problem = format!("`{name}` is not for a client to choose: the node takes change; leave it out");
                return Err(Forbidden::new(Why::NotSupported, problem));
            }
        }
        options.only("add_to_wallet", &[Json::Bool(true)], "build with `walletcreatefundedpsbt` instead")?;
        options.only("psbt", &[Json::Bool(false)], "build with `walletcreatefundedpsbt` instead")?;
        for name in ["lock_unspents", "include_watching", "include_unsafe", "send_max"] {
            options.only(name, &[Json::Bool(false)], "leave it out")?;
        }
        let read = Self {
            inputs: outputs::inputs(options.list("inputs")?.unwrap_or_default())?,
            may_add_inputs: options.flag("add_inputs")?,
            fee_payers: options.list("subtract_fee_from_outputs")?.unwrap_or_default(),
            fees: fees::read(&mut options)?,
            replaceable: options.flag("replaceable")?,
        };
        options.finish()?;
        Ok(read)
    }
}
