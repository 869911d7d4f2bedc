//! Facts of events as people read them: the trail keeps figures exact and in base units.

use super::{Event, reasons, rules};
use crate::amount::Amount;
use crate::coin::{Asset, Coin};
use crate::decimals::Decimals;
use crate::limit::text::amount_of;

impl Event {
    /// The value of a fact with its figures in units, where these decimals are known; all else stays letter for letter.
    ///
    /// `coin` is that of the spend which the event is about, where it is known from elsewhere.
    pub fn fact_in_units(&self, name: &str, value: &str, coin: Option<&Coin>, decimals: &Decimals) -> String {
        let amount =
            |number: &str, coin: Coin| Some(amount_of(Amount::parse(number).ok()?, &Asset::Coin(coin), decimals));
        let told = self.data.iter().find(|(own, _)| *own == "coin").and_then(|(_, coin)| Coin::parse(coin).ok());
        let read = match (name, value.split_once(' ')) {
            ("amount" | "total" | "held", None) => match told.or_else(|| coin.cloned()) {
                None => Some(format!("{value} base units")),
                Some(coin) => amount(value, coin),
            },
            ("fee", Some((number, coin))) => Coin::parse(coin).ok().and_then(|coin| amount(number, coin)),
            ("before" | "after" | "limits", _) => rules::told(value, decimals),
            ("reason", _) => Some(reasons::in_units(value, decimals)),
            _ => None,
        };
        read.unwrap_or_else(|| value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Actor;
    use crate::time::Timestamp;

    #[test]
    fn facts_read_in_units_where_the_coin_is_known_and_as_they_are_kept_elsewhere() {
        let coin = |text| Coin::parse(text).unwrap();
        let decimals = Decimals::declared([(coin("gold"), 3)]);
        let event = |data: &[(&str, &str)]| Event {
            time: Timestamp::from_millis(0),
            actor: Actor::System,
            action: "spend.hold".to_owned(),
            subject: "spend:1".to_owned(),
            data: data.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let named = event(&[("coin", "gold"), ("amount", "1500")]);
        let read = |event: &Event, name, value, coin: Option<&Coin>| event.fact_in_units(name, value, coin, &decimals);
        assert_eq!(read(&named, "amount", "1500", None), "1.5 gold");
        assert_eq!(read(&event(&[]), "amount", "1500", Some(&coin("gold"))), "1.5 gold");
        assert_eq!(read(&event(&[]), "amount", "1500", None), "1500 base units");
        assert_eq!(read(&event(&[]), "fee", "5 lead", None), "5 base units of lead");
        assert_eq!(read(&event(&[]), "after", "gold amount 2500 over rolling 86400s", None), "gold 2.5/day");
        assert_eq!(read(&event(&[]), "reason", "lost 5 coins", None), "lost 5 coins");
        assert_eq!(read(&event(&[]), "label", "1500", None), "1500");
    }
}
