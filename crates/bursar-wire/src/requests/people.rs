//! Accounts, organisations, invitations and sessions on the native interface. Fields that are not known are refused.

use bursar_core::account::{MemberRole, WalletRole};
use bursar_core::id::{OrganisationId, WalletId};
use bursar_core::secret::Secret;

use super::factors::proof;
use super::spend::bounded;
use super::{LONGEST_LIST, name};
use crate::json::{FieldError, Fields, Json};

/// The longest text that is looked at as a password, an address or a link, in bytes.
const LONGEST_TEXT: usize = 1_024;

fn text(fields: &Fields<'_>, field: &str) -> Result<String, FieldError> {
    let text = fields.text(field)?;
    if text.len() > LONGEST_TEXT {
        return Err(fields.refuse(field, format!("is longer than {LONGEST_TEXT} bytes")));
    }
    Ok(text.to_owned())
}

fn secret(fields: &Fields<'_>, field: &str) -> Result<Secret<String>, FieldError> {
    text(fields, field).map(Secret::new)
}

fn otp(fields: &Fields<'_>) -> Result<Option<String>, FieldError> {
    proof(fields, "otp")
}

fn role(fields: &Fields<'_>) -> Result<MemberRole, FieldError> {
    let problem = "must be `owner`, `admin`, `member` or `auditor`";
    MemberRole::parse(fields.text("role")?).ok_or_else(|| fields.refuse("role", problem))
}

fn wallet_role(fields: &Fields<'_>) -> Result<WalletRole, FieldError> {
    let flag = |field| Ok::<_, FieldError>(fields.optional_boolean(field)?.unwrap_or(false));
    Ok(WalletRole { view: flag("view")?, spend: flag("spend")?, admin: flag("admin")? })
}

/// A change of one's own profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EditProfile {
    /// The name people call one by.
    pub full_name: String,
}

impl EditProfile {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["fullName"])?;
        Ok(Self { full_name: name(&fields, "fullName")? })
    }
}

/// A change of one's own password, in clear.
#[derive(Debug)]
pub struct ClearPasswords {
    /// The one so far.
    pub old: Secret<String>,
    /// The new one.
    pub new: Secret<String>,
    /// The second factor.
    pub otp: Option<String>,
}

impl ClearPasswords {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["old", "new", "otp"])?;
        Ok(Self { old: secret(&fields, "old")?, new: secret(&fields, "new")?, otp: otp(&fields)? })
    }
}

/// A change of one's own address.
#[derive(Debug)]
pub struct ChangeAddress {
    /// The new one.
    pub address: String,
    /// The second factor.
    pub otp: Option<String>,
}

impl ChangeAddress {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["email", "otp"])?;
        Ok(Self { address: text(&fields, "email")?, otp: otp(&fields)? })
    }
}

/// A link that is presented, and nothing else.
#[derive(Debug)]
pub struct RedeemLink {
    /// The link's secret.
    pub link: Secret<String>,
}

impl RedeemLink {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["token"])?;
        Ok(Self { link: secret(&fields, "token")? })
    }
}

/// A request for a link that sets a new password.
#[derive(Debug)]
pub struct ResetPassword {
    /// The username or the address.
    pub username: String,
}

impl ResetPassword {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["username"])?;
        Ok(Self { username: text(&fields, "username")? })
    }
}

/// A new password with a link.
#[derive(Debug)]
pub struct RedeemReset {
    /// The link's secret.
    pub link: Secret<String>,
    /// The new password, in clear.
    pub password: Secret<String>,
}

impl RedeemReset {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["token", "password"])?;
        Ok(Self { link: secret(&fields, "token")?, password: secret(&fields, "password")? })
    }
}

/// A second factor of the moment, and nothing else.
#[derive(Debug)]
pub struct StepUp {
    /// The second factor.
    pub otp: Option<String>,
}

impl StepUp {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["otp"])?;
        Ok(Self { otp: otp(&fields)? })
    }
}

/// A new organisation.
#[derive(Debug)]
pub struct CreateOrganisation {
    /// Its name.
    pub name: String,
    /// The second factor.
    pub otp: Option<String>,
}

impl CreateOrganisation {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["name", "otp"])?;
        Ok(Self { name: name(&fields, "name")?, otp: otp(&fields)? })
    }
}

/// A wallet to make.
#[derive(Debug)]
pub struct CreateWallet {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The rail it is on.
    pub rail: String,
    /// Its name.
    pub label: String,
    /// What the rail's node calls it, if it has the wallet already; with a new key otherwise.
    pub reference: Option<String>,
    /// The second factor.
    pub otp: Option<String>,
}

impl CreateWallet {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["organisation", "rail", "label", "reference", "otp"])?;
        let organisation = fields.text("organisation")?.parse().map_err(|_| FieldError {
            field: "organisation".to_owned(),
            problem: "must be an id of 32 hex digits".to_owned(),
        })?;
        let rail = fields.text("rail")?.to_owned();
        let label = name(&fields, "label")?;
        Ok(Self { organisation, rail, label, reference: bounded(&fields, "reference")?, otp: otp(&fields)? })
    }
}

/// A change of an organisation.
#[derive(Debug)]
pub struct EditOrganisation {
    /// Its new name.
    pub name: Option<String>,
    /// Whether its members need a second factor.
    pub requires_second_factor: Option<bool>,
    /// The second factor.
    pub otp: Option<String>,
}

impl EditOrganisation {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["name", "requiresSecondFactor", "otp"])?;
        Ok(Self {
            name: fields.mentions("name").then(|| name(&fields, "name")).transpose()?,
            requires_second_factor: fields.optional_boolean("requiresSecondFactor")?,
            otp: otp(&fields)?,
        })
    }
}

