//! What mails say. Texts of others stand in them as one short line without anything that cannot be seen.

use std::net::IpAddr;

use bursar_core::breaker::Pause;
use bursar_core::text::one_line;
use bursar_core::time::Timestamp;
use bursar_identity::link::LinkSecret;

/// The longest text of somebody else in a mail, in characters.
const LONGEST_QUOTE: usize = 120;

/// The page that takes an invitation's link.
pub(crate) const INVITATION_PAGE: &str = "invitation";
/// The page that takes a link for a new password.
pub(crate) const RESET_PAGE: &str = "reset";
/// The page that takes a link that confirms an address.
pub(crate) const VERIFY_PAGE: &str = "verify";

/// Something to be told by mail.
#[derive(Debug)]
pub enum Notice {
    /// A second factor was added.
    FactorAdded {
        /// Its name.
        label: String,
    },
    /// A second factor was removed.
    FactorRemoved {
        /// Its name.
        label: String,
    },
    /// The operator of the machine replaced all second factors.
    FactorsReplaced,
    /// The recovery codes were replaced.
    RecoveryCodesRenewed,
    /// An access token was made.
    TokenIssued {
        /// Its name.
        label: String,
        /// Where its maker was.
        from: IpAddr,
    },
    /// A token did nothing on a rail but fail, and is paused there.
    TokenPaused {
        /// The token's name.
        label: String,
        /// The rail.
        rail: String,
        /// The code of the last failure.
        code: &'static str,
        /// Since when and until when, and after how many failures.
        pause: Pause,
    },
    /// A token ends soon.
    TokenExpires {
        /// The token's name.
        label: String,
        /// When.
        at: Timestamp,
    },
    /// A token has ended, and nobody could tell before.
    TokenExpired {
        /// The token's name.
        label: String,
        /// When.
        at: Timestamp,
    },
    /// The check of the ledger stopped a token.
    TokenStopped {
        /// The token's name.
        label: String,
    },
    /// The password was changed, by its owner or with a link.
    PasswordChanged,
    /// Somebody asked for a new password; the link sets one.
    ResetAsked {
        /// The link's secret.
        link: LinkSecret,
    },
    /// Whoever reads this is asked to confirm that the address is theirs.
    ConfirmAddress {
        /// The account.
        username: String,
        /// The link's secret.
        link: LinkSecret,
    },
    /// Somebody asked to change the account's address; this goes to the old one.
    AddressChangeAsked {
        /// The new one.
        to: String,
    },
    /// The account's address was changed; this goes to the old one.
    AddressChanged {
        /// The new one.
        to: String,
    },
    /// Somebody is invited to an organisation.
    Invitation {
        /// The organisation's name.
        organisation: String,
        /// Who invites, if it is not the operator.
        by: Option<String>,
        /// What they will be there.
        role: &'static str,
        /// When it is over.
        expires: Timestamp,
        /// The link's secret.
        link: LinkSecret,
    },
    /// The account was frozen.
    Frozen {
        /// Why.
        reason: String,
        /// Until when; until it is lifted, if absent.
        until: Option<Timestamp>,
    },
    /// The freeze of the account was lifted.
    Unfrozen,
}

const NOT_YOU: &str = "If this was not you, sign in and change your password, or ask whoever runs this server to freeze \
                       your account.";

