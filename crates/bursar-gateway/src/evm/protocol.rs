//! What clients ask of the rail in the protocol of its nodes.

use bursar_core::amount::Amount;
use bursar_core::hold::Recipient;
use bursar_core::id::HoldId;
use bursar_rails::evm::methods::{self, Meaning};
use bursar_rails::evm::{Form, Payment, Transport, address, classify, classify_calls};
use bursar_rails::forbidden::Why;
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::{Call, Calls};
use bursar_rails::{Forbidden, Operation};
use bursar_service::feed::Feed;
use bursar_service::rail::{Answer, CallError, CallMeaning, Memory, Payer, Plan, Protocol, RailError, Wanted};

use super::{EvmRail, feed, keys, plan, quote};
use crate::live::{LivePlace, Socket};
use crate::node::NodeError;
use crate::upstream::NoAnswer;

impl Protocol for EvmRail {
    fn meanings(&self, calls: &Calls, wallets: &[String], memory: &dyn Memory) -> Result<Vec<CallMeaning>, Forbidden> {
        let own: Vec<_> = wallets.iter().filter_map(|reference| address::parse(reference).ok()).collect();
        let operations = classify_calls(&self.chain, &|address| own.contains(address), Transport::Http, calls)?;
        let meanings = calls.as_slice().iter().zip(operations);
        Ok(meanings.map(|(call, operation)| self.meaning(call, operation, memory)).collect())
    }

    fn read<'a>(&'a self, call: &'a Call, _wallets: &'a [String]) -> Answer<'a, Result<Json, CallError>> {
        Box::pin(async move {
            self.node.call(call).await.map_err(|error| match error {
                NodeError::Refused { code, message, data } => CallError::Refused { code, message, data },
                NodeError::NotReached(reason) | NodeError::Lost(reason) => CallError::Unavailable(reason),
            })
        })
    }

    fn spends(&self, call: &Call) -> bool {
        matches!(methods::meaning(&call.method), Meaning::Spend(_))
    }

    fn subscription(&self, call: &Call) -> Option<Result<(), Forbidden>> {
        if methods::meaning(&call.method) != Meaning::Subscription {
            return None;
        }
        Some(match classify(&self.chain, &|_| false, Transport::WebSocket, call) {
            Operation::Forbidden(refusal) => Err(refusal),
            Operation::Spend(_) => Err(Forbidden::undecodable("it is no subscription")),
            Operation::Read if self.live.is_none() => {
                let detail = "this rail tells of nothing: its operator has to set `ws_url` (or `ws_url_file`), the node's \
                              address for WebSockets; until then ask for `eth_getLogs` now and then";
                Err(Forbidden::new(Why::NotConfigured, detail))
            }
            Operation::Read => Ok(()),
        })
    }

    fn feed(&self) -> Answer<'_, Result<Feed, CallError>> {
        Box::pin(async move {
            let live = self.live.as_ref();
            let live = live.ok_or_else(|| CallError::Unavailable("it has no `ws_url`".to_owned()))?;
            let socket = self.listen(live).await.map_err(CallError::Unavailable)?;
            let (feed, source) = Feed::new();
            tokio::spawn(feed::run(socket, source));
            Ok(feed)
        })
    }

    fn plan_call<'a>(
        &'a self,
        _reference: &'a str,
        call: &'a Call,
        hold: HoldId,
        memory: &'a dyn Memory,
    ) -> Answer<'a, Result<(Plan, Vec<Recipient>), RailError>> {
        Box::pin(async move {
            // Whose wallet pays was looked at before; what the call means is read again, from the same call.
            let payment = match classify(&self.chain, &|_| true, Transport::Http, call) {
                Operation::Spend(payment) => payment,
                Operation::Forbidden(refusal) => return Err(RailError::Refused(refusal.detail)),
                Operation::Read => return Err(RailError::Refused("it moves nothing".to_owned())),
            };
            let plan = match &payment.form {
                Form::Signed(signed) => Plan { fee: signed.fee(), instruction: signed.bytes.to_vec() },
                Form::Asked { fees, .. } => {
                    let (gas, price) = match self.quote_replacement(&payment, fees, memory).await? {
                        Some(quoted) => quoted,
                        None => quote::quote(&self.chain, &self.node, &payment, fees).await?,
                    };
                    Plan { fee: price.fee(gas), instruction: plan::write(hold, &payment, gas, price) }
                }
            };
            Ok((plan, Vec::new()))
        })
    }

    fn payers_half(&self, hold: HoldId) -> Vec<u8> {
        plan::of_payer(hold)
    }

    fn transaction(&self, hold: HoldId, memory: &dyn Memory) -> Result<Option<Json>, RailError> {
        let Some((hash, bytes)) = self.signed_one(hold, memory)? else { return Ok(None) };
        let text = |text: String| Json::Text(text.into());
        let raw = format!("0x{}", base16ct::lower::encode_string(&bytes));
        let transaction = Json::Object(vec![("hash".into(), text(hash))]);
        Ok(Some(Json::Object(vec![("raw".into(), text(raw)), ("tx".into(), transaction)])))
    }
}

