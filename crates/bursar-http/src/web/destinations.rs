//! Where money may go: the list of allowed destinations, shown, and edited beside the limits.

use bursar_core::coin::Coin;
use bursar_core::decimals::Decimals;
use bursar_core::limit::{Allowed, Destinations, Limit, LimitSet, Measure};
use bursar_wire::requests::{DestinationEdit, DestinationRules, DestinationText, MOST_DESTINATIONS};
use maud::{Markup, html};

use super::fields::Fields;
use super::forms::{self, Field, Problems};
use super::{limits, words};

/// The field of new destinations, and the boxes of old ones and of the whole list.
pub(crate) const ADD: &str = "add";
const REMOVE: &str = "remove";
/// The fields of the other rules: how many destinations, and what each gets.
pub(crate) const MOST: &str = "most";
pub(crate) const EACH: &str = "each";
const ANYWHERE: &str = "anywhere";
/// The most characters of new destinations in one form.
const LONGEST: u32 = 16_384;
/// Longer lists are folded.
const FEW: usize = 10;

/// The rules, as the page of their subject shows them.
pub(crate) fn shown(rules: &Destinations, decimals: &Decimals) -> Markup {
    html! {
        @if let Some(allowed) = &rules.allowed {
            @if allowed.is_empty() { p { "Its list of destinations is empty, so it pays nobody." } } @else {
                details {
                    summary { "Pays " (words::counted(allowed.len() as u64, "destination")) " only" }
                    ul class="addresses" { @for one in allowed { li { code { (one.address) } " (" (one.coin) ")" } } }
                }
            }
        }
        @if let Some(most) = rules.at_most { p { "Pays at most " (words::counted(most.into(), "different destination")) "." } }
        @for limit in &rules.each { p { "Each destination gets " (words::limit(limit, decimals)) "." } }
    }
}

/// The part of the form. What each destination gets is a rule of tokens. `is_old` says that the form is about a list that
/// has changed since.
pub(crate) fn fields(
    form: &Fields,
    rules: Option<&Destinations>,
    (is_of_token, is_old): (bool, bool),
    decimals: &Decimals,
    problems: &Problems,
) -> Markup {
    let allowed = rules.and_then(|rules| rules.allowed.as_deref());
    let add = Field {
        name: ADD,
        label: "Add destinations",
        hint: "One a line: the coin, then the address, such as “tbtc tb1q…”.",
        value: form.text(ADD),
        lines: 2,
        is_optional: true,
        most: LONGEST,
        ..Field::default()
    };
    html! {
        fieldset id="destinations" {
            legend { "Where it may pay" }
            p class="hint" {
                @match allowed {
                    None => "Anywhere. As soon as there is a destination here, it pays nobody else.",
                    Some([]) => "Nobody: its list is empty.",
                    Some(_) => "Only these. If all are removed, it pays nobody.",
                }
            }
            @if let Some(allowed) = allowed {
                @if allowed.len() > FEW {
                    details { summary { (words::counted(allowed.len() as u64, "destination")) } (boxes(form, allowed, is_old)) }
                } @else { (boxes(form, allowed, is_old)) }
            }
            (add.draw(problems))
            @if allowed.is_some() {
                (forms::complaints_of(ANYWHERE, problems))
                (forms::tick(ANYWHERE, "yes", "Drop the list", dropped(rules), form.is_ticked(ANYWHERE)))
            }
            @let said = said(form, rules, decimals);
            (others(&said.0, is_of_token.then_some(&said.1), problems))
        }
    }
}

/// What it comes to that the list is dropped.
fn dropped(rules: Option<&Destinations>) -> &'static str {
    match rules {
        Some(rules) if rules.at_most.is_some() || !rules.each.is_empty() => {
            "It may pay anywhere then, as far as the rules below let it. This needs a code."
        }
        _ => "It may pay anywhere then, which needs a code.",
    }
}

/// The texts of the other rules: as the form has them, else as they stand.
fn said(form: &Fields, rules: Option<&Destinations>, decimals: &Decimals) -> (String, String) {
    let of_form = |name| form.is_ticked(name).then(|| form.text(name).to_owned());
    let most = || rules.and_then(|rules| rules.at_most).map(|most| most.to_string()).unwrap_or_default();
    let each = || rules.map(|rules| limits::lines(&rules.each, decimals)).unwrap_or_default();
    (of_form(MOST).unwrap_or_else(most), of_form(EACH).unwrap_or_else(each))
}

