use bursar_core::limit::{CalendarUnit, Zone};
use bursar_core::time::Span;

use super::*;

fn usage(amount: Amount, fee: u128, count: u64) -> Usage {
    Usage { amount, fee: Amount::new(fee), count }
}

fn windows() -> Vec<(Window, Counter)> {
    let at = Timestamp::from_millis;
    let rolling = Rolling::from_entries([
        (at(-5), usage(Amount::MAX, 0, u64::MAX)),
        (at(1_790_000_000_000), usage(Amount::new(1), 1, 1)),
        (at(1_790_000_000_120), usage(Amount::new(300), 0, 128)),
    ]);
    let level = usage(Amount::new(7), 3, 2);
    vec![
        (Window::Rolling(Span::from_seconds(86_400)), Counter::Rolling(rolling)),
        (
            Window::Calendar(CalendarUnit::Day, Zone::parse("Europe/Zurich").unwrap()),
            Counter::Period { start: at(i64::MIN), end: at(i64::MAX), usage: level },
        ),
        (
            Window::Accrual { rate: Amount::new(5), period: Span::from_seconds(60) },
            Counter::Accrual(Accrual { at: at(9), level, worn: [0, u64::MAX, 127] }),
        ),
    ]
}

#[test]
fn lists_unpack_to_what_was_packed() {
    for amount in [Amount::ZERO, Amount::new(1), Amount::new(255), Amount::new(256), Amount::MAX] {
        let usage = usage(amount, 9, 3);
        assert_eq!(unpack_usage(&pack_usage(usage)), Some(usage));
    }
    assert_eq!(pack_usage(Usage::default()), [0, 0, 0]);
    let payees = [("bc1q", Amount::MAX, None), ("", Amount::ZERO, Some("")), ("0xü", Amount::new(7), Some("memo"))]
        .map(|(address, amount, tag)| Payee {
            address: address.to_owned(),
            destination: Destination::new("evm", &[0, 255], tag),
            amount,
        });
    assert_eq!(unpack_payees(&pack_payees(&payees)).unwrap(), payees);
    assert_eq!(unpack_windows(&pack_windows(&windows())), Some(windows()));
    let paid = [DestinationId::from_bytes([1; 32]), DestinationId::from_bytes([2; 32])];
    assert_eq!(unpack_paid(&pack_paid(&paid)).unwrap(), paid);
    let allowed = vec![Allowed { address: "a".to_owned(), destination: Destination::new("f", b"a", None) }];
    for allowed in [None, Some(Vec::new()), Some(allowed)] {
        let rules = Destinations {
            allowed,
            at_most: Some(0),
            each: Vec::new(),
            counted_since: Some(Timestamp::from_millis(-1)),
        };
        assert_eq!(unpack_destinations(&pack_destinations(&rules)), Some(rules));
    }
}

#[test]
fn bytes_that_were_cut_off_do_not_unpack() {
    let packed = pack_windows(&windows());
    let whole: Vec<usize> = (0..=3).map(|count| pack_windows(&windows()[..count]).len()).collect();
    for length in 0..packed.len() {
        assert_eq!(unpack_windows(&packed[..length]).is_some(), whole.contains(&length), "{length} bytes");
    }
}

#[test]
fn numbers_have_one_form_and_an_end() {
    assert_eq!(unpack_usage(&[1, 0, 0, 0]), None, "a leading zero");
    assert_eq!(unpack_usage(&[0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]), None, "too long");
    assert_eq!(unpack_usage(&[33, 0]), None, "more than 256 bits");
}

#[test]
fn a_full_rolling_window_stays_small() {
    let entries =
        (0..1024).map(|n| (Timestamp::from_millis(1_790_000_000_000 + n * 60_000), Usage::one(Amount::new(5_000_000))));
    let counter = Counter::Rolling(Rolling::from_entries(entries));
    let packed = pack_windows(&[(Window::Rolling(Span::from_seconds(86_400)), counter)]);
    assert!(packed.len() < 12_000, "{} bytes", packed.len());
}
