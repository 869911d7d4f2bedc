//! APIs over plain HTTP, by rules that an operator writes: the rail that holds what a request costs, sends what was
//! understood with the upstream's own credential, and reads in the answer what came of it.
//!
//! What must never happen here: that a spend is sent twice, or that one is given back because its answer was lost.

mod answers;
mod fresh;
mod look_up;
mod patience;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bursar_core::ambient::Clock;
use bursar_core::amount::Amount;
use bursar_core::coin::{Asset, Coin};
use bursar_core::decimals::Decimals;
use bursar_core::destination::Destination;
use bursar_core::hold::{Hold, Payee, Recipient};
use bursar_core::id::{HoldId, WalletId};
use bursar_core::ledger::FeeCeiling;
use bursar_core::limit::text::amount_of;
use bursar_core::secret::Secret;
use bursar_rails::Forbidden;
use bursar_rails::exchange::{Answered, Asked, Exchange, Outgoing};
use bursar_rails::http::{Became, CutOff, Instruction, Rules};
use bursar_service::exceeded::{Exceeded, at_least};
use bursar_service::flow::Flow;
use bursar_service::rail::{
    Answer, Asking, Balance, Built, Decoded, Exchanges, LookedUp, Memory, Permit, Plan, Rail, RailError, SendOutcome,
    Unread,
};
use bursar_service::spend::NOBODY_ELSE;
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use self::answers::Came;
use self::fresh::Fresh;
use self::patience::Patience;
use self::stream::Coming;
use crate::tls::Trust;
use crate::upstream::{NoAnswer, Upstream};

/// The longest name of a recipient, in bytes.
const LONGEST_ADDRESS: usize = 256;

/// What the rail needs.
pub struct Settings {
    /// Where the upstream is.
    pub url: Secret<String>,
    /// The header that has the credential, and what it says.
    pub credential: Option<(String, Secret<String>)>,
    /// Whom it is believed to be, and who we say we are to it.
    pub trust: Trust,
    /// What requests mean.
    pub rules: Rules,
    /// How long an answer may take, and of a stream the next piece.
    pub within: Duration,
    /// The longest answer that is read, in bytes.
    pub longest_answer: usize,
    /// How long after the first look-up one is believed that finds nothing; and how long a stream may take, so that none is
    /// under way then.
    pub refused_after: Duration,
    /// Whether spends go over connections that others went over.
    pub reuse_connections: bool,
}

/// The rail.
pub struct HttpRail {
    upstream: Upstream,
    /// The same for what settles money: spends and look-ups.
    for_spends: Upstream,
    credential: HeaderMap,
    rules: Rules,
    patience: Patience,
    longest_stream: Duration,
    coming: Coming,
    fresh: Fresh,
}

