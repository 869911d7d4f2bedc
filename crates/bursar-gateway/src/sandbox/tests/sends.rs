//! Sends: once, in full, and never more than was held or is there.

use super::*;

#[tokio::test]
async fn a_hold_that_is_sent_twice_moves_money_once() {
    let sandbox = Fixture::new().await;
    let first = sandbox.send(&hold(1)).await;
    assert_eq!(
        first,
        SendOutcome::Done { reference: destination::transaction_id(&tbtc(), hold(1).id), fee: Amount::ZERO }
    );
    assert_eq!(sandbox.send(&hold(1)).await, first);
    assert_eq!(sandbox.rail.reconcile(&hold(1), &Notes::default()).await, first);
    let (sent, never_sent) = (hold(1).id, hold(2).id);
    let named = sandbox.rail.transaction_id(sent, &Notes::default()).await.unwrap();
    assert_eq!(named, Some(destination::transaction_id(&tbtc(), sent)), "also before it is settled");
    assert_eq!(sandbox.rail.transaction_id(never_sent, &Notes::default()).await, Ok(None));
    assert_eq!(sandbox.balance("wallet").await, Amount::new(1_000_000 - 1000));
    assert_eq!(sandbox.transfers().len(), 1);
}

#[tokio::test]
async fn sends_at_the_same_time_all_stand_in_the_book_and_never_overdraw() {
    let sandbox = Fixture::new().await;
    // 100 of the 200 holds, at 1,000 each, are affordable; each is sent from four tasks.
    sandbox.rail.create_wallet("poor", &tbtc(), Amount::new(100 * 1000 + 999), [2; 16]).await.unwrap();
    let rail = std::sync::Arc::new(sandbox.rail);
    let tasks: Vec<_> = (0..800_u32)
        .map(|task| {
            let rail = rail.clone();
            let hold = hold(u8::try_from(task % 200).unwrap());
            tokio::spawn(async move { (hold.id, rail.carry_out("poor", (&hold).into()).await) })
        })
        .collect();
    let mut outcomes = std::collections::BTreeMap::<HoldId, SendOutcome>::new();
    for task in tasks {
        let (id, outcome) = task.await.unwrap();
        assert_eq!(outcomes.entry(id).or_insert_with(|| outcome.clone()), &outcome, "one hold, one answer");
    }
    assert_eq!(outcomes.values().filter(|it| is_done(it)).count(), 100);
    assert!(outcomes.values().all(|it| is_done(it) || is_refused(it, "insufficient funds")));
    assert_eq!(rail.balance("poor").await.unwrap().confirmed, Amount::new(999));
    let book = Book::open(&sandbox.directory.path().join("sandbox.db")).unwrap();
    assert_eq!(book.spent().unwrap().get("poor"), Some(&Amount::new(100 * 1000)));
}

#[tokio::test]
async fn insufficient_funds_are_refused_for_good() {
    let sandbox = Fixture::new().await;
    let all = hold_of(1, &[to("sandbox:slow", 1_000_001)]);
    let refused = sandbox.rail.carry_out("wallet", (&all).into()).await;
    assert!(is_refused(&refused, "insufficient funds"), "{refused:?}");
    let own = sandbox.rail.addresses("wallet").await.unwrap().remove(0);
    sandbox.rail.create_wallet("rich", &tbtc(), Amount::new(10_000), [3; 16]).await.unwrap();
    let refill = sandbox.rail.carry_out("rich", (&hold_of(2, &[to(&own, 5000)])).into()).await;
    assert!(is_done(&refill));
    assert_eq!(sandbox.send(&all).await, refused, "the first answer stands");
    assert!(is_done(&sandbox.send(&hold_of(3, &[to("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", 1_005_000)])).await));
    assert_eq!(sandbox.balance("wallet").await, Amount::ZERO);
}

#[tokio::test]
async fn a_hold_that_does_not_cover_what_would_leave_is_refused() {
    let sandbox = Fixture::new().await;
    let mut short = hold(1);
    short.cost.amount = Amount::new(999);
    assert!(is_refused(&sandbox.send(&short).await, "only 999 is held"));
    let mut other = hold(2);
    other.cost.coin = Coin::parse("btc").unwrap();
    assert!(is_refused(&sandbox.send(&other).await, "the wallet holds tbtc"));
    assert!(is_refused(&sandbox.send(&hold_of(3, &[])).await, "recipients is empty"));
    assert!(is_refused(&sandbox.send(&hold_of(4, &[to("nowhere", 1)])).await, "is no tbtc address"));
    assert!(is_refused(&sandbox.rail.carry_out("nobody", (&hold(5)).into()).await, "no such wallet"));
    assert!(sandbox.transfers().is_empty());
}

#[tokio::test]
async fn what_is_sent_is_what_was_built() {
    let sandbox = Fixture::new().await;
    let recipients = recipients_of(&hold(1));
    let built = sandbox.rail.build("wallet", &tbtc(), &recipients, [9; 16]).await.unwrap();
    let decoded = sandbox.rail.decode(&built.bytes).unwrap();
    assert_eq!((decoded.reference.as_str(), &decoded.recipients, decoded.fee), ("wallet", &recipients, built.fee));

    let altered = Hold { instruction: built.bytes.clone(), ..hold_of(1, &[to("sandbox:slow", 1000)]) };
    assert!(is_refused(&sandbox.send(&altered).await, "says something else"));
    let faithful = Hold { instruction: built.bytes, ..hold(2) };
    assert!(is_done(&sandbox.send(&faithful).await));

    assert_eq!(sandbox.rail.build("nobody", &tbtc(), &recipients, [9; 16]).await, Err(RailError::UnknownWallet));
    let hteth = Coin::parse("hteth").unwrap();
    let other = sandbox.rail.build("wallet", &hteth, &[to("sandbox:slow", 1)], [9; 16]).await;
    assert!(matches!(other, Err(RailError::Invalid { field: "coin", .. })), "{other:?}");
}

