//! Accounts and their places in organisations, as an operator asks for them.

use bursar_core::account::{MemberRole, WalletRole};
use bursar_core::audit::Actor;
use bursar_core::id::{OrganisationId, WalletId};
use bursar_service::Bursar;
use bursar_service::error::ServiceError;
use bursar_service::invitations::{NewInvitation, Shown};
use bursar_service::people::{DEFAULT_ORGANISATION, NewUser};
use bursar_store::{CountedOrganisation, Page};

use super::{Answer, Organisation, PAGE, Place, enrolled};

/// Makes an account; whoever has its mail is asked to confirm the address.
pub(super) async fn add(bursar: &Bursar, new: NewUser) -> Result<Answer, ServiceError> {
    let (user, factors) = bursar.create_user(new).await?;
    bursar.ask_to_confirm(Actor::Operator, &user).await?;
    Ok(factors.map_or(Answer::Done, enrolled))
}

pub(super) async fn invite(
    bursar: &Bursar,
    address: String,
    organisation: Option<&str>,
    role: &str,
    wallets: &[String],
) -> Result<Answer, ServiceError> {
    let wallets = wallets.iter().map(|text| wallet(text)).collect::<Result<_, _>>()?;
    let new = NewInvitation { address, role: self::role(role)?, wallets };
    let (invitation, link) = bursar.invite_as_operator(self::organisation(bursar, organisation).await?, &new).await?;
    Ok(Answer::Invited {
        invitation: invitation.id.to_string(),
        is_address: matches!(link, Shown::Address(_)),
        link: link.into_text(),
        address: invitation.address,
        expires: invitation.expires.to_string(),
        mailed: bursar.sends_mail(),
    })
}

pub(super) async fn roles(bursar: &Bursar, username: &str) -> Result<Answer, ServiceError> {
    let found = bursar.roles_named(username).await?;
    let place = |(organisation, role): (bursar_core::account::Organisation, MemberRole)| Place {
        organisation: organisation.id.to_string(),
        name: organisation.name,
        role: role.as_str().to_owned(),
    };
    Ok(Answer::Roles { roles: found.into_iter().map(place).collect() })
}

pub(super) async fn set_role(
    bursar: &Bursar,
    username: &str,
    organisation: Option<&str>,
    role: Option<&str>,
) -> Result<Answer, ServiceError> {
    let role = role.map(self::role).transpose()?;
    bursar.set_role_named(username, self::organisation(bursar, organisation).await?, role).await?;
    roles(bursar, username).await
}

/// All organisations, by age.
pub(super) async fn organisations(bursar: &Bursar) -> Result<Vec<Organisation>, ServiceError> {
    let now = bursar.now();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let found = bursar.all_organisations(Page { limit: PAGE, after, newest_first: false }).await?;
        let Some(last) = found.last() else { return Ok(all) };
        after = Some(last.organisation.id);
        all.extend(found.into_iter().map(|counted| {
            let CountedOrganisation { organisation, members, wallets } = counted;
            let frozen = organisation.freeze.filter(|freeze| freeze.holds_at(now)).map(|freeze| freeze.reason);
            Organisation { id: organisation.id.to_string(), name: organisation.name, frozen, members, wallets }
        }));
    }
}

/// The organisation that is meant by its id, or by a name that no other has; or the one that every server has.
pub(super) async fn organisation(bursar: &Bursar, text: Option<&str>) -> Result<OrganisationId, ServiceError> {
    let Some(text) = text else { return Ok(DEFAULT_ORGANISATION) };
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let all = organisations(bursar).await?;
    let named: Vec<&str> = all.iter().filter(|one| one.name == text).map(|one| one.id.as_str()).collect();
    match named.as_slice() {
        [] => Err(ServiceError::NotFound("organisation")),
        [id] => id.parse().map_err(|_| ServiceError::NotFound("organisation")),
        ids => {
            let problem = format!("is the name of several; give the id of one: {}", ids.join(", "));
            Err(ServiceError::invalid("organisation", problem))
        }
    }
}

fn role(text: &str) -> Result<MemberRole, ServiceError> {
    let problem = "must be `owner`, `admin`, `member` or `auditor`";
    MemberRole::parse(text).ok_or_else(|| ServiceError::invalid("role", problem))
}

/// A wallet and what may be done with it: `ID=view,spend,admin`.
fn wallet(text: &str) -> Result<(WalletId, WalletRole), ServiceError> {
    let problem = || ServiceError::invalid("wallet", "must be `ID=view,spend,admin`, or some of these");
    let (id, may) = text.split_once('=').ok_or_else(problem)?;
    let mut role = WalletRole::default();
    for word in may.split(',') {
        match word.trim() {
            "view" => role.view = true,
            "spend" => role.spend = true,
            "admin" => role.admin = true,
            _ => return Err(problem()),
        }
    }
    Ok((id.parse().map_err(|_| problem())?, role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_is_written_with_what_may_be_done_with_it() {
        let id = "0123456789abcdef0123456789abcdef";
        let (_, role) = wallet(&format!("{id}=view, spend")).unwrap();
        assert_eq!(role, WalletRole { view: true, spend: true, admin: false });
        for text in [id.to_owned(), format!("{id}="), format!("{id}=root"), "x=view".to_owned()] {
            assert!(wallet(&text).is_err(), "{text}");
        }
    }
}
