use super::*;
use bursar_core::id::TokenId;
use proptest::prelude::*;

const OTP: Policy = Policy::OTP;
const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

fn at(seconds: u64) -> Timestamp {
    START.plus(Span::from_seconds(seconds))
}

/// A login from the network 10.0.`n`.0.
fn login(n: u8) -> Source {
    Source::new(Credential::Login, [10, 0, n, 1].into())
}

fn slowed(seconds: u64) -> Result<(), Wait> {
    Err(Wait { until: at(seconds), reason: WaitReason::Slowed })
}

/// Fails at `now` if it may, and says whether it might.
fn guess(attempts: &mut Attempts, source: Source, now: Timestamp) -> bool {
    attempts.charge(&OTP, source, now).is_ok()
}

/// The account after an attack of fifty sources that used up the day.
fn besieged(mut attempts: Attempts) -> Attempts {
    for n in 100..150 {
        assert!(guess(&mut attempts, login(n), START));
    }
    attempts
}

#[test]
fn five_failures_are_free_then_each_wait_is_twice_the_last() {
    let mut attempts = Attempts::default();
    for _ in 0..5 {
        assert_eq!(attempts.check(&OTP, login(1), START), Ok(()));
        attempts.failed(&OTP, login(1), START);
    }
    let mut now = 0;
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        assert_eq!(attempts.check(&OTP, login(1), at(now)), slowed(now + wait));
        now += wait;
        assert_eq!(attempts.check(&OTP, login(1), at(now)), Ok(()));
        attempts.failed(&OTP, login(1), at(now));
    }
}

#[test]
fn the_free_failures_come_back_after_a_quarter_of_an_hour() {
    let mut attempts = Attempts::default();
    for n in 0..20 {
        assert_eq!(attempts.check(&OTP, login(1), at(n * 226)), Ok(()));
        attempts.failed(&OTP, login(1), at(n * 226));
    }
}

#[test]
fn the_free_failures_are_of_the_account_and_the_wait_is_of_the_source() {
    let mut attempts = Attempts::default();
    for n in 0..4 {
        attempts.failed(&OTP, login(n), START);
    }
    attempts.failed(&OTP, login(9), START);
    assert_eq!(attempts.check(&OTP, login(9), START), slowed(1));
    assert_eq!(attempts.check(&OTP, login(0), START), Ok(()));
    attempts.failed(&OTP, login(0), START);
    assert_eq!(attempts.check(&OTP, login(0), START), slowed(1));
}

#[test]
fn a_token_and_a_login_from_one_place_are_two_sources() {
    let mut attempts = Attempts::default();
    let token = Source::new(Credential::Token(TokenId::from_bytes([7; 16])), [10, 0, 1, 1].into());
    for _ in 0..5 {
        attempts.failed(&OTP, token, START);
    }
    assert_eq!(attempts.check(&OTP, token, START), slowed(1));
    assert_eq!(attempts.check(&OTP, login(1), START), Ok(()));
}

#[test]
fn after_fifty_failures_unknown_sources_wait_until_the_oldest_is_a_day_old() {
    let attempts = besieged(Attempts::default());
    let wait = Err(Wait { until: at(86_400), reason: WaitReason::DayUsedUp });
    assert_eq!(attempts.check(&OTP, login(1), START), wait);
    assert_eq!(attempts.check(&OTP, login(1), at(86_399)), wait);
    assert_eq!(attempts.check(&OTP, login(1), at(86_400)), Ok(()));
}

#[test]
fn a_thief_elsewhere_cannot_lock_the_owner_out() {
    let mut owner = Attempts::default();
    owner.succeeded(&OTP, login(1), START);
    let mut attempts = besieged(owner);
    assert!(attempts.check(&OTP, login(2), START).is_err());
    for _ in 0..5 {
        assert_eq!(attempts.check(&OTP, login(1), START), Ok(()));
        attempts.failed(&OTP, login(1), START);
    }
    assert_eq!(attempts.check(&OTP, login(1), START), slowed(1));
    attempts.succeeded(&OTP, login(1), at(1));
    assert_eq!(attempts.check(&OTP, login(1), at(1)), Ok(()));
}

#[test]
fn a_known_source_has_fifty_failures_a_day_of_its_own_that_success_does_not_give_back() {
    let mut attempts = Attempts::default();
    attempts.succeeded(&OTP, login(1), START);
    for _ in 0..50 {
        assert!(guess(&mut attempts, login(1), START));
        attempts.succeeded(&OTP, login(1), START);
    }
    assert_eq!(attempts.check(&OTP, login(1), START), Err(Wait { until: at(86_400), reason: WaitReason::DayUsedUp }));
    assert_eq!(attempts.check(&OTP, login(2), START), Ok(()));
}

