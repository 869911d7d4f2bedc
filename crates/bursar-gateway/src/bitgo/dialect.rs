//! Requests in BitGo's language that Bursar does not serve itself: what the route table says of them, passed on or ordered.

use bursar_core::amount::Amount;
use bursar_core::destination::Destination;
use bursar_core::hold::Hold;
use bursar_core::id::{HoldId, WalletId};
use bursar_rails::bitcoin::network::Network;
use bursar_rails::bitcoin::transaction::Coins;
use bursar_rails::bitgo::order::{self, Call, Transaction};
use bursar_rails::bitgo::outputs::{self, Outputs};
use bursar_rails::bitgo::routes::Handling;
use bursar_rails::bitgo::withheld::Reason;
use bursar_rails::bitgo::{Chain, answer, intent, pass, routes, sequence_id};
use bursar_rails::dialect::{Order, Passed, Route};
use bursar_rails::exchange::{Answered, Asked};
use bursar_rails::json::Json;
use bursar_rails::{Forbidden, Why};
use bursar_service::dialect::{Continued, Dialect};
use bursar_service::rail::{Answer, Memory, Plan, RailError};
use hyper::Method;

use super::sent::{self, Remembered};
use super::{BitgoRail, MOST_PAGES, requests};

/// How many coins a page has.
const COINS_PER_PAGE: &str = "500";

impl BitgoRail {
    async fn answered(&self, passed: &Passed, reference: &str, own: &str) -> Result<Answered, RailError> {
        let names: Vec<&str> = passed.names.iter().map(|name| &**name).collect();
        let query: Vec<(&str, &str)> = passed.query.iter().map(|(name, value)| (&**name, &**value)).collect();
        let method = if passed.method == "GET" { Method::GET } else { Method::POST };
        let (status, body) = self.heard(method, (&names, &query), passed.body.as_ref()).await?;
        match status {
            // What is wrong with the request is told in the upstream's words.
            200..=299 | 400 | 404 | 409 | 422 => {
                let body = pass::shown(body, reference, own).to_string().into_bytes();
                Ok(Answered { status, headers: Vec::new(), body })
            }
            // It is the upstream's token that may not, and not the client's.
            status => Err(RailError::Unavailable(format!("the upstream answered {status}: {}", answer::words(&body)))),
        }
    }

    /// The fee of a transaction of Bitcoin whose outputs are the recipients' or the wallet's own.
    async fn fee_of(
        &self,
        network: Network,
        outputs: &Outputs,
        wallet: &str,
        order: &Order,
    ) -> Result<Amount, RailError> {
        for (address, destination) in outputs.left_over(&order.claimed).map_err(|refusal| invalid(&refusal))? {
            if !self.is_own(network, wallet, &address, &destination).await? {
                let problem = format!("pays `{address}`, which is no recipient and none of the wallet's own");
                return Err(RailError::Invalid { field: "txHex", problem });
            }
        }
        outputs.fee(&self.coins(network, outputs, wallet).await?).map_err(|refusal| invalid(&refusal))
    }

    async fn is_own(
        &self,
        network: Network,
        wallet: &str,
        address: &str,
        wanted: &Destination,
    ) -> Result<bool, RailError> {
        match self.read(&self.of_wallet(wallet, &["address", address])).await {
            Ok(shown) => Ok(outputs::is_own(network, &shown, wallet, wanted)),
            Err(RailError::UnknownWallet) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The wallet's coins, until those that a transaction spends are among them.
    async fn coins(&self, network: Network, outputs: &Outputs, wallet: &str) -> Result<Coins, RailError> {
        let (mut wanted, mut coins, mut after) = (outputs.spends(), Coins::new(), None::<String>);
        let path = self.of_wallet(wallet, &["unspents"]);
        for _ in 0..MOST_PAGES {
            let mut query = vec![("limit", COINS_PER_PAGE)];
            query.extend(after.as_deref().map(|after| ("prevId", after)));
            let (status, shown) = self.heard(Method::GET, (&path, &query), None).await?;
            let list = shown.get("unspents").and_then(Json::as_list).filter(|_| status == 200);
            let list = list.ok_or_else(|| RailError::Unavailable("the upstream lists no coins".to_owned()))?;
            for (place, coin) in list.iter().filter_map(|shown| outputs::coin(network, shown)) {
                wanted.remove(&place);
                if coins.insert(place, coin.clone()).is_some_and(|before| before != coin) {
                    return Err(RailError::Unavailable(format!("the upstream tells of the coin {place} in two ways")));
                }
            }
            after = shown.get("nextBatchPrevId").and_then(Json::as_text).map(str::to_owned);
            if wanted.is_empty() || after.is_none() {
                break;
            }
        }
        Ok(coins)
    }
}

impl Dialect for BitgoRail {
    fn route(&self, method: &str, path: &str) -> Option<Route> {
        routes::find(method, path)?.meaning()
    }

    fn passed(&self, asked: &Asked<'_>, reference: &str) -> Result<Passed, Forbidden> {
        pass::read(&found(asked)?, asked, reference)
    }

    fn pass<'a>(
        &'a self,
        passed: &'a Passed,
        reference: &'a str,
        own: WalletId,
    ) -> Answer<'a, Result<Answered, RailError>> {
        Box::pin(async move { self.answered(passed, reference, &own.to_string()).await })
    }

