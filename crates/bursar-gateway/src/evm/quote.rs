//! What a transaction takes: its gas, as the node tries it, and the price of a unit of it now.

use bursar_rails::evm::fees::ClientFees;
use bursar_rails::evm::quantity::narrow;
use bursar_rails::evm::{Chain, Payment, Price};
use bursar_rails::json::Json;
use bursar_service::rail::RailError;

use crate::node::{Node, NodeError};

/// The tip that is offered where the node has no opinion: one gigawei.
const USUAL_TIP: u128 = 1_000_000_000;

/// Gas and price for a payment, within what its client named and the chain's ceilings.
///
/// # Errors
/// It would fail, nobody can say what it takes, or the price is above a ceiling now.
pub(super) async fn quote(
    chain: &Chain,
    node: &Node,
    payment: &Payment,
    asked: &ClientFees,
) -> Result<(u64, Price), RailError> {
    let (gas, price) = tokio::try_join!(gas(node, payment, asked), price(chain, node, asked))?;
    let refused = |refusal: bursar_rails::Forbidden| RailError::Refused(refusal.detail);
    ClientFees::of(gas, &price).check(chain.ceilings()).map_err(refused)?;
    Ok((gas, price))
}

async fn gas(node: &Node, payment: &Payment, asked: &ClientFees) -> Result<u64, RailError> {
    let text = |text: String| Json::Text(text.into());
    let message = &payment.message;
    // Tried also where the client names the gas: what would be reverted costs its fee for nothing.
    let tried = Json::Object(vec![
        ("from".into(), text(format!("{:#x}", payment.sender))),
        ("to".into(), text(format!("{:#x}", message.to))),
        ("value".into(), text(format!("{:#x}", message.value))),
        ("data".into(), text(message.input.to_string())),
    ]);
    let estimate: u64 = number(&node.ask("eth_estimateGas", vec![tried]).await.map_err(told)?)?;
    match asked.gas {
        // Signed, it would take its nonce and never be mined: nothing of the wallet would leave any more.
        Some(gas) if gas < estimate => {
            let problem = format!("`gas` is {gas}, and this takes {estimate}; raise it, or leave it out");
            Err(RailError::Refused(problem))
        }
        Some(gas) => Ok(gas),
        // A call may take more when its block comes; a plain transfer never does.
        None => Ok(estimate.saturating_add(if message.input.is_empty() { 0 } else { estimate / 4 })),
    }
}

/// The price of a unit of gas now, within what a client named. One that no block would take now is refused: what waits for
/// it would be all that the wallet sends later.
pub(super) async fn price(chain: &Chain, node: &Node, asked: &ClientFees) -> Result<Price, RailError> {
    let latest = vec![Json::Text("latest".into()), Json::Bool(false)];
    let block = node.ask("eth_getBlockByNumber", latest).await.map_err(told)?;
    let Some(base) = block.get("baseFeePerGas").filter(|base| **base != Json::Null) else {
        let usual = number(&node.ask("eth_gasPrice", Vec::new()).await.map_err(told)?)?;
        let price = asked.price().unwrap_or(Price::Fixed { gas_price: usual });
        // What a node suggests is more than the least it takes; half of it is taken by all that are known.
        return above_floor("gasPrice", price, usual / 2, 1);
    };
    let base: u128 = number(base)?;
    // What the next block asks for at most.
    let floor = base.saturating_add(base / 8);
    if let Some(price) = asked.price() {
        let field = if asked.gas_price.is_some() { "gasPrice" } else { "maxFeePerGas" };
        return above_floor(field, price, floor, 1);
    }
    let ceilings = chain.ceilings();
    let dear = |now: u128| {
        let problem = format!("gas costs {now} now, above this rail's ceiling of {}", ceilings.fee_per_gas);
        RailError::Refused(problem)
    };
    if asked.is_fixed {
        // All of it is paid, so it is no more than the next block may ask for.
        let usual: u128 = number(&node.ask("eth_gasPrice", Vec::new()).await.map_err(told)?)?;
        let gas_price = usual.max(floor);
        return if gas_price > ceilings.fee_per_gas { Err(dear(gas_price)) } else { Ok(Price::Fixed { gas_price }) };
    }
    let tip = match asked.max_priority_fee_per_gas {
        Some(tip) => tip,
        None => match node.ask("eth_maxPriorityFeePerGas", Vec::new()).await {
            Ok(tip) => number::<u128>(&tip)?.min(ceilings.priority_fee_per_gas),
            Err(NodeError::Refused { .. }) => USUAL_TIP.min(ceilings.priority_fee_per_gas),
            Err(error) => return Err(told(error)),
        },
    };
    let now = base.saturating_add(tip);
    if now > ceilings.fee_per_gas {
        return Err(dear(now));
    }
    // Room for six blocks that are full, each of which costs an eighth more than the one before.
    let roomy = base.saturating_mul(2).saturating_add(tip).min(ceilings.fee_per_gas);
    let max_fee_per_gas = asked.max_fee_per_gas.unwrap_or(roomy);
    let price = Price::Market { max_fee_per_gas, max_priority_fee_per_gas: tip.min(max_fee_per_gas) };
    // A ceiling of this rail lower than that would have been told above.
    above_floor("maxFeePerGas", price, floor.min(roomy), u128::from(asked.max_priority_fee_per_gas.is_some()))
}

/// The price, unless it or its tip is too low to be taken.
fn above_floor(field: &str, price: Price, floor: u128, least_tip: u128) -> Result<Price, RailError> {
    let refused = |field: &str, asked, least| {
        let problem =
            format!("`{field}` is {asked}, and a block takes {least} at least now; raise it, or leave it out");
        Err(RailError::Refused(problem))
    };
    match price {
        Price::Fixed { gas_price: asked } | Price::Market { max_fee_per_gas: asked, .. } if asked < floor => {
            refused(field, asked, floor)
        }
        Price::Market { max_priority_fee_per_gas: tip, .. } if tip < least_tip => {
            refused("maxPriorityFeePerGas", tip, least_tip)
        }
        price => Ok(price),
    }
}

/// A quantity that a node answered.
pub(super) fn number<T: TryFrom<bursar_rails::evm::U256>>(json: &Json) -> Result<T, RailError> {
    let number = json.as_text().and_then(|text| narrow(text).ok());
    number.ok_or_else(|| RailError::Unavailable("the node answered no quantity".to_owned()))
}

/// What a node says to a question that moves nothing.
pub(super) fn told(error: NodeError) -> RailError {
    match error {
        NodeError::Refused { message, .. } => RailError::Refused(message),
        NodeError::NotReached(reason) | NodeError::Lost(reason) => RailError::Unavailable(reason),
    }
}
