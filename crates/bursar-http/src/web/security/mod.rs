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

use super::forms::{Field, Problems};

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
