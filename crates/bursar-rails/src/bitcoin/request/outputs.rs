//! Who is to be paid, in the forms in which Bitcoin's methods take it.

use bitcoin::{OutPoint, Txid};

use super::super::arguments::{Arguments, whole};
use super::{MOST_OUTPUTS, Network, Output, Share, amount};
use crate::json::Json;
use crate::{Forbidden, Why};

/// One address and what it gets.
pub(super) fn output(network: Network, address: &str, share: Share) -> Result<Output, Forbidden> {
    let payable = match address {
        "data" => {
            let problem = "an output that carries data is not carried out; leave out `data`";
            return Err(Forbidden::new(Why::NotSupported, problem));
        }
        address => network.address(address)?,
    };
    Ok(Output {
        address: address.to_owned(),
        destination: payable.destination,
        script: payable.script,
        share,
        pays_fee: false,
    })
}

fn exact(network: Network, entry: &(Box<str>, Json)) -> Result<Output, Forbidden> {
    let paid = output(network, &entry.0, Share::Rest)?;
    Ok(Output { share: Share::Exactly(amount::read(&entry.1)?), ..paid })
}

/// `{"address": amount, ...}`.
pub(super) fn of_object(network: Network, entries: &[(Box<str>, Json)]) -> Result<Vec<Output>, Forbidden> {
    bounded(entries.len())?;
    entries.iter().map(|entry| exact(network, entry)).collect()
}

/// `{"address": amount, ...}` or `[{"address": amount}, ...]`, and addresses alone where they may get the rest.
pub(super) fn of_json(network: Network, json: &Json, may_get_rest: bool) -> Result<Vec<Output>, Forbidden> {
    let items = match json {
        Json::Object(entries) if !may_get_rest => return of_object(network, entries),
        Json::List(items) => items,
        _ => return Err(Forbidden::undecodable("the outputs must be an array of objects `{\"address\": amount}`")),
    };
    bounded(items.len())?;
    let read = |item: &Json| match item {
        Json::Object(entries) => match entries.as_slice() {
            [entry] => exact(network, entry),
            _ => Err(Forbidden::undecodable("each object among the outputs must have one address and its amount")),
        },
        Json::Text(address) if may_get_rest => output(network, address, Share::Rest),
        _ => Err(Forbidden::undecodable("each output must be an object `{\"address\": amount}`")),
    };
    items.iter().map(read).collect()
}

fn bounded(count: usize) -> Result<(), Forbidden> {
    match count {
        0 => Err(Forbidden::undecodable("nobody is to be paid; name at least one address")),
        1..=MOST_OUTPUTS => Ok(()),
        _ => Err(Forbidden::undecodable(format!("more than {MOST_OUTPUTS} outputs; split the transaction"))),
    }
}

/// What must hold of all outputs together.
pub(super) fn check(outputs: &[Output]) -> Result<(), Forbidden> {
    bounded(outputs.len())?;
    let mut scripts: Vec<_> = outputs.iter().map(|output| &output.script).collect();
    scripts.sort_unstable();
    if scripts.windows(2).any(|pair| matches!(pair, [one, next] if one == next)) {
        return Err(Forbidden::undecodable("an address is to be paid twice; add its amounts up"));
    }
    let total = outputs.iter().try_fold(bitcoin::Amount::ZERO, |total, output| match output.share {
        Share::Exactly(amount) => total.checked_add(amount),
        Share::Rest => Some(total),
    });
    match total {
        Some(total) if total <= bitcoin::Amount::MAX_MONEY => Ok(()),
        _ => Err(Forbidden::undecodable("the amounts together are more than 21000000 BTC")),
    }
}

/// Marks the outputs that pay the fee, by their places.
pub(super) fn mark_places(outputs: &mut [Output], places: &[Json]) -> Result<(), Forbidden> {
    for place in places {
        let place = whole(place).and_then(|place| usize::try_from(place).ok());
        mark(place.and_then(|place| outputs.get_mut(place)))?;
    }
    Ok(())
}

/// Marks the outputs that pay the fee, by their addresses.
pub(super) fn mark_addresses(network: Network, outputs: &mut [Output], addresses: &[Json]) -> Result<(), Forbidden> {
    for address in addresses {
        let Json::Text(address) = address else {
            return Err(Forbidden::undecodable("who pays the fee must be named by address"));
        };
        let script = network.address(address)?.script;
        mark(outputs.iter_mut().find(|output| output.script == script))?;
    }
    Ok(())
}

fn mark(output: Option<&mut Output>) -> Result<(), Forbidden> {
    match output {
        Some(output) if !output.pays_fee => {
            output.pays_fee = true;
            Ok(())
        }
        Some(_) => Err(Forbidden::undecodable("who pays the fee is named twice")),
        None => Err(Forbidden::undecodable("who pays the fee is none of the outputs; name one of them")),
    }
}

/// `[{"txid": ..., "vout": ...}, ...]`: coins to be spent. Anything else about them would be a client's own word.
pub(super) fn inputs(items: Vec<Json>) -> Result<Vec<OutPoint>, Forbidden> {
    if items.len() > MOST_OUTPUTS {
        return Err(Forbidden::undecodable(format!("more than {MOST_OUTPUTS} inputs; split the transaction")));
    }
    let mut inputs = Vec::new();
    for item in items {
        let mut members = Arguments::of_options("inputs", item)?;
        let txid = txid(&members.required_text("txid")?)?;
        let place = members.required("vout")?;
        let place = whole(&place).ok_or_else(|| members.misfit("vout", "a whole number"))?;
        members.finish()?;
        let input = OutPoint::new(txid, place);
        if inputs.contains(&input) {
            return Err(Forbidden::undecodable("an input is named twice"));
        }
        inputs.push(input);
    }
    Ok(inputs)
}

/// Reads the name of a transaction.
pub(super) fn txid(text: &str) -> Result<Txid, Forbidden> {
    text.parse().map_err(|_| Forbidden::undecodable("a `txid` must be 64 hex digits"))
}