impl EvmRail {
    /// A WebSocket to the node, which is on the chain that it should be on.
    pub(super) async fn listen(&self, live: &LivePlace) -> Result<Socket, String> {
        let mut socket = live.connect().await.map_err(NoAnswer::reason)?;
        feed::check(&mut socket, self.chain.id()).await?;
        Ok(socket)
    }

    fn meaning(&self, call: &Call, operation: Operation<Payment>, memory: &dyn Memory) -> CallMeaning {
        match operation {
            Operation::Forbidden(refusal) => CallMeaning::Forbidden(refusal),
            Operation::Read if methods::meaning(&call.method) == Meaning::Accounts => CallMeaning::Wallets,
            Operation::Read => CallMeaning::Read,
            Operation::Spend(payment) => match wanted(payment, memory) {
                Ok(wanted) => CallMeaning::Spend(Box::new(wanted)),
                Err(refusal) => CallMeaning::Forbidden(refusal),
            },
        }
    }
}

fn wanted(payment: Payment, memory: &dyn Memory) -> Result<Wanted, Forbidden> {
    let (payer, sender) = (payment.payer, payment.sender);
    // Between asking a node and its signature there is a moment that two holds would have to share (ADR 27). What cannot
    // be looked up is not signed by a node either.
    if payer != sender && keys::is_of_node(memory, &sender).unwrap_or(true) {
        let detail = format!(
            "it takes from wallet {payer} and pays its fee from {sender}, whose key a node has; send a `transfer` from {payer}"
        );
        return Err(Forbidden::new(Why::TwoWallets, detail));
    }
    let (name, shows_transaction) = match &payment.form {
        Form::Signed(signed) => (Some(format!("nonce/{}", signed.nonce)), false),
        Form::Asked { broadcast, .. } => (None, !broadcast),
    };
    let message = &payment.message;
    let mut meaning = vec![u8::from(shows_transaction)];
    meaning.extend_from_slice(message.to.as_slice());
    meaning.extend_from_slice(&message.value.to_be_bytes::<32>());
    meaning.extend_from_slice(&message.input);
    let paying = |amount| vec![Recipient { address: payment.payee.address.clone(), amount }];
    // Two holds: of the payer's wallet the amount, of the sender's the fee, with nothing for the same destination.
    let others =
        (payer != sender).then(|| Payer { reference: format!("{payer:#x}"), recipients: paying(payment.payee.amount) });
    let recipients = paying(if others.is_some() { Amount::ZERO } else { payment.payee.amount });
    Ok(Wanted {
        reference: format!("{sender:#x}"),
        recipients,
        coin: payment.coin,
        payer: others,
        meaning,
        name,
        shows_transaction,
    })
}
