//! The rules of a subject, all together, with one version: how much, to whom, and how much to each.

use bursar_core::amount::Amount;
use bursar_core::coin::{Asset, Coin};
use bursar_core::destination::Destination;
use bursar_core::ledger::{Version, Versioned};
use bursar_core::limit::{Allowed, Ceiling, Destinations, Limit, LimitSet, Measure, Subject, Window};
use bursar_core::time::Timestamp;
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::sql::{Columns, execute, many, one};

/// What the column `destinations` says, if there are rules about destinations at all: whether they are
/// listed, or any may be paid.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listing {
    Any,
    Listed,
}

impl Listing {
    const ALL: [Self; 2] = [Self::Any, Self::Listed];

    const fn of(rules: &Destinations) -> Self {
        if rules.allowed.is_some() { Self::Listed } else { Self::Any }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Listed => "listed",
        }
    }
}

/// The row of the set: the rules about destinations, their lists still empty.
fn read_set(columns: &mut Columns<'_>) -> Result<Versioned<Option<Destinations>>, StoreError> {
    let version = columns.get()?;
    let listing = columns.optional_name(&Listing::ALL, Listing::name)?;
    let (at_most, counted_since) = (columns.get()?, columns.get::<Option<i64>>()?.map(Timestamp::from_millis));
    let rules = listing.map(|listing| Destinations {
        allowed: (listing == Listing::Listed).then(Vec::new),
        at_most,
        each: Vec::new(),
        counted_since,
    });
    Ok(Versioned { version, value: rules })
}

/// A limit, and whether each destination has it for itself.
fn read_limit(columns: &mut Columns<'_>) -> Result<(bool, Limit), StoreError> {
    let for_each = columns.get()?;
    let limit = Limit {
        asset: columns.parse(Asset::parse)?,
        measure: columns.name(&Measure::ALL, Measure::as_str)?,
        window: columns.parse(Window::parse)?,
        ceiling: columns
            .get::<Option<[u8; 32]>>()?
            .map_or(Ceiling::Unlimited, |amount| Ceiling::At(Amount::from_be_bytes(amount))),
    };
    Ok((for_each, limit))
}

fn read_allowed(columns: &mut Columns<'_>) -> Result<Allowed, StoreError> {
    let (family, bytes, tag): (Box<str>, Vec<u8>, Option<Box<str>>) = (columns.get()?, columns.get()?, columns.get()?);
    let destination = Destination::new(&family, &bytes, tag.as_deref());
    Ok(Allowed { destination, address: columns.get()?, coin: columns.parse(Coin::parse)? })
}

pub(crate) fn load(connection: &Connection, subject: Subject) -> Found<LimitSet> {
    let key = params![subject.kind(), subject.id_bytes()];
    let query = "SELECT version, destinations, at_most, counted_since FROM limit_sets
                 WHERE subject_kind = ?1 AND subject = ?2";
    let Some(found) = one(connection, "limit_sets", query, key, read_set)? else {
        return Ok(None);
    };
    let mut set = LimitSet { limits: Vec::new(), destinations: found.value };
    let query = "SELECT for_each, asset, measure, window, ceiling FROM limits
                 WHERE subject_kind = ?1 AND subject = ?2 ORDER BY for_each, place";
    for (for_each, limit) in many(connection, "limits", query, key, read_limit)? {
        match &mut set.destinations {
            Some(rules) if for_each => rules.each.push(limit),
            _ => set.limits.push(limit),
        }
    }
    if let Some(Destinations { allowed: Some(allowed), .. }) = &mut set.destinations {
        let query = "SELECT family, bytes, tag, address, coin FROM allowed_destinations
                     WHERE subject_kind = ?1 AND subject = ?2 ORDER BY place";
        *allowed = many(connection, "allowed_destinations", query, key, read_allowed)?;
    }
    Ok(Some(Versioned { version: found.version, value: set }))
}

pub(crate) fn store(
    connection: &Connection,
    subject: Subject,
    version: Version,
    set: &LimitSet,
) -> Result<(), StoreError> {
    let rules = set.destinations.as_ref();
    execute(
        connection,
        "INSERT INTO limit_sets (subject_kind, subject, version, destinations, at_most, counted_since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (subject_kind, subject) DO UPDATE SET
             version = excluded.version, destinations = excluded.destinations, at_most = excluded.at_most,
             counted_since = excluded.counted_since",
        params![
            subject.kind(),
            subject.id_bytes(),
            version,
            rules.map(|rules| Listing::of(rules).name()),
            rules.and_then(|rules| rules.at_most),
            rules.and_then(|rules| rules.counted_since).map(Timestamp::as_millis),
        ],
    )?;
    delete_lists(connection, subject)?;
    for (for_each, limits) in [(false, &set.limits[..]), (true, set.each())] {
        for (place, limit) in limits.iter().enumerate() {
            insert_limit(connection, subject, (for_each, place), limit)?;
        }
    }
    for (place, allowed) in rules.and_then(|rules| rules.allowed.as_ref()).into_iter().flatten().enumerate() {
        insert_allowed(connection, subject, place, allowed)?;
    }
    Ok(())
}

fn insert_limit(
    connection: &Connection,
    subject: Subject,
    (for_each, place): (bool, usize),
    limit: &Limit,
) -> Result<(), StoreError> {
    let ceiling = match limit.ceiling {
        Ceiling::At(amount) => Some(amount.to_be_bytes()),
        Ceiling::Unlimited => None,
    };
    execute(
        connection,
        "INSERT INTO limits (subject_kind, subject, for_each, place, asset, measure, window, ceiling)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            subject.kind(),
            subject.id_bytes(),
            for_each,
            place,
            limit.asset.to_string(),
            limit.measure.as_str(),
            limit.window.to_string(),
            ceiling,
        ],
    )
}

fn insert_allowed(
    connection: &Connection,
    subject: Subject,
    place: usize,
    allowed: &Allowed,
) -> Result<(), StoreError> {
    let destination = &allowed.destination;
    execute(
        connection,
        "INSERT INTO allowed_destinations (subject_kind, subject, place, family, bytes, tag, address, coin)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            subject.kind(),
            subject.id_bytes(),
            place,
            destination.family(),
            destination.bytes(),
            destination.tag(),
            allowed.address,
            allowed.coin.as_str(),
        ],
    )
}

pub(crate) fn delete(connection: &Connection, subject: Subject) -> Result<(), StoreError> {
    delete_lists(connection, subject)?;
    execute(
        connection,
        "DELETE FROM limit_sets WHERE subject_kind = ?1 AND subject = ?2",
        params![subject.kind(), subject.id_bytes()],
    )
}

fn delete_lists(connection: &Connection, subject: Subject) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM limits WHERE subject_kind = ?1 AND subject = ?2",
        "DELETE FROM allowed_destinations WHERE subject_kind = ?1 AND subject = ?2",
    ] {
        execute(connection, statement, params![subject.kind(), subject.id_bytes()])?;
    }
    Ok(())
}