impl HttpRail {
    /// The rail to an upstream.
    ///
    /// # Errors
    /// The URL, or the header with the credential, cannot be.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let Settings { url, credential, trust, rules, within, longest_answer, refused_after, reuse_connections } =
            settings;
        if url.expose().contains('?') {
            return Err("`url` has a query; rules say what is asked".to_owned());
        }
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = credential {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "`credential_header` is no header")?;
            let mut value =
                HeaderValue::from_str(value.expose()).map_err(|_| "the credential cannot be sent in a header")?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let upstream =
            Upstream::trusting(&url, within, longest_answer, &trust).map_err(|problem| format!("`url` {problem}"))?;
        let upstream = upstream.redacting(&headers);
        let for_spends = match reuse_connections {
            true => upstream.clone(),
            false => Upstream::apart(&url, within, longest_answer, &trust)?.redacting(&headers).speaking_for(&upstream),
        };
        let patience = Patience::new(refused_after, clock);
        let (longest_stream, coming) = (refused_after, Coming::default());
        Ok(Self {
            upstream,
            for_spends,
            credential: headers,
            rules,
            patience,
            longest_stream,
            coming,
            fresh: Fresh::default(),
        })
    }

    fn knows(&self, coin: &Coin) -> Result<(), RailError> {
        if self.rules.coins().contains(coin) {
            return Ok(());
        }
        let problem = format!("`{coin}` is no asset of this rail's rules");
        Err(RailError::Invalid { field: "coin", problem })
    }

    async fn carry_out(
        &self,
        hold: &Hold,
        outgoing: Option<&Outgoing>,
        flow: Option<Flow>,
        memory: &dyn Memory,
    ) -> SendOutcome {
        let (Some(outgoing), Some(instruction)) = (outgoing, Instruction::read(&hold.instruction)) else {
            return SendOutcome::Refused { reason: "it is no request to this rail".to_owned() };
        };
        let mut headers = self.credential.clone();
        if let Some(header) = self.rules.key_header(&instruction) {
            let header = HeaderName::from_bytes(header.as_bytes());
            let (Ok(name), Ok(value)) = (header, HeaderValue::from_str(&hold.id.to_string())) else {
                return SendOutcome::Refused { reason: "its name cannot be sent in a header".to_owned() };
            };
            headers.insert(name, value);
        }
        let opened = match self.for_spends.open(outgoing, &headers).await {
            Ok(opened) => opened,
            Err(NoAnswer::NotSent(reason)) => return SendOutcome::NotSent { reason },
            Err(lost) => return SendOutcome::Unknown { reason: lost.reason() },
        };
        self.note(opened.head());
        let flow = flow.filter(|_| stream::is_stream(opened.head()));
        let (read, came) = match flow {
            Some(flow) => {
                let _comes = self.coming.begin(hold.id);
                // What a stream that broke off means must be known, too, if it is this server that breaks off.
                if self.rules.cut_off(&instruction) == CutOff::Captured {
                    // What came of a spend is known without it, too, if it ends here.
                    if let Err(error) = answers::keep_begun(memory, hold.id, opened.head()).await {
                        tracing::warn!(spend = %hold.id, %error, "the beginning of an answer could not be kept");
                    }
                }
                let read = stream::passed_on(opened, flow, self.rules.events(&instruction), self.longest_stream).await;
                // A client that was answered by the whole stream is not answered by it again.
                (read.map_err(|problem| self.cut_off(&instruction, problem)), Came::Streamed)
            }
            None => {
                let read = opened.whole().await;
                (read.map_err(|problem| SendOutcome::Unknown { reason: problem.reason() }), Came::Whole)
            }
        };
        let answered = match read {
            Ok(answered) => answered,
            Err(outcome) => return outcome,
        };
        let became = self.rules.became(&instruction, &answered, &hold.cost.coin, hold.cost.amount);
        answers::keep_with_outcome(memory, hold.id, &answered, came);
        let status = answered.status;
        if came == Came::Whole {
            self.fresh.put(hold.id, answered);
        }
        let outcome = self.outcome(became, &instruction, status, hold);
        if let Some(told) = look_up::exceeded(&outcome) {
            told.keep_with_outcome(memory, hold.id);
        }
        outcome
    }

    /// Notes what an answer says of the credential.
    fn note(&self, answered: &Answered) {
        if let Ok(status) = StatusCode::from_u16(answered.status) {
            self.upstream.note(status);
        }
    }

    /// What a stream comes to that broke off.
    fn cut_off(&self, instruction: &Instruction, problem: NoAnswer) -> SendOutcome {
        match self.rules.cut_off(instruction) {
            CutOff::Captured => SendOutcome::Done { reference: instruction.key.to_string(), fee: Amount::ZERO },
            CutOff::Unknown => SendOutcome::Unknown { reason: problem.reason() },
        }
    }

    fn outcome(&self, became: Became, instruction: &Instruction, status: u16, hold: &Hold) -> SendOutcome {
        match became {
            Became::Done { captured, record } => {
                let reference = record.unwrap_or_else(|| instruction.key.clone()).to_string();
                match captured {
                    Some(amount) => SendOutcome::Charged { reference, amount },
                    None => SendOutcome::Done { reference, fee: Amount::ZERO },
                }
            }
            Became::Refused => SendOutcome::Refused { reason: format!("the upstream refused it with status {status}") },
            Became::Exceeded { captured } => {
                let coin = &hold.cost.coin;
                let [told, held] = [captured, hold.cost.amount].map(|amount| self.in_words(amount, coin));
                let moved = at_least(captured, &hold.cost);
                let more =
                    if moved == captured { "more" } else { "which is no amount of any asset; it counts as more" };
                let reason = format!(
                    "an answer with status {status} says that {told} moved, {more} than the {held} that are held"
                );
                SendOutcome::Exceeded { moved, reason }
            }
            Became::Unknown { reason } => SendOutcome::Unknown { reason },
        }
    }

    /// An amount as people write it; of a coin that is not declared here, whoever tells it may know the units.
    fn in_words(&self, amount: Amount, coin: &Coin) -> String {
        amount_of(amount, &Asset::Coin(coin.clone()), &Decimals::declared(self.rules.decimals()))
    }
}

