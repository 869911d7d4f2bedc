//! Inviting somebody, sending the invitation again, withdrawing it.

use bursar_core::account::{MemberRole, WalletRole};
use bursar_core::id::{InvitationId, OrganisationId, WalletId};
use bursar_service::Page;
use bursar_service::error::ServiceError;
use bursar_service::invitations::NewInvitation;
use bursar_service::wallets::WalletView;
use maud::{Markup, html};

use super::{choose_role, path, role_named, run};
use crate::failure::Failure;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Field, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;
use crate::web::wallets::name;

/// The field of roles in wallets: the wallet's id and the role's name.
const WALLET: &str = "wallet";
/// Wallets that are offered, and roles that one invitation gives.
const WALLETS: usize = 100;
/// Roles in a wallet that can be chosen.
const WALLET_ROLES: [(&str, &str); 3] =
    [("view", "See it"), ("spend", "See it and spend from it"), ("admin", "See it, spend from it and run it")];

fn wallet_role_named(name: &str) -> Option<WalletRole> {
    let role = |spend, admin| Some(WalletRole { view: true, spend, admin });
    match name {
        "view" => role(false, false),
        "spend" => role(true, false),
        "admin" => role(true, true),
        _ => None,
    }
}

/// The form.
pub(crate) async fn form(visit: Visit) -> Answering {
    draw(&visit, &Problems::default()).await
}

/// Invites.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let id: OrganisationId = visit.id("organisation")?;
    let mut problems = Problems::default();
    let address = visit.form.text("email").trim().to_owned();
    if address.is_empty() {
        problems.add("email", "say where to send it");
    }
    let role = role_named(visit.form.text("role"));
    if role.is_none() {
        problems.add("role", "choose what they will be");
    }
    let wallets = roles_asked(&visit, &mut problems);
    let Some(role) = role.filter(|_| problems.is_empty()) else { return draw(&visit, &problems).await };
    let new = NewInvitation { address, role, wallets };
    match visit.bursar.invite(visit.person()?, id, &new, visit.form.some(forms::OTP)).await {
        Ok(_) => Ok(Answer::to(format!("{}?changed=invited", path(id)))),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "email")?).await,
    }
}

/// The roles in wallets that were chosen. A form has only wallets that it was made with; of others the use case says no.
fn roles_asked(visit: &Visit, problems: &mut Problems) -> Vec<(WalletId, WalletRole)> {
    let mut found = Vec::new();
    for said in visit.form.all(WALLET) {
        let role = said.split_once(' ').and_then(|(id, role)| Some((id.parse().ok()?, wallet_role_named(role)?)));
        match role {
            None if said.is_empty() => {}
            Some(role) if found.len() < WALLETS => found.push(role),
            _ => problems.add("wallets", "choose from the roles that are offered"),
        }
    }
    found
}

/// The wallets in which the visitor may offer roles.
async fn wallets(visit: &Visit, organisation: OrganisationId, own: MemberRole) -> Result<Vec<WalletView>, Failure> {
    let page = Page { limit: WALLETS, after: None, newest_first: false };
    let found = match visit.bursar.wallets(visit.person()?, None, page).await {
        Ok((found, _)) => found,
        // A rail that does not answer keeps nobody from inviting people.
        Err(ServiceError::Unavailable(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let is_offered =
        |view: &WalletView| view.wallet.organisation == organisation && (view.role.admin || own == MemberRole::Owner);
    Ok(found.into_iter().filter(is_offered).collect())
}

fn choose_wallets(visit: &Visit, wallets: &[WalletView], problems: &Problems) -> Markup {
    let is_chosen = |value: &str| visit.form.all(WALLET).any(|said| said == value);
    html! {
        @if !wallets.is_empty() {
            fieldset id="wallets" {
                legend { "What they may do with wallets" }
                (forms::complaints_of("wallets", problems))
                @for WalletView { wallet, .. } in wallets {
                    @let id = format!("wallet-{}", wallet.id);
                    div class="field" {
                        label for=(id) { (name(wallet)) " (" (wallet.coin) ")" }
                        select id=(id) name=(WALLET) {
                            option value="" { "Nothing" }
                            @for (role, about) in WALLET_ROLES {
                                @let value = format!("{} {role}", wallet.id);
                                option value=(value) selected[is_chosen(&value)] { (about) }
                            }
                        }
                    }
                }
                p class="hint" { "These roles, too, they get when they take the invitation." }
            }
        }
    }
}

async fn draw(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let (organisation, own) = run(visit)?;
    let wallets = wallets(visit, organisation.id, own).await?;
    let title = format!("Invite somebody to {}", organisation.name);
    let path = path(organisation.id);
    let chosen = visit.form.text("role");
    let email = Field {
        name: "email",
        label: "E-mail address",
        hint: "A link goes there. It works once, for a week.",
        value: visit.form.text("email"),
        kind: "email",
        autocomplete: "off",
        most: 254,
        ..Field::default()
    };
    let body = html! {
        (crumbs(&path, &organisation.name))
        h1 { (title) }
        (problems.summary())
        @if visit.bursar.sends_mail() {
            form method="post" action={ (path) "/invite" } class="card" {
                (frame.form_token())
                (email.draw(problems))
                (choose_role(if chosen.is_empty() { "member" } else { chosen }, problems))
                (choose_wallets(visit, &wallets, problems))
                (forms::proof(visit, problems, false, "Letting somebody in needs a second factor.", "administer", &organisation.id.to_string()))
                div class="buttons" {
                    button class="main" type="submit" { "Send the invitation" }
                    a class="button" href=(path) { "Cancel" }
                }
            }
        } @else {
            div class="notice warn" {
                p { "This server sends no mail, so an invitation from here would reach nobody. Whoever runs it makes the account, or "
                    "a link to hand over, with " code { "bursar user invite" } "." }
            }
        }
    };
    Ok(frame.form(&title, Section::People, &[], problems, body))
}

/// Withdraws an invitation.
pub(crate) async fn withdraw(visit: Visit) -> Answering {
    let id: InvitationId = visit.id("invitation")?;
    visit.bursar.withdraw_invitation(visit.person()?, id).await?;
    Ok(Answer::to(back(&visit, "withdrawn")))
}

/// Sends one again.
pub(crate) async fn resend(visit: Visit) -> Answering {
    let id: InvitationId = visit.id("invitation")?;
    visit.bursar.resend_invitation(visit.person()?, id).await?;
    Ok(Answer::to(back(&visit, "resent")))
}

/// The page that the button was on.
fn back(visit: &Visit, done: &str) -> String {
    let organisation: Option<OrganisationId> = visit.form.text("organisation").parse().ok();
    organisation.map_or_else(|| "/organisations".to_owned(), |id| format!("{}?changed={done}", path(id)))
}