/// The fields of the rules beside the list.
fn others(most: &str, each: Option<&String>, problems: &Problems) -> Markup {
    let is_of_tokens = each.is_some();
    let most = Field {
        name: MOST,
        label: "Different destinations at most",
        hint: "How many it may ever pay. Nothing means any number.",
        value: most,
        inputmode: "numeric",
        is_optional: true,
        most: 10,
        ..Field::default()
    };
    let each = Field {
        name: EACH,
        label: "What each destination gets",
        hint: "Limits, one a line, such as “tbtc 0.1/day”; fees do not count.",
        value: each.map_or("", String::as_str),
        lines: 2,
        is_optional: true,
        most: limits::LONGEST,
        ..Field::default()
    };
    html! {
        (most.draw(problems))
        @if is_of_tokens { (each.draw(problems)) }
    }
}

/// What the fields of a new token say of destinations.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Texts {
    pub(crate) add: String,
    pub(crate) most: String,
    pub(crate) each: String,
}

impl Texts {
    /// Reads the form.
    pub(crate) fn of_form(form: &Fields) -> Self {
        let text = |name| form.text(name).to_owned();
        Self { add: text(ADD), most: text(MOST), each: text(EACH) }
    }

    /// The fields and their texts.
    pub(crate) fn pairs(&self) -> [(&'static str, &str); 3] {
        [(ADD, &self.add), (MOST, &self.most), (EACH, &self.each)]
    }

    /// The part of the form.
    pub(crate) fn draw(&self, problems: &Problems) -> Markup {
        let add = Field {
            name: ADD,
            label: "The only destinations",
            hint: "One a line: the coin, then the address, such as “tbtc tb1q…”. Nothing means anywhere.",
            value: &self.add,
            lines: 2,
            is_optional: true,
            most: LONGEST,
            ..Field::default()
        };
        html! { (add.draw(problems)) (others(&self.most, Some(&self.each), problems)) }
    }

    /// The rules; none, if nothing is said.
    ///
    /// # Errors
    /// What is wrong, field by field.
    pub(crate) fn rules(&self, decimals: &Decimals) -> Result<Option<DestinationRules>, Problems> {
        let (list, mut problems) = read(&self.add);
        if list.len() > MOST_DESTINATIONS {
            problems.add(ADD, too_many());
        }
        let at_most = read_most(&self.most, &mut problems);
        let each = read_each(&self.each, decimals, &mut problems);
        let rules = DestinationRules { allow: (!list.is_empty()).then_some(list), at_most, each };
        let is_none = rules.allow.is_none() && rules.at_most.is_none() && rules.each.is_empty();
        if problems.is_empty() { Ok((!is_none).then_some(rules)) } else { Err(problems) }
    }
}

fn too_many() -> String {
    format!("there are at most {MOST_DESTINATIONS} destinations")
}

fn read_most(text: &str, problems: &mut Problems) -> Option<u32> {
    let text = Some(text.trim()).filter(|text| !text.is_empty())?;
    let number = text.parse().ok();
    if number.is_none() {
        problems.add(MOST, format!("“{text}” is no number of destinations; write one such as 3"));
    }
    number
}

/// Limits of what a destination gets, in which no fee is.
fn read_each(text: &str, decimals: &Decimals, problems: &mut Problems) -> Vec<Limit> {
    let limits = limits::read(text, decimals).unwrap_or_else(|found| {
        found.iter().for_each(|problem| problems.add(EACH, problem));
        Vec::new()
    });
    let without_fee = |limit: Limit| match limit.measure {
        Measure::Amount => Limit { measure: Measure::AmountWithoutFee, ..limit },
        _ => limit,
    };
    let each: Vec<Limit> = limits.into_iter().map(without_fee).collect();
    let rules = Destinations { each: each.clone(), ..Destinations::default() };
    let alone = LimitSet { limits: Vec::new(), destinations: Some(rules) };
    if let Err(problem) = alone.check() {
        problems.add(EACH, problem.to_string());
    }
    each
}

fn boxes(form: &Fields, allowed: &[Allowed], is_old: bool) -> Markup {
    // Boxes count places in the list; in another list they would mean something else.
    let is_ticked = |place: &str| !is_old && form.all(REMOVE).any(|said| said == place);
    html! {
        @for (place, one) in allowed.iter().enumerate() {
            @let place = place.to_string();
            (forms::tick(REMOVE, &place, &format!("Remove {} ({})", one.address, one.coin), "", is_ticked(&place)))
        }
    }
}

/// What the form does to the rules.
///
/// # Errors
/// What is wrong with it, field by field.
pub(crate) fn edit(
    form: &Fields,
    rules: Option<&Destinations>,
    decimals: &Decimals,
) -> Result<DestinationEdit, Problems> {
    let is_anywhere = form.is_ticked(ANYWHERE);
    let (added, mut problems) = read(form.text(ADD));
    let removed: Vec<usize> = form.all(REMOVE).filter_map(|place| place.parse().ok()).collect();
    let (at_most_before, each_before) = rules.map_or((None, Vec::new()), |rules| (rules.at_most, rules.each.clone()));
    // A form without the fields leaves what they are about.
    let at_most = if form.is_ticked(MOST) { read_most(form.text(MOST), &mut problems) } else { at_most_before };
    let each = match form.is_ticked(EACH) {
        true => read_each(form.text(EACH), decimals, &mut problems),
        false => each_before.clone(),
    };
    let is_kept = at_most == at_most_before && each == each_before;
    let before = rules.and_then(|rules| rules.allowed.as_deref());
    if is_anywhere && !(added.is_empty() && removed.is_empty()) {
        problems.add(ANYWHERE, "either drop the list or change it");
    }
    let mut kept: Vec<DestinationText> = Vec::new();
    let old = before.unwrap_or_default().iter().enumerate().filter(|(place, _)| !removed.contains(place));
    let old = old.map(|(_, one)| DestinationText { address: one.address.clone(), coin: one.coin.clone() });
    for one in old.chain(added.iter().cloned()) {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    if kept.len() > MOST_DESTINATIONS {
        problems.add(ADD, too_many());
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(match (is_anywhere, before) {
        // Boxes of a list that there is no more are no change of one; the version of the form says so.
        (false, before) if is_kept && added.is_empty() && (removed.is_empty() || before.is_none()) => {
            DestinationEdit::Keep
        }
        (true, Some(_)) | (_, None) if added.is_empty() => match at_most.is_none() && each.is_empty() {
            true if rules.is_some() => DestinationEdit::Remove,
            true => DestinationEdit::Keep,
            false => DestinationEdit::Replace(DestinationRules { allow: None, at_most, each }),
        },
        _ => DestinationEdit::Replace(DestinationRules { allow: Some(kept), at_most, each }),
    })
}

/// Lines of coin and address; empty ones say nothing. What an address means, its rail says later.
fn read(text: &str) -> (Vec<DestinationText>, Problems) {
    let (mut found, mut problems) = (Vec::new(), Problems::default());
    for (number, line) in (1_usize..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let parts: Vec<&str> = line.split_whitespace().collect();
        match (parts.as_slice(), parts.first().map(|coin| Coin::parse(coin))) {
            ([_, address], Some(Ok(coin))) => found.push(DestinationText { address: (*address).to_owned(), coin }),
            _ => {
                let problem = format!("line {number}, “{}”: write a coin and an address", line.trim());
                problems.add(ADD, problem);
            }
        }
        if found.len() > MOST_DESTINATIONS || !problems.is_empty() {
            break;
        }
    }
    (found, problems)
}

#[cfg(test)]
mod tests {
    use bursar_core::destination::Destination;

    use super::*;

    fn rules(addresses: &[&str]) -> Destinations {
        let coin = Coin::parse("tbtc").unwrap();
        let one = |address: &&str| Allowed {
            destination: Destination::new("bitcoin", address.as_bytes(), None),
            address: (*address).to_owned(),
            coin: coin.clone(),
        };
        Destinations { allowed: Some(addresses.iter().map(one).collect()), at_most: Some(7), ..Destinations::default() }
    }

    fn form(text: &str) -> Fields {
        Fields::read(text.as_bytes()).unwrap()
    }

    fn edit(form: &Fields, rules: Option<&Destinations>) -> Result<DestinationEdit, Problems> {
        super::edit(form, rules, &Decimals::default())
    }

    fn addresses(edit: DestinationEdit) -> Option<Vec<String>> {
        let DestinationEdit::Replace(rules) = edit else { panic!("{edit:?}") };
        assert_eq!(rules.at_most, Some(7), "the other rules stay");
        rules.allow.map(|list| list.into_iter().map(|one| one.address).collect())
    }

    #[test]
    fn a_form_that_says_nothing_of_destinations_keeps_them() {
        assert_eq!(edit(&form("limits=x&add=%0A"), Some(&rules(&["a"]))), Ok(DestinationEdit::Keep));
        assert_eq!(edit(&form(""), None), Ok(DestinationEdit::Keep));
    }

    #[test]
    fn destinations_are_added_and_removed_and_the_list_is_dropped_only_when_that_is_said() {
        let edited = |text: &str| addresses(edit(&form(text), Some(&rules(&["a", "b"]))).unwrap());
        assert_eq!(edited("add=tbtc+c%0D%0Atbtc+a"), Some(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
        assert_eq!(edited("remove=0&add=tbtc+c"), Some(vec!["b".to_owned(), "c".to_owned()]));
        assert_eq!(edited("remove=0&remove=1"), Some(Vec::new()), "an empty list pays nobody");
        assert_eq!(edited("anywhere=yes"), None);
        let alone = Destinations { at_most: None, ..rules(&["a"]) };
        assert_eq!(edit(&form("anywhere=yes"), Some(&alone)), Ok(DestinationEdit::Remove));
    }

    #[test]
    fn how_many_and_how_much_each_are_edited_beside_the_list() {
        let of = |text: &str, rules: &Destinations| match edit(&form(text), Some(rules)).unwrap() {
            DestinationEdit::Replace(new) => {
                Some((new.allow.map(|list| list.len()), new.at_most, limits::lines(&new.each, &Decimals::default())))
            }
            DestinationEdit::Keep => None,
            DestinationEdit::Remove => panic!("all rules gone"),
        };
        let before = rules(&["a"]);
        assert_eq!(of("most=7&each=", &before), None, "as it stands");
        let fewer = of("most=3&each=tbtc+0.1/day", &before);
        assert_eq!(fewer, Some((Some(1), Some(3), "tbtc 0.1/day without fees".to_owned())));
        assert_eq!(of("most=&each=", &before), Some((Some(1), None, String::new())));
        let unlisted = Destinations { allowed: None, ..before };
        assert_eq!(of("most=3", &unlisted), Some((None, Some(3), String::new())));
        assert_eq!(edit(&form("most=&each="), Some(&unlisted)), Ok(DestinationEdit::Remove));
        assert_eq!(edit(&form("most=&each="), None), Ok(DestinationEdit::Keep));
        assert!(of("most=3", &rules(&[])).is_some_and(|(list, ..)| list == Some(0)), "an empty list stays one");
    }

    #[test]
    fn a_new_token_gets_the_rules_that_its_form_says() {
        let texts = |add: &str, most: &str, each: &str| Texts { add: add.into(), most: most.into(), each: each.into() };
        let rules = |texts: Texts| texts.rules(&Decimals::default());
        assert_eq!(rules(texts("\n", " ", "")), Ok(None));
        let all = rules(texts("tbtc tb1q", "1", "tbtc 0.1/day")).unwrap().unwrap();
        assert_eq!(all.allow.map(|list| list[0].address.clone()).as_deref(), Some("tb1q"));
        assert_eq!(
            (all.at_most, limits::lines(&all.each, &Decimals::default()).as_str()),
            (Some(1), "tbtc 0.1/day without fees")
        );
        for wrong in [texts("tb1q", "", ""), texts("", "many", ""), texts("", "-1", ""), texts("", "", "tbtc lots")] {
            assert!(rules(wrong.clone()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_changes_nothing() {
        for wrong in [
            "most=x",
            "each=tbtc+lots",
            "add=tb1q",
            "add=tbtc",
            "add=tbtc+a+b",
            "add=%3Cb%3E+a",
            "anywhere=yes&add=tbtc+c",
        ] {
            assert!(edit(&form(wrong), Some(&rules(&["a"]))).is_err(), "{wrong}");
        }
    }
}
