use bursar_core::id::TokenId;

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef";

fn read(query: &str) -> Result<ListQuery<TokenId>, FieldError> {
    ListQuery::read(query, 25, 100)
}

#[test]
fn what_is_not_said_is_as_usual() {
    let usual = ListQuery { limit: 25, previous: None, newest_first: false };
    for query in ["", "&", "&&", "sort=ASC", "limit=25", "Limit=1"] {
        assert_eq!(read(query), Ok(usual), "{query}");
    }
    let all = ListQuery { limit: 100, previous: ID.parse().ok(), newest_first: true };
    assert_eq!(read(&format!("sort=DESC&limit=100&prevId={ID}")), Ok(all));
}

#[test]
fn a_parameter_that_cannot_be_is_refused_by_name() {
    for limit in ["", "0", "-1", "+5", "101", "1.0", "1e1", "0x1", "%35", " 5", "٥", "99999999999999999999"] {
        let refused = read(&format!("limit={limit}")).unwrap_err();
        assert_eq!(refused.to_string(), "`limit` must be a number from 1 to 100", "{limit}");
    }
    for previous in ["", "x", &ID.to_uppercase(), &ID[1..], "%30123456789abcdef0123456789abcdef"] {
        assert_eq!(read(&format!("prevId={previous}")).unwrap_err().field, "prevId", "{previous}");
    }
    for sort in ["", "asc", "desc", "DESC,ASC"] {
        assert_eq!(read(&format!("sort={sort}")).unwrap_err().field, "sort", "{sort}");
    }
    assert_eq!(read("limit").unwrap_err().field, "limit");
}

#[test]
fn a_known_parameter_is_given_once_and_an_unknown_one_as_often_as_one_likes() {
    for query in ["limit=1&limit=1", "sort=ASC&limit=2&sort=ASC", &format!("prevId={ID}&prevId={ID}")] {
        assert_eq!(read(query).unwrap_err().problem, "is given twice", "{query}");
    }
    assert_eq!(read("coin=tbtc&coin=tbtc4&limit=7&coin").map(|query| query.limit), Ok(7));
}

#[test]
fn names_are_taken_as_they_are_written() {
    assert_eq!(read("%6cimit=1&l%69mit=x&limit%20=0").map(|query| query.limit), Ok(25));
}

#[test]
fn usage_is_read_by_the_hour_or_the_day_and_not_without_end() {
    let now = Timestamp::from_millis(1_790_000_000_000);
    let read = |query: &str| HistoryQuery::read(query, now).map(|query| (query.bucket.as_seconds_ceil(), query.since));
    let back = |days: u64| now.minus(Span::from_seconds(days * 86_400));
    assert_eq!(read(""), Ok((3600, back(7))));
    assert_eq!(read("bucket=day"), Ok((86_400, back(31))));
    let since = back(31).to_string();
    assert_eq!(read(&format!("bucket=hour&since={since}")), Ok((3600, back(31))));
    assert_eq!(read(&format!("since={}", since.replace(':', "%3A"))), Ok((3600, back(31))));
    for wrong in ["bucket=week", "since=yesterday", "bucket=day&bucket=day", "since=2020-01-01T00:00:00Z"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_look_into_the_trail_is_read_strictly() {
    let read = TrailQuery::read("action=spend&subject=token%3A12&limit=7&before=12.3", 50, 200).unwrap();
    assert_eq!((read.action.as_deref(), read.subject.as_deref()), (Some("spend"), Some("token:12")));
    assert_eq!((read.limit, read.before, read.since), (7, Some((12, 3)), None));
    for (query, field) in [
        ("limit=201", "limit"),
        ("before=12", "before"),
        ("user=me", "user"),
        ("token=", "token"),
        ("since=yesterday", "since"),
        ("action=a&action=b", "action"),
        ("wallet=1", "wallet"),
        ("subject=%ff", "subject"),
    ] {
        assert_eq!(TrailQuery::read(query, 50, 200).unwrap_err().field, field, "{query}");
    }
}

#[test]
fn which_tokens_are_meant_is_said_once_and_in_a_word() {
    for (query, ended) in [("", false), ("limit=2", false), ("ended=false", false), ("limit=2&ended=true", true)] {
        assert_eq!(TokensQuery::read(query), Ok(TokensQuery { ended }), "{query}");
    }
    for query in ["ended", "ended=", "ended=1", "ended=true&ended=false", "ended=true&ended=true"] {
        assert_eq!(TokensQuery::read(query).unwrap_err().field, "ended", "{query}");
    }
}

#[test]
fn which_spends_are_meant_is_said_once_and_no_other_list_is_taken_for_it() {
    let read = SpendsQuery::read;
    for query in ["", "limit=2", "unresolved=true", "unresolvedOnes=1"] {
        assert_eq!(read(query), Ok(SpendsQuery::Unresolved), "{query}");
    }
    assert_eq!(read("unsettled=true&limit=2"), Ok(SpendsQuery::Unsettled));
    for (query, field) in [
        ("unresolved=false", "unresolved"),
        ("unresolved", "unresolved"),
        ("unsettled=", "unsettled"),
        ("unresolved=true&unresolved=true", "unresolved"),
        ("unsettled=true&unsettled=true", "unsettled"),
        ("unsettled=true&unresolved=true", "unresolved"),
    ] {
        assert_eq!(read(query).unwrap_err().field, field, "{query}");
    }
}
