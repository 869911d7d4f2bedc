//! Forms that stop something and that lift it again: an account, a wallet, an organisation.

use bursar_core::account::{Freeze, FrozenBy};
use bursar_core::time::{Span, Timestamp};
use bursar_service::freezes::FreezeOrder;
use maud::{Markup, html};

use super::answer::Answer;
use super::forms::{self, Field, Problems};
use super::layout::{Frame, Section};
use super::limits::crumbs;
use super::visit::Visit;
use super::words;

/// A day in seconds.
const DAY: u64 = 86_400;
/// The longest freeze with an end, in days: ten years.
const MOST_DAYS: u64 = 3650;

/// What a form orders.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn order(visit: &Visit) -> Result<FreezeOrder, Problems> {
    let days = match visit.form.some("days") {
        None => None,
        Some(text) => match text.parse::<u64>() {
            Ok(days @ 1..=MOST_DAYS) => Some(days),
            _ => {
                let mut problems = Problems::default();
                problems.add("days", format!("give a number of days from 1 to {MOST_DAYS}, or leave it out"));
                return Err(problems);
            }
        },
    };
    let duration = days.map(|days| Span::from_seconds(days.saturating_mul(DAY)));
    Ok(FreezeOrder { duration, reason: visit.form.some("reason").map(str::to_owned) })
}

/// Why, and for how long. `told` says who reads the reason.
pub(crate) fn fields(visit: &Visit, told: &str, problems: &Problems) -> Markup {
    let reason = Field {
        name: "reason",
        label: "Why",
        hint: told,
        value: visit.form.text("reason"),
        is_optional: true,
        most: 250,
        ..Field::default()
    };
    let days = Field {
        name: "days",
        label: "For how many days",
        hint: "Until somebody lifts it, if left out.",
        value: visit.form.text("days"),
        inputmode: "numeric",
        is_optional: true,
        most: 4,
        ..Field::default()
    };
    html! { div class="pair" { (reason.draw(problems)) (days.draw(problems)) } }
}

/// Something that is stopped and goes on again: its page has `/freeze` and `/unfreeze` under it.
pub(crate) struct Stopped<'a> {
    /// What it is: `wallet`.
    pub(crate) kind: &'a str,
    /// What it is called.
    pub(crate) name: &'a str,
    /// The page of it.
    pub(crate) path: String,
    pub(crate) section: Section,
    pub(crate) freeze: Option<&'a Freeze>,
    /// What a freeze does, and who lifts it.
    pub(crate) does: &'a str,
    /// Who reads the reason.
    pub(crate) told: &'a str,
    /// The action and target of the proof that lifting it takes.
    pub(crate) proof: (&'a str, String),
}

impl Stopped<'_> {
    /// Asks whether it is to be frozen.
    pub(crate) fn freeze_form(&self, visit: &Visit, problems: &Problems) -> Answer {
        let frame = Frame::of(visit);
        let title = format!("Freeze the {} {}?", self.kind, self.name);
        let body = html! {
            (crumbs(&self.path, self.name))
            h1 { (title) }
            (problems.summary())
            (notice(self.freeze, visit.now()))
            p { (self.does) }
            form method="post" action={ (self.path) "/freeze" } class="card danger" {
                (frame.form_token())
                (fields(visit, self.told, problems))
                div class="buttons" {
                    button class="bad" type="submit" { "Freeze it" }
                    a class="button" href=(self.path) { "Cancel" }
                }
            }
        };
        frame.form(&title, self.section, &[], problems, body)
    }

    /// Asks whether the freeze is to be lifted.
    pub(crate) fn lift_form(&self, visit: &Visit, problems: &Problems) -> Answer {
        let frame = Frame::of(visit);
        let title = format!("Lift the freeze of the {} {}?", self.kind, self.name);
        let (action, target) = &self.proof;
        let found = self.freeze.filter(|freeze| freeze.holds_at(visit.now()));
        let body = html! {
            (crumbs(&self.path, self.name))
            h1 { (title) }
            (problems.summary())
            (notice(found, visit.now()))
            @match found.map(|freeze| freeze.is_lifted_by(visit.now())) {
                None => p class="empty" { "It is not frozen." },
                Some(FrozenBy::Operator | FrozenBy::Ledger) => {
                    p { "Whoever runs this server stopped it, or a check of the server did: only they lift that." }
                },
                Some(FrozenBy::Person) => form method="post" action={ (self.path) "/unfreeze" } class="card" {
                    (frame.form_token())
                    (forms::proof(visit, problems, false, "This allows more than before.", action, target))
                    div class="buttons" {
                        button class="main" type="submit" { "Lift it" }
                        a class="button" href=(self.path) { "Cancel" }
                    }
                },
            }
        };
        frame.form(&title, self.section, &[], problems, body)
    }
}

/// Says that something is frozen, why and until when.
pub(crate) fn notice(freeze: Option<&Freeze>, now: Timestamp) -> Markup {
    draw_notice(freeze, now, |freeze| html! { ": " (words::sentence(&freeze.reason)) })
}

/// Says that somebody else's account is frozen, and until when: why is for its owner and the operator.
pub(crate) fn notice_without_reason(freeze: Option<&Freeze>, now: Timestamp) -> Markup {
    draw_notice(freeze, now, |_| html! { ". Its owner and the operator of this server know why." })
}

fn draw_notice(freeze: Option<&Freeze>, now: Timestamp, why: impl Fn(&Freeze) -> Markup) -> Markup {
    html! {
        @if let Some(freeze) = freeze.filter(|freeze| freeze.holds_at(now)) {
            p class="notice bad" {
                strong { "Frozen" } " since " (words::instant(freeze.since))
                @if let Some(until) = freeze.until { ", until " (words::instant(until)) } (why(freeze))
            }
        }
    }
}
