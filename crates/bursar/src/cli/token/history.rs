//! `bursar token limits ID --by hour|day [--since INSTANT]`: what a token spent, coin by coin, in the time that passed.

use bursar_core::decimals::Decimals;
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::cli::connection::Connection;
use crate::cli::{limits, output, shown, table};
use crate::failure::Failure;

#[derive(Args)]
pub(in crate::cli) struct Past {
    /// Show what was spent in each hour of the last days, or on each day of the last weeks, instead of how limits stand.
    #[arg(long)]
    by: Option<By>,
    /// From when on, such as 2026-11-24T00:00:00Z: at most 31 days ago by the hour, 366 by the day.
    #[arg(long, value_name = "INSTANT", requires = "by")]
    since: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Hour,
    Day,
}

impl Past {
    pub(super) const fn is_asked_for(&self) -> bool {
        self.by.is_some()
    }

    pub(super) fn show(&self, token: &str, connection: &Connection, json: bool) -> Result<(), Failure> {
        let bucket = match self.by {
            Some(By::Day) => "day",
            Some(By::Hour) | None => "hour",
        };
        let client = connection.client()?;
        let limits = client.history(token, bucket, self.since.as_deref());
        let limits = limits.map_err(|error| Failure::from(error).with_flags(&[("since", "--since")]))?;
        if json { output::json(&limits) } else { output::text(&told(&limits, &shown::units(&client))) }
    }
}

fn told(document: &Value, decimals: &Decimals) -> String {
    let buckets = limits::list(document.get("history").unwrap_or(&Value::Null), "buckets");
    if buckets.is_empty() {
        return "nothing was spent in this time".to_owned();
    }
    let row = |bucket: &Value| {
        let coin = shown::text(bucket, "coin");
        let amount = |name| shown::amount(&shown::text(bucket, name), &coin, decimals);
        [shown::text(bucket, "from"), amount("amount"), amount("fee"), shown::text(bucket, "count")]
    };
    let rows: Vec<[String; 4]> = buckets.iter().map(row).collect();
    table::draw(["FROM", "SPENT", "FEES", "SPENDS"], &rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_past_is_shown_in_units_of_each_coin() {
        let bucket = json!({"from": "then", "coin": "tbtc", "amount": "60000", "fee": "100", "count": 2});
        let shown = told(&json!({"history": {"seconds": 3600, "buckets": [bucket]}}), &Decimals::default());
        assert_eq!(shown, "FROM  SPENT        FEES           SPENDS\nthen  0.0006 tbtc  0.000001 tbtc  2");
        assert_eq!(told(&json!({}), &Decimals::default()), "nothing was spent in this time");
    }
}
