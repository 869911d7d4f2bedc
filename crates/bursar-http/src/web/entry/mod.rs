//! Pages behind links from mails, for people who are not signed in: invitations, new passwords, addresses.
//!
//! A link's secret stands in the path, since it has to be followed. No page asks anything of others, so no `Referer` carries
//! it away, and it opens nothing twice.

pub(crate) mod invitation;
pub(crate) mod reset;
pub(crate) mod verify;

use maud::{Markup, html};

use super::forms::{Field, LONGEST_PASSWORD, Problems};

/// The two fields of a new password.
pub(super) fn new_password(problems: &Problems) -> Markup {
    let field = |name, label, hint| Field {
        name,
        label,
        hint,
        kind: "password",
        autocomplete: "new-password",
        ..Field::default()
    };
    html! {
        (field("password", "New password", "Fifteen characters or more are best; a sentence is easy to remember. Common passwords are refused.").draw(problems))
        (field("again", "New password once more", "").draw(problems))
    }
}

/// A new password that was given twice, or what is wrong with it.
pub(super) fn given_password<'a>(form: &'a super::fields::Fields, problems: &mut Problems) -> &'a str {
    let password = form.text("password");
    if password.is_empty() || password.len() > LONGEST_PASSWORD {
        problems.add("password", "choose a password");
    } else if password != form.text("again") {
        problems.add("again", "the two passwords differ");
    }
    password
}