fn unread(problem: NoAnswer) -> Unread {
    match problem {
        NoAnswer::TooLong(most) => Unread::TooLong(most),
        problem => Unread::Unavailable(problem.reason()),
    }
}

fn not_this_way<T>() -> Result<T, RailError> {
    let problem = "is spent from by requests to its rail, and by nothing else".to_owned();
    Err(RailError::Invalid { field: "wallet", problem })
}

impl Exchanges for HttpRail {
    fn meaning(&self, asked: &Asked<'_>) -> Result<Exchange, Forbidden> {
        self.rules.meaning(asked)
    }

    fn is_read(&self, asked: &Asked<'_>) -> bool {
        self.rules.is_read(asked)
    }

    fn credential_header(&self) -> Option<&str> {
        self.credential.keys().next().map(HeaderName::as_str)
    }

    fn read<'a>(&'a self, outgoing: &'a Outgoing, flow: Option<Flow>) -> Answer<'a, Result<Option<Answered>, Unread>> {
        Box::pin(async move {
            let opened = self.upstream.open(outgoing, &self.credential).await.map_err(unread)?;
            self.note(opened.head());
            match flow {
                Some(flow) => stream::read_on(opened, flow).map_err(unread),
                None => opened.whole().await.map(Some).map_err(unread),
            }
        })
    }

    fn answered(&self, hold: HoldId, memory: &dyn Memory) -> Result<Option<Answered>, RailError> {
        if let Some(fresh) = self.fresh.take(hold) {
            return Ok(Some(fresh));
        }
        Ok(answers::kept(memory, hold)?.filter(|(_, came)| *came == Came::Whole).map(|(answered, _)| answered))
    }

    fn was_streamed(&self, hold: HoldId, memory: &dyn Memory) -> Result<bool, RailError> {
        Ok(answers::kept(memory, hold)?.is_some_and(|(_, came)| came != Came::Whole))
    }
}

impl Rail for HttpRail {
    fn is_sandbox(&self) -> bool {
        false
    }

