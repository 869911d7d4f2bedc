//! Calls that move nothing, where one of their parameters could do more than that.

use super::super::arguments::Arguments;
use crate::json::Json;
use crate::jsonrpc::Call;
use crate::{Forbidden, Why};

/// What the options of a call that funds a transaction may be. None of them changes the wallet.
const OPTIONS: [&str; 21] = [
    "add_inputs",
    "changeAddress",
    "changePosition",
    "change_type",
    "conf_target",
    "estimate_mode",
    "feeRate",
    "fee_rate",
    "includeWatching",
    "include_unsafe",
    "include_watching",
    "input_weights",
    "maxconf",
    "max_tx_weight",
    "minconf",
    "replaceable",
    "solving_data",
    "subtractFeeFromOutputs",
    "subtract_fee_from_outputs",
    "change_address",
    "change_position",
];

/// `fundrawtransaction "hexstring" {options} iswitness`.
pub(super) fn fund_raw_transaction(call: &Call) -> Result<(), Forbidden> {
    locks_nothing(Arguments::of(call, &["hexstring", "options", "iswitness"])?)
}

/// `walletcreatefundedpsbt [inputs] [outputs] locktime {options} bip32derivs version`.
pub(super) fn create_funded_psbt(call: &Call) -> Result<(), Forbidden> {
    locks_nothing(Arguments::of(call, &["inputs", "outputs", "locktime", "options", "bip32derivs", "version"])?)
}

fn locks_nothing(mut arguments: Arguments) -> Result<(), Forbidden> {
    let Some(options) = arguments.take("options") else { return Ok(()) };
    // What every node takes instead of options where there are none.
    if matches!(options, Json::Bool(_)) {
        return Err(arguments.misfit("options", "an object"));
    }
    let mut options = Arguments::of_options("options", options)?;
    for name in ["lockUnspents", "lock_unspents"] {
        options.only(name, &[Json::Bool(false)], "coins are locked by nobody but the node; leave it out")?;
    }
    for name in OPTIONS {
        options.take(name);
    }
    options.finish()
}

/// `listdescriptors private`, which must not be.
pub(super) fn without_keys(call: &Call) -> Result<(), Forbidden> {
    let mut arguments = Arguments::of(call, &["private"])?;
    match arguments.take("private") {
        None | Some(Json::Bool(false)) => Ok(()),
        Some(_) => {
            let problem = "`listdescriptors` is withheld where it shows keys; leave out `private`";
            Err(Forbidden::new(Why::Withheld, problem))
        }
    }
}
