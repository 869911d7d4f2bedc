//! The figures in the text format that Prometheus reads. Names are a contract: they are only ever added.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};

use bursar_service::Bursar;
use bursar_service::condition::{Figures, Histogram, Unsettled, Waiting};
use bursar_service::mail::MailFigures;
use bursar_service::rails::Answering;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

use super::Traffic;

pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const PREFIX: &str = "bursar";

/// Everything there is to tell now.
pub(super) fn render(
    bursar: &Bursar,
    traffic: Traffic,
    is_ready: bool,
    unsettled: Option<Unsettled>,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(PREFIX);
    let Traffic { requests, refusals } = traffic;
    registry.register("http_requests", "Answered requests by route and class of status", requests);
    registry.register("refusals", "Answers that are no success, by their stable code", refusals);
    let ready = Gauge::<i64>::default();
    ready.set(is_ready.into());
    registry.register("ready", "Whether requests should be sent here", ready);
    let differences = Gauge::<i64>::default();
    differences.set(i64::try_from(bursar.conservation_differences()).unwrap_or(i64::MAX));
    registry.register("conservation_differences", "Budgets that do not say what their spends say", differences);
    let outflows = Gauge::<i64>::default();
    outflows.set(i64::try_from(bursar.unexplained_outflows()).unwrap_or(i64::MAX));
    registry.register("unexplained_outflows", "Outflows of wallets that no spend explains, since the start", outflows);
    let engine = Engine {
        figures: bursar.figures(),
        waiting: bursar.waiting(),
        mail: bursar.mail_figures(),
        rails: bursar.rails_answering(),
        unsettled,
    };
    registry.register_collector(Box::new(engine));
    let mut rendered = String::new();
    text::encode(&mut rendered, &registry)?;
    Ok(rendered)
}

/// What the engine and the store say at one moment.
#[derive(Debug)]
struct Engine {
    figures: Figures,
    waiting: Waiting,
    mail: MailFigures,
    rails: BTreeMap<String, Answering>,
    /// Nothing if the store does not answer: no figure is better than a wrong one.
    unsettled: Option<Unsettled>,
}

impl Collector for Engine {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Self { figures, waiting, mail, rails, unsettled } = self;
        let commands = figures.commands.iter().map(|((kind, outcome), count)| {
            let labels = [("kind", *kind), ("outcome", *outcome)];
            (labels, *count)
        });
        counters(&mut encoder, "ledger_commands", "Commands by kind and outcome.", commands)?;
        let batches = [([("result", "committed")], figures.committed), ([("result", "failed")], figures.failed)];
        counters(&mut encoder, "ledger_batches", "Batches by whether they were written.", batches)?;
        histogram(&mut encoder, "ledger_batch_commands", "Commands in a batch.", None, &figures.batch_size)?;
        let help = "Time of a commit, its sync included.";
        histogram(&mut encoder, "ledger_commit", help, Some(&Unit::Seconds), &figures.commit)?;
        let depths = [([("lane", "settles")], waiting.settles), ([("lane", "others")], waiting.others)];
        gauges(&mut encoder, "ledger_queue_depth", "Commands that wait, by lane.", depths.map(sized))?;
        let mails = [
            ([("result", "sent")], mail.sent),
            ([("result", "failed")], mail.failed),
            ([("result", "dropped")], mail.dropped),
        ];
        counters(&mut encoder, "mails", "Mails by what became of them.", mails)?;
        let of_all = [([("queue", "all")], mail.waiting)];
        gauges(&mut encoder, "mails_waiting", "Mails that wait.", of_all.map(sized))?;
        let of_rail = |name: &String| [("rail", name.clone())];
        let answer = rails.iter().map(|(name, found)| (of_rail(name), i64::from(found.answers)));
        gauges(&mut encoder, "rail_answers", "Whether a rail could be used when it was asked last.", answer)?;
        let last = rails.iter().filter_map(|(name, found)| Some((of_rail(name), found.last?.as_millis() / 1000)));
        gauges(
            &mut encoder,
            "rail_last_answer_timestamp_seconds",
            "When a rail last could be used, since the start.",
            last,
        )?;
        if let Some(unsettled) = unsettled {
            let states = [([("state", "open")], unsettled.open), ([("state", "unresolved")], unsettled.unresolved)];
            gauges(&mut encoder, "unsettled_spends", "Spends that still hold budget.", states.map(sized))?;
        }
        Ok(())
    }
}

fn sized<Labels>((labels, count): (Labels, usize)) -> (Labels, i64) {
    (labels, i64::try_from(count).unwrap_or(i64::MAX))
}

fn counters<Labels: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (Labels, u64)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, count) in values {
        ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauges<Labels: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (Labels, i64)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

fn histogram(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    values: &Histogram,
) -> fmt::Result {
    let buckets: Vec<(f64, u64)> = values.buckets().collect();
    let count = buckets.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    let mut metric = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
    metric.encode_histogram::<NoLabelSet>(values.sum(), count, &buckets, None)
}
