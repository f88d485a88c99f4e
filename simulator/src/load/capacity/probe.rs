//! A probe: the load at one rate, or with a crowd of one size, and what became of it.

use std::time::Duration;

use super::search::{ProbeResult, Quantity};
use crate::diagnostics::Source;
use crate::load::figures::Measure;
use crate::load::gate::{Gate, GateError, Metric, Name, Stat};
use crate::load::record::{Outcome, RunRecord};
use crate::load::report::percentile;
use crate::load::spec::{self, LoadSpec, Phase, Rate, Shape, Share};
use crate::load::verdict;

/// The names of a probe's phases: a second to warm up, and the one that counts.
pub const PHASES: [&str; 2] = ["warm-up", "steady"];

/// How long a probe warms up.
const WARM_UP: Duration = Duration::from_secs(1);

/// A load that can be carried out at any rate, or with a crowd of any size.
#[derive(Debug, Clone)]
pub struct Template {
    spec: LoadSpec,
    quantity: Quantity,
}

/// Why a load is no template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Nothing has to hold.
    #[error("nothing has to hold: say what does with --gate, such as --gate 'delivery.p99 < 20ms'")]
    NoGate,
    /// A gate cannot be asked of a probe.
    #[error(
        "the gate `{gate}` cannot be asked of a probe, whose phases are `warm-up` and `steady`: {error}; \
         say what has to hold with --gate"
    )]
    Gate {
        /// The gate.
        gate: String,
        /// Why it cannot be asked.
        error: GateError,
    },
}

impl Template {
    /// Puts a second of warm-up and a steady phase of this length in place of a load's phases, and `gates`,
    /// where there are any, in place of its gates. The rate is the highest of its measured phases.
    ///
    /// # Errors
    ///
    /// When there is no gate, or one that cannot be asked.
    pub fn new(
        spec: &LoadSpec,
        gates: &[String],
        quantity: Quantity,
        length: Duration,
    ) -> Result<Template, TemplateError> {
        let gates = if gates.is_empty() { spec.gates.clone() } else { gates.to_vec() };
        if gates.is_empty() {
            return Err(TemplateError::NoGate);
        }
        for gate in &gates {
            Gate::parse(gate, &PHASES)
                .map_err(|error| TemplateError::Gate { gate: gate.clone(), error })?;
        }
        let shape = busiest(&spec.phases);
        let phase = |name: &str, length, measured| {
            let (name, shape) = (name.to_owned(), shape.clone());
            Phase { name, length, shape, measured }
        };
        let phases = vec![phase(PHASES[0], WARM_UP, false), phase(PHASES[1], length, true)];
        let mut spec = LoadSpec { gates, phases, ..spec.clone() };
        if let Some(stalled) = &mut spec.roles.stalled {
            stalled.from = 1;
        }
        Ok(Template { spec, quantity })
    }

    /// Where to begin unless the user knows better: what the load itself has.
    #[must_use]
    pub fn start(&self) -> f64 {
        match (self.quantity, &self.spec.phases[1].shape) {
            (Quantity::Crowd, _) => self.spec.crowd.bots.into(),
            (Quantity::Rate, Shape::Steady(Rate(rate))) => *rate,
            (Quantity::Rate, _) => UNKNOWN_RATE,
        }
    }

    /// The most that a load file can ask for.
    #[must_use]
    pub fn most(&self) -> f64 {
        let bots: f64 = self.spec.crowd.bots.into();
        match (self.quantity, &self.spec.phases[1].shape) {
            (Quantity::Crowd, Shape::Steady(Rate(rate))) if *rate > 0.0 => {
                (MOST / rate * bots).min(MOST)
            }
            _ => MOST,
        }
    }

    /// What has to hold.
    #[must_use]
    pub fn gates(&self) -> &[String] {
        &self.spec.gates
    }

    /// The load of a probe, with the text that says the same.
    ///
    /// A larger crowd has more groups of the same size, more bots of each role in the same proportion, and
    /// a higher rate, so that each bot does what it did.
    ///
    /// # Errors
    ///
    /// When there is no such load: a crowd that is too small for its roles, for example.
    pub fn at(&self, value: f64) -> Result<LoadSpec, String> {
        let mut spec = self.spec.clone();
        match self.quantity {
            Quantity::Rate => {
                let title = format!("{}, at {}", spec.title, Rate(value));
                spec.title = title;
                for phase in &mut spec.phases {
                    phase.shape = Shape::Steady(Rate(value));
                }
            }
            Quantity::Crowd => scale(&mut spec, value),
        }
        let source = Source::new(self.spec.source.path(), spec::to_text(&spec));
        // Read back, it is checked like any other load.
        spec::load(&source).map_err(|errors| {
            let why = errors.first().map_or("", |error| error.message.as_str());
            format!("there is no such load: {why}")
        })
    }
}

/// The most bots, and the highest rate, of a load file.
const MOST: f64 = 1e6;