/// The subject and the text of a mail.
pub(crate) fn render(notice: &Notice, public_url: &str, now: Timestamp) -> (String, String) {
    let link = |page: &str, secret: &LinkSecret| format!("{public_url}/{page}/{}", secret.expose());
    let (subject, text) = match notice {
        Notice::FactorAdded { label } => (
            "A second factor was added to your account",
            format!("The second factor \"{}\" was added to your account.\n\n{NOT_YOU}", quote(label)),
        ),
        Notice::FactorRemoved { label } => (
            "A second factor was removed from your account",
            format!("The second factor \"{}\" was removed from your account.\n\n{NOT_YOU}", quote(label)),
        ),
        Notice::FactorsReplaced => (
            "Your second factors were replaced",
            format!(
                "The operator of this server replaced all second factors of your account, and everybody was signed out. \
                 Your access tokens are locked until you resume them.\n\n{NOT_YOU}"
            ),
        ),
        Notice::RecoveryCodesRenewed => (
            "Your recovery codes were replaced",
            format!("New recovery codes were made for your account; the old ones pass no more.\n\n{NOT_YOU}"),
        ),
        Notice::TokenIssued { label, from } => (
            "An access token was made in your name",
            format!("The access token \"{}\" was made in your name, from {from}.\n\n{NOT_YOU}", quote(label)),
        ),
        Notice::TokenExpires { label, at } => (
            "An access token expires soon",
            format!(
                "The access token \"{}\" expires at {at}; from then on whatever uses it is refused. A token's time is never made \
                 longer: make a new one and give it to what uses this one, in time. If nothing does, there is nothing to do.",
                quote(label)
            ),
        ),
        Notice::TokenExpired { label, at } => (
            "An access token has expired",
            format!(
                "The access token \"{}\" expired at {at}, before this server could tell you; whatever uses it is refused. Make a \
                 new one and give it to what used this one. If nothing did, there is nothing to do.",
                quote(label)
            ),
        ),
        Notice::TokenStopped { label } => (
            "An access token was stopped",
            format!(
                "The access token \"{}\" was stopped by the check of the ledger: a budget of it does not say what its spends \
                 say. It spends nothing, and no code lifts that as long as it is so. Whoever runs this server has to look; \
                 until then, another token can take its place.",
                quote(label)
            ),
        ),
        Notice::TokenPaused { label, rail, code, pause } => (
            "An access token only fails",
            format!(
                "The access token \"{}\" failed {} times in a row on rail {}, the last time with the code {code}. What uses it \
                 may be in a loop, or the rail may not work. It is paused there until {}; if it goes on failing, further \
                 pauses follow, each longer, of which you are not told again. Its page shows its refusals and why. An \
                 unlock ends the pause; locking or revoking the token stops it for good.",
                quote(label),
                pause.failures,
                quote(rail),
                pause.until
            ),
        ),
        Notice::PasswordChanged => (
            "Your password was changed",
            format!(
                "The password of your account was changed, and everybody signed out. Access tokens go on.\n\n{NOT_YOU}"
            ),
        ),
        Notice::ResetAsked { link: secret } => (
            "A new password for your account",
            format!(
                "Somebody, most likely you, asked for a new password for your account. This link sets one, within 30 \
                 minutes and once:\n\n{}\n\nSigning in still needs your second factor. If it was not you, do nothing: \
                 without this link nothing changes.",
                link(RESET_PAGE, secret)
            ),
        ),
        Notice::ConfirmAddress { username, link: secret } => (
            "Confirm your address",
            format!(
                "The account \"{}\" names this address as its own. If that is yours, confirm it within a day:\n\n{}\n\n\
                 If it is not, do nothing.",
                quote(username),
                link(VERIFY_PAGE, secret)
            ),
        ),
        Notice::AddressChangeAsked { to } => (
            "A change of your address was asked for",
            format!(
                "Mail for your account is to go to {} from now on. It changes when that address is confirmed.\n\n{NOT_YOU}",
                quote(to)
            ),
        ),
        Notice::AddressChanged { to } => (
            "Your address was changed",
            format!("Mail for your account goes to {} from now on, and no longer here.\n\n{NOT_YOU}", quote(to)),
        ),
        Notice::Invitation { organisation, by, role, expires, link: secret } => {
            let by = by.as_ref().map_or_else(|| "The operator of this server".to_owned(), |by| quote(by));
            (
                "You are invited",
                format!(
                    "{by} invites you to the organisation \"{}\" as its {role}. This link makes your account, or joins \
                     with the one you have, until {expires} and once:\n\n{}\n\nIf you expect no such invitation, do nothing.",
                    quote(organisation),
                    link(INVITATION_PAGE, secret)
                ),
            )
        }
        Notice::Frozen { reason, until } => {
            let until = until.map_or_else(|| "until it is lifted".to_owned(), |until| format!("until {until}"));
            (
                "Your account is frozen",
                format!("Your account and all its tokens are frozen {until}. What was said: \"{}\"", quote(reason)),
            )
        }
        Notice::Unfrozen => ("Your account is no longer frozen", "The freeze of your account was lifted.".to_owned()),
    };
    (format!("Bursar: {subject}"), format!("{text}\n\n-- \nBursar at {public_url}, {now}\n"))
}

/// Somebody else's text: one line, not long, and nothing in it that hides or turns around.
fn quote(text: &str) -> String {
    let mut short = one_line(text, LONGEST_QUOTE);
    if text.chars().nth(LONGEST_QUOTE).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_stay_on_their_line_and_short() {
        let organisation = format!("Acme\r\nBcc: x@example.com\n\nClick\u{202e}{}", "x".repeat(500));
        let link = LinkSecret::new([1; 16], [2; 24]);
        let now = Timestamp::from_millis(0);
        let notice =
            Notice::Invitation { organisation, by: Some("Eve\nEve".to_owned()), role: "member", expires: now, link };
        let (subject, text) = render(&notice, "https://bursar.example", now);
        assert_eq!(subject, "Bursar: You are invited");
        assert!(!text.contains('\r') && !text.contains('\u{202e}') && !text.contains("\nBcc"), "{text}");
        assert!(text.contains("Eve Eve invites you") && text.len() < 700, "{text}");
        assert!(text.contains(&format!("https://bursar.example/invitation/{}{}", "01".repeat(16), "02".repeat(24))));
    }
}
