//! Limits as people write them in a form: one a line, problems with the line they are on.

use bursar_core::decimals::Decimals;
use bursar_core::limit::text::{describe_knowing, parse, parse_knowing};
use bursar_core::limit::warnings::{warnings, warnings_of_token};
use bursar_core::limit::{Limit, LimitSet, Subject};
use bursar_service::error::ServiceError;
use bursar_service::limits::Standing;
use bursar_wire::requests::LimitsEdit;
use maud::{Markup, html};
use serde_json::json;

use super::Answering;
use super::answer::Answer;
use super::assets;
use super::bars;
use super::destinations;
use super::forms::{self, Field, Problems};
use super::layout::{Frame, Section, capital};
use super::visit::Visit;
use super::words;
use crate::failure::Failure;

/// The field of limits.
pub(crate) const FIELD: &str = "limits";
/// The most characters of it.
pub(crate) const LONGEST: u32 = 16_384;
/// What the field is explained by, for tokens and for all else.
const HINT_OF_TOKENS: &str =
    "One a line, in units of the coin. A token spends a coin by itself only within a limit on it.";
const HINT: &str = "One a line, in units of the coin. What no limit is about is not limited here.";

/// Reads lines of limits; empty lines say nothing.
///
/// # Errors
/// What is wrong, line by line.
pub(crate) fn read(text: &str, decimals: &Decimals) -> Result<Vec<Limit>, Vec<String>> {
    let (mut limits, mut problems) = (Vec::new(), Vec::new());
    for (number, line) in (1_usize..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        if limits.len().saturating_add(problems.len()) >= LimitSet::MOST {
            problems.push(format!("line {number}: there are at most {} limits", LimitSet::MOST));
            break;
        }
        match parse_knowing(line.trim(), decimals) {
            Ok(limit) => limits.push(limit),
            Err(problem) => problems.push(format!("line {number}, “{}”: {problem}", line.trim())),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    match LimitSet::of(limits.clone()).check() {
        Ok(()) => Ok(limits),
        Err(problem) => Err(vec![format!("this set {problem}")]),
    }
}

/// Limits, one a line, as [`read`] reads them.
pub(crate) fn lines(limits: &[Limit], decimals: &Decimals) -> String {
    limits.iter().map(|limit| describe_knowing(limit, decimals)).collect::<Vec<_>>().join("\n")
}

/// The field, with examples and a place for what the server reads in it.
pub(crate) fn field(value: &str, is_of_token: bool, problems: &Problems) -> Markup {
    let field = Field {
        name: FIELD,
        label: "Limits",
        hint: if is_of_token { HINT_OF_TOKENS } else { HINT },
        value,
        lines: 4,
        is_optional: true,
        most: LONGEST,
        ..Field::default()
    };
    html! {
        (field.draw(problems))
        div id="limits-read" class="read" role="status" data-check=(if is_of_token { "/limits/check?of=token" } else { "/limits/check" }) {}
        details class="examples" {
            summary { "How limits are written" }
            table {
                thead { tr { th scope="col" { "You write" } th scope="col" { "It means" } } }
                tbody {
                    @for text in EXAMPLES {
                        tr {
                            td { code { (text) } }
                            td { (parse(text).map(|limit| capital(&words::limit(&limit, &Decimals::default()))).unwrap_or_default()) }
                        }
                    }
                }
            }
        }
    }
}

const EXAMPLES: [&str; 6] = [
    "tbtc 0.5/day",
    "tbtc 5 in total",
    "hteth:usdc 100 per spend",
    "20 spends/hour",
    "hteth fees 0.01/day",
    "tbtc 2/calendar month in Europe/Zurich",
];

/// Tells a script what the server reads in limits that are being written.
pub(crate) async fn check(visit: Visit) -> Answering {
    let decimals = visit.decimals();
    let (lines, is_right) = match read(visit.form.text(FIELD), decimals) {
        Err(problems) => (problems.iter().map(|problem| words::plain(&words::sentence(problem))).collect(), false),
        Ok(limits) => {
            let of = if visit.query.text("of") == "token" { warnings_of_token } else { warnings };
            let odd = of(&LimitSet::of(limits.clone()));
            let read = limits.iter().map(|limit| capital(&words::limit(limit, decimals)));
            let odd = odd.iter().map(|warning| format!("Note: {}", warning.sentence(decimals)));
            (read.chain(odd).map(|line| words::plain(&words::sentence(&line))).collect::<Vec<_>>(), true)
        }
    };
    Ok(Answer::json(&json!({"right": is_right, "lines": lines})))
}

/// A page on which the limits of something are edited.
pub(crate) struct Editing {
    pub(crate) subject: Subject,
    /// What it is called.
    pub(crate) name: String,
    /// The page of it.
    pub(crate) path: String,
    pub(crate) section: Section,
}

impl Editing {
    /// The form as things stand.
    pub(crate) async fn form(self, visit: Visit) -> Answering {
        let standing = visit.bursar.limits(visit.person()?, self.subject).await?;
        let text = lines(&standing.rules.limits, visit.decimals());
        self.draw(&visit, &standing, &text, standing.version, &Problems::default())
    }

    /// Changes the limits.
    pub(crate) async fn submit(self, visit: Visit) -> Answering {
        let person = visit.person()?;
        let standing = visit.bursar.limits(person, self.subject).await?;
        let text = visit.form.text(FIELD);
        let seen = visit.form.text("version").parse().unwrap_or(0);
        let (limits, destinations) = (
            read(text, visit.decimals()),
            destinations::edit(&visit.form, standing.rules.destinations.as_ref(), visit.decimals()),
        );
        let (limits, destinations) = match (limits, destinations) {
            (Ok(limits), Ok(destinations)) => (limits, destinations),
            (limits, destinations) => {
                let mut problems = destinations.err().unwrap_or_default();
                limits.err().iter().flatten().for_each(|problem| problems.add(FIELD, problem));
                return self.draw(&visit, &standing, text, seen, &problems);
            }
        };
        let edit = LimitsEdit {
            seen: Some(seen),
            limits: Some(limits),
            destinations,
            otp: visit.form.some(forms::OTP).map(str::to_owned),
        };
        match visit.bursar.set_limits(person, self.subject, edit).await {
            Ok(_) => Ok(Answer::to(format!("{}?changed=limits", self.path))),
            Err(error) => {
                let problems = Problems::of_failure(error, field_of)?;
                self.draw(&visit, &standing, text, seen, &problems)
            }
        }
    }

    fn draw(&self, visit: &Visit, standing: &Standing, text: &str, seen: u64, problems: &Problems) -> Answering {
        let may_loosen = visit.bursar.may_edit(visit.person()?, self.subject)?;
        let frame = Frame::of(visit);
        let title = format!("Limits of {}", self.name);
        let target = match standing.subject {
            Subject::Token(id) => format!("token:{id}"),
            Subject::User(id) => format!("user:{id}"),
            Subject::Wallet(id) => format!("wallet:{id}"),
            Subject::Organisation(id) => format!("organisation:{id}"),
        };
        let (is_of_token, is_old) = (matches!(self.subject, Subject::Token(_)), seen != standing.version);
        let body = html! {
            (crumbs(&self.path, &self.name))
            h1 { (title) }
            (problems.summary())
            p class="muted" { (reach(self.subject)) }
            @if is_old {
                div class="notice warn" {
                    p { "The limits have changed since you began. They are now:" }
                    pre { (lines(&standing.rules.limits, visit.decimals())) }
                    p { a href={ (self.path) "/limits" } { "Begin again with these" } }
                }
            }
            @if !standing.reports.is_empty() {
                section class="card said" aria-labelledby="now" {
                    h2 id="now" { "As they stand" }
                    (bars::all(&standing.reports, visit.now(), visit.decimals()))
                }
            }
            form method="post" action={ (self.path) "/limits" } class="card" {
                (frame.form_token())
                input type="hidden" name="version" value=(seen);
                (field(text, is_of_token, problems))
                (destinations::fields(&visit.form, standing.rules.destinations.as_ref(), (is_of_token, is_old), visit.decimals(), problems))
                p class="hint" { "What was spent so far goes on counting: changing a limit never refills it." }
                @if may_loosen {
                    (forms::proof(visit, problems, true, "Needed if anything is allowed that was not before.", "limits", &target))
                } @else {
                    p class="notice" { "You can lower these limits and add some. To allow more again takes an administrator of every organisation that this account is in; an administrator's own limits take an owner." }
                }
                div class="buttons" {
                    button class="main" type="submit" { "Save limits" }
                    a class="button" href=(self.path) { "Cancel" }
                }
            }
        };
        Ok(frame.form(&title, self.section, &[&assets::LIMITS], problems, body))
    }
}

/// What limits of somebody or something hold for.
const fn reach(subject: Subject) -> &'static str {
    match subject {
        Subject::Token(_) => "They hold for what this token spends.",
        Subject::User(_) => {
            "They hold for all tokens and sessions of this account together, beside the limits that each token has."
        }
        Subject::Wallet(_) => {
            "They hold for whatever is spent from this wallet, by any token, and no unlock lifts them."
        }
        Subject::Organisation(_) => {
            "They hold for all money of this organisation together, whoever spends it, and no unlock lifts them."
        }
    }
}

/// A card with the limits of something as they stand, and the way to edit them for those who may.
pub(crate) fn card(visit: &Visit, standing: &Standing, path: &str, none: &str) -> Result<Markup, Failure> {
    let may_edit = match visit.bursar.may_edit(visit.person()?, standing.subject) {
        Ok(_) => true,
        Err(ServiceError::NotFound(_) | ServiceError::Refused(_) | ServiceError::RoleNeeded { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    Ok(html! {
        section class="card" aria-labelledby="limits" {
            div class="head" {
                h2 id="limits" { "Limits" }
                @if may_edit { a class="button" href={ (path) "/limits" } { "Edit limits" } }
            }
            @if standing.reports.is_empty() { p { (none) } } @else { (bars::all(&standing.reports, visit.now(), visit.decimals())) }
            @if let Some(rules) = &standing.rules.destinations { (destinations::shown(rules, visit.decimals())) }
        }
    })
}

/// Which field of the form a use case means.
fn field_of(field: &str) -> &'static str {
    match field {
        "version" => "",
        "limits" => FIELD,
        _ if field.starts_with("destinations.each") => destinations::EACH,
        // What rails say of addresses, too.
        _ => destinations::ADD,
    }
}

/// The way back to the page above.
pub(crate) fn crumbs(path: &str, name: &str) -> Markup {
    html! { nav class="crumbs" aria-label="Way back" { a href=(path) { "← " (name) } } }
}

/// What a page says after something was changed on another.
pub(crate) fn changed(visit: &Visit) -> Option<&'static str> {
    match visit.query.text("changed") {
        "limits" => Some("The limits are saved and hold from now on."),
        "locked" => Some("The token is locked. It spends nothing until you unlock or resume it."),
        "unlocked" => Some("The token is unlocked: for a while its own limits do not hold it back."),
        "resumed" => Some("The lock is lifted."),
        "old-secret" => Some("The old secret works no more."),
        "frozen" => Some("It is frozen: nothing is spent from it until that ends or somebody lifts it."),
        "unfrozen" => Some("The freeze is lifted."),
        "wallet-removed" => Some("The wallet is removed."),
        "revoked" => Some("The token is revoked. It can do nothing any more."),
        _ => None,
    }
}