/// Where a search begins for a load that has no rate.
const UNKNOWN_RATE: f64 = 1000.0;

/// The shape of the busiest measured phase, without its course: the highest rate of all, or else the most
/// that a talker has under way.
fn busiest(phases: &[Phase]) -> Shape {
    let shapes = || phases.iter().filter(|phase| phase.measured).map(|phase| &phase.shape);
    let rates = shapes().map(|shape| match shape {
        Shape::Steady(rate) => rate.0,
        Shape::Ramp(from, to) => from.0.max(to.0),
        Shape::Saturate(_) => 0.0,
    });
    let rate = rates.fold(0.0, f64::max);
    let saturated = shapes().find(|shape| matches!(shape, Shape::Saturate(_)));
    match saturated {
        Some(shape) if rate <= 0.0 => shape.clone(),
        _ => Shape::Steady(Rate(rate)),
    }
}

fn scale(spec: &mut LoadSpec, bots: f64) {
    let factor = bots / f64::from(spec.crowd.bots);
    let scaled = |count: u32| ((f64::from(count) * factor).round() as u32).max(count.min(1));
    spec.title = format!("{}, with {bots} bots", spec.title);
    spec.crowd.bots = bots as u32;
    spec.crowd.groups = scaled(spec.crowd.groups).min(spec.crowd.bots);
    let roles = &mut spec.roles;
    let shares = [Some(&mut roles.talkers)].into_iter().chain([
        roles.stalled.as_mut().map(|role| &mut role.share),
        roles.dribblers.as_mut().map(|role| &mut role.share),
        roles.leavers.as_mut().map(|role| &mut role.share),
        roles.knockers.as_mut().map(|role| &mut role.share),
    ]);
    for share in shares.flatten() {
        if let Share::Count(count) = share {
            *count = scaled(*count);
        }
    }
    for phase in &mut spec.phases {
        if let Shape::Steady(rate) = &mut phase.shape {
            rate.0 *= factor;
        }
    }
}

/// What became of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// The search can go on with it.
    Went(ProbeResult),
    /// It says nothing, and neither would others: why.
    Nothing(String),
    /// A gate cannot be asked: why.
    Invalid(String),
    /// The user ended it.
    Stopped,
}

/// Judges a probe.
///
/// A fault, or a server that ended, is a failure whatever else there is. Where the generator was late, a
/// latency beyond its gate may be the generator's own, and is no failure of the server's. Bots that could not
/// join make a probe fail: the server did not hold them.
#[must_use]
pub fn judge(record: &RunRecord) -> Probed {
    let verdict = verdict::judge(record, &[]);
    let first = |outcome| {
        let mut gates = verdict.gates.iter().filter(move |gate| gate.outcome == outcome);
        gates.next().map(|gate| format!("`{}`: {}", gate.gate, gate.why))
    };
    if record.head.partial.is_some() {
        return Probed::Stopped;
    }
    if let Some(why) = first(Outcome::Invalid) {
        return Probed::Invalid(why);
    }
    if !verdict::faults(record).is_empty() {
        return Probed::Went(ProbeResult::Failed);
    }
    if !verdict::trust_reasons(record).is_empty() {
        return Probed::Went(ProbeResult::Untrusted);
    }
    if first(Outcome::Fail).is_some() || !record.head.doubts.is_empty() {
        return Probed::Went(ProbeResult::Failed);
    }
    match verdict.outcome {
        Outcome::Pass => Probed::Went(ProbeResult::Held),
        _ => Probed::Nothing(
            first(Outcome::Untrusted)
                .or_else(|| verdict.reasons.first().cloned())
                .unwrap_or_default(),
        ),
    }
}

/// What a probe measured in its steady phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Figures {
    /// Messages sent in a second.
    pub sends_per_s: Option<f64>,
    /// Copies that arrived in a second.
    pub copies_per_s: Option<f64>,
    /// The median of delivery, in microseconds; `None` with too few copies for it.
    pub p50_us: Option<u64>,
    /// The 99th percentile of delivery.
    pub p99_us: Option<u64>,
    /// Processor time of the server, as a share of one core, where it is known.
    pub server_cpu: Option<f64>,
    /// How busy the simulator's threads were, 0 to 1.
    pub generator_cpu: Option<f64>,
}

impl Figures {
    /// Takes them from a run.
    #[must_use]
    pub fn of(record: &RunRecord) -> Figures {
        let value = |name| Metric { phase: None, name }.value(record).ok();
        let name = Name::Times { measure: Measure::Delivery, all: false, stat: Stat::Max };
        let delivery = Metric { phase: None, name }.histogram(record);
        Figures {
            sends_per_s: value(Name::SendsRate),
            copies_per_s: value(Name::CopiesRate),
            p50_us: percentile(&delivery, 50.0),
            p99_us: percentile(&delivery, 99.0),
            server_cpu: value(Name::ServerCpu),
            generator_cpu: value(Name::GeneratorCpu),
        }
    }
}

#[cfg(test)]
mod tests;