#[test]
fn a_source_is_known_for_thirty_days() {
    let mut attempts = Attempts::default();
    attempts.succeeded(&OTP, login(1), START);
    let last = START.plus(OTP.known_for);
    assert!(attempts.is_known(&OTP, login(1), last.minus(Span::from_millis(1))));
    assert!(!attempts.is_known(&OTP, login(1), last));
}

#[test]
fn failures_of_a_source_that_is_forgotten_count_among_the_unknown() {
    let mut attempts = Attempts::default();
    attempts.succeeded(&OTP, login(1), START);
    let day_29 = START.plus(OTP.known_for).minus(Span::from_seconds(1));
    for _ in 0..50 {
        attempts.failed(&OTP, login(1), day_29);
    }
    assert_eq!(attempts.check(&OTP, login(2), day_29), Ok(()));
    let day_30 = START.plus(OTP.known_for);
    let used_up = attempts.check(&OTP, login(1), day_30).unwrap_err();
    assert_eq!(used_up.reason, WaitReason::DayUsedUp);
}

#[test]
fn a_source_that_is_known_again_does_not_empty_the_shared_counter() {
    let mut attempts = Attempts::default();
    attempts.succeeded(&OTP, login(0), START);
    let mut attempts = besieged(attempts);
    for _ in 0..50 {
        attempts.failed(&OTP, login(0), at(1));
    }
    for n in (1..=16).chain([0]) {
        attempts.succeeded(&OTP, login(n), at(2));
    }
    assert!(attempts.is_known(&OTP, login(0), at(2)));
    let used_up = attempts.check(&OTP, login(99), at(2)).unwrap_err();
    assert_eq!(used_up.reason, WaitReason::DayUsedUp);
}

#[test]
fn the_source_that_succeeded_longest_ago_is_forgotten_first() {
    let mut attempts = Attempts::default();
    for n in 0..=16 {
        attempts.succeeded(&OTP, login(n), at(n.into()));
    }
    assert!(!attempts.is_known(&OTP, login(0), at(20)));
    assert!((1..=16).all(|n| attempts.is_known(&OTP, login(n), at(20))));
}

#[test]
fn guesses_made_at_the_same_time_are_counted_before_any_is_judged() {
    let mut attempts = Attempts::default();
    let charges: Vec<Result<Charge, Wait>> = (0..100).map(|_| attempts.charge(&OTP, login(1), START)).collect();
    assert_eq!(charges.iter().filter(|charge| charge.is_ok()).count(), 5);
}

#[test]
fn a_refund_leaves_no_failure_and_a_known_source() {
    let mut attempts = Attempts::default();
    let charge = attempts.charge(&OTP, login(1), START).unwrap();
    attempts.refund(&OTP, charge, at(1));
    let mut expected = Attempts::default();
    expected.succeeded(&OTP, login(1), at(1));
    assert_eq!(attempts, expected);
}

#[test]
fn what_was_not_looked_at_is_neither_a_failure_nor_a_success() {
    let mut attempts = Attempts::default();
    attempts.failed(&OTP, login(1), START);
    let before = attempts.clone();
    let charge = attempts.charge(&OTP, login(1), at(1)).unwrap();
    attempts.take_back(charge);
    assert_eq!(attempts, before);
    assert!(!attempts.is_known(&OTP, login(1), at(1)), "a code that nobody looked at shows nobody");
}

#[test]
fn a_refund_takes_back_one_charge_and_not_the_failures_beside_it() {
    let mut attempts = Attempts::default();
    for _ in 0..3 {
        attempts.failed(&OTP, login(1), START);
    }
    let charge = attempts.charge(&OTP, login(1), START).unwrap();
    attempts.refund(&OTP, charge, at(1));
    assert_eq!(attempts.failures.len(), 3);
}

#[test]
fn a_clock_that_steps_back_gives_no_guess_back() {
    let attempts = besieged(Attempts::default());
    assert!(attempts.check(&OTP, login(1), START.minus(Span::from_seconds(90_000))).is_err());
}

#[test]
fn a_failure_under_a_clock_that_stepped_back_counts_from_the_last_one() {
    let mut attempts = Attempts::default();
    for _ in 0..4 {
        attempts.failed(&OTP, login(1), START);
    }
    attempts.failed(&OTP, login(1), START.minus(Span::from_seconds(3_600)));
    assert_eq!(attempts.check(&OTP, login(1), START), slowed(1));
}

