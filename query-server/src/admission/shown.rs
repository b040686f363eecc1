//! Refusals, delays, shares in force -> metrics. Names and labels come in when they are looked at.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::class::Class;
use super::gate::Gate;
use super::shares::ALL;
use crate::metrics::{Latency, add};

/// Why somebody was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Reason {
    /// The threads are late.
    Delay,
    /// Too many wait.
    Waiting,
}

impl Reason {
    const ALL: [(Self, &'static str); 2] = [(Self::Delay, "delay"), (Self::Waiting, "waiting")];
}

/// What is counted of admission, and where the gates stand.
#[derive(Debug, Default)]
pub struct AdmissionCounters {
    refused: [[AtomicU64; Reason::ALL.len()]; Class::ALL.len()],
    delays: Latency,
    /// Of each runtime. Locked when one starts to listen, and when metrics are looked at.
    gates: Mutex<Vec<Weak<Gate>>>,
}

impl AdmissionCounters {
    pub(super) fn refused(&self, class: Class, reason: Reason) {
        add(&self.refused[class as usize][reason as usize], 1);
    }

    pub(super) fn delayed(&self, delay: Duration) {
        self.delays.observe(delay);
    }

    /// This gate's shares and limits are shown from now on.
    pub fn show(&self, gate: &Arc<Gate>) {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(gate));
    }

    /// Refusals of a class, for whatever reason.
    #[must_use]
    pub fn refusals(&self, class: Class) -> u64 {
        self.refused[class as usize].iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    fn gates(&self) -> Vec<Arc<Gate>> {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.iter().filter_map(Weak::upgrade).collect()
    }

    /// Writes all of it.
    pub(crate) fn encode(&self, prefix: &str, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let name = format!("{prefix}_admission_refused");
        let help = "Requests refused since there are too many, by class and by what is scarce";
        let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
        for (class, class_label) in Class::ALL {
            for (reason, reason_label) in Reason::ALL {
                let count = self.refused[class as usize][reason as usize].load(Ordering::Relaxed);
                let labels = [("class", class_label), ("reason", reason_label)];
                metric.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&count, None)?;
            }
        }
        let name = format!("{prefix}_queueing_delay_seconds");
        let help = "From the end of the run queue to its head, of the task that measures it";
        let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Histogram)?;
        let (sum, count, buckets) = self.delays.shown();
        metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        self.encode_gates(prefix, encoder)
    }

    fn encode_gates(&self, prefix: &str, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let gates = self.gates();
        // Of several runtimes, the one that is worst off.
        let refused = |share: fn(&Gate) -> u32| gates.iter().map(|gate| share(gate)).max().unwrap_or(0);
        let (browse, order) =
            (refused(|gate| gate.in_force().0.browse), refused(|gate| gate.in_force().0.order));
        let own_write = if browse < ALL { 0 } else { ALL };
        let name = format!("{prefix}_admission_admitted_ratio");
        let help = "Share of the requests of a class that is admitted, where least is";
        let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
        for (class, label) in Class::ALL {
            let refused = match class {
                Class::Browse => browse,
                Class::OwnWrite => own_write,
                Class::Order => order,
            };
            let admitted = f64::from(ALL - refused) / f64::from(ALL);
            metric.encode_family(&[("class", label)])?.encode_gauge(&admitted)?;
        }
        let sum = |count: fn(&Gate) -> u32| gates.iter().map(|gate| i64::from(count(gate))).sum::<i64>();
        for (name, help, value) in [
            ("waiting", "Requests that wait for the store", sum(|gate| gate.waiting().0)),
            ("waiting_own_writes", "Requests that wait for their own change", sum(|gate| gate.waiting().1)),
            ("waiting_limit", "Requests that may wait for the store", sum(|gate| gate.in_force().1)),
        ] {
            let name = format!("{prefix}_admission_{name}");
            let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
            metric.encode_gauge(&value)?;
        }
        Ok(())
    }
}
