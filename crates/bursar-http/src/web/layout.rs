//! What all pages have around them.

use axum::http::HeaderMap;
use bursar_service::authenticate::Principal;
use maud::{DOCTYPE, Markup, html};

use super::answer::Answer;
use super::assets::{self, Asset};
use super::cookie;
use super::csrf::{self, Binding};
use super::forms::{Problems, with_names};
use super::visit::{Theme, Visit};

/// The part of the pages a page belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Section {
    /// None of the menu's.
    None,
    Tokens,
    Wallets,
    Unresolved,
    People,
    Audit,
    Security,
    Account,
}

impl Section {
    const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::Tokens, "/tokens", "Tokens"),
        (Self::Wallets, "/wallets", "Wallets"),
        (Self::Unresolved, "/unresolved", "Unresolved"),
        (Self::People, "/organisations", "People"),
        (Self::Audit, "/audit", "Audit"),
        (Self::Security, "/security", "Security"),
        (Self::Account, "/account", "Account"),
    ];
}

/// What goes around a page: who is signed in, which theme, and what its forms carry.
#[derive(Clone)]
pub(crate) struct Frame {
    theme: Theme,
    who: Option<String>,
    form_token: String,
    here: String,
    is_test: bool,
    is_once: bool,
    is_enrolling: bool,
}

impl Frame {
    /// Around a page for somebody who is not known.
    pub(crate) fn of_nobody(headers: &HeaderMap, is_test: bool) -> Self {
        let theme = cookie::read(headers, cookie::THEME).map_or(Theme::System, Theme::named);
        Self {
            theme,
            who: None,
            form_token: String::new(),
            here: "/".to_owned(),
            is_test,
            is_once: false,
            is_enrolling: false,
        }
    }

    /// The same for whoever came.
    pub(crate) fn with(self, person: Option<&Principal>, binding: &Binding, target: &str) -> Self {
        let who = person.map(|person| person.owner.username.clone());
        let is_enrolling = person.is_some_and(Principal::is_enrolling);
        Self { who, is_enrolling, form_token: binding.token(), here: target.to_owned(), ..self }
    }

    /// Around the page that answers a visit.
    pub(crate) fn of(visit: &Visit) -> Self {
        let is_test = visit.bursar.policy().fixed_otp.is_some();
        Self::of_nobody(&visit.headers, is_test).with(visit.person.as_ref(), &visit.binding, &visit.target)
    }

    /// Around a page that shows something once: nothing in it leads away by the way, as the choice of colours does.
    pub(crate) fn once(self) -> Self {
        Self { is_once: true, ..self }
    }

    /// A page without scripts.
    pub(crate) fn page(&self, title: &str, section: Section, body: Markup) -> Answer {
        Answer::page(self.document(title, section, &[], body))
    }

    /// A form: as a page, or as one that has to be mended.
    pub(crate) fn form(
        &self,
        title: &str,
        section: Section,
        scripts: &[&Asset],
        problems: &Problems,
        body: Markup,
    ) -> Answer {
        if problems.is_empty() {
            return Answer::page(self.document(title, section, scripts, body));
        }
        let (title, body) = (format!("Error: {title}"), with_names(body, problems));
        Answer::failed(problems.status(), problems.code(), self.document(&title, section, scripts, body))
    }

    /// The hidden field that every form which changes something carries.
    pub(crate) fn form_token(&self) -> Markup {
        html! { input type="hidden" name=(csrf::FIELD) value=(self.form_token); }
    }

    /// The whole document.
    #[expect(clippy::needless_pass_by_value, reason = "what is inside is made for this page alone")]
    pub(crate) fn document(&self, title: &str, section: Section, scripts: &[&Asset], body: Markup) -> Markup {
        let theme = (self.theme != Theme::System).then(|| self.theme.name());
        html! {
            (DOCTYPE)
            html lang="en" data-theme=[theme] {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="robots" content="noindex";
                    title { (title) " · Bursar" }
                    link rel="stylesheet" href=(assets::STYLE.path());
                    link rel="icon" type="image/svg+xml" href=(assets::ICON.path());
                    @for script in scripts { script src=(script.path()) defer {} }
                    // Any form may ask for a second factor, and a passkey can stand in for a code.
                    @if self.who.is_some() { script src=(assets::PASSKEY.path()) defer {} }
                }
                body {
                    a class="skip" href="#main" { "Skip to the content" }
                    (self.header(section))
                    main id="main" tabindex="-1" { (body) }
                    (self.footer())
                }
            }
        }
    }

    fn header(&self, section: Section) -> Markup {
        html! {
            header class="top" {
                div class="inner" {
                    a class="brand" href="/" { (mark()) "Bursar" }
                    @if let Some(who) = &self.who {
                        // A menu of which nothing opens would only lead in circles.
                        @if !self.is_enrolling { (menu(section)) }
                        form class="who" method="post" action="/sign-out" {
                            (self.form_token())
                            span class="name" title=(who) { (who) }
                            button class="quiet" type="submit" { "Sign out" }
                        }
                    }
                }
                @if self.is_test {
                    p class="environment" { "Test environment. The money here is the sandbox’s: nothing is real." }
                }
            }
        }
    }

    fn footer(&self) -> Markup {
        html! {
            footer class="bottom" {
                div class="inner" {
                    p { "Access tokens that can spend, within limits that hold. " a href="/docs/api" { "The interface" } }
                    @if !self.form_token.is_empty() && !self.is_once {
                        form class="themes" method="post" action="/theme" {
                            (self.form_token())
                            input type="hidden" name="next" value=(self.here);
                            div role="group" aria-label="Colours" {
                                span aria-hidden="true" { "Colours" }
                                @for theme in Theme::ALL {
                                    button type="submit" name="theme" value=(theme.name())
                                        aria-pressed=(if theme == self.theme { "true" } else { "false" }) {
                                        (capital(theme.name()))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn menu(section: Section) -> Markup {
    html! {
        nav aria-label="Main" {
            ul {
                @for (own, path, name) in Section::ALL {
                    li { a href=(path) aria-current=[(own == section).then_some("page")] { (name) } }
                }
            }
        }
    }
}

/// The sign of Bursar: a purse's ring and what is let through it.
fn mark() -> Markup {
    html! {
        svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false" {
            circle cx="12" cy="12" r="9.5" class="ring" {}
            path d="M12 2.5a9.5 9.5 0 0 1 9.5 9.5H12z" class="share" {}
        }
    }
}

/// A word as a sentence begins with it.
pub(crate) fn capital(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
