//! Who may do what with a wallet.

use bursar_core::account::{User, WalletRole};
use bursar_core::id::{UserId, WalletId};
use bursar_service::Page;
use maud::{Markup, html};

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
    let mut problems = Problems::default();
    let who = visit.form.text("who").trim();
    let user: Option<UserId> = match who.parse() {
        Ok(id) => Some(id),
        Err(_) => visit.bursar.user_named(who).await.ok().map(|user| user.id),
    };
    let Some(user) = user else {
        problems.add("who", "is no member of the wallet’s organisation");
        return draw(&visit, &problems).await;
    };
    match visit.bursar.set_wallet_role(visit.person()?, wallet, user, role, visit.form.some(forms::OTP)).await {
        Ok(()) => Ok(Answer::to(format!("/wallets/{wallet}/members?changed=role"))),
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "who")?).await,
    }
}

async fn draw(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let id: WalletId = visit.id("wallet")?;
    let view = visit.bursar.wallet(visit.person()?, None, id).await?;
    let page = Page { limit: SHOWN, after: None::<UserId>, newest_first: false };
    let (found, _) = visit.bursar.wallet_members(visit.person()?, id, page).await?;
    let title = format!("Who may use {}", view.wallet.label);
    let who = Field {
        name: "who",
        label: "Username",
        hint: "A member of the wallet’s organisation",
        value: visit.form.text("who"),
        autocomplete: "off",
        most: 250,
        ..Field::default()
    };
    let ticked = |name: &str| visit.form.is_ticked(name) || (name == "view" && visit.form.is_empty());
    let body = html! {
        (crumbs(&format!("/wallets/{id}"), &view.wallet.label))
        h1 { (title) }
        @if visit.query.text("changed") == "role" { p class="notice" role="status" { "The role is changed, and holds at once." } }
        (problems.summary())
        div class="scrolls" tabindex="0" role="region" aria-label="People" {
            table {
                thead { tr { th scope="col" { "Who" } th scope="col" { "May" } } }
                tbody { @for (role, user) in &found { (row(*role, user)) } }
            }
        }
        form method="post" action={ "/wallets/" (id) "/members" } class="card" {
            (frame.form_token())
            h2 { "Give or take a role" }
            (who.draw(problems))
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

fn row(role: WalletRole, user: &User) -> Markup {
    let may: Vec<&str> = [(role.view, "see"), (role.spend, "spend"), (role.admin, "run")]
        .into_iter()
        .filter(|(has, _)| *has)
        .map(|(_, word)| word)
        .collect();
    html! {
        tr {
            th scope="row" { strong { (user.full_name) } div class="small muted" { (user.username) } }
            td { (may.join(", ")) }
        }
    }
}