#[tokio::test]
async fn the_network_is_free_so_that_a_whole_balance_of_any_coin_can_be_sent() {
    let sandbox = Fixture::new().await;
    for (number, ticker) in [(1, "btc"), (2, "tbtc"), (3, "eth"), (4, "hteth"), (5, "hteth:usdc"), (6, "tsol")] {
        let coin = Coin::parse(ticker).unwrap();
        let rail = &sandbox.rail;
        for recipients in [0, 1, 1000] {
            assert_eq!(rail.fee_ceiling(&coin, recipients), Amount::ZERO);
        }
        rail.create_wallet(ticker, &coin, Amount::new(7), [number; 16]).await.unwrap();
        let elsewhere = format!("sandbox-{}", "0".repeat(40));
        let recipients = vec![to(&elsewhere, 4), to(&elsewhere, 3)];
        let built = rail.build(ticker, &coin, &recipients, [number; 16]).await.unwrap();
        assert_eq!(built.fee, Amount::ZERO, "{ticker}");
        let text = String::from_utf8(built.bytes.clone()).unwrap();
        assert!(text.contains(r#""fee":"0""#), "{text}");

        let mut hold = Hold { instruction: built.bytes, ..hold_of(number, &recipients) };
        (hold.cost.coin, hold.cost.fee_coin) = (coin.clone(), coin);
        let sent = rail.carry_out(ticker, (&hold).into()).await;
        assert!(matches!(sent, SendOutcome::Done { fee, .. } if fee == Amount::ZERO), "{ticker}: {sent:?}");
        assert_eq!(sandbox.balance(ticker).await, Amount::ZERO, "{ticker}");
    }
    for transfer in sandbox.transfers() {
        assert_eq!((transfer.spent, transfer.fee), (Amount::new(7), Amount::ZERO));
    }
    assert_eq!(sandbox.transfers().len(), 6);
}

#[tokio::test]
async fn payments_to_the_sandboxs_own_wallets_arrive_there() {
    let sandbox = Fixture::new().await;
    let theirs = sandbox.rail.create_wallet("theirs", &tbtc(), Amount::ZERO, [4; 16]).await.unwrap();
    let own = sandbox.rail.addresses("wallet").await.unwrap().remove(0);
    let hold = hold_of(1, &[to(&theirs.to_uppercase(), 10), to(&theirs, 5), to(&own, 7), to("sandbox:drop-answer", 1)]);
    assert!(is_unknown(&sandbox.send(&hold).await));
    assert_eq!(sandbox.balance("theirs").await, Amount::new(15));
    assert_eq!(sandbox.balance("wallet").await, Amount::new(1_000_000 - 16));

    let full = sandbox.rail.create_wallet("full", &tbtc(), Amount::MAX, [5; 16]).await.unwrap();
    assert!(is_refused(&sandbox.send(&hold_of(2, &[to(&theirs, 1), to(&full, 1)])).await, "too much"));
    assert_eq!(sandbox.balance("theirs").await, Amount::new(15), "nothing moved halfway");
}

#[tokio::test]
async fn a_wallet_is_made_once_and_keeps_its_addresses_in_order() {
    let sandbox = Fixture::new().await;
    let first = sandbox.rail.addresses("wallet").await.unwrap().remove(0);
    let again = sandbox.rail.create_wallet("wallet", &tbtc(), Amount::new(5), [8; 16]).await;
    assert_eq!(again, Ok(first.clone()));
    assert_eq!(sandbox.balance("wallet").await, Amount::new(1_000_000));
    let second = sandbox.rail.new_address("wallet", [2; 16]).await.unwrap();
    assert_eq!(sandbox.rail.new_address("wallet", [2; 16]).await.unwrap(), second);
    let third = sandbox.rail.new_address("wallet", [3; 16]).await.unwrap();
    assert_eq!(sandbox.rail.addresses("wallet").await.unwrap(), [first, second, third]);

    let other = sandbox.rail.create_wallet("wallet", &Coin::parse("hteth").unwrap(), Amount::ZERO, [1; 16]).await;
    assert!(matches!(other, Err(RailError::Invalid { field: "coin", .. })), "{other:?}");
    let unnamed = sandbox.rail.create_wallet("", &tbtc(), Amount::ZERO, [1; 16]).await;
    assert!(matches!(unnamed, Err(RailError::Invalid { field: "reference", .. })), "{unnamed:?}");
    assert_eq!(sandbox.rail.balance("nobody").await, Err(RailError::UnknownWallet));
    assert_eq!(sandbox.rail.addresses("nobody").await, Err(RailError::UnknownWallet));
    assert_eq!(sandbox.rail.new_address("nobody", [1; 16]).await, Err(RailError::UnknownWallet));
}
