//! `bursar audit tail`: the newest events, for people, and those that come.

use std::path::Path;
use std::time::Duration;

use bursar_core::audit::{Actor, Event};
use bursar_core::decimals::Decimals;
use bursar_store_sqlite::SqliteChain;
use clap::Args;
use tokio::time::MissedTickBehavior;

use super::source::{self, PAGE};
use super::{Place, form};
use crate::cli::{output, table};
use crate::failure::Failure;
use crate::operator::{Answer, Request, socket};
use crate::server;

/// How often it is looked for new events.
const LOOK_EVERY: Duration = Duration::from_millis(500);

const TITLES: [&str; 5] = ["TIME", "ACTOR", "ACTION", "SUBJECT", "DATA"];

#[derive(Args)]
pub(in crate::cli) struct Tail {
    /// How many events.
    #[arg(short, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(..=100_000))]
    n: u32,
    /// Go on with those that come, until it is stopped.
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    place: Place,
}

impl Tail {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let directory = self.place.directory()?;
        let mut chain = source::open(&directory)?;
        let decimals = declared(&directory);
        let end = chain.position()?.head.number;
        let mut events = chain.newest(usize::try_from(self.n).unwrap_or(usize::MAX))?;
        let base = chain.base()?.number;
        if base > 0 && events.len() < usize::try_from(self.n).unwrap_or(usize::MAX) {
            output::remark(&format!("earlier events, up to link {base}, are archived"));
        }
        events.reverse();
        let last = events.last().map_or(end, |(link, _)| *link);
        if !json {
            output::table(&table::draw(TITLES, &rows(&events, &decimals)), "there are no events")?;
        } else if !show(&events, &decimals, json)? {
            return Ok(());
        }
        if !self.follow {
            return Ok(());
        }
        server::runtime()?.block_on(follow(&mut chain, last, &decimals, json))
    }
}

/// The decimals that the rails of a running server declare; without one, no more are known than everywhere.
fn declared(directory: &Path) -> Decimals {
    match socket::ask(directory, &Request::Decimals) {
        Ok(Some(Answer::Decimals { declared })) => declared.known(),
        _ => Decimals::default(),
    }
}

async fn follow(chain: &mut SqliteChain, mut last: u64, decimals: &Decimals, json: bool) -> Result<(), Failure> {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let links = chain.links(last.saturating_add(1), PAGE)?;
        last = links.last().map_or(last, |(link, _)| link.number);
        let events = links.into_iter().flat_map(|(link, events)| events.into_iter().map(move |it| (link.number, it)));
        let events: Vec<(u64, Event)> = events.collect();
        if !events.is_empty() && !show(&events, decimals, json)? {
            return Ok(());
        }
    }
}

/// Shows events without titles; false if nobody wants more.
fn show(events: &[(u64, Event)], decimals: &Decimals, json: bool) -> Result<bool, Failure> {
    let mut shown = Vec::new();
    if json {
        for (link, event) in events {
            shown.extend(form::event_line(*link, event)?);
        }
    } else {
        let drawn = table::draw(TITLES, &rows(events, decimals));
        let rows = drawn.split_once('\n').map_or("", |(_, rows)| rows);
        shown.extend(rows.as_bytes());
        shown.push(b'\n');
    }
    output::offer(&shown)
}

fn rows(events: &[(u64, Event)], decimals: &Decimals) -> Vec<[String; 5]> {
    let row = |(_, event): &(u64, Event)| {
        let actor = match event.actor {
            // The user follows from the token.
            Actor::Token { token, .. } => format!("token:{token}"),
            other => other.to_string(),
        };
        let told =
            |(key, value): &(String, String)| format!("{key}={}", event.fact_in_units(key, value, None, decimals));
        let data: Vec<String> = event.data.iter().map(told).collect();
        [event.time.to_string(), actor, event.action.clone(), event.subject.clone(), data.join(" ")]
    };
    events.iter().map(row).collect()
}
