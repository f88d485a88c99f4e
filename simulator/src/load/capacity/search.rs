//! The search for the highest value that holds, without a server: it is told how each probe went and
//! says what to probe next.
//!
//! First it brackets: it doubles from the start until a probe fails, or halves until one holds. Then it
//! bisects until what held and what failed are within the precision. Then the value found has to hold
//! again, as often as there are confirmations; when it does not, the next lower one has to. A single
//! probe may fail for no fault of the server's, so whatever does not hold is tried once more before it
//! is believed, except in a confirmation: there, doubt counts against the value.
//!
//! Halves and doubles are meant as ratios: the middle of 100 and 400 is 200.

/// What to search, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// What is searched.
    pub quantity: Quantity,
    /// Where to begin.
    pub start: f64,
    /// The lowest value that is worth a probe.
    pub least: f64,
    /// The highest value that can be asked, where there is one.
    pub most: Option<f64>,
    /// How near the answer has to be, as a share: 0.05 is 5 %.
    pub precision: f64,
    /// How often the value that was found has to hold again.
    pub confirmations: u32,
    /// How many probes there may be in all.
    pub max_probes: u32,
}

impl Settings {
    /// The search from here, with a precision of 5 %, two confirmations and at most 40 probes, and nothing
    /// below 1.
    #[must_use]
    pub fn from(quantity: Quantity, start: f64) -> Self {
        Settings {
            quantity,
            start,
            least: 1.0,
            most: None,
            precision: 0.05,
            confirmations: 2,
            max_probes: 40,
        }
    }
}

/// What is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Sends per second, to four digits.
    Rate,
    /// Bots; there are no halves.
    Crowd,
}

/// How a probe went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeResult {
    /// The gate held.
    Held,
    /// The gate did not hold.
    Failed,
    /// The run cannot be trusted: the generator did not keep up.
    Untrusted,
}

/// A probe that was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probe {
    /// The rate or crowd.
    pub value: f64,
    /// Whether it was to confirm a value that was found.
    pub confirm: bool,
    /// How it went.
    pub result: ProbeResult,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Try this value, and [`record`](Search::record) how it went.
    Probe {
        /// The rate or crowd.
        value: f64,
        /// Whether it is to confirm a value that was found.
        confirm: bool,
    },
    /// The search is over.
    Done(Answer),
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The highest value that held and was confirmed.
    pub held: Option<f64>,
    /// The lowest value above it that failed; `None` when none did.
    pub failed: Option<f64>,
    /// All probes, in the order in which they were made: the curve.
    pub probes: Vec<Probe>,
    /// Why the search ended.
    pub end: End,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The limit was found: [`Answer::held`] holds, and a little more fails. A success.
    Found,
    /// More could not be asked: the answer is "at least". The generator is the limit. A success.
    Generator,
    /// The highest value that could be asked holds: the answer is "at least". A success.
    Most,
    /// There were too many probes before a value was confirmed. No judgement.
    OutOfProbes,
    /// Not even the lowest value held. A failure.
    NothingHeld,
    /// Not even at the lowest value did the generator keep up. No judgement.
    NothingMeasured,
}

/// A search under way. Ask [`next`](Search::next) what to do, do it, [`record`](Search::record) how it
/// went, and so on until it is done.
#[derive(Debug, Clone)]
pub struct Search {
    settings: Settings,
    probes: Vec<Probe>,
    /// The highest value that held, as far as is believed.
    held: Option<f64>,
    /// The lowest value that did not hold, and how it did not.
    ceiling: Option<(f64, ProbeResult)>,
    stage: Stage,
}

/// What is waited for. From `ExpectProbe` to itself while it brackets and bisects, to `ExpectRetry` and
/// back when something does not hold, on to `ExpectConfirmation` when the bracket is narrow, which goes
/// to a lower value of itself when it fails, and at last to `Over`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    /// The result of a value that was not tried yet.
    ExpectProbe(f64),
    /// The result of a value that did not hold the first time.
    ExpectRetry(f64),
    /// The results of a value that was found; so many more must hold.
    ExpectConfirmation(f64, u32),
    /// Nothing.
    Over(Option<f64>, End),
}

