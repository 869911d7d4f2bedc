//! The choice of colours.

use super::Answering;
use super::answer::Answer;
use super::cookie;
use super::visit::{Theme, Visit};

/// Keeps the choice and goes back to where it was made.
pub(crate) async fn choose(visit: Visit) -> Answering {
    let chosen = Theme::named(visit.form.text("theme"));
    let back = visit.form.some("next").unwrap_or("/").to_owned();
    let cookie = match chosen {
        Theme::System => cookie::remove(cookie::THEME),
        Theme::Light | Theme::Dark => cookie::set_theme(chosen.name()),
    };
    Ok(Answer::to(back).with_cookie(cookie))
}
