//! Who may do what with a wallet.

use bursar_core::account::{User, Wallet, WalletRole};
use bursar_core::id::{UserId, WalletId};
use bursar_service::Page;
use bursar_service::error::ServiceError;
use maud::{Markup, html};

use crate::failure::Failure;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Field, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;

/// People on one page.
const SHOWN: usize = 200;

/// The page.
pub(crate) async fn show(visit: Visit) -> Answering {
    draw(&visit, &Problems::default()).await
}

/// Gives or takes a role.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let wallet: WalletId = visit.id("wallet")?;
    let role = WalletRole {
        view: visit.form.is_ticked("view"),
        spend: visit.form.is_ticked("spend"),
        admin: visit.form.is_ticked("admin"),
    };
    let user = wanted(&visit, wallet, visit.form.text("who").trim()).await?;
    match visit.bursar.set_wallet_role(visit.person()?, wallet, user, role, visit.form.some(forms::OTP)).await {
        Ok(()) => Ok(Answer::to(format!("/wallets/{wallet}/members?changed=role"))),
        Err(ServiceError::NotFound("member")) => {
            let mut problems = Problems::default();
            problems.add("who", "this is no member of the wallet’s organisation, or they have no role to take away");
            draw(&visit, &problems).await
        }
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "who")?).await,
    }
}

/// Who may be chosen, as far as the visitor may know them.
enum Choice {
    /// All members of the wallet's organisation.
    Of(Vec<User>),
    /// They are too many for a list, but the visitor may see them.
    ByName,
    /// The visitor does not see who else belongs to the organisation, and asks by id, as in the interface.
    ById,
}

async fn choice(visit: &Visit, wallet: &Wallet) -> Result<Choice, Failure> {
    let page = Page { limit: SHOWN, after: None::<UserId>, newest_first: false };
    match visit.bursar.members(visit.person()?, wallet.organisation, page).await {
        Ok((found, None)) => Ok(Choice::Of(found.into_iter().map(|(_, user)| user).collect())),
        Ok((_, Some(_))) => Ok(Choice::ByName),
        Err(ServiceError::RoleNeeded { .. } | ServiceError::NotFound(_)) => Ok(Choice::ById),
        Err(error) => Err(error.into()),
    }
}

/// Who is meant. A name that nobody has, and one that is not to be looked up, mean somebody who is a member of nothing:
/// the answer is that for a stranger, so that nobody learns here who else has an account.
async fn wanted(visit: &Visit, wallet: WalletId, who: &str) -> Result<UserId, Failure> {
    if let Ok(id) = who.parse() {
        return Ok(id);
    }
    let nobody = || UserId::from_bytes(visit.bursar.random_bytes());
    let view = visit.bursar.wallet(visit.person()?, None, wallet).await?;
    if matches!(choice(visit, &view.wallet).await?, Choice::ById) {
        return Ok(nobody());
    }
    match visit.bursar.user_named(who).await {
        Ok(user) => Ok(user.id),
        Err(ServiceError::NotFound(_)) => Ok(nobody()),
        Err(error) => Err(error.into()),
    }
}

async fn draw(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let id: WalletId = visit.id("wallet")?;
    let view = visit.bursar.wallet(visit.person()?, None, id).await?;
    let page = Page { limit: SHOWN, after: None::<UserId>, newest_first: false };
    let (found, _) = visit.bursar.wallet_members(visit.person()?, id, page).await?;
    let title = format!("Who may use {}", view.wallet.label);
    let choice = choice(visit, &view.wallet).await?;
    let said = visit.form.text("who");
    let who = match &choice {
        Choice::Of(members) => choose(said, members, problems),
        Choice::ByName => named("Username", "A member of the wallet’s organisation", said, problems),
        Choice::ById => named("Id of the member", "They find it on their page “Account”.", said, problems),
    };
    let shows_ids = matches!(choice, Choice::ById);
    let ticked = |name: &str| visit.form.is_ticked(name) || (name == "view" && visit.form.is_empty());
    let body = html! {
        (crumbs(&format!("/wallets/{id}"), &view.wallet.label))
        h1 { (title) }
        @if visit.query.text("changed") == "role" { p class="notice" role="status" { "The role is changed, and holds at once." } }
        (problems.summary())
        div class="scrolls" tabindex="0" role="region" aria-label="People" {
            table {
                thead { tr { th scope="col" { "Who" } th scope="col" { "May" } } }
                tbody { @for (role, user) in &found { (row(*role, user, shows_ids)) } }
            }
        }
        form method="post" action={ "/wallets/" (id) "/members" } class="card" {
            (frame.form_token())
            h2 { "Give or take a role" }
            (who)
            fieldset {
                legend { "They may" }
                (forms::tick("view", "yes", "See it", "Balance, addresses and transfers.", ticked("view")))
                (forms::tick("spend", "yes", "Spend from it", "As far as limits allow.", ticked("spend")))
                (forms::tick("admin", "yes", "Run it", "Its limits, its people, what needs a decision.", ticked("admin")))
            }
            p class="hint" { "With nothing ticked they lose their role." }
            (forms::proof(problems, true, "Needed to allow more than before.", "administer_wallet", &id.to_string()))
            button class="main" type="submit" { "Save" }
        }
    };
    Ok(frame.form(&title, Section::Wallets, &[], problems, body))
}

fn choose(chosen: &str, members: &[User], problems: &Problems) -> Markup {
    html! {
        div class="field" {
            label for="who" { "Who" }
            (forms::complaints_of("who", problems))
            select id="who" name="who" required {
                option value="" { "Choose a member" }
                @for user in members {
                    @let id = user.id.to_string();
                    option value=(id) selected[id == chosen] { (user.full_name) " (" (user.username) ")" }
                }
            }
        }
    }
}

fn named(label: &str, hint: &str, value: &str, problems: &Problems) -> Markup {
    Field { name: "who", label, hint, value, autocomplete: "off", most: 250, ..Field::default() }.draw(problems)
}

fn row(role: WalletRole, user: &User, shows_id: bool) -> Markup {
    let may: Vec<&str> = [(role.view, "see"), (role.spend, "spend"), (role.admin, "run")]
        .into_iter()
        .filter(|(has, _)| *has)
        .map(|(_, word)| word)
        .collect();
    html! {
        tr {
            th scope="row" { strong { (user.full_name) } div class="small muted" { (user.username) @if shows_id { ", " code { (user.id) } } } }
            td { (may.join(", ")) }
        }
    }
}