impl Search {
    /// A search that has not begun. Settings that make no sense are made to: the start is brought
    /// between the lowest and the highest value, and the precision between 0.5 % and 50 %.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let Settings { quantity, start, least, most, precision, .. } = settings;
        let least = if least.is_finite() { least.max(quantity.least()) } else { 1.0 };
        let least = quantity.round(least, Rounding::Up);
        let most = most.filter(|most| most.is_finite());
        let most = most.map(|most| quantity.round(most.max(least), Rounding::Down));
        let precision = if precision.is_nan() { 0.05 } else { precision.clamp(0.005, 0.5) };
        let settings = Settings { least, most, precision, ..settings };
        let start = if start.is_finite() { start.max(least) } else { least };
        let start = settings.within(quantity.round(start, Rounding::Down));
        let stage = Stage::ExpectProbe(start);
        Search { settings, probes: Vec::new(), held: None, ceiling: None, stage }
    }

    /// What to do next. It stays the same until something is recorded.
    #[must_use]
    pub fn next(&self) -> Step {
        match self.stage {
            Stage::ExpectProbe(value) | Stage::ExpectRetry(value) => {
                Step::Probe { value, confirm: false }
            }
            Stage::ExpectConfirmation(value, _) => Step::Probe { value, confirm: true },
            Stage::Over(held, end) => Step::Done(self.answer(held, end)),
        }
    }

    /// The probes so far.
    #[must_use]
    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }

    /// Says how the probe went that [`next`](Search::next) asked for. Nothing happens when the search is
    /// over.
    pub fn record(&mut self, result: ProbeResult) {
        let Step::Probe { value, confirm } = self.next() else { return };
        self.probes.push(Probe { value, confirm, result });
        self.stage = match (self.stage, result) {
            (Stage::ExpectConfirmation(value, left), ProbeResult::Held) => {
                self.confirmed(value, left)
            }
            (Stage::ExpectConfirmation(value, _), _) => {
                self.not_held(value, result);
                self.step_down(value)
            }
            (_, ProbeResult::Held) => {
                self.held = Some(value);
                self.narrow()
            }
            (Stage::ExpectProbe(value), _) => Stage::ExpectRetry(value),
            (..) => {
                self.not_held(value, result);
                self.narrow()
            }
        };
        let spent = self.probes.len() >= self.settings.max_probes as usize;
        if spent && !matches!(self.stage, Stage::Over(..)) {
            self.stage = Stage::Over(None, End::OutOfProbes);
        }
    }

    /// The next value between what held and what did not; on to confirming where there is none.
    fn narrow(&self) -> Stage {
        let Settings { quantity, least, most, precision, .. } = self.settings;
        match (self.held, self.ceiling) {
            (Some(held), None) if most.is_none_or(|most| held < most) => {
                Stage::ExpectProbe(self.settings.within(quantity.round(held * 2.0, Rounding::Down)))
            }
            (Some(held), None) => self.confirm(held),
            (Some(held), Some((ceiling, _))) => {
                let middle = quantity.round((held * ceiling).sqrt(), Rounding::Nearest);
                if ceiling <= held * (1.0 + precision) || middle <= held || middle >= ceiling {
                    self.confirm(held)
                } else {
                    Stage::ExpectProbe(middle)
                }
            }
            (None, Some((ceiling, result))) if ceiling <= least => nothing(result),
            (None, Some((ceiling, _))) => {
                Stage::ExpectProbe(quantity.round(ceiling / 2.0, Rounding::Down).max(least))
            }
            (None, None) => Stage::ExpectProbe(self.settings.start),
        }
    }

    fn confirm(&self, value: f64) -> Stage {
        match self.settings.confirmations {
            0 => self.over(value),
            left => Stage::ExpectConfirmation(value, left),
        }
    }

    fn confirmed(&mut self, value: f64, left: u32) -> Stage {
        self.held = Some(value);
        if left > 1 { Stage::ExpectConfirmation(value, left - 1) } else { self.over(value) }
    }

    fn not_held(&mut self, value: f64, result: ProbeResult) {
        self.held = self.held.filter(|held| *held < value);
        self.ceiling = Some((value, result));
    }

    /// What to confirm after a value that did not hold after all. It may never have been tried, so that
    /// it has to hold at least once.
    fn step_down(&self, value: f64) -> Stage {
        let Settings { quantity, least, precision, confirmations, .. } = self.settings;
        if value <= least {
            return nothing(self.ceiling.map_or(ProbeResult::Failed, |(_, result)| result));
        }
        let lower = quantity.round(value * (1.0 - precision), Rounding::Down).max(least);
        Stage::ExpectConfirmation(lower, confirmations.max(1))
    }

    fn over(&self, held: f64) -> Stage {
        let end = match self.ceiling {
            Some((_, ProbeResult::Untrusted)) => End::Generator,
            Some(_) => End::Found,
            None => End::Most,
        };
        Stage::Over(Some(held), end)
    }

    fn answer(&self, held: Option<f64>, end: End) -> Answer {
        let above = |probe: &&Probe| {
            probe.result == ProbeResult::Failed && held.is_none_or(|held| probe.value > held)
        };
        // A value that failed once and held the second time did not fail; nor did one below a higher
        // that held.
        let failed = self.probes.iter().filter(above).map(|probe| probe.value);
        let failed = failed
            .filter(|value| self.stayed_failed(*value))
            .fold(None, |low, value| Some(low.map_or(value, |low: f64| low.min(value))));
        Answer { held, failed, probes: self.probes.clone(), end }
    }

    /// Whether the last that was seen of a value was that it failed.
    fn stayed_failed(&self, value: f64) -> bool {
        let last = self.probes.iter().rfind(|probe| probe.value == value);
        last.is_some_and(|probe| probe.result == ProbeResult::Failed)
    }
}