/// What a member is to be.
#[derive(Debug)]
pub struct EditMember {
    /// The role.
    pub role: MemberRole,
    /// The second factor.
    pub otp: Option<String>,
}

impl EditMember {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["role", "otp"])?;
        Ok(Self { role: role(&fields)?, otp: otp(&fields)? })
    }
}

/// What somebody may do with a wallet.
#[derive(Debug)]
pub struct EditWalletMember {
    /// The role.
    pub role: WalletRole,
    /// The second factor.
    pub otp: Option<String>,
}

impl EditWalletMember {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["view", "spend", "admin", "otp"])?;
        Ok(Self { role: wallet_role(&fields)?, otp: otp(&fields)? })
    }
}

/// A new invitation.
#[derive(Debug)]
pub struct CreateInvitation {
    /// Who is invited.
    pub address: String,
    /// What they will be.
    pub role: MemberRole,
    /// What they may do with which wallets.
    pub wallets: Vec<(WalletId, WalletRole)>,
    /// The second factor.
    pub otp: Option<String>,
}

impl CreateInvitation {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["email", "role", "wallets", "otp"])?;
        let list = fields.optional_objects("wallets")?.unwrap_or_default();
        if list.len() > LONGEST_LIST {
            return Err(fields.refuse("wallets", format!("has more than {LONGEST_LIST} entries")));
        }
        let mut wallets: Vec<(WalletId, WalletRole)> = Vec::with_capacity(list.len());
        for entry in &list {
            entry.only(&["wallet", "view", "spend", "admin"])?;
            let id = super::id(entry, "wallet")?.ok_or_else(|| entry.refuse("wallet", "is missing"))?;
            if wallets.iter().any(|(known, _)| *known == id) {
                return Err(entry.refuse("wallet", "is named twice"));
            }
            let role = wallet_role(entry)?;
            if role.is_within(WalletRole::default()) {
                return Err(entry.refuse("view", "is missing: the entry allows nothing"));
            }
            wallets.push((id, role));
        }
        Ok(Self { address: text(&fields, "email")?, role: role(&fields)?, wallets, otp: otp(&fields)? })
    }
}

/// An invitation that is taken: without an account of one's own by whoever is signed in.
#[derive(Debug)]
pub struct RedeemInvitation {
    /// The link's secret.
    pub link: Secret<String>,
    /// The name and the password of the account it makes.
    pub account: Option<(String, Secret<String>)>,
}

impl RedeemInvitation {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field is missing, cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["token", "fullName", "password"])?;
        let makes_one = fields.mentions("fullName") || fields.mentions("password");
        let account =
            makes_one.then(|| Ok::<_, FieldError>((name(&fields, "fullName")?, secret(&fields, "password")?)));
        Ok(Self { link: secret(&fields, "token")?, account: account.transpose()? })
    }
}

/// Which sessions are to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RevokeSessions {
    /// Whether the one that asks goes on.
    pub keep_this: bool,
}

impl RevokeSessions {
    /// Reads the body of the request.
    ///
    /// # Errors
    /// A field cannot be or is not known.
    pub fn read(body: &Json) -> Result<Self, FieldError> {
        let fields = Fields::of(body)?;
        fields.only(&["keepThis"])?;
        Ok(Self { keep_this: fields.optional_boolean("keepThis")?.unwrap_or(false) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn an_invitation_names_a_role_and_wallets_that_allow_something() {
        let id = "0123456789abcdef0123456789abcdef";
        let read = |wallets: &str| {
            let body = format!(r#"{{"email": "a@example.com", "role": "member", "wallets": {wallets}, "otp": "1"}}"#);
            CreateInvitation::read(&json(&body))
        };
        let sound = read(&format!(r#"[{{"wallet": "{id}", "view": true, "spend": true}}]"#)).unwrap();
        assert_eq!(sound.wallets[0].1, WalletRole { view: true, spend: true, admin: false });
        for (wallets, field) in [
            (format!(r#"[{{"wallet": "{id}"}}]"#), "wallets[0].view"),
            (
                format!(r#"[{{"wallet": "{id}", "view": true}}, {{"wallet": "{id}", "view": true}}]"#),
                "wallets[1].wallet",
            ),
            (r#"[{"view": true}]"#.to_owned(), "wallets[0].wallet"),
            (format!(r#"[{{"wallet": "{id}", "view": true, "root": true}}]"#), "wallets[0].root"),
        ] {
            assert_eq!(read(&wallets).unwrap_err().field, field, "{wallets}");
        }
        assert_eq!(CreateInvitation::read(&json(r#"{"email": "a@x.y", "role": "root"}"#)).unwrap_err().field, "role");
    }

    #[test]
    fn names_that_hide_something_and_fields_nobody_knows_are_refused() {
        for (body, field) in [
            (r#"{"fullName": "a\u202eb"}"#, "fullName"),
            (r#"{"fullName": " "}"#, "fullName"),
            (r#"{"fullName": "a", "username": "root"}"#, "username"),
        ] {
            assert_eq!(EditProfile::read(&json(body)).unwrap_err().field, field, "{body}");
        }
        let long = format!(r#"{{"old": "{}", "new": "b"}}"#, "a".repeat(LONGEST_TEXT + 1));
        assert_eq!(ClearPasswords::read(&json(&long)).unwrap_err().field, "old");
    }

    #[test]
    fn no_password_and_no_link_shows_in_a_debug_text() {
        let read = RedeemReset::read(&json(r#"{"token": "hunter2", "password": "hunter3"}"#)).unwrap();
        assert!(!format!("{read:?}").contains("hunter"));
    }
}
