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
    let before = role_of(&visit, wallet, user).await?;
    match visit.bursar.set_wallet_role(visit.person()?, wallet, user, role, visit.form.some(forms::OTP)).await {
        Ok(()) => {
            let (from, to) = (before.map_or("", letters), letters(role));
            Ok(Answer::to(format!("/wallets/{wallet}/members?changed={user}&from={from}&to={to}")))
        }
        Err(ServiceError::NotFound("member")) => {
            let mut problems = Problems::default();
            problems.add("who", "this is no member of the wallet’s organisation, or they have no role to take away");
            draw(&visit, &problems).await
        }
        Err(error) => draw(&visit, &Problems::of_failure(error, |_| "who")?).await,
    }
}

/// The roles that there are, as letters: what an address says of a change.
const fn letters(role: WalletRole) -> &'static str {
    match (role.view, role.spend, role.admin) {
        (true, true, true) => "vsa",
        (true, true, false) => "vs",
        (true, false, true) => "va",
        (true, false, false) => "v",
        (false, true, true) => "sa",
        (false, true, false) => "s",
        (false, false, true) => "a",
        (false, false, false) => "",
    }
}

/// A role in words, from its letters.
fn told(letters: &str) -> String {
    let words: Vec<&str> = [('v', "see"), ('s', "spend"), ('a', "run")]
        .iter()
        .filter(|(own, _)| letters.contains(*own))
        .map(|(_, word)| *word)
        .collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// What somebody may do with the wallet now.
async fn role_of(visit: &Visit, wallet: WalletId, user: UserId) -> Result<Option<WalletRole>, Failure> {
    let page = Page { limit: SHOWN, after: None::<UserId>, newest_first: false };
    let (found, _) = visit.bursar.wallet_members(visit.person()?, wallet, page).await?;
    Ok(found.into_iter().find(|(_, other)| other.id == user).map(|(role, _)| role))
}

/// What was changed, from what to what, if the address names somebody of the list.
fn changed(visit: &Visit, found: &[(WalletRole, User)]) -> Option<String> {
    let id = visit.query.some("changed")?;
    let name =
        found.iter().find(|(_, user)| user.id.to_string() == id).map_or("them", |(_, user)| user.full_name.as_str());
    Some(format!("Changed for {name}, at once: {} → {}.", told(visit.query.text("from")), told(visit.query.text("to"))))
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
    let is_new = visit.form.is_empty();
    let said = if is_new { visit.query.text("who") } else { visit.form.text("who") };
    // Rights that somebody has are ticked, so that saving takes none away unseen.
    let now =
        found.iter().find(|(_, user)| user.id.to_string() == said || user.username == said).map(|(role, _)| *role);
    let who = match &choice {
        Choice::Of(members) => choose(said, members, problems),
        Choice::ByName => named("Username", "A member of the wallet’s organisation", said, problems),
        Choice::ById => named("Id of the member", "They find it on their page “Account”.", said, problems),
    };
    let shows_ids = matches!(choice, Choice::ById);
    let usual = now.unwrap_or(WalletRole { view: true, ..WalletRole::default() });
    let ticked = |name: &str, usual: bool| if is_new { usual } else { visit.form.is_ticked(name) };
    let body = html! {
        (crumbs(&format!("/wallets/{id}"), &view.wallet.label))
        h1 { (title) }
        @if let Some(done) = changed(visit, &found) { p class="notice" role="status" { (done) } }
        (problems.summary())
        div class="scrolls" tabindex="0" role="region" aria-label="People" {
            table role="table" class="stacks" {
                thead role="rowgroup" { tr role="row" { th role="columnheader" scope="col" { "Who" } th role="columnheader" scope="col" { "May" } th role="columnheader" scope="col" { span class="unseen" { "Change" } } } }
                tbody role="rowgroup" { @for (role, user) in &found { (row(id, *role, user, shows_ids)) } }
            }
        }
        form method="post" action={ "/wallets/" (id) "/members" } class="card" id="role" {
            (frame.form_token())
            h2 { "Give or take a role" }
            (who)
            fieldset {
                legend { "They may" }
                (forms::tick("view", "yes", "See it", "Balance, addresses and transfers.", ticked("view", usual.view)))
                (forms::tick("spend", "yes", "Spend from it", "As far as limits allow.", ticked("spend", usual.spend)))
                (forms::tick("admin", "yes", "Run it", "Its limits, its people, what needs a decision.", ticked("admin", usual.admin)))
            }
            p class="hint" { "With nothing ticked they lose their role." }
            (forms::proof(visit, problems, true, "Needed to allow more than before.", "administer_wallet", &id.to_string()))
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

fn row(wallet: WalletId, role: WalletRole, user: &User, shows_id: bool) -> Markup {
    html! {
        tr role="row" {
            th role="rowheader" scope="row" { strong { (user.full_name) } div class="small muted" { (user.username) @if shows_id { ", " code { (user.id) } } } }
            td role="cell" data-label="May" { (told(letters(role))) }
            td role="cell" { a href={ "/wallets/" (wallet) "/members?who=" (user.id) "#role" } { "Change" span class="unseen" { " what " (user.full_name) " may" } } }
        }
    }
}
