//! Second factors: what there is, adding and removing them, recovery codes.

pub(crate) mod added;
pub(crate) mod codes;
pub(crate) mod factor;
pub(crate) mod overview;
pub(crate) mod passkey;
pub(crate) mod step_up;
pub(crate) mod totp;

use bursar_core::ledger::CredentialKind;
use maud::{Markup, html};

use super::forms::{self, Field, Problems};
use super::visit::Visit;
use crate::failure::Failure;

/// What a factor is called where its owner gave it no name.
const fn kind_name(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Totp => "Authenticator app",
        CredentialKind::Passkey => "Passkey",
        CredentialKind::RecoveryCodes => "Recovery codes",
        CredentialKind::Password => "Password",
    }
}

/// The field of a factor's name.
fn label(value: &str, problems: &Problems) -> Markup {
    let field = Field {
        name: "label",
        label: "Name",
        hint: "So that you know it again: “phone”, “laptop”",
        value,
        autocomplete: "off",
        is_optional: true,
        most: 250,
        ..Field::default()
    };
    html! { (field.draw(problems)) }
}

/// The fields that adding a factor begins with: its name, and the proof of one that is there.
async fn beginning(visit: &Visit, problems: &Problems) -> Result<Markup, Failure> {
    let has_factor = !visit.bursar.factors(visit.person()?).await?.factors.is_empty();
    let needs_proof = has_factor || visit.person()?.owner.seeded;
    Ok(html! {
        (label(visit.form.text("label"), problems))
        @if needs_proof { (forms::proof(visit, problems, false, "From a second factor that you have.", "add_factor", "")) }
    })
}