    fn order(&self, asked: &Asked<'_>) -> Result<Order, Forbidden> {
        if asked.query.is_some_and(|query| !query.is_empty()) {
            return Err(Forbidden::undecodable("a spend takes no query; leave it out"));
        }
        match found(asked)?.route.handling {
            Handling::Intent => intent::read(asked.body, &self.coin),
            handling => order::read(handling, asked.body, self.chain),
        }
    }

    fn continued(
        &self,
        asked: &Asked<'_>,
        reference: &str,
        memory: &dyn Memory,
    ) -> Result<Option<Continued>, RailError> {
        let Some(found) = routes::find(asked.method, asked.path) else { return Ok(None) };
        let Some(request) = intent::continued(&found, asked) else { return Ok(None) };
        let hold = if intent::is_id(&request) { sent::of_request(memory, &request)? } else { None };
        let passed = intent::step(&found, asked, reference);
        Ok(Some(Continued { hold, passed, unheld: Reason::UnheldRequest.told() }))
    }

    fn shown<'a>(
        &'a self,
        hold: &'a Hold,
        reference: &'a str,
        memory: &'a dyn Memory,
    ) -> Answer<'a, Result<Option<Answered>, RailError>> {
        Box::pin(async move {
            let remembered = if requests::is_request(hold) { sent::read(memory, hold.id)? } else { None };
            let Some((_, Remembered::Asked(asked))) = remembered else { return Ok(None) };
            let shown = self.request_of(hold, &asked).await?;
            let shown = shown.ok_or_else(|| RailError::Unavailable("the upstream shows no such request".to_owned()))?;
            let own = hold.wallet.map(|wallet| wallet.to_string()).unwrap_or_default();
            let body = pass::shown(shown, reference, &own).to_string().into_bytes();
            Ok(Some(Answered { status: 200, headers: Vec::new(), body }))
        })
    }

    fn plan_order<'a>(
        &'a self,
        reference: &'a str,
        order: &'a Order,
        hold: HoldId,
    ) -> Answer<'a, Result<Plan, RailError>> {
        Box::pin(async move {
            let call = Call::unpack(&order.instruction).ok_or_else(|| RailError::Invalid {
                field: "body",
                problem: "cannot be read again; send it anew".to_owned(),
            })?;
            if !call.is_made() {
                // INVARIANT: an instruction names its spend, and what the upstream makes twice is two.
                let instruction = call.called(sequence_id(hold)).packed();
                return Ok(Plan { fee: self.fees.per_spend, instruction });
            }
            let fee = match (self.chain, order::transaction(&call, self.chain)) {
                (Chain::Bitcoin(network), Ok(Transaction::Bitcoin(outputs))) => {
                    self.fee_of(network, &outputs, reference, order).await?
                }
                // What a chain adds for its data is not in the gas; what is more than fees may be, the ceiling refuses.
                (_, Ok(Transaction::Evm { fee, .. })) => fee.max(self.fees.per_spend),
                (_, Ok(_)) => self.fees.per_spend,
                (_, Err(refusal)) => return Err(invalid(&refusal)),
            };
            Ok(Plan { fee, instruction: order.instruction.clone() })
        })
    }
}

fn found<'a>(asked: &Asked<'a>) -> Result<routes::Found<'a>, Forbidden> {
    let unknown = || Forbidden::new(Why::UnknownRoute, "there is no such route");
    routes::find(asked.method, asked.path).ok_or_else(unknown)
}

fn invalid(refusal: &Forbidden) -> RailError {
    RailError::Invalid { field: "txHex", problem: format!("is not sent: {}", refusal.detail) }
}