    fn kind(&self) -> &'static str {
        "http"
    }

    fn decimals(&self) -> Vec<(Coin, u8)> {
        self.rules.decimals().collect()
    }

    fn coins(&self) -> Vec<Coin> {
        self.rules.coins().into_iter().cloned().collect()
    }

    /// There is nothing to ask that no rule is for, but somebody has to be there.
    fn check(&self) -> Answer<'_, Result<(), RailError>> {
        Box::pin(async { self.upstream.reach().await.map_err(|nobody| RailError::Unavailable(nobody.reason())) })
    }

    fn refuses_credential(&self) -> bool {
        self.upstream.refuses_credential()
    }

    fn destination(&self, coin: &Coin, address: &str) -> Result<Destination, RailError> {
        self.knows(coin)?;
        let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic());
        if address.is_empty() || address.len() > LONGEST_ADDRESS || !is_plain {
            let problem = format!("must be 1 to {LONGEST_ADDRESS} printable characters without spaces");
            return Err(RailError::Invalid { field: "address", problem });
        }
        // Whom an upstream calls `-` is not the upstream itself.
        let bytes = if address == NOBODY_ELSE { &[] } else { address.as_bytes() };
        Ok(Destination::new("http", bytes, None))
    }

    fn payees(&self, coin: &Coin, recipients: &[Recipient]) -> Result<Vec<Payee>, RailError> {
        let payee = |to: &Recipient| {
            let destination = self.destination(coin, &to.address)?;
            Ok(Payee { address: to.address.clone(), destination, amount: to.amount })
        };
        recipients.iter().map(payee).collect()
    }

    fn fee_ceiling(&self, _coin: &Coin, _recipients: usize) -> Amount {
        Amount::ZERO
    }

    fn fees_at_most(&self, _fee_coin: &Coin) -> FeeCeiling {
        FeeCeiling { per_spend: Amount::ZERO, per_day: Amount::ZERO }
    }

    fn plan<'a>(
        &'a self,
        _reference: &'a str,
        _coin: &'a Coin,
        _recipients: &'a [Recipient],
        _hold: HoldId,
    ) -> Answer<'a, Result<Plan, RailError>> {
        Box::pin(std::future::ready(not_this_way()))
    }

    fn build<'a>(
        &'a self,
        _reference: &'a str,
        _coin: &'a Coin,
        _recipients: &'a [Recipient],
        _random: [u8; 16],
    ) -> Answer<'a, Result<Built, RailError>> {
        Box::pin(std::future::ready(not_this_way()))
    }

    fn decode(&self, _bytes: &[u8]) -> Result<Decoded, RailError> {
        not_this_way()
    }

    fn send<'a>(&'a self, _reference: &'a str, mut permit: Permit, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        let flow = permit.take_flow();
        Box::pin(async move { self.carry_out(permit.hold(), permit.outgoing(), flow, memory).await })
    }

    fn reconcile<'a>(&'a self, hold: &'a Hold, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        Box::pin(self.became_of(hold, Asking::ByItself, memory))
    }

    fn reconcile_now<'a>(&'a self, hold: &'a Hold, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        Box::pin(self.became_of(hold, Asking::ByHand, memory))
    }

    fn looked_up(&self, hold: HoldId) -> Option<LookedUp> {
        self.patience.looked_up(hold)
    }

    fn look_again<'a>(&'a self, hold: &'a Hold, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        Box::pin(self.as_told_now(hold, memory))
    }

    fn may_still_move<'a>(
        &'a self,
        hold: &'a Hold,
        _memory: &'a dyn Memory,
    ) -> Answer<'a, Result<Option<String>, RailError>> {
        let known = Instruction::read(&hold.instruction).filter(|instruction| self.rules.knows(instruction));
        let Some(instruction) = known else {
            let problem = "the rule that it was made by is no longer there, and so the upstream cannot be asked; put it back, start the \
                           server again, and decide then";
            return Box::pin(std::future::ready(Ok(Some(problem.to_owned()))));
        };
        // INVARIANT: where the upstream can be asked, its word counts, and it is given time to have what is on its way. One whose
        // rule knows no refusal says all that it can by answering that it has none, after that long.
        let is_all = self.patience.is_absent(hold.id) && !self.rules.look_up_refuses(&instruction);
        let is_told = !is_all && self.rules.look_up(&instruction, &hold.id.to_string()).is_some();
        let problem = || {
            let said = self
                .patience
                .looked_up(hold.id)
                .map_or_else(|| "it has not said yet".to_owned(), |said| said.to_string());
            format!("the upstream can be asked what became of it, and its word counts; {said}")
        };
        Box::pin(std::future::ready(Ok(is_told.then(problem))))
    }

    fn forget<'a>(&'a self, hold: HoldId, memory: &'a dyn Memory) -> Answer<'a, Result<(), RailError>> {
        Box::pin(async move {
            self.patience.forget(hold, memory).await?;
            Exceeded::forget(memory, hold).await
        })
    }

    fn balance<'a>(&'a self, _reference: &'a str) -> Answer<'a, Result<Balance, RailError>> {
        let problem = "what is left is the upstream's to know".to_owned();
        Box::pin(std::future::ready(Err(RailError::Refused(problem))))
    }

    fn addresses<'a>(&'a self, _reference: &'a str) -> Answer<'a, Result<Vec<String>, RailError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn new_address<'a>(&'a self, _reference: &'a str, _random: [u8; 16]) -> Answer<'a, Result<String, RailError>> {
        Box::pin(std::future::ready(not_this_way()))
    }

    fn keep_key<'a>(&'a self, _key: Secret<Vec<u8>>, _memory: &'a dyn Memory) -> Answer<'a, Result<String, RailError>> {
        let problem = "must be given, and no key: a name for the account at the upstream, such as `default`".to_owned();
        Box::pin(std::future::ready(Err(RailError::Invalid { field: "reference", problem })))
    }

    fn check_wallet<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<(), RailError>> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let problem = if !(1..=64).contains(&reference.len()) || !reference.bytes().all(is_plain) {
            Some("must be 1 to 64 letters, digits, `-`, `_` and `.`")
        } else if reference.parse::<WalletId>().is_ok() {
            Some("looks like the id of a wallet here, by which requests may name another; choose a name")
        } else {
            None
        };
        let found = problem
            .map_or(Ok(()), |problem| Err(RailError::Invalid { field: "reference", problem: problem.to_owned() }));
        Box::pin(std::future::ready(found))
    }

    fn exchanges(&self) -> Option<&dyn Exchanges> {
        Some(self)
    }
}
