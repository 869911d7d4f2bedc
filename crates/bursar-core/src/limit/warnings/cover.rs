//! How many windows of one kind are certain to cover any window of another, whatever clocks do: so many times
//! its ceiling is the most that can be spent in the other.

use crate::limit::{CalendarUnit, Window, Zone};
use crate::time::Span;

const DAY: u64 = 86_400_000;

/// How many windows like `tile` cover any `window`; nothing if that is not certain.
pub(super) fn covering(window: &Window, tile: &Window) -> Option<u64> {
    match (window, tile) {
        // In any interval of a rolling window's length no more is captured than it lets through, whenever it begins.
        (_, Window::Rolling(tile)) => Some(longest(window)?.as_millis().div_ceil(tile.as_millis().max(1))),
        (Window::Calendar(unit, here), Window::Calendar(tile, there)) if here == there => within(*unit, *tile, here),
        (Window::Fixed { period, from }, Window::Fixed { period: tile, from: first })
            if is_multiple(period.as_millis(), *tile)
                && is_multiple(from.as_millis().abs_diff(first.as_millis()), *tile) =>
        {
            period.as_millis().checked_div(tile.as_millis())
        }
        (_, Window::Fixed { period: tile, .. }) => Some(touched(longest(window)?.as_millis(), tile.as_millis())),
        (_, Window::Calendar(tile, zone)) => {
            // A clock that is put forward shows more days than pass: by one at most, where a date is left out.
            let forward = if *zone == Zone::UTC { 0 } else { DAY };
            Some(touched(longest(window)?.as_millis().saturating_add(forward), shortest(*tile, zone)?))
        }
        _ => None,
    }
}

/// How many periods an interval touches at most.
const fn touched(interval: u64, period: u64) -> u64 {
    interval.div_ceil(if period == 0 { 1 } else { period }).saturating_add(1)
}

fn is_multiple(length: u64, of: Span) -> bool {
    length.checked_rem(of.as_millis()) == Some(0)
}

/// How many units of one zone another unit of it touches: each is a day, a week or a month with a name of its own.
fn within(unit: CalendarUnit, tile: CalendarUnit, zone: &Zone) -> Option<u64> {
    use CalendarUnit::{Day, Hour, Month, Week};
    Some(match (unit, tile) {
        (Day, Hour) if *zone == Zone::UTC => 24,
        (Week, Hour) if *zone == Zone::UTC => 7 * 24,
        (Month, Hour) if *zone == Zone::UTC => 31 * 24,
        // Where a clock is changed, an hour is cut.
        (_, Hour) => return None,
        (Week, Day) => 7,
        (Month, Day) => 31,
        (Month, Week) => 6,
        (Week, Month) => 2,
        (Hour | Day, _) | (Week, Week) | (Month, Month) => 1,
    })
}

/// What the window never takes longer than; nothing if it does not end.
fn longest(window: &Window) -> Option<Span> {
    match window {
        Window::Rolling(length) | Window::Fixed { period: length, .. } => Some(*length),
        Window::Calendar(unit, _) => Some(super::longest(*unit)),
        Window::Spend | Window::Lifetime | Window::Accrual { .. } => None,
    }
}

/// What a unit takes at least on a clock that nobody changes, in milliseconds.
fn shortest(unit: CalendarUnit, zone: &Zone) -> Option<u64> {
    match unit {
        CalendarUnit::Hour => (*zone == Zone::UTC).then_some(3_600_000),
        CalendarUnit::Day => Some(DAY),
        CalendarUnit::Week => Some(7 * DAY),
        CalendarUnit::Month => Some(28 * DAY),
    }
}

#[cfg(test)]
mod tests;
