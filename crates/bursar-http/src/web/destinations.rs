//! Where money may go: the list of allowed destinations, shown, and edited beside the limits.

use bursar_core::coin::Coin;
use bursar_core::limit::{Allowed, Destinations};
use bursar_wire::requests::{DestinationEdit, DestinationRules, DestinationText, MOST_DESTINATIONS};
use maud::{Markup, html};

use super::fields::Fields;
use super::forms::{self, Field, Problems};
use super::words;

/// The field of new destinations, and the boxes of old ones and of the whole list.
pub(crate) const ADD: &str = "add";
const REMOVE: &str = "remove";
const ANYWHERE: &str = "anywhere";
/// The most characters of new destinations in one form.
const LONGEST: u32 = 16_384;
/// Longer lists are folded.
const FEW: usize = 10;

/// The rules, as the page of their subject shows them.
pub(crate) fn shown(rules: &Destinations) -> Markup {
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
        @for limit in &rules.each { p { "Each destination gets " (words::limit(limit)) "." } }
    }
}

/// The part of the form. `is_old` says that the form is about a list that has changed since.
pub(crate) fn fields(form: &Fields, rules: Option<&Destinations>, is_old: bool, problems: &Problems) -> Markup {
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
                (forms::tick(ANYWHERE, "yes", "Drop the list", "It may pay anywhere then, which needs a code.", form.is_ticked(ANYWHERE)))
            }
        }
    }
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
pub(crate) fn edit(form: &Fields, rules: Option<&Destinations>) -> Result<DestinationEdit, Problems> {
    let is_anywhere = form.is_ticked(ANYWHERE);
    let (added, mut problems) = read(form.text(ADD));
    let removed: Vec<usize> = form.all(REMOVE).filter_map(|place| place.parse().ok()).collect();
    let (at_most, each) = rules.map_or((None, Vec::new()), |rules| (rules.at_most, rules.each.clone()));
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
        problems.add(ADD, format!("there are at most {MOST_DESTINATIONS} destinations"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(match (is_anywhere, before) {
        (true, Some(_)) if at_most.is_none() && each.is_empty() => DestinationEdit::Remove,
        (true, Some(_)) => DestinationEdit::Replace(DestinationRules { allow: None, at_most, each }),
        _ if added.is_empty() && removed.is_empty() => DestinationEdit::Keep,
        // Boxes of a list that there is no more; the version of the form says so.
        (_, None) if added.is_empty() => DestinationEdit::Keep,
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
    fn what_cannot_be_read_changes_nothing() {
        for wrong in ["add=tb1q", "add=tbtc", "add=tbtc+a+b", "add=%3Cb%3E+a", "anywhere=yes&add=tbtc+c"] {
            assert!(edit(&form(wrong), Some(&rules(&["a"]))).is_err(), "{wrong}");
        }
    }
}
