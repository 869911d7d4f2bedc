//! Parts of forms: fields with their labels, hints and problems, and the summary of what has to be mended.

use axum::http::StatusCode;
use bursar_core::decimals::Decimals;
use bursar_core::time::Timestamp;
use bursar_service::error::{ServiceError, Unproven};
use maud::{Markup, PreEscaped, html};

use super::visit::Visit;
use super::words;
use crate::failure::Failure;

/// What is wrong with what somebody wrote, field by field.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Problems {
    list: Vec<(String, String)>,
    status: Option<StatusCode>,
    /// The stable code, as the interface tells it.
    code: Option<String>,
}

impl Problems {
    /// Notes what is wrong with a field; a field of no name means the whole.
    pub(crate) fn add(&mut self, field: &str, problem: impl AsRef<str>) {
        self.list.push((field.to_owned(), words::sentence(problem.as_ref())));
    }

    /// Notes what is wrong elsewhere, too.
    pub(crate) fn append(&mut self, mut others: Self) {
        self.list.append(&mut others.list);
        self.code = self.code.take().or(others.code);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What to answer: that it cannot be, unless the failure has a status of its own.
    pub(crate) fn status(&self) -> StatusCode {
        self.status.unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// By which code it is counted: that of a field that cannot be, unless the failure has one of its own.
    pub(crate) fn code(&self) -> &str {
        self.code.as_deref().unwrap_or("invalid_field")
    }

    fn of<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a str> {
        self.list.iter().filter(move |(own, _)| own == field).map(|(_, problem)| problem.as_str())
    }

    /// What a use case says against a form that can be mended. `rename` tells which field of the form it means.
    ///
    /// # Errors
    /// Nothing in the form can mend it.
    pub(crate) fn of_failure(error: ServiceError, rename: impl Fn(&str) -> &'static str) -> Result<Self, Failure> {
        let (field, status) = match &error {
            ServiceError::Invalid(error) => (rename(&error.field), StatusCode::UNPROCESSABLE_ENTITY),
            ServiceError::Unproven(Unproven::Password | Unproven::Signature | Unproven::SignIn) => {
                ("", StatusCode::UNAUTHORIZED)
            }
            ServiceError::Unproven(_) | ServiceError::StepUpNeeded => (OTP, StatusCode::UNAUTHORIZED),
            ServiceError::TooManyAttempts { .. } | ServiceError::RateLimited { .. } | ServiceError::TooManyLooks => {
                ("", StatusCode::TOO_MANY_REQUESTS)
            }
            ServiceError::Conflict(_) | ServiceError::RotationUnderWay { .. } | ServiceError::UnlockedLonger { .. } => {
                ("", StatusCode::CONFLICT)
            }
            ServiceError::LastOwner
            | ServiceError::SpendsNothingItself
            | ServiceError::NotFrozen { .. }
            | ServiceError::NoMail
            | ServiceError::AccountExists => ("", StatusCode::CONFLICT),
            ServiceError::Refused(_) | ServiceError::RoleNeeded { .. } => ("", StatusCode::FORBIDDEN),
            ServiceError::Busy => ("", StatusCode::SERVICE_UNAVAILABLE),
            _ => return Err(error.into()),
        };
        let problem = match &error {
            ServiceError::Unproven(Unproven::OtpWrong) => {
                "the code is wrong; take the one your authenticator app shows now".to_owned()
            }
            ServiceError::Unproven(Unproven::OtpMissing) => {
                "give the code that your authenticator app shows".to_owned()
            }
            ServiceError::Unproven(Unproven::OtpUsed { .. }) => {
                "this code was used before; wait for the next one".to_owned()
            }
            ServiceError::Unproven(Unproven::SignIn) => {
                "this sign-in took too long or was tried too often; begin again".to_owned()
            }
            ServiceError::StepUpNeeded => "this allows more than before, so it needs a code".to_owned(),
            ServiceError::Invalid(error) => error.problem.clone(),
            ServiceError::TooManyAttempts { until } => {
                format!("too many wrong attempts; the next is looked at from {} on", words::moment(*until))
            }
            ServiceError::Refused(refusal) => words::refused(refusal),
            ServiceError::UnlockedLonger { until } => {
                format!("the token is unlocked until {} already, which is longer", words::moment(*until))
            }
            ServiceError::RotationUnderWay { until } => format!(
                "the token has two secrets and both are in use, the older one until {}; make a new one after that, or end \
                 the old one at once",
                words::moment(*until)
            ),
            _ => error.to_string(),
        };
        let shown = Failure::from(error).show("", Timestamp::default(), &Decimals::default());
        let code = shown.body.code().map(str::to_owned);
        let mut problems = Self { status: Some(status), code, ..Self::default() };
        problems.add(field, problem);
        Ok(problems)
    }

    /// The list of what has to be mended, each with a link to its field.
    pub(crate) fn summary(&self) -> Markup {
        html! {
            @if !self.list.is_empty() {
                div class="problems" role="alert" aria-labelledby="problems-title" {
                    h2 id="problems-title" { "There is a problem" }
                    ul {
                        @for (field, problem) in &self.list {
                            li {
                                @let problem = words::marked(problem);
                                @if field.is_empty() { (problem) } @else { a href={ "#" (field) } { (name_of(field)) (problem) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Where the summary names a field, which is called what its label further down says.
fn name_of(field: &str) -> Markup {
    html! { b data-field=(field) {} }
}

/// The page with its summary naming the fields as their labels do.
pub(crate) fn with_names(page: Markup, problems: &Problems) -> Markup {
    let mut page = page.into_string();
    for (field, _) in problems.list.iter().filter(|(field, _)| !field.is_empty()) {
        let name = label(&page, field).map_or_else(String::new, |label| format!("<b>{label}:</b> "));
        page = page.replace(&name_of(field).into_string(), &name);
    }
    PreEscaped(page)
}

/// What the label of a field says, or the legend of a group, as it is written in the page.
fn label(page: &str, field: &str) -> Option<String> {
    let behind = |text: &str| page.split_once(text).map(|(_, rest)| rest);
    let label = behind(&format!("<label for=\"{field}\">"));
    let legend = || behind(&format!("<fieldset id=\"{field}\""))?.split_once("<legend>").map(|(_, rest)| rest);
    let (text, _) = label.or_else(legend)?.split_once('<')?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The longest name and password that are looked at, in bytes.
pub(crate) const LONGEST_PASSWORD: usize = 4096;
/// The longest answer of a passkey that is looked at, in bytes.
pub(crate) const LONGEST_PASSKEY: usize = 16 * 1024;

/// What test environments say beside the field of a code.
pub(crate) const FIXED_PASSES: &str = "In this test environment 000000 passes.";

/// The field of a one-time password.
pub(crate) const OTP: &str = "otp";

/// A field of one line or more.
#[derive(Clone, Copy, Default)]
pub(crate) struct Field<'a> {
    /// Its name, which is its id, too.
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    pub(crate) hint: &'a str,
    pub(crate) value: &'a str,
    /// `text` if nothing is said.
    pub(crate) kind: &'a str,
    pub(crate) autocomplete: &'a str,
    pub(crate) inputmode: &'a str,
    /// More than one line, if not zero.
    pub(crate) lines: u32,
    pub(crate) is_optional: bool,
    /// Needed or not by what another field says: neither marked as optional nor required.
    pub(crate) is_conditional: bool,
    pub(crate) most: u32,
}

impl Field<'_> {
    /// The field with its label, hint and problems.
    pub(crate) fn draw(&self, problems: &Problems) -> Markup {
        let said = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let found: Vec<&str> = problems.of(self.name).collect();
        let described = described_by(self.name, !self.hint.is_empty(), !found.is_empty());
        let is_invalid = (!found.is_empty()).then_some("true");
        let most = (self.most > 0).then_some(self.most);
        let is_required = !self.is_optional && !self.is_conditional;
        html! {
            div class={ "field" @if !found.is_empty() { " wrong" } } {
                label for=(self.name) { (self.label) @if self.is_optional { span class="optional" { " (optional)" } } }
                @if !self.hint.is_empty() { p class="hint" id={ (self.name) "-hint" } { (self.hint) } }
                (complaints(self.name, &found))
                @if self.lines > 0 {
                    textarea id=(self.name) name=(self.name) rows=(self.lines) spellcheck="false" autocapitalize="off"
                        required[is_required] maxlength=[most]
                        aria-describedby=[described.as_deref()] aria-invalid=[is_invalid] { "\n" (self.value) }
                } @else {
                    input id=(self.name) name=(self.name) type=(said(self.kind).unwrap_or("text")) value=(self.value)
                        autocomplete=[said(self.autocomplete)] inputmode=[said(self.inputmode)] spellcheck="false"
                        autocapitalize="off" required[is_required] maxlength=[most]
                        aria-describedby=[described.as_deref()] aria-invalid=[is_invalid];
                }
            }
        }
    }
}

/// What a field is described by: its hint, its problems.
pub(crate) fn described_by(name: &str, has_hint: bool, has_problem: bool) -> Option<String> {
    let hint = has_hint.then(|| format!("{name}-hint"));
    let problem = has_problem.then(|| format!("{name}-problem"));
    let both: Vec<String> = hint.into_iter().chain(problem).collect();
    (!both.is_empty()).then(|| both.join(" "))
}

fn complaints(name: &str, found: &[&str]) -> Markup {
    html! {
        @if !found.is_empty() {
            p class="problem" id={ (name) "-problem" } {
                span class="sign" aria-hidden="true" { "!" }
                span class="unseen" { "Problem: " }
                @for (at, problem) in found.iter().enumerate() { @if at > 0 { br; } (words::marked(problem)) }
            }
        }
    }
}

/// The problems of a group of boxes, to be put under its legend.
pub(crate) fn complaints_of(name: &str, problems: &Problems) -> Markup {
    complaints(name, &problems.of(name).collect::<Vec<_>>())
}

/// The proof of a second factor: a code, or a passkey that stands behind this action; its name and target as the interface
/// has them.
pub(crate) fn proof(
    visit: &Visit,
    problems: &Problems,
    is_optional: bool,
    why: &str,
    action: &str,
    target: &str,
) -> Markup {
    // A button that asks for a passkey stands only where there is one to ask for.
    let step_up = visit.has_passkey.then(|| format!("{action} {target}").trim_end().to_owned());
    let is_seeded = visit.person.as_ref().is_some_and(|person| person.owner.seeded);
    let fixed = if is_seeded && visit.bursar.policy().fixed_otp.is_some() { FIXED_PASSES } else { "" };
    let why = [why, fixed].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    let found: Vec<&str> = problems.of(OTP).collect();
    let described = described_by(OTP, !why.is_empty(), !found.is_empty());
    html! {
        div class="code" {
            div class={ "field" @if !found.is_empty() { " wrong" } } {
                label for=(OTP) { "Code from your authenticator app" @if is_optional { span class="optional" { " (optional)" } } }
                @if !why.is_empty() { p class="hint" id={ (OTP) "-hint" } { (why) } }
                (complaints(OTP, &found))
                input id=(OTP) name=(OTP) type="text" autocomplete="one-time-code" inputmode="numeric" spellcheck="false"
                    autocapitalize="off" required[!is_optional] maxlength="64" data-step-up=[step_up.as_deref()]
                    aria-describedby=[described.as_deref()] aria-invalid=[(!found.is_empty()).then_some("true")];
            }
        }
    }
}

/// A box to tick. `about` explains it.
pub(crate) fn tick(name: &str, value: &str, label: &str, about: &str, is_ticked: bool) -> Markup {
    let id = format!("{name}-{value}");
    let described = (!about.is_empty()).then(|| format!("{id}-about"));
    html! {
        div class="tick" {
            input type="checkbox" id=(id) name=(name) value=(value) checked[is_ticked] aria-describedby=[described.as_deref()];
            div {
                label for=(id) { (label) }
                @if !about.is_empty() { p class="hint" id={ (id) "-about" } { (about) } }
            }
        }
    }
}

/// One of several choices.
pub(crate) fn choice(name: &str, value: &str, label: &str, is_chosen: bool) -> Markup {
    let id = format!("{name}-{value}");
    html! {
        div class="tick" {
            input type="radio" id=(id) name=(name) value=(value) checked[is_chosen];
            div { label for=(id) { (label) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_each_field_as_its_label_does_and_leads_to_it() {
        let mut problems = Problems::default();
        problems.add("", "it is too late");
        problems.add("label", "give it a <name>");
        problems.add("for", "choose what to do");
        problems.add("gone", "it is not here");
        let page = html! {
            (problems.summary())
            (Field { name: "label", label: "Who & what", is_optional: true, ..Field::default() }.draw(&problems))
            fieldset id="for" class="wide" { legend { "What to do" } }
        };
        let page = with_names(page, &problems).into_string();
        for said in [
            "<li>It is too late",
            "<a href=\"#label\"><b>Who &amp; what:</b> Give it a &lt;name&gt;",
            "<a href=\"#for\"><b>What to do:</b> Choose what to do",
            "<a href=\"#gone\">It is not here",
        ] {
            assert!(page.contains(said), "{said}: {page}");
        }
        assert!(!page.contains("data-field"), "{page}");
    }
}