impl Settings {
    fn within(&self, value: f64) -> f64 {
        value.min(self.most.unwrap_or(f64::INFINITY)).max(self.least)
    }
}

impl End {
    /// Whether the answer is only a bound: it holds that much, and perhaps more.
    #[must_use]
    pub fn at_least(self) -> bool {
        matches!(self, End::Generator | End::Most)
    }
}

fn nothing(result: ProbeResult) -> Stage {
    let end = match result {
        ProbeResult::Untrusted => End::NothingMeasured,
        _ => End::NothingHeld,
    };
    Stage::Over(None, end)
}

#[derive(Debug, Clone, Copy)]
enum Rounding {
    Down,
    Nearest,
    Up,
}

impl Quantity {
    /// Below this, nothing is worth asking.
    fn least(self) -> f64 {
        match self {
            Quantity::Crowd => 1.0,
            Quantity::Rate => 0.001,
        }
    }

    /// A value that can be asked for: a whole number of bots, or a rate that a person can read.
    fn round(self, value: f64, rounding: Rounding) -> f64 {
        let unit = match self {
            Quantity::Crowd => 1.0,
            Quantity::Rate => 10_f64.powf(value.log10().floor() - 3.0),
        };
        // A thousandth more, so that a value that is round already stays as it is.
        let count = match rounding {
            Rounding::Down => (value / unit + 1e-3).floor(),
            Rounding::Nearest => (value / unit).round(),
            Rounding::Up => (value / unit - 1e-3).ceil(),
        };
        // Units below 1 have no exact binary fraction; their inverse has.
        if unit < 1.0 { count / (1.0 / unit).round() } else { count * unit }
    }
}
