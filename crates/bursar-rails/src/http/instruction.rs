//! What is kept with the hold of a spend, to find out later what became of it.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;

use crate::exchange::{Answered, Outgoing};
use crate::http::answer::Became;
use crate::http::rules::{Does, Priced, Rules, Spending};
use crate::http::written::CutOff;
use crate::json::Json;

/// By which rule a spend was made, and how the client named it. What the request said is not in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// The rule: method and path.
    pub rule: Box<str>,
    /// The client's name for the spend.
    pub key: Box<str>,
}

impl Instruction {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = |text: &str| Json::Text(text.into());
        let entries = vec![("rule".into(), text(&self.rule)), ("key".into(), text(&self.key))];
        Json::Object(entries).to_string().into_bytes()
    }

    /// Reads its bytes.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let read = Json::read(bytes).ok()?;
        let text = |name| read.get(name).and_then(Json::as_text).map(Box::from);
        Some(Self { rule: text("rule")?, key: text("key")? })
    }
}

impl Rules {
    /// The decimal places of its assets.
    pub fn decimals(&self) -> impl Iterator<Item = (Coin, u8)> {
        self.assets.iter().filter_map(|(asset, places)| Some((Coin::parse(asset).ok()?, *places)))
    }

    fn spending(&self, instruction: &Instruction) -> Option<&Spending> {
        self.rules.iter().find(|rule| rule.name == instruction.rule).and_then(|rule| match &rule.does {
            Does::Spend(spending) => Some(&**spending),
            Does::Read | Does::Refuse(_) => None,
        })
    }

    /// What the rule of a spend says of an asset.
    fn priced(&self, instruction: &Instruction, coin: &Coin) -> Option<&Priced> {
        self.spending(instruction)?.priced.iter().find(|priced| priced.coin == *coin)
    }

    /// The header in which the upstream is given a name for the spend.
    pub fn key_header(&self, instruction: &Instruction) -> Option<&str> {
        self.spending(instruction)?.key_header.as_deref()
    }

    /// What the answer to a spend says, of which so much of this coin is held.
    pub fn became(&self, instruction: &Instruction, answered: &Answered, coin: &Coin, held: Amount) -> Became {
        match self.priced(instruction, coin) {
            Some(priced) => priced.reading.became(&self.language, answered, coin.as_str(), held),
            None => gone(),
        }
    }

    /// Names of the events that hold the answer to a spend where it is a stream; none if the last one does.
    pub fn events(&self, instruction: &Instruction) -> &[Box<str>] {
        let priced = self.spending(instruction).and_then(|spending| spending.priced.first());
        priced.map_or(&[], |priced| &priced.reading.events)
    }

    /// What it means that the answer to a spend, a stream of events, breaks off in the middle.
    pub fn cut_off(&self, instruction: &Instruction) -> CutOff {
        self.spending(instruction).map(|spending| spending.cut_off).unwrap_or_default()
    }

    /// What to ask to find out what became of a spend that the upstream was given under this name; nothing if the rule
    /// does not say.
    pub fn look_up(&self, instruction: &Instruction, name: &str) -> Option<Outgoing> {
        let look_up = self.spending(instruction)?.priced.first()?.look_up.as_ref()?;
        look_up.asked(name)
    }

    /// Whether the rule that a spend was made by is still there.
    pub fn knows(&self, instruction: &Instruction) -> bool {
        self.spending(instruction).is_some()
    }

    /// Whether the answer to that may be that it came to nothing.
    pub fn look_up_refuses(&self, instruction: &Instruction) -> bool {
        let look_up = self.spending(instruction).and_then(|spending| spending.priced.first()?.look_up.as_ref());
        look_up.is_some_and(|look_up| look_up.reading.refused.is_some())
    }

    /// Whether the answer to that is about this very spend: it was asked for by a name that nobody else gives, and calls it
    /// what the spend's own answer called it. One that found nothing has no name for it.
    pub fn look_up_is_of(
        &self,
        instruction: &Instruction,
        coin: &Coin,
        (own, looked_up): (&Answered, &Answered),
    ) -> bool {
        let has_a_name = self.key_header(instruction).is_some();
        let Some(priced) = self.priced(instruction, coin).filter(|_| has_a_name) else { return false };
        let found = priced.look_up.as_ref().and_then(|look_up| look_up.reading.name_in(&self.language, looked_up));
        found.is_some() && found == priced.reading.name_in(&self.language, own)
    }

    /// What the answer to that says.
    pub fn became_as_looked_up(
        &self,
        instruction: &Instruction,
        answered: &Answered,
        coin: &Coin,
        held: Amount,
    ) -> Became {
        match self.priced(instruction, coin).and_then(|priced| priced.look_up.as_ref()) {
            Some(look_up) => look_up.reading.became(&self.language, answered, coin.as_str(), held),
            None => gone(),
        }
    }
}

fn gone() -> Became {
    Became::Unknown { reason: "the rule that the spend was made by is no longer there".to_owned() }
}
