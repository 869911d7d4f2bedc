//! What a call to a node is: a read, a spend, or nothing that is carried out.

use super::Own;
use super::chain::Chain;
use super::methods::{self, Meaning, Verb};
use super::payment::{Form, Payment};
use super::quantity;
use super::raw::Raw;
use super::request::Request;
use super::subscription;
use crate::Operation;
use crate::forbidden::{Forbidden, Why};
use crate::json::Json;
use crate::jsonrpc::{Call, Calls, Params};

/// The way a call came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// One request, one answer.
    Http,
    /// A connection that stays, over which a node can tell of events.
    WebSocket,
}

/// What a call is.
///
/// A read is passed on as [`Call::to_json`] writes it, except where [`methods::meaning`] says [`Meaning::Accounts`]: that
/// is answered with the wallets of the token, and never asked of the node.
pub fn classify(chain: &Chain, own: Own<'_>, transport: Transport, call: &Call) -> Operation<Payment> {
    operation(chain, own, transport, call).unwrap_or_else(Operation::Forbidden)
}

/// What each call of a request is, in their order.
///
/// # Errors
/// A batch with two spends is refused as a whole, whether or not each could be carried out by itself.
pub fn classify_calls(
    chain: &Chain,
    own: Own<'_>,
    transport: Transport,
    calls: &Calls,
) -> Result<Vec<Operation<Payment>>, Forbidden> {
    let calls = calls.as_slice();
    let spends = calls.iter().filter(|call| matches!(methods::meaning(&call.method), Meaning::Spend(_))).count();
    if spends > 1 {
        let detail = format!("the batch has {spends} spends, and one at most is carried out; send each by itself");
        return Err(Forbidden::new(Why::NotSupported, detail));
    }
    Ok(calls.iter().map(|call| classify(chain, own, transport, call)).collect())
}

fn operation(chain: &Chain, own: Own<'_>, transport: Transport, call: &Call) -> Result<Operation<Payment>, Forbidden> {
    let meaning = methods::meaning(&call.method);
    match meaning {
        Meaning::Withheld(why) => return Err(methods::withheld(&call.method, why)),
        Meaning::Unknown => return Err(methods::unknown(&call.method)),
        _ => {}
    }
    let Params::List(params) = &call.params else {
        return Err(Forbidden::undecodable("`params` of an Ethereum node are a list, by place and not by name"));
    };
    match meaning {
        Meaning::Spend(verb) => spend(chain, own, verb, params).map(Operation::Spend),
        Meaning::Subscription => subscription_over(transport, &call.method, params).map(|()| Operation::Read),
        _ => Ok(Operation::Read),
    }
}

fn subscription_over(transport: Transport, method: &str, params: &[Json]) -> Result<(), Forbidden> {
    if transport != Transport::WebSocket {
        let detail =
            format!("`{method}` needs a connection that stays; ask `eth_getLogs` or `eth_blockNumber` instead");
        return Err(Forbidden::new(Why::NotSupported, detail));
    }
    subscription::check(method, params)
}

fn spend(chain: &Chain, own: Own<'_>, verb: Verb, params: &[Json]) -> Result<Payment, Forbidden> {
    let [param] = params else {
        let detail = format!("`params` has {} entries and must have one, the transaction", params.len());
        return Err(Forbidden::undecodable(detail));
    };
    if verb == Verb::SendRaw {
        let text = param.as_text().ok_or_else(|| Forbidden::undecodable("the signed transaction must be a text"))?;
        let malformed = |problem| Forbidden::undecodable(format!("the signed transaction {problem}"));
        let Raw { sender, message, signed } = Raw::read(chain, &quantity::data(text).map_err(malformed)?)?;
        return Payment::of(chain, own, sender, message, Form::Signed(signed));
    }
    let Request { from, to, message, fees, nonce } = Request::read(chain, param)?;
    let plain = message.input.is_empty();
    let form = Form::Asked { fees, nonce, broadcast: verb == Verb::Send };
    let mut payment = Payment::of(chain, own, from, message, form)?;
    // A client finds the destination again as it wrote it.
    if plain {
        payment.payee.address = to.into();
    }
    Ok(payment)
}