#[test]
fn damaged_bytes_are_refused_never_read_as_less() {
    let mut attempts = besieged(Attempts::default());
    attempts.succeeded(&OTP, login(1), START);
    let bytes = attempts.to_bytes();
    assert_eq!(Attempts::from_bytes(&bytes), Ok(attempts));
    for cut in 0..bytes.len() {
        assert_eq!(Attempts::from_bytes(&bytes[..cut]), Err(Damaged));
    }
    let mut other_version = bytes.clone();
    other_version[0] = 2;
    assert_eq!(Attempts::from_bytes(&other_version), Err(Damaged));
}

/// Who acts, after how many seconds, and whether with a right code.
fn events(sources: u8) -> impl Strategy<Value = Vec<(u8, u64, bool)>> {
    let wait = prop_oneof![8 => 0..3_u64, 4 => 0..1_000_u64, 1 => 0..50_000_u64];
    prop::collection::vec((0..sources, wait, prop::bool::weighted(0.1)), 1..400)
}

proptest! {
    #[test]
    fn unknown_sources_never_get_more_than_fifty_guesses_in_any_day(events in events(200)) {
        let (mut attempts, mut now, mut taken) = (Attempts::default(), 0, Vec::new());
        for (source, wait, _) in events {
            now += wait;
            if guess(&mut attempts, login(source), at(now)) {
                taken.push(now);
            }
        }
        for start in &taken {
            let day = taken.iter().filter(|time| (*start..start + 86_400).contains(time)).count();
            prop_assert!(day <= 50, "{}", day);
        }
    }

    #[test]
    fn not_even_success_gives_unknown_sources_more_than_fifty_guesses_in_a_day(events in events(40)) {
        let (mut attempts, mut now, mut taken) = (Attempts::default(), 0, Vec::new());
        for (source, wait, right) in events {
            now += wait;
            let unknown = !attempts.is_known(&OTP, login(source), at(now));
            if right {
                attempts.succeeded(&OTP, login(source), at(now));
            } else if guess(&mut attempts, login(source), at(now)) && unknown {
                taken.push(now);
            }
        }
        for start in &taken {
            let day = taken.iter().filter(|time| (*start..start + 86_400).contains(time)).count();
            prop_assert!(day <= 50, "{}", day);
        }
    }

    #[test]
    fn what_others_do_changes_nothing_for_a_known_source(events in events(15)) {
        let owner = login(0);
        let (mut alone, mut among_others, mut now) = (Attempts::default(), Attempts::default(), 0);
        alone.succeeded(&OTP, owner, START);
        among_others.succeeded(&OTP, owner, START);
        for (source, wait, right) in events {
            now += wait % 6_000;
            prop_assert_eq!(alone.check(&OTP, owner, at(now)), among_others.check(&OTP, owner, at(now)));
            let act = |attempts: &mut Attempts| if right {
                attempts.succeeded(&OTP, login(source), at(now));
            } else {
                attempts.failed(&OTP, login(source), at(now));
            };
            act(&mut among_others);
            if login(source) == owner {
                act(&mut alone);
            }
        }
    }

    #[test]
    fn the_wait_that_is_told_is_exactly_long_enough(events in events(8)) {
        let (mut attempts, mut now) = (Attempts::default(), 0);
        for (source, wait, right) in events {
            now += wait;
            match attempts.check(&OTP, login(source), at(now)) {
                Err(wait) => {
                    prop_assert_eq!(attempts.check(&OTP, login(source), wait.until), Ok(()));
                    prop_assert!(attempts.check(&OTP, login(source), wait.until.minus(Span::from_millis(1))).is_err());
                }
                Ok(()) if right => attempts.succeeded(&OTP, login(source), at(now)),
                Ok(()) => attempts.failed(&OTP, login(source), at(now)),
            }
        }
    }

    #[test]
    fn the_record_is_bounded_whatever_happens_and_survives_the_store(events in events(255)) {
        let (mut attempts, mut now) = (Attempts::default(), 0);
        for (source, wait, right) in events {
            now += wait;
            if right {
                attempts.succeeded(&OTP, login(source), at(now));
            } else {
                attempts.failed(&OTP, login(source % 32), at(now));
            }
            prop_assert!(attempts.known.len() <= 16);
            prop_assert!(attempts.failures.len() <= 17 * 50);
        }
        let bytes = attempts.to_bytes();
        prop_assert_eq!(bytes.len(), 5 + 34 * (attempts.known.len() + attempts.failures.len()));
        prop_assert_eq!(Attempts::from_bytes(&bytes), Ok(attempts));
    }

    #[test]
    fn any_bytes_are_a_record_or_damaged(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(attempts) = Attempts::from_bytes(&bytes) {
            prop_assert_eq!(attempts.to_bytes(), bytes);
        }
    }
}
